"""Pages that open from disk: one file each, nothing from elsewhere, light and dark."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from roadex.files import whole_file

if TYPE_CHECKING:
    from PIL import Image

MARK: Final = '<meta name="generator" content="roadex">'
"""Stands in every page: what has it may be replaced."""

COLOURS: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --bar: #2b6cb0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --bar: #79b8ff; }
}
"""
"""Of all pages, as variables of their styles."""

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; border: 1px solid var(--line); }
table { border-collapse: collapse; margin: 0.5rem 0; }
th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.warning { border-left: 0.3rem solid #b35900; padding-left: 0.7rem; }
.plots { display: flex; flex-wrap: wrap; gap: 2rem; }
figure { margin: 0; }
svg { width: 21rem; max-width: 100%; height: auto; }
svg rect { fill: var(--bar); }
svg text { fill: var(--ink); font-size: 11px; }
pre { overflow-x: auto; }
.scenes { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }
.scenes > section { border: 1px solid var(--line); padding: 0.7rem; overflow-wrap: anywhere; }
.scenes img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain;
  border: 0; margin-bottom: 0.5rem; }
.scenes h3, .scenes p { margin: 0.2rem 0; }
.scenes ul { margin: 0; padding-left: 1.2rem; }
"""


def write_page(path: Path, title: str, parts: Iterable[str], *, head: str = "") -> None:
    """Write a page, whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    title
        As text.
    parts
        What is in the body, as markup.
    head
        What else is in the head, as markup.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    body = "\n".join(parts)
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{MARK}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{COLOURS}{_STYLE}</style>{head}</head>"
        f"<body>\n{body}\n</body></html>\n"
    )
    with whole_file(path) as place:
        place.write_text(page, encoding="utf-8")


def jpeg(image: Image.Image, longest_px: int) -> bytes:
    """Return a picture as JPEG; its longest side at most as given."""
    picture = image.convert("RGB")
    picture.thumbnail((longest_px, longest_px))
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=85)
    return content.getvalue()


def jpeg_uri(image: Image.Image, longest_px: int) -> str:
    """Return a picture to put into a page, as a URI; its longest side at most as given."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, longest_px)).decode()}"
