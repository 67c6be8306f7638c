"""What every settings class can do, and how settings are read."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from roadex.errors import ConfigError


class Settings:
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
            default: Any = known[name].default_factory
            if isinstance(default, type) and issubclass(default, Settings):
                arguments[name] = default.from_dict(value)
            else:
                check_kind(f"{cls.__name__}.{name}", value, like=known[name].default)
                arguments[name] = value
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, as they go into a report."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


def check_kind(name: str, value: Any, *, like: Any) -> None:
    """Refuse a value of another kind than the default, where the default has a plain kind."""
    kinds: dict[type, tuple[type, ...]] = {
        bool: (bool,), int: (int,), float: (int, float), str: (str,)
    }  # fmt: skip
    wanted = kinds.get(type(like))
    if wanted is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        msg = f"{name} must be of type {type(like).__name__}, got {value!r}"
        raise ConfigError(msg)


def require(condition: bool, message: str) -> None:
    """Raise :class:`ConfigError` with ``message`` unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise :class:`ConfigError` unless ``value`` is one of the known ones."""
    require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of settings, unchecked.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        msg = f"cannot read settings from {path}: {error}"
        raise ConfigError(msg) from error


def settings_from_text(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``group.name=value`` texts into nested settings; values are TOML, or plain strings.

    Raises
    ------
    ConfigError
        If a text has no ``=``.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator:
            msg = f"a setting is given as NAME=VALUE, got {assignment!r}"
            raise ConfigError(msg)
        *groups, name = path.strip().split(".")
        target = values
        for group in groups:
            target = target.setdefault(group, {})
        try:
            target[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            target[name] = text
    return values
