"""``index.html``: all scenes of a batch on one page, with links to the report of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from PIL import Image

from roadex.outputs.html_page import jpeg_uri, write_page
from roadex.outputs.preview import network_panel

NAME: Final = "index.html"

_PICTURE_PX: Final = ((300, 320), (3000, 160))
"""Longest side of a picture by the number of scenes up to which it is taken: the page stays below
some 15 MB. Of more scenes there are no pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """What the page says of one scene."""

    name: str
    """Name of its folder beside the page."""

    state: str
    is_good: bool
    """Whether all of its results are there."""

    error: str
    result: Mapping[str, Any]
    """``result`` of its ``report.json``; empty where there is none."""

    page: str
    """Its report, relative to the index; empty where there is none."""

    picture: str
    """URI; empty where there is none."""


def thumbnail(preview: Path, n_scenes: int) -> str:
    """Return the network of a preview as a picture for the page; empty where there is none."""
    longest = next((px for most, px in _PICTURE_PX if n_scenes <= most), None)
    if longest is None:
        return ""
    try:
        with Image.open(preview) as image:
            return jpeg_uri(network_panel(image), longest)
    except OSError:  # not there, or damaged since: the scene has its figures and its report
        return ""


def write_index(
    folder: Path,
    entries: Sequence[IndexEntry],
    n_scenes: int,
    *,
    joint: Mapping[str, Any] | None = None,
) -> None:
    """Write the page: scenes that are not complete first, then the others in their order.

    Parameters
    ----------
    folder
        The output of a batch.
    entries
        Scenes that are finished.
    n_scenes
        Scenes of the batch, also those that are not finished yet.
    joint
        Figures of the network of all scenes; empty where there is none.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    bad = [entry for entry in entries if not entry.is_good]
    good = [entry for entry in entries if entry.is_good]
    title = f"Roads of {n_scenes:,} scenes"
    parts = [f"<h1>{title}</h1>", f"<p>{_headline(entries, joint)}</p>"]
    for heading, some in (("Not complete", bad), ("Complete", good)):
        if some:
            parts += [
                f"<h2>{heading}: {len(some):,}</h2>",
                '<div class="scenes">',
                *map(_card, some),
                "</div>",
            ]
    if len(entries) < n_scenes:
        parts.append(f"<p>Not done yet: {n_scenes - len(entries):,}.</p>")
    write_page(folder / NAME, title, parts)


def _headline(entries: Sequence[IndexEntry], joint: Mapping[str, Any] | None) -> str:
    km = sum(entry.result.get("road_km", 0.0) for entry in entries)
    n_warned = sum(bool(entry.result.get("warnings")) for entry in entries)
    warned = f" Scenes with warnings: {n_warned:,}." if n_warned else ""
    if joint:
        return f"{_joint_network(joint)} In the scenes one by one: {km:,.1f} km.{warned}"
    return f"<strong>{km:,.1f} km of road.</strong>{warned}"


def _joint_network(result: Mapping[str, Any]) -> str:
    return (
        f"<strong>{result['road_km']:,.1f} km of road</strong> in "
        f'<a href="roads.gpkg">one network of all scenes</a>, {result["edges"]:,} edges, '
        f"{result['routable_share']:.0%} of the length connected."
    )


def _card(entry: IndexEntry) -> str:
    return f"<section>{''.join(_contents(entry))}</section>"


def _contents(entry: IndexEntry) -> Iterator[str]:
    name = escape(entry.name)
    if entry.picture:
        yield f'<img src="{entry.picture}" alt="Road network of {name}" loading="lazy">'
    link = f'<a href="{escape(quote(entry.page))}">{name}</a>' if entry.page else name
    yield f"<h3>{link}</h3>"
    if entry.result:
        yield f"<p>{_figures(entry.result)}</p>"
    if not entry.is_good:
        what = f"<strong>{escape(entry.state)}</strong>: {escape(entry.error)}"
        yield f'<p class="warning">{what}</p>'
    warnings = entry.result.get("warnings", ())
    if warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
        count = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
        yield f"<details><summary>{count}</summary><ul>{items}</ul></details>"


def _figures(result: Mapping[str, Any]) -> str:
    texts = [f"<strong>{result['road_km']:,.1f} km</strong>"]
    if result.get("confidence") is not None:
        texts.append(f"confidence {result['confidence']:.2f}")
    if result.get("expected_completeness") is not None:
        texts.append(f"about {result['expected_completeness']:.0%} of the roads expected")
    failed = len(result["failed_tiles"])
    if failed:
        texts.append(f"{failed:,} tiles missing")
    return ", ".join(texts)
