"""The tables that ``roadex models`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadex.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable


def network_counts(name: str) -> tuple[str, str]:
    """Return parameters and giga multiply-adds at 1024 px of a network."""
    from roadex.models.counts import count_network

    count = count_network(name)
    return f"{count.parameters:,}", f"{count.multiply_adds / 1e9:.1f}"


def is_network(name: str) -> bool:
    """Return whether a name is that of a network, and not of a model or a file."""
    from roadex.extensions import Family, find_extension
    from roadex.models import has_network
    from roadex.models.modelfile import model_path

    if has_network(name):
        return True
    try:
        model_path(name)
    except ModelError:
        return find_extension(Family.NETWORKS, name) is not None
    return False


def network_rows(name: str) -> list[tuple[str, str]]:
    """Return the description of a network: titles and values."""
    from roadex.models import network_arguments, network_entry

    entry = network_entry(name)
    parameters, gmac = network_counts(name)
    return [
        ("network", name),
        ("what", entry.summary),
        ("definition", entry.source),
        ("published", entry.published or "none"),
        ("parameters", parameters),
        ("GMAC at 1024 px", gmac),
        *((f"  {option}", repr(value)) for option, value in network_arguments(name).items()),
    ]


def model_rows(name: str) -> list[tuple[str, str]]:
    """Return the description of a model, by its name or file: titles and values."""
    from roadex.models.int8 import int8_notes
    from roadex.models.modelfile import model_path, read_metadata, read_sha256

    try:
        path = model_path(name)
    except ModelError as error:
        msg = f"{error}; it is not a network either"
        raise ModelError(msg) from error
    metadata = read_metadata(path)
    low, high = metadata.gsd_range_m
    rows = [
        ("model", metadata.name),
        ("file", f"{path} ({path.stat().st_size / 1e6:.1f} MB)"),
        ("sha256", read_sha256(path)),
        ("network", metadata.network),
        *((f"  {option}", repr(value)) for option, value in metadata.arguments.items()),
        ("bands", ", ".join(metadata.bands)),
        ("input", f"x * {_short(metadata.scale)} + {_short(metadata.offset)}, x in 0-255"),
        *(
            (("stretch", ", ".join(f"{a:g}-{b:g}" for a, b in metadata.stretch)),)
            * bool(metadata.stretch)
        ),
        ("m/pixel", f"{metadata.gsd_m:g}, trained on {low:g} to {high:g}"),
        ("thresholds", f"{metadata.threshold_low:g} low, {metadata.threshold_high:g} high"),
        ("tta", metadata.tta),
    ]
    notes = int8_notes(path)
    if notes is not None:
        rows.append(("8-bit form", f"calibrated on {notes.n_chips} chips, {notes.made_with}"))
        rows.append(("  IoU with float32", f"{notes.iou_with_float32:.3f} on these chips"))
    for title, facts in (("training", metadata.training), ("validation", metadata.validation)):
        rows.append((title, "" if facts else "not recorded"))
        rows.extend((f"  {fact}", str(value)) for fact, value in facts.items())
    rows.append(("written by", f"roadex {metadata.roadex_version}"))
    return rows


def _short(values: tuple[float, ...]) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"


def print_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table on standard output; an empty header is none."""
    from rich.table import Table

    from roadex.cli.display import plain_console

    table = Table(*header, show_header=bool(header), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    plain_console().print(table, highlight=False)
