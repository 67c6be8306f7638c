"""Settings as a user gives them: a file, ``NAME=VALUE``, options; each over the one before."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, get_origin

from roadex.config.base import Settings, unknown_setting
from roadex.config.kinds import fields_of, parse, settings_in, unwrap
from roadex.errors import ConfigError

S = TypeVar("S", bound=Settings)


class Layers(Generic[S]):
    """Collects settings and remembers what the user called each: errors say that name.

    Parameters
    ----------
    kind
        The class of the settings.
    verb
        The command they are for; errors name it.
    uses
        Groups and settings that have an effect there, as paths; none means all.
    """

    def __init__(self, kind: type[S], *, verb: str = "", uses: Sequence[str] = ()) -> None:
        self.kind, self._verb, self._uses = kind, verb, uses
        self._values: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def add_table(self, values: Mapping[str, Any], source: str) -> None:
        """Add the settings of a TOML file, recipe or the like that ``source`` names."""
        self._add_group(self.kind, values, "", source)

    def add_file(self, path: str | Path) -> None:
        """Add the settings of a TOML file."""
        self.add_table(read_toml(path), Path(path).name)

    def add_assignments(self, texts: Iterable[str]) -> None:
        """Add settings given as ``NAME=VALUE``.

        Raises
        ------
        ConfigError
            If a text has no ``=``, or its name is unknown or has no effect.
        """
        for assignment in texts:
            path, separator, text = assignment.partition("=")
            if not separator or not path.strip():
                msg = f"--set takes NAME=VALUE, got {assignment!r}"
                raise ConfigError(msg)
            self.add_text(path.strip(), text, path.strip())

    def add_text(self, path: str, text: str, name: str) -> None:
        """Add one setting by its path, as text; errors call it ``name``."""
        *groups, last = path.split(".")
        kind: type[Settings] = self.kind
        for i, group in enumerate(groups):
            annotation = self._annotation(kind, group, name)
            nested = settings_in(annotation)
            if nested is not None:
                kind = nested
                continue
            if get_origin(unwrap(annotation)[0]) is not dict or len(groups) > i + 1:
                raise unknown_setting(kind, path, name)
            self._add_entry(".".join(groups), last, text, name)
            return
        annotation = self._annotation(kind, last, name)
        if settings_in(annotation) is not None:
            raise _is_group(name)
        self._put(path, parse(text, annotation), name)

    def add_value(self, path: str, value: Any, name: str) -> None:
        """Add one setting by its path, as a value; errors call it ``name``."""
        self._put(path, value, name)

    def name_of(self, path: str) -> str:
        """Return what the user called a setting; its path, if it was not given."""
        return self._names.get(path, path)

    def has(self, path: str) -> bool:
        """Return whether a setting was given."""
        return path in self._names

    def build(self) -> S:
        """Return the settings.

        Raises
        ------
        ConfigError
            If one is unknown or wrong, or two contradict each other.
        """
        return self.kind.from_dict(self._values, names=self._names)

    def _add_group(
        self, kind: type[Settings], values: Mapping[str, Any], prefix: str, source: str
    ) -> None:
        for name, value in values.items():
            path, typed = f"{prefix}{name}", f"{prefix}{name} in {source}"
            nested = settings_in(self._annotation(kind, name, typed))
            if nested is None:
                self._put(path, value, typed)
            elif isinstance(value, Mapping):
                self._add_group(nested, value, f"{path}.", source)
            else:
                raise _is_group(typed)

    def _add_entry(self, path: str, entry: str, text: str, name: str) -> None:
        """Add one entry of a setting that is a dictionary to what is there of it."""
        entries = self._group(path.split("."))
        if not isinstance(entries, dict):
            msg = f"{self.name_of(path)} must be a table, got {entries!r}"
            raise ConfigError(msg)
        self._put(path, {**entries, entry: parse(text, Any)}, name)

    def _annotation(self, kind: type[Settings], name: str, typed: str) -> Any:
        known = fields_of(kind)
        if name not in known:
            raise unknown_setting(kind, name, typed)
        return known[name]

    def _group(self, groups: Sequence[str]) -> Any:
        target = self._values
        for group in groups:
            target = target.setdefault(group, {})
        return target

    def _put(self, path: str, value: Any, name: str) -> None:
        if self._uses and not has_effect(path, self._uses):
            msg = (
                f"{name} has no effect in roadex {self._verb}; `roadex settings {self._verb}` "
                "lists the settings that have"
            )
            raise ConfigError(msg)
        *groups, last = path.split(".")
        self._group(groups)[last] = value
        self._names[path] = name


def _is_group(name: str) -> ConfigError:
    return ConfigError(f"{name} is a group of settings: give the settings in it")


def has_effect(path: str, uses: Sequence[str]) -> bool:
    """Return whether a setting is one of ``uses``, or in one of its groups."""
    return any(path == used or path.startswith(f"{used}.") for used in uses)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of settings, unchecked.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        msg = f"cannot read settings from {path}: it is not encoded in UTF-8 (byte {error.start})"
        raise ConfigError(msg) from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        msg = f"cannot read settings from {path}: {error}"
        raise ConfigError(msg) from error
