"""Counts of windows that add up to those of a scene."""

from __future__ import annotations

from dataclasses import fields
from typing import Self


class Sums:
    """Base of dataclasses whose fields all add up: numbers, arrays or other such counts."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))
