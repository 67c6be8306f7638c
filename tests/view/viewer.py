"""A run that is viewed, asked as a browser asks, and its verdicts as they are stored."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pyogrio
from affine import Affine
from PIL import Image

from roadex.network.road_network import RoadNetwork
from roadex.pipeline.view import ViewedRun
from roadex.pipeline.view_server import ViewServer

LYING = {
    "as it is": ((500, 600), Affine(1, 0, 5e5, 0, -1, 5e6)),
    "turned": ((150, 280), Affine(0, -1, 5e5, -1, 0, 5e6)),
    "finer": ((150, 280), Affine(0.5, 0, 5e5, 0, -0.5, 5e6)),
}
"""Sizes of scenes and how they lie; the last one is warped to the pixels of the model."""


@contextmanager
def served(folder: Path) -> Iterator[ViewServer]:
    """Serve a run from a thread for as long as the block lasts."""
    server = ViewServer(ViewedRun.open(folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    server: ViewServer, path: str, *, method: str = "GET", body: object = None, **headers: str
) -> tuple[int, bytes]:
    """Return status and content; ``path`` is behind the token unless it begins with a slash."""
    path = path if path.startswith("/") else f"/{server.token}/{path}"
    text = None if body is None else json.dumps(body)
    if text is not None:
        headers = {"Content-Type": "application/json"} | headers
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(*server.server_address, timeout=20)) as connection:
        connection.request(method, path, body=text, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def pixels(content: bytes | None) -> np.ndarray:
    """Return the pixels of an image file, ``(H, W, bands)``."""
    assert content is not None
    return np.asarray(Image.open(io.BytesIO(content)))


def verdicts(folder: Path) -> dict[int, str | None]:
    """Return the verdict of each edge, by ``edge_id``."""
    frame = pyogrio.read_dataframe(folder / "roads.gpkg", layer="road_edges", read_geometry=False)
    return {
        int(i): review if isinstance(review, str) else None
        for i, review in zip(frame["edge_id"], frame["review"], strict=True)
    }


def an_edge(folder: Path, number: int = 0) -> tuple[int, float]:
    """Return ``edge_id`` and ``length_m`` of an edge, as the page sends them."""
    edge = RoadNetwork.read(folder).edges.iloc[number]
    return int(edge["edge_id"]), round(float(edge["length_m"]), 1)
