"""Directories of TIFF files, read and changed entry by entry."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 18: 8}
"""Bytes of a value by the number of its type."""

_SHORT = 3

_TAGS = (
    256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338,
    339, 33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113, 50844, 65000,
)  # fmt: skip
"""Tags that mean something to GDAL, and one that does not."""

_WHOLES = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    32,
    64,
    255,
    256,
    4096,
    32_767,
    32_773,
    34_887,
    50_000,
    65_535,
)
_LARGE = (2**16, 10**6, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory of a classic TIFF."""

    at: int
    """Where its 12 bytes begin."""

    order: str
    """``<`` or ``>``."""

    tag: int
    kind: int
    count: int
    value: int

    @property
    def n_bytes(self) -> int:
        """Size of what the entry describes."""
        return _SIZES.get(self.kind, 1) * self.count


def entries(content: bytes) -> list[Entry]:
    """Return all entries of a classic TIFF; nothing where the content is none any more."""
    if content[:4] not in (b"II*\0", b"MM\0*") or len(content) < 8:
        return []
    order = "<" if content[:1] == b"I" else ">"
    found: list[Entry] = []
    seen: set[int] = set()
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    while at and at not in seen and at + 2 <= len(content):
        seen.add(at)
        (count,) = struct.unpack_from(f"{order}H", content, at)
        end = at + 2 + 12 * count
        if end + 4 > len(content):
            break
        found += [_entry(content, place, order) for place in range(at + 2, end, 12)]
        (at,) = struct.unpack_from(f"{order}I", content, end)
    return found


def _entry(content: bytes, at: int, order: str) -> Entry:
    tag, kind, count, value = struct.unpack_from(f"{order}HHII", content, at)
    if kind == _SHORT and count == 1:  # in the first two of the four bytes
        (value,) = struct.unpack_from(f"{order}H", content, at + 8)
    return Entry(at, order, tag, kind, count, value)


def with_entry(content: bytes, entry: Entry, part: str, rng: Random) -> tuple[bytes, str]:
    """Return the file with another tag, type, count or value in an entry."""
    tag, kind, count, value = entry.tag, entry.kind, entry.count, entry.value
    match part:
        case "tag":
            tag = rng.choice(_TAGS)
        case "type":
            kind = rng.choice((0, *_SIZES, 99))
        case "count":
            count = rng.choice((0, 1, 2, max(count - 1, 0), count + 1, *_LARGE))
        case _:
            value = rng.choice((*_WHOLES, *_LARGE, value ^ 1 << rng.randrange(32)))
    changed = bytearray(content)
    if kind == _SHORT and count == 1:
        value &= 0xFFFF
        struct.pack_into(f"{entry.order}HHIHH", changed, entry.at, tag, kind, count, value, 0)
    else:
        struct.pack_into(f"{entry.order}HHII", changed, entry.at, tag, kind, count, value)
    now = f"type {kind} count {count} value {value}"
    return bytes(changed), f"tag {entry.tag} is tag {tag} {now}"


def with_pointed(
    content: bytes, entry: Entry, rng: Random, numbers: Sequence[float]
) -> tuple[bytes, str]:
    """Return the file with another value in what an entry points to."""
    size, place = _SIZES.get(entry.kind, 1), rng.randrange(entry.count)
    at = entry.value + size * place
    if at + size > len(content):
        return with_entry(content, entry, "value", rng)
    changed = bytearray(content)
    number: float = rng.choice(numbers) if entry.kind in (11, 12) else rng.choice(_WHOLES)
    if entry.kind in (11, 12):
        _pack_float(changed, at, f"{entry.order}{'f' if size == 4 else 'd'}", number)
    else:
        packed = int(number).to_bytes(8, "little" if entry.order == "<" else "big")
        changed[at : at + size] = packed[:size] if entry.order == "<" else packed[-size:]
    return bytes(changed), f"value {place} of tag {entry.tag} is {number}"


def _pack_float(changed: bytearray, at: int, form: str, number: float) -> None:
    try:
        struct.pack_into(form, changed, at, number)
    except OverflowError:
        struct.pack_into(form, changed, at, float("inf"))
