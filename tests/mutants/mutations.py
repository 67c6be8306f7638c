"""The mutants of a module: one place of its code changed, the rest as it is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
CALCULATED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_TYPES_ONLY = ("annotation", "returns", "decorator_list", "type_params")
"""Fields of nodes that say nothing about what code computes, or run once at its definition."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    name: str
    """``path:function:kind:number``; the same after changes elsewhere in the module."""

    path: str
    kind: str
    old: str
    new: str
    lines: tuple[int, int]
    """First and last line of the changed code."""

    function: str
    """Qualified name; empty where the code runs when the module is imported."""

    span: tuple[int, int]
    """Bytes of the module that are replaced."""

    def apply(self, source: bytes) -> bytes:
        """Return the module with this change."""
        start, stop = self.span
        return source[:start] + self.new.encode() + source[stop:]


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a module, in the order of its code."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Mutant] = []
    numbers: Counter[tuple[str, str]] = Counter()
    changes = _changes(ast.parse(source), "")
    for node, kind, new, function in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset)):
        end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or 0
        span = starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_col
        name = f"{path}:{function}:{kind}:{numbers[function, kind]}"
        numbers[function, kind] += 1
        old = source[slice(*span)].decode()
        found.append(Mutant(name, path, kind, old, new, (node.lineno, end_line), function, span))
    return found


Change = tuple[ast.expr | ast.stmt, str, str, str]


def _changes(node: ast.AST, function: str) -> Iterator[Change]:
    """Yield what is replaced, the kind, the new code and the function, below a node."""
    for field, value in ast.iter_fields(node):
        if field in _TYPES_ONLY:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_left_out(child):
                continue
            if field in ("test", "ifs") and isinstance(child, ast.Name | ast.Attribute | ast.Call):
                yield child, "condition", f"(not {ast.unparse(child)})", function
            for kind, new in _variants(child):
                yield child, kind, new, function  # type: ignore[misc]
            inner = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{function}.{child.name}".lstrip(".")
            # A raised error is lost or not; its words are not changed.
            if not isinstance(child, ast.Raise):
                yield from _changes(child, inner)


def _is_left_out(node: ast.AST) -> bool:
    """Return whether changes here show in texts or types only."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.JoinedStr | ast.pattern | ast.Assert | ast.Import | ast.ImportFrom)


def _variants(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the kind and the code of each change of a node itself."""
    match node:
        case ast.Compare(left, [operator, *others], comparators):
            changed = ast.Compare(left, [COMPARED[type(operator)](), *others], comparators)
            yield "compare", _code(changed)
        case ast.BinOp(left, operator, right) if type(operator) in CALCULATED:
            yield "calculate", _code(ast.BinOp(left, CALCULATED[type(operator)](), right))
        case ast.BoolOp(operator, values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "and-or", _code(ast.BoolOp(other, values))
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield "sign", _code(operand)
        case ast.Constant(bool() as value):
            yield "constant", str(not value)
        case ast.Constant(int() as value):
            yield "constant", _code(ast.Constant(value + 1))
        case ast.Constant(float() as value):
            yield "constant", _code(ast.Constant(value * 2 or 1.0))
        case ast.Return(value) if value is not None and not _is_none(value):
            yield "return", "return None"
        case ast.Expr(ast.Call()) | ast.AugAssign() | ast.Raise():
            yield "lost", "pass"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield "lost", "pass"
        case ast.Break() | ast.Continue():
            yield "lost", "pass"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _code(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"
