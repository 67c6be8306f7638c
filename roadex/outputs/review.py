"""A person's verdict on an edge, written into the GeoPackage in its place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from roadex.errors import OutputError
from roadex.network.line_reader import EDGE_LAYER

VERDICTS: Final = ("ok", "wrong", "missing")
"""Values of the column ``review``; NULL is not looked at yet."""

_WAIT_S: Final = 2.0
"""How long another program may hold the file before that is an error."""

_LENGTH_TOLERANCE_M: Final = 0.06
"""Lengths that callers know are rounded to decimetres."""

_SPATIAL: Final = ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")
"""Functions that the triggers of the spatial index call, see OGC 12-128r18, annex F.3."""


def write_verdict(path: Path, edge_id: int, length_m: float, verdict: str | None) -> None:
    """Set the column ``review`` of one edge, in one transaction.

    The geometry stays, and so does the spatial index.

    Parameters
    ----------
    path
        GeoPackage of a road network.
    edge_id, length_m
        The edge. Its length guards against a network that was made anew in the meantime.
    verdict
        One of :data:`VERDICTS`; None takes a verdict back.

    Raises
    ------
    OutputError
        If another program holds the file, it cannot be written, or it has no such edge any more;
        nothing is changed then.
    ValueError
        If the verdict is none of them.
    """
    if verdict is not None and verdict not in VERDICTS:
        msg = f"a verdict is one of {', '.join(VERDICTS)}, or None; got {verdict!r}"
        raise ValueError(msg)
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=_WAIT_S, isolation_level=None)
        ) as database:
            _let_triggers_compile(database)
            database.execute("BEGIN IMMEDIATE")
            _update(database, path, edge_id, length_m, verdict)
            database.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        msg = f"{path} cannot be written: {error}"
        if "locked" in str(error):
            msg = (
                f"{path} is locked by another program: save or end the editing in QGIS, then try "
                "again"
            )
        raise OutputError(msg) from error


def _update(
    database: sqlite3.Connection, path: Path, edge_id: int, length_m: float, verdict: str | None
) -> None:
    changed = database.execute(
        f"UPDATE {EDGE_LAYER} SET review = ? WHERE edge_id = ? AND abs(length_m - ?) <= ?",
        (verdict, edge_id, length_m, _LENGTH_TOLERANCE_M),
    ).rowcount
    if changed != 1:  # closing the connection takes the change back
        what = "not that edge any more" if changed == 0 else f"{changed} such edges"
        msg = f"{path} has {what} (edge {edge_id}): it was edited or made anew. Load it again"
        raise OutputError(msg)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    database.execute(
        "UPDATE gpkg_contents SET last_change = ? WHERE table_name = ?", (now, EDGE_LAYER)
    )


def _let_triggers_compile(database: sqlite3.Connection) -> None:
    """Define the functions of the triggers that watch every update of the table.

    SQLite compiles their bodies with the statement; they run only where a row gets another fid or
    geometry, which does not happen here.
    """
    for name in _SPATIAL:
        database.create_function(name, 1, _never, deterministic=True)


def _never(_geometry: bytes) -> NoReturn:
    msg = "a verdict does not change geometries"
    raise AssertionError(msg)
