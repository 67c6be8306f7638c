"""The tile store: finished tiles of a run, whole or absent, each with a checksum."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.tiling import Tile
from roadex.probability.object_store import ObjectStore

_HEADER = b"roadex1\n"
_CHECKSUM_BYTES = 4
_MARK = "user."


@dataclass(frozen=True, slots=True)
class TileStore:
    """Finished tiles of one run, one object each: what a resumed run does not do again.

    An object holds the stored values of a tile's core, compressed, with a checksum; one that does
    not check counts as missing. Any folder or fsspec URL will do, see
    :mod:`roadex.probability.object_store`.
    """

    url: str

    def write(self, tile: Tile, stored: NDArray[np.uint8]) -> None:
        """Keep a tile; ``stored`` has the shape of its core.

        Raises
        ------
        OutputError
            If the store cannot be written to.
        """
        packed = zlib.compress(np.ascontiguousarray(stored).tobytes(), 1)
        self._objects.put(tile.key, _HEADER + _checksum(packed) + packed)

    def read(self, tile: Tile) -> NDArray[np.uint8] | None:
        """Return a tile's stored values, or None if it is missing or damaged.

        Raises
        ------
        OutputError
            If the store does not answer.
        """
        packed = self._packed(tile)
        if packed is None:
            return None
        stored = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
        shape = (int(tile.core.height), int(tile.core.width))
        return stored.reshape(shape) if stored.size == shape[0] * shape[1] else None

    def has(self, tile: Tile) -> bool:
        """Return whether a tile is there and undamaged."""
        return self._packed(tile) is not None

    def keys(self) -> set[str]:
        """Return the keys of all tiles that are there, unchecked."""
        return {name for name in self._objects.names() if "." not in name}

    def mark(self, owner: str) -> None:
        """Note that a result is being made of these tiles.

        Raises
        ------
        OutputError
            If the store cannot be written to.
        """
        self._objects.put(f"{_MARK}{owner}", b"")

    def release(self, owner: str) -> None:
        """Take back a mark; with the last one all tiles are deleted.

        Raises
        ------
        OutputError
            If they cannot be deleted.
        """
        others = {name for name in self._objects.names() if name.startswith(_MARK)}
        if others - {f"{_MARK}{owner}"}:
            self._objects.delete(f"{_MARK}{owner}")
        else:
            self._objects.remove()

    @property
    def _objects(self) -> ObjectStore:
        return ObjectStore(self.url)

    def _packed(self, tile: Tile) -> bytes | None:
        content = self._objects.get(tile.key)
        if content is None:
            return None
        start = len(_HEADER) + _CHECKSUM_BYTES
        head, packed = content[:start], content[start:]
        return packed if head == _HEADER + _checksum(packed) else None


def _checksum(packed: bytes) -> bytes:
    return zlib.crc32(packed).to_bytes(_CHECKSUM_BYTES, "big")
