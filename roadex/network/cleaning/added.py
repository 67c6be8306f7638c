"""Cleaning steps of installed extensions, which ``vector.add`` names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from roadex.config import VectorConfig
from roadex.errors import ExtensionError
from roadex.extensions import Extension, Family, require_extension

AddedStep: TypeAlias = Callable[..., Any]
"""``step(graph, pixel, config) -> graph``: of a :class:`~roadex.network.graph.RoadGraph`, the size
of its pixels and the settings :class:`~roadex.config.VectorConfig`, a new graph."""


def added_steps(config: VectorConfig) -> list[tuple[Extension, AddedStep]]:
    """Import the steps that ``config.add`` names, in its order.

    Raises
    ------
    ConfigError
        If no installed package offers one of them.
    ExtensionError
        If one of them cannot be used.
    """
    return [_added(name) for name in config.add or ()]


def _added(name: str) -> tuple[Extension, AddedStep]:
    extension = require_extension(Family.CLEANING_STEPS, name, setting="vector.add")
    step: AddedStep = extension.load()
    return extension, step


def require_kind(value: Any, kind: type, extension: Extension) -> None:
    """Raise :class:`ExtensionError` where a step returned something else than it must."""
    if not isinstance(value, kind):
        msg = (
            f"{extension} returned a {type(value).__name__} instead of a {kind.__name__}. Update "
            f"{extension.package}, or leave the step out of vector.add"
        )
        raise ExtensionError(msg)
