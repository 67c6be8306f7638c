"""Say whether this checkout can be released: ``python release/check.py``.

The version must be the same in pyproject.toml, CITATION.cff and the conda recipe, and the changelog
must fit to it: either the version is about to get its section, or its section is the newest and
nothing is unreleased. ``make release-check`` does this last.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

_VERSIONS: Mapping[str, str] = {
    "CITATION.cff": r"^version: (\S+)$",
    "release/conda/recipe.yaml": r'^  version: "(\S+)"$',
}
"""File to where its version is."""

_SECTION = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def project_version(root: Path) -> str:
    """Return the version in pyproject.toml."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def find_problems(root: Path) -> Iterator[str]:
    """Yield what must be mended before a release, one sentence each."""
    version = project_version(root)
    for name, pattern in _VERSIONS.items():
        found = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if found is None or found[1] != version:
            yield f"{name} has version {found and found[1]}, pyproject.toml {version}"
    sections = _sections(root)
    dated = [name for name in sections if name != "Unreleased"]
    if version in dated and sections.get("Unreleased"):
        yield f"CHANGELOG.md has changes after {version}: raise the version"
    if version not in dated and not sections.get("Unreleased"):
        yield f"CHANGELOG.md says nothing of {version}"
    if version in dated and dated[0] != version:
        yield f"the newest section of CHANGELOG.md is {dated[0]}, not {version}"


def left_to_do(root: Path) -> str | None:
    """Return the step that is missing before the tag, if one is."""
    version = project_version(root)
    if version in _sections(root):
        return None
    return (
        f"rename [Unreleased] in CHANGELOG.md to [{version}] - YYYY-MM-DD, and put an empty one "
        "above it"
    )


def _sections(root: Path) -> dict[str, str]:
    """Return the text of each section of the changelog, newest first."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    marks = list(_SECTION.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return {
        mark["name"]: text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)
    }


def main() -> None:
    """Print what is found; the exit code is 1 where the checkout cannot be released."""
    problems = list(find_problems(ROOT))
    for problem in problems:
        print(f"not ready: {problem}")
    if problems:
        sys.exit(1)
    step = left_to_do(ROOT)
    print(f"roadex {project_version(ROOT)}: {'ready' if step is None else f'left to do: {step}'}")


if __name__ == "__main__":
    main()
