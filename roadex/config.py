"""Every setting of roadex, one frozen dataclass per stage.

A default lives here and only here: the command line and TOML files read it from these classes.
Each class checks itself when it is built and raises :class:`~roadex.errors.ConfigError`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from roadex.errors import ConfigError

TILE_ALIGNMENT = 32
"""Tile origins and halos are multiples of this many pixels.

The deepest encoder stage has stride 32; D-LinkNet is shift-exact only for shifts by multiples of it.
"""


class _Settings:
    """What every settings class can do: be read from a mapping and written to one."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the settings from ``values``; unknown names raise :class:`ConfigError`."""
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - set(known))
        if unknown:
            msg = f"unknown setting {unknown[0]!r} for {cls.__name__}; known: {', '.join(known)}"
            raise ConfigError(msg)
        arguments = {}
        for name, value in values.items():
            default = known[name].default_factory
            nested = isinstance(default, type) and issubclass(default, _Settings)
            arguments[name] = default.from_dict(value) if nested else value
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, as they go into a report."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingConfig(_Settings):
    """How a scene is cut into tiles."""

    core_size: int = 1024
    """Side of the square a tile owns, in work-grid pixels."""

    halo: int = 64
    """Context read on each side of the core and then discarded, in pixels."""

    def __post_init__(self) -> None:
        _require(self.core_size > 0, f"core_size must be positive, got {self.core_size}")
        _require(self.halo >= 0, f"halo must not be negative, got {self.halo}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorConfig(_Settings):
    """How road probability becomes a network. Lengths are in metres on the ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(_Settings):
    """All settings of one ``roadex run``."""

    tiling: TilingConfig = field(default_factory=TilingConfig)
    vector: VectorConfig = field(default_factory=VectorConfig)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read the settings from a TOML file with one table per stage."""
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            msg = f"cannot read settings from {path}: {error}"
            raise ConfigError(msg) from error
        return cls.from_dict(values)
