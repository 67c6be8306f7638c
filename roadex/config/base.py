"""What every class of settings can do: check itself, be read from a mapping, be written to one."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from roadex.config.kinds import KindError, convert, fields_of, settings_in
from roadex.errors import ConfigError

_MARK = re.compile(r"\{([\w.]+)\}")


class SettingError(ConfigError):
    """A setting is wrong. Names in the text are in braces until the user's own are known."""

    def __str__(self) -> str:
        return self.named(str)

    def named(self, name_of: Callable[[str], str]) -> str:
        """Return the text with the names the user knows."""
        return _MARK.sub(lambda mark: name_of(mark[1]), str(self.args[0]))


class Settings:
    """Base of all settings: frozen dataclasses whose annotations say what each setting can hold.

    An instance is checked when it is built: every value against its annotation (see
    :mod:`roadex.config.kinds`), then the settings against each other.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, annotation in fields_of(type(self)).items():
            try:
                value = convert(getattr(self, name), annotation)
            except KindError as error:
                msg = f"{{{name}}} {error}"
                raise SettingError(msg) from None
            object.__setattr__(self, name, value)
        for text in self.contradictions():
            raise SettingError(text)

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings, with their names in braces: ``{low} must ...``."""
        return iter(())

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], *, names: Mapping[str, str] | None = None, prefix: str = ""
    ) -> Self:
        """Build the settings from nested values.

        Parameters
        ----------
        values
            Setting to value; a group of settings is a mapping.
        names
            Path of a setting (``tiling.core_size``) to what errors call it (``--tile-size``);
            where there is none, errors use the path.
        prefix
            Path of this group in what the user gave, with a dot at the end.

        Raises
        ------
        ConfigError
            If a name is unknown, or a value is wrong or contradicts another one.
        """
        known, named = fields_of(cls), names or {}

        def name_of(name: str) -> str:
            return named.get(f"{prefix}{name}", f"{prefix}{name}")

        arguments = _table(values, name_of("").rstrip("."))
        for name, value in values.items():
            if name not in known:
                raise unknown_setting(cls, name, name_of(name))
            group = settings_in(known[name])
            if group is not None and issubclass(group, Settings):
                group_prefix = f"{prefix}{name}."
                own_names = {group_prefix: name_of(name), **named}
                arguments[name] = group.from_dict(value, names=own_names, prefix=group_prefix)
        try:
            return cls(**arguments)
        except SettingError as error:
            raise ConfigError(error.named(name_of)) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, as they go into a report."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


def _table(values: Any, name: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        msg = f"{name} must be a table of settings, got {values!r}"
        raise ConfigError(msg)
    return dict(values)


def unknown_setting(settings: type[Settings], name: str, typed: str) -> ConfigError:
    """Return the error of a name that ``settings`` does not have, with one it may stand for."""
    known = list(fields_of(settings))
    near = [other for other in known if name in other] or difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return ConfigError(f"unknown setting {typed}; {hint}")
