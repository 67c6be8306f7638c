"""Which tests run which line, and how long they take."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import coverage

from tests.mutants.mutations import Mutant

BUDGET_S = 20.0
"""Processor time on the record of the tests that a mutant meets: the fastest ones that fit."""

_TEST = re.compile(r"^(.*?)(\|(run|setup|teardown)| \((call|setup|teardown)\))$", re.DOTALL)
"""What a test is called in the record: in its own process, and in programs it starts."""


class Reach:
    """The record of a run of the tests.

    Parameters
    ----------
    checkout
        Folder with the package that was run.
    record
        Data file of coverage.py, with contexts.
    times
        JSON file of ``{test: [seconds, outcome]}``.
    """

    def __init__(self, checkout: Path, record: Path, times: Path) -> None:
        self._checkout = checkout
        self._data = coverage.CoverageData(str(record))
        self._data.read()
        recorded = json.loads(times.read_text())
        self._seconds = {test: s for test, (s, outcome) in recorded.items() if outcome == "passed"}
        self._in_file: dict[str, set[str]] = {}
        for test in self._seconds:
            self._in_file.setdefault(test.partition("::")[0], set()).add(test)
        self._lines = cache(self._tests_by_line)
        self.kernels = _Kernels(checkout / "roadex")

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed lines, fastest first, as many as fit the budget.

        Compiled code leaves no trace: for it, those that run the lines which call it. What runs
        when a module is imported has the tests that use the module; what a fixture runs, all tests
        of the file, because the record names only the one that came first.
        """
        lines = self._lines(mutant.path)
        changed = [lines[n] for n in range(mutant.lines[0], mutant.lines[1] + 1) if n in lines]
        tests = set().union(*changed)
        for path, line in self.kernels.calls(mutant.path, mutant.function):
            tests |= self._lines(path).get(line, set())
        if "" in tests:
            tests = set().union(*lines.values())
        chosen: list[str] = []
        left = BUDGET_S
        for test in sorted(tests & self._seconds.keys(), key=lambda t: (self._seconds[t], t)):
            left -= self._seconds[test]
            if chosen and left < 0:
                break
            chosen.append(test)
        return chosen

    def _tests_by_line(self, path: str) -> dict[int, set[str]]:
        contexts = self._data.contexts_by_lineno(str(self._checkout / path))
        return {
            line: set().union(*(self._tests_of_context(name) for name in names))
            for line, names in contexts.items()
        }

    def _tests_of_context(self, name: str) -> set[str]:
        match = _TEST.match(name)
        if match is None:
            return {""}
        test = match[1]
        if "setup" not in match.groups():
            return {test}
        return {test} | self._in_file.get(test.partition("::")[0], set())


class _Kernels:
    """Compiled functions and the places that call them."""

    def __init__(self, package: Path) -> None:
        self._own: dict[tuple[str, str], ast.FunctionDef] = {}
        self._uses: dict[str, list[tuple[str, str, int]]] = {}
        self._imports: dict[str, set[str]] = {}
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.FunctionDef):
                    self._note(name, node)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported = node.module.replace(".", "/") + ".py"
                    self._imports.setdefault(name, set()).add(imported)

    def _note(self, path: str, function: ast.FunctionDef) -> None:
        if any(isinstance(d, ast.Name) and d.id == "kernel" for d in function.decorator_list):
            self._own[path, function.name] = function
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                self._uses.setdefault(node.id, []).append((path, function.name, node.lineno))

    def calls(self, path: str, name: str) -> set[tuple[str, int]]:
        """Return module and line of interpreted code that calls a kernel, directly or not."""
        found: set[tuple[str, int]] = set()
        seen: set[tuple[str, str]] = set()
        waiting = [(path, name)] if (path, name) in self._own else []
        while waiting:
            kernel = waiting.pop()
            seen.add(kernel)
            for user, function, line in self._uses.get(kernel[1], []):
                if kernel[1].startswith("_") and user != kernel[0]:
                    continue
                if (user, function) not in self._own:
                    found.add((user, line))
                elif (user, function) not in seen:
                    waiting.append((user, function))
        return found

    def compiled_with(self, path: str) -> set[str]:
        """Return the modules whose machine code can hold what a module computes."""
        modules = {module for module, _ in self._own}
        found: set[str] = set()
        waiting = {path} & modules
        while waiting:
            found |= waiting
            waiting = {m for m in modules - found if self._imports.get(m, set()) & found}
        return found
