"""Links between pages lead somewhere, on the site and where the repository is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "workflows/*/README.md")
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts
)
IMAGES = ROOT / "docs" / "images"
LARGEST_IMAGE_BYTES = 250_000


def _targets(page: Path) -> Iterator[str]:
    """Yield what a page links to inside the repository, images too."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def _anchors(page: Path) -> set[str]:
    """Return the anchors GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in _targets(page):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert linked.is_relative_to(ROOT), f"{page.name}: {target} leaves the repository"
        if anchor and "{include}" not in linked.read_text():
            assert anchor in _anchors(linked), f"{page.name}: {target}"


def test_links_are_found() -> None:
    links = {target for page in PAGES for target in _targets(page)}
    assert {"docs/install.md", "training.md#labels-beside-their-roads", "images/demo.jpg"} <= links


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in _targets(page)
        if "images/" in target
    }
    pictures = set(IMAGES.iterdir())
    assert pictures == shown
    sizes = {path.name: path.stat().st_size for path in pictures}
    assert max(sizes.values()) <= LARGEST_IMAGE_BYTES, sizes


def test_every_page_is_reachable_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        linked = {(page.parent / target.partition("#")[0]).resolve() for target in _targets(page)}
        waiting += [path for path in linked - reached if path.suffix == ".md"]
    site_only = {"index.md", "changelog.md", "contributing.md", "security.md"}
    pages = {path for path in PAGES if ROOT / "docs" in path.parents and path.name not in site_only}
    assert pages <= reached, sorted(path.name for path in pages - reached)
