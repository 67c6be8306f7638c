"""Mutations: healthy content in, slightly broken content out, and a note of what was done.

All of them are functions of a random generator and the content; the same generator gives the same
mutation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from tests.fuzz import tiff

NUMBERS = (
    0, -0.0, 1, -1, 2, 0.5, 3.7, 100, 254, 255, 256, 65_535, 10**6, 2**31 - 1, 2**31, 2**32, 2**63,
    -(2**63), 10**30, 1e-300, 1e300, -1e9, math.nan, math.inf, -math.inf,
)  # fmt: skip

TEXTS = (
    "", " ", "0", "-1", "1.5", "nan", "-inf", "1e999", "9" * 400, "\0", "\x1b[2J", "a\nb",
    "é€\u202e", "../..", "/dev/null", ".", "%s%n", "{x}", "<a>", "[/a]", "true", "null", "None",
    "[]", "1,2,3", "EPSG:4326", "x" * 5000,
)  # fmt: skip

Mutated: TypeAlias = tuple[bytes, str]
"""New content, and what was done to the old one."""


def mutate_bytes(rng: Random, content: bytes) -> Mutated:
    """Change, cut, repeat, move or clear bytes."""
    return rng.choice(_BYTES)(rng, content)


def mutate_tiff(rng: Random, content: bytes) -> Mutated:
    """Change an entry of a directory of a TIFF, or what it points to; else bytes anywhere."""
    entries = tiff.entries(content)
    if not entries or rng.random() < 0.3:
        return mutate_bytes(rng, content)
    entry = rng.choice(entries)
    part = rng.choice(("tag", "type", "count", "value", "value", "value", "pointed", "pointed"))
    if part == "pointed" and entry.n_bytes > 8:
        return tiff.with_pointed(content, entry, rng, NUMBERS)
    return tiff.with_entry(content, entry, part, rng)


def mutate_xml(rng: Random, content: bytes) -> Mutated:
    """Change elements, attributes and texts; now and then bytes of the text itself."""
    if rng.random() < 0.1:
        return mutate_bytes(rng, content)
    try:
        root = ET.fromstring(content)
    except ET.ParseError:  # its bytes were changed before
        return mutate_bytes(rng, content)
    parents = [(parent, child) for parent in root.iter() for child in parent]
    if not parents:
        return mutate_bytes(rng, content)
    parent, child = rng.choice(parents)
    action = rng.choice(
        ("drop", "double", "move", "text", "text", "number", "attribute", "attribute")
    )
    match action:
        case "drop":
            parent.remove(child)
        case "double":
            parent.append(copy.deepcopy(child))
        case "move":
            parent.remove(child)
            rng.choice([e for e in root.iter() if e not in set(child.iter())]).append(child)
        case "text":
            child.text = _for_xml(odd_text(rng))
        case "number":
            child.text = _with_other_number(rng, child.text or "")
        case "attribute":
            element = rng.choice([e for e in root.iter() if e.attrib] or [child])
            name = rng.choice([*element.attrib, "subClass"])
            element.set(name, _for_xml(odd_text(rng)))
            child = element
    return ET.tostring(root), f"{action} of {child.tag}"


def odd_text(rng: Random) -> str:
    """Return a text, often a number, that a file may hold by accident or malice."""
    return str(rng.choice(NUMBERS)) if rng.random() < 0.5 else rng.choice(TEXTS)


def odd_value(rng: Random) -> Any:
    """Return any value that JSON or TOML can hold."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(NUMBERS)
    if kind < 0.8:
        return rng.choice(TEXTS)
    return rng.choice((None, True, False, [], {}, [[]], [1, "a"], {"a": {"b": 1}}, [math.nan] * 3))


def mutate_value(rng: Random, value: Any) -> tuple[Any, str]:
    """Change one place in nested dictionaries and lists: replace, remove, rename, double, wrap."""
    if not isinstance(value, dict | list) or not value:
        return odd_value(rng), "replace all"
    value = copy.deepcopy(value)
    holder, key = rng.choice([*_places(value)])
    action = rng.choice(("replace", "replace", "replace", "remove", "double", "wrap"))
    match action:
        case "replace":
            holder[key] = odd_value(rng)
        case "remove":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case "double":
            holder[f"{key}_"] = copy.deepcopy(holder[key])
        case "wrap":
            holder[key] = [holder[key]]
    return value, f"{action} {key!r}"


def mutate_often(
    rng: Random, content: bytes, mutate: Callable[[Random, bytes], Mutated], most: int = 3
) -> Mutated:
    """Apply a mutation one to ``most`` times; once is the most likely."""
    notes = []
    for _ in range(min(rng.randint(1, most), rng.randint(1, most))):
        content, note = mutate(rng, content)
        notes.append(note)
    return content, "; ".join(notes)


def _changed(rng: Random, content: bytes) -> Mutated:
    changed = bytearray(content)
    places = [rng.randrange(len(content)) for _ in range(rng.randint(1, 4))] if content else []
    for place in places:
        changed[place] = rng.choice((0, 255, 127, changed[place] ^ 1 << rng.randrange(8)))
    return bytes(changed), f"bytes {places}"


def _cut(rng: Random, content: bytes) -> Mutated:
    end = rng.randrange(len(content) + 1)
    return content[:end], f"cut at {end} of {len(content)}"


def _cleared(rng: Random, content: bytes) -> Mutated:
    start, end = _span(rng, content)
    return content[:start] + bytes(end - start) + content[end:], f"zeros from {start} to {end}"


def _removed(rng: Random, content: bytes) -> Mutated:
    start, end = _span(rng, content)
    return content[:start] + content[end:], f"without {start} to {end}"


def _doubled(rng: Random, content: bytes) -> Mutated:
    start, end = _span(rng, content)
    return content[:end] + content[start:], f"{start} to {end} twice"


def _moved(rng: Random, content: bytes) -> Mutated:
    start, end = _span(rng, content)
    to = rng.randrange(len(content) + 1)
    part = content[start:end]
    return content[:to] + part + content[to + len(part) :], f"{start} to {end} over {to}"


_BYTES = (_changed, _changed, _changed, _cut, _cleared, _removed, _doubled, _moved)


def _span(rng: Random, content: bytes) -> tuple[int, int]:
    """Return a part of content: a few bytes as likely as most of it."""
    length = min(len(content), int(2 ** rng.uniform(0, math.log2(len(content) + 1))))
    start = rng.randrange(len(content) - length + 1)
    return start, start + length


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every holder and key in nested dictionaries and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _with_other_number(rng: Random, text: str) -> str:
    numbers = text.split(",")
    numbers[rng.randrange(len(numbers))] = str(rng.choice(NUMBERS))
    return ",".join(numbers)


def _for_xml(text: str) -> str:
    return "".join(letter for letter in text if letter >= " " or letter == "\n")
