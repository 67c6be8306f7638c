"""Entries of a model file's description, read from text that anybody may have written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from roadex.errors import ModelError

_LONGEST = 1_000_000
"""Characters of a description; those of the models that come with roadex have 3 000."""

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]"
)
"""Characters that steer a terminal, and those that turn the direction of a text around."""


def parse_entries(text: str, known: set[str]) -> dict[str, Any]:
    """Read the entries of a description and check what kind each is of.

    Entries this version does not know are an error: they could change what the model needs.

    Raises
    ------
    ModelError
        If it is no description, or an entry is unknown or of another kind than it should be.
    """
    if len(text) > _LONGEST:
        msg = f"the description has {len(text)} characters, no more than {_LONGEST} are read"
        raise ModelError(msg)
    values = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(values, dict):
        msg = f"the description is a {type(values).__name__}, not entries by name"
        raise ModelError(msg)
    unknown = sorted(set(values) - known)
    if unknown:
        msg = f"unknown entry {unknown[0]!r}; the model needs a newer roadex"
        raise ModelError(msg)
    _check_text(values)
    for name, value in values.items():
        kind, is_kind = _KINDS[name]
        if not is_kind(value):
            msg = f"entry {name!r} must be {kind}, got {str(value)[:60]!r}"
            raise ModelError(msg)
    return {name: _as_tuples(v) if name in _TUPLES else v for name, v in values.items()}


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no number"
    raise ModelError(msg)


def _check_text(value: Any) -> None:
    """Refuse control characters in any text: they would reach the terminal."""
    if isinstance(value, str):
        if _UNPRINTABLE.search(value):
            msg = f"the text {value[:60]!r} holds control characters"
            raise ModelError(msg)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _check_text(name)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _list_of(is_kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_kind, value))


def _is_pair(value: Any) -> bool:
    return _list_of(_is_number)(value) and len(value) == 2


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


_TUPLES = ("bands", "scale", "offset", "stretch", "gsd_range_m")

_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("text", _is_text),
    "network": ("text", _is_text),
    "arguments": ("options by name", _is_mapping),
    "bands": ("a list of names", _list_of(_is_text)),
    "scale": ("a list of numbers", _list_of(_is_number)),
    "offset": ("a list of numbers", _list_of(_is_number)),
    "gsd_m": ("a number", _is_number),
    "gsd_range_m": ("two numbers", _is_pair),
    "stretch": ("two numbers per band", _list_of(_is_pair)),
    "threshold_low": ("a number", _is_number),
    "threshold_high": ("a number", _is_number),
    "tta": ("text", _is_text),
    "training": ("facts by name", _is_mapping),
    "validation": ("facts by name", _is_mapping),
    "roadex_version": ("text", _is_text),
}
"""What each entry must be, in words and as a test."""
