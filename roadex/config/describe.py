"""What there is to say about settings: their list, a commented TOML file, a JSON schema.

The meaning of a setting is the docstring below its field, read from the source.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from roadex.config.base import Settings
from roadex.config.kinds import Limits, Unset, fields_of, settings_in, unit_of, unwrap
from roadex.config.sources import has_effect

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, described."""

    path: str
    """As ``--set`` takes it: ``tiling.core_size``."""

    annotation: Any
    default: Any
    unset: str
    """What None stands for, where that is the default."""

    unit: str
    meaning: str

    @property
    def default_text(self) -> str:
        """The default as TOML, or what None stands for."""
        return self.unset or ("none" if self.default is None else to_toml(self.default))

    @property
    def explained(self) -> str:
        """The meaning with the unit, and what the default stands for."""
        unit = f" [{self.unit}]" if self.unit else ""
        unset = f" Default: {self.unset}." if self.unset else ""
        return f"{self.meaning}{unit}{unset}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The values there are, where they can be listed."""
        kind, _ = unwrap(self.annotation)
        return get_args(kind) if get_origin(kind) is Literal else ()


def describe(kind: type[Settings], uses: Sequence[str] = (), prefix: str = "") -> list[Setting]:
    """Return the settings of a class, group by group; ``uses`` leaves out all others."""
    found = []
    for name, annotation in fields_of(kind).items():
        path, group = f"{prefix}{name}", settings_in(annotation)
        if group is not None and issubclass(group, Settings):
            found += describe(group, uses, f"{path}.")
        elif not uses or has_effect(path, uses):
            found.append(_setting(kind, name, annotation, path))
    return found


def setting_at(kind: type[Settings], path: str) -> Setting:
    """Return the setting at a path such as ``tiling.core_size``."""
    *groups, name = path.split(".")
    for group in groups:
        nested = settings_in(fields_of(kind)[group])
        if nested is None or not issubclass(nested, Settings):
            msg = f"{path}: {group} is no group of settings"
            raise ValueError(msg)
        kind = nested
    return _setting(kind, name, fields_of(kind)[name], path)


def toml_template(kind: type[Settings], uses: Sequence[str] = ()) -> str:
    """Return a TOML file with every setting at its default, in comments with their meaning."""
    lines: list[str] = []
    group = ""
    for setting in sorted(describe(kind, uses), key=lambda s: "." in s.path):  # tables come last
        parent, _, name = setting.path.rpartition(".")
        if parent != group:
            lines += [f"[{parent}]", ""]
            group = parent
        lines += [f"# {line}" for line in _wrapped(setting.explained)]
        value = "..." if setting.default is None else to_toml(setting.default)
        lines += [f"# {name} = {value}", ""]
    return "\n".join(lines)


def json_schema(kind: type[Settings], uses: Sequence[str] = ()) -> dict[str, Any]:
    """Return a JSON schema of a settings file, for editors that check and complete TOML."""
    schema: dict[str, Any] = {"$schema": SCHEMA_DIALECT, "title": _first_line(kind)}
    root = schema | _object()
    for setting in describe(kind, uses):
        *groups, name = setting.path.split(".")
        target = root
        for group in groups:
            target = target["properties"].setdefault(group, _object())
        target["properties"][name] = _value_schema(setting)
    return root


def to_toml(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {to_toml(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _setting(kind: type[Settings], name: str, annotation: Any, path: str) -> Setting:
    field = kind.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = field.default_factory() if field.default is MISSING else field.default
    extras = unwrap(annotation)[1]
    unset = next((extra.meaning for extra in extras if isinstance(extra, Unset)), "")
    return Setting(
        path=path, annotation=annotation, default=default, unset=unset if default is None else "",
        unit=unit_of(name, annotation), meaning=_meanings(kind).get(name, ""),
    )  # fmt: skip


def _meanings(kind: type[Settings]) -> Mapping[str, str]:
    """Return the docstring of every field of a class."""
    tree = _source(kind.__module__)
    body = next(
        n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind.__name__
    )
    return dict(_field_docstrings(body))


@cache
def _source(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def _field_docstrings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(docstring))),
            ):
                yield name, " ".join(inspect.cleandoc(docstring).split()).replace("``", "")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 96)


def _first_line(kind: type[Settings]) -> str:
    return (kind.__doc__ or kind.__name__).splitlines()[0]


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _value_schema(setting: Setting) -> dict[str, Any]:
    schema = _kind_schema(setting.annotation) | {"description": setting.explained}
    if setting.default is not None:
        default = setting.default
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return schema


def _kind_schema(annotation: Any) -> dict[str, Any]:
    kind, extras = unwrap(annotation)
    if get_origin(kind) is Literal:
        schema: dict[str, Any] = {"enum": list(get_args(kind))}
    elif get_origin(kind) is tuple:
        schema = {"type": "array", "minItems": 1, "items": _kind_schema(get_args(kind)[0])}
    elif get_origin(kind) is dict:
        schema = {"type": "object"}
    else:
        schema = {"type": _NAMES[kind]}
    for limits in (extra for extra in extras if isinstance(extra, Limits)):
        names = {
            "minimum": limits.at_least, "exclusiveMinimum": limits.above,
            "maximum": limits.at_most, "exclusiveMaximum": limits.below,
            "multipleOf": limits.multiple_of,
        }  # fmt: skip
        schema |= {name: value for name, value in names.items() if value is not None}
    return schema
