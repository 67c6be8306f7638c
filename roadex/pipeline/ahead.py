"""Waiting for a store while it is worked on: a few tiles are asked for ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from roadex.imagery.tiling import Tile

_READ_AHEAD: Final = 16

Result = TypeVar("Result")


def ahead(function: Callable[[Tile], Result], tiles: Sequence[Tile]) -> Iterator[Result]:
    """Apply a function that waits for a store, in order, a few tiles ahead of the consumer."""
    with ThreadPoolExecutor(_READ_AHEAD) as pool:
        waiting: deque[Future[Result]] = deque()
        for tile in tiles:
            if len(waiting) == _READ_AHEAD:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, tile))
        while waiting:
            yield waiting.popleft().result()
