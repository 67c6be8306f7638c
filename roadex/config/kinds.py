"""What a setting can hold, read from its annotation: checked, parsed from text, described.

An annotation is ``bool``, ``int``, ``float``, ``str``, a ``Literal`` of texts, a tuple of these, a
dictionary, a class of settings, or one of these ``| None``. ``Annotated`` adds limits, the unit,
and what None stands for::

    workers: Annotated[Count | None, Unset("one per core")] = None
"""

from __future__ import annotations

import math
import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The range of a number; None is no limit."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    multiple_of: int | None = None

    def describe(self) -> str:
        """Return what a number must be, as the end of a sentence."""
        words = {
            "at least": self.at_least, "above": self.above, "at most": self.at_most,
            "below": self.below, "a multiple of": self.multiple_of,
        }  # fmt: skip
        return " and ".join(
            f"{word} {limit:g}" for word, limit in words.items() if limit is not None
        )

    def allow(self, value: float) -> bool:
        """Return whether a number keeps to the limits."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
            and (self.multiple_of is None or value % self.multiple_of == 0)
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a number whose name does not end in it."""

    name: str


@dataclass(frozen=True, slots=True)
class Unset:
    """What None stands for."""

    meaning: str


Positive: TypeAlias = Annotated[float, Limits(above=0)]
NotNegative: TypeAlias = Annotated[float, Limits(at_least=0)]
Share: TypeAlias = Annotated[float, Limits(at_least=0, at_most=1)]
Inside: TypeAlias = Annotated[float, Limits(above=0, below=1)]
Count: TypeAlias = Annotated[int, Limits(at_least=1)]
Whole: TypeAlias = Annotated[int, Limits(at_least=0)]
Seed: TypeAlias = Annotated[int, Limits(at_least=0, at_most=2**31 - 1)]
Pixels: TypeAlias = Annotated[int, Limits(at_least=1), Unit("px")]

_FIELDS: dict[type, Mapping[str, Any]] = {}
_NONE = ("none", "null", "")
_UNITS = {"m": "m", "m2": "m²", "px": "px", "deg": "°", "s": "s"}


class KindError(Exception):
    """A value is not what its annotation says; the text is the end of a sentence."""


def fields_of(settings: type) -> Mapping[str, Any]:
    """Return the annotation of every field of a class of settings, in their order."""
    if settings not in _FIELDS:
        hints = get_type_hints(settings, include_extras=True)
        names = settings.__dataclass_fields__  # type: ignore[attr-defined]
        _FIELDS[settings] = types.MappingProxyType({name: hints[name] for name in names})
    return _FIELDS[settings]


def settings_in(annotation: Any) -> type | None:
    """Return the class of settings an annotation names, if it does."""
    kind, _ = unwrap(annotation)
    return kind if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__") else None


def unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation without ``Annotated`` and ``| None``, and everything added to it."""
    extras: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            extras = (*found, *extras)
        elif is_optional(annotation):
            annotation = next(a for a in get_args(annotation) if a is not types.NoneType)
        else:
            return annotation, extras


def is_optional(annotation: Any) -> bool:
    """Return whether None is a value."""
    if get_origin(annotation) is Annotated:
        return is_optional(get_args(annotation)[0])
    return _is_union(annotation) and types.NoneType in get_args(annotation)


def unit_of(name: str, annotation: Any) -> str:
    """Return the unit of a setting: what its annotation says, or the ending of its name."""
    for extra in unwrap(annotation)[1]:
        if isinstance(extra, Unit):
            return extra.name
    return _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""


def convert(value: Any, annotation: Any) -> Any:
    """Return a value as its annotation wants it.

    Raises
    ------
    KindError
        If it is something else, not finite, or outside its limits.
    """
    if value is None and is_optional(annotation):
        return None
    kind, extras = unwrap(annotation)
    try:
        converted = _converted(value, kind)
    except KindError as error:
        ending = " or none" if is_optional(annotation) else ""
        msg = f"{error}{ending}, got {value!r}"
        raise KindError(msg) from None
    for limits in extras:
        if isinstance(limits, Limits) and not limits.allow(converted):
            msg = f"must be {limits.describe()}, got {value!r}"
            raise KindError(msg)
    return converted


def parse(text: str, annotation: Any) -> Any:
    """Return what a text of the command line stands for; :func:`convert` checks it.

    Texts are taken as they are, in quotes or not; ``none`` is None where that is a value; numbers
    of a tuple are separated by commas, or written as a list. All else is TOML.
    """
    kind, _ = unwrap(annotation)
    if get_origin(kind) is Literal:
        return text.strip()
    if is_optional(annotation) and text.strip().lower() in _NONE:
        return None
    if kind is str:
        quoted = _toml(text)
        return quoted if isinstance(quoted, str) else text
    if kind is bool and text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    if get_origin(kind) is tuple and not text.strip().startswith("["):
        return [parse(part.strip(), get_args(kind)[0]) for part in text.split(",")]
    return _toml(text)


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _converted(value: Any, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return _choice(value, get_args(kind))
    if origin is tuple:
        return _tuple(value, get_args(kind))
    if origin is dict:
        return _dictionary(value)
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        _demand(isinstance(value, kind), "must be a table of settings")
        return value
    return _PLAIN[kind](value)


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise KindError(message)


def _bool(value: Any) -> bool:
    _demand(isinstance(value, bool), "must be true or false")
    return bool(value)


def _int(value: Any) -> int:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    _demand(is_whole, "must be a whole number")
    return int(value)


def _float(value: Any) -> float:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan
    except OverflowError:  # a whole number of more than 308 digits
        number = math.inf
    _demand(math.isfinite(number), "must be a finite number")
    return number


def _str(value: Any) -> str:
    _demand(isinstance(value, str | os.PathLike), "must be text")
    return str(os.fspath(value))


_PLAIN = {bool: _bool, int: _int, float: _float, str: _str}


def _choice(value: Any, known: tuple[str, ...]) -> str:
    _demand(isinstance(value, str) and value in known, f"must be one of {', '.join(known)}")
    return str(value)


def _tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    kind, extras = unwrap(kinds[0])
    limits = " and ".join(extra.describe() for extra in extras if isinstance(extra, Limits))
    plural = {int: "whole numbers", float: "numbers", str: "texts"}.get(kind)
    if plural is None:
        plural = f"names out of {', '.join(get_args(kind))}"
    what = f"must be {plural}{f' ({limits})' if limits else ''} separated by commas"
    _demand(isinstance(value, list | tuple) and len(value) > 0, what)
    try:
        return tuple(convert(part, kinds[0]) for part in value)
    except KindError:
        raise KindError(what) from None


def _dictionary(value: Any) -> dict[str, Any]:
    _demand(isinstance(value, Mapping), "must be a table, such as {encoder = 'resnet34'}")
    for name, part in value.items():
        is_finite = not isinstance(part, float) or math.isfinite(part)
        _demand(isinstance(name, str) and is_finite, f"must hold finite numbers ({name})")
    return dict(value)
