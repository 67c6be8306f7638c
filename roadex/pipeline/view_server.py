"""The pages of ``roadex view``, served to one person on this machine.

It listens on 127.0.0.1 alone. Other users of the machine reach that too, and so does a web page in
the person's browser; so every address begins with a token that neither knows, and requests must
name this machine as their host (a foreign name that leads here is DNS rebinding) and not come from
a page of another origin.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import socketserver
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, Final

from PIL import Image

from roadex.errors import OutputError, RoadexError, public_text
from roadex.network.tables import read_tables, require_whole
from roadex.outputs.html_page import COLOURS, jpeg
from roadex.outputs.preview import PANEL_SIZE, imagery_panel
from roadex.outputs.review import VERDICTS, write_verdict
from roadex.outputs.web_map import leaflet_style, map_network, web_file
from roadex.pipeline.view import Tiles, ViewedRun

HOST: Final = "127.0.0.1"

_STEP_PX: Final = 0.1
"""Places of lines on the map are exact to this part of a pixel."""

_LENGTH: Final = re.compile("[0-9]{1,3}")
"""Length of a body that can be a verdict, in bytes."""

_LONGEST_EDGE_M: Final = 1e9
_IDLE_S: Final = 30.0

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_FILES: Final = {
    "": ("view.html", "text/html"),
    "leaflet.js": ("leaflet.js", "text/javascript"),
    "map.js": ("map.js", "text/javascript"),
    "view.js": ("view.js", "text/javascript"),
}
"""Address to the file of the package and its type; no other file is ever served."""

_HOSTS: Final = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?")
"""Also with the port of another machine, from which a tunnel leads here."""

_TILE: Final = re.compile(r"tiles/(imagery|probability)/(\d{1,2})/(\d{1,7})/(\d{1,7})\.png")


class ViewServer(ThreadingHTTPServer):
    """Serves one run until it is closed."""

    daemon_threads = True
    server_bind = socketserver.TCPServer.server_bind  # without asking a name server who we are

    def __init__(self, run: ViewedRun, *, port: int = 0) -> None:
        """Listen.

        Parameters
        ----------
        run
            What is shown.
        port
            0 takes a free one.

        Raises
        ------
        OutputError
            If the port cannot be had.
        NetworkError
            If the network of the run cannot be read.
        """
        self.run = run
        self.token = secrets.token_urlsafe(24)
        self.writing = Lock()
        network_of(run)
        self.tiles = Tiles(run)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            self.tiles.close()
            msg = f"cannot listen on port {port}: {error.strerror}. Choose another one with --port"
            raise OutputError(msg) from error

    @property
    def address(self) -> str:
        """What to open in a browser; it holds the token."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what went wrong, but not that a browser has left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stop listening and close the rasters."""
        super().server_close()
        self.tiles.close()


def has_display() -> bool:
    """Return whether a browser would have a place to open."""
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextmanager
def open_browser(address: str, *, opens: bool) -> Iterator[None]:
    """Lead the browser to an address that other users of the machine do not see.

    They can read the arguments of a browser that is started. It is given a file that only this user
    can read, which leads it on; the file goes away with the block.
    """
    if not opens:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="roadex-view-") as folder:  # of mode 0700
        page = Path(folder) / "open.html"
        leads = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
        page.write_text(f"<!doctype html>{leads}", encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield


def network_of(run: ViewedRun) -> dict[str, Any]:
    """Return what the page shows, read from its files now.

    Raises
    ------
    NetworkError
        If the network cannot be read, or was edited so that it needs ``roadex rebuild``.
    """
    path = run.results.network
    edges, nodes = read_tables(path)
    require_whole(edges, nodes, str(path))
    return map_network(edges, run.grid, step_px=_STEP_PX) | {
        "name": ", ".join(run.report["scene"]["files"][:3]),
        "note": run.note,
        "has_imagery": run.scene is not None,
        "levels": run.n_levels,
    }


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ViewServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server_version = "roadex"
    sys_version = ""

    def do_GET(self) -> None:
        """Give a page, a script, the network or a tile."""
        path = self._allowed_path()
        if path is None:
            return
        tile = _TILE.fullmatch(path)
        if tile is not None:
            self._answer_with(lambda: self._tile(*tile.groups()), "image/png", "max-age=3600")
        elif path in _FILES:
            name, kind = _FILES[path]
            self._send(web_file(name).encode(), f"{kind}; charset=utf-8")
        elif path == "style.css":
            style = leaflet_style() + COLOURS + web_file("map.css") + web_file("view.css")
            self._send(style.encode(), "text/css; charset=utf-8")
        elif path == "network.json":
            self._answer_with(self._network, "application/json")
        elif path == "preview.jpg":
            self._answer_with(self._preview, "image/jpeg")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        """Take a verdict: JSON with ``edge_id``, ``length_m`` and ``review``."""
        path = self._allowed_path()
        if path is None:
            return
        if path != "review":
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
            return
        given = self._verdict()
        if given is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is no verdict")
            return
        self._answer_with(lambda: self._write(*given), "application/json")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base has it
        """Say nothing: addresses hold the token."""

    def _allowed_path(self) -> str | None:
        """Return the address behind the token; None, and an answer, where it is not for us."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if not _HOSTS.fullmatch(host) or origin not in (None, f"http://{host}"):
            self._refuse(HTTPStatus.FORBIDDEN, "this is another machine's page")
            return None
        token, _, path = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that roadex has printed")
            return None
        return path

    def _verdict(self) -> tuple[int, float, str | None] | None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not _LENGTH.fullmatch(length):
            return None
        try:
            given = json.loads(self.rfile.read(int(length)))
            edge_id, length_m, review = given["edge_id"], given["length_m"], given["review"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        is_edge = type(edge_id) is int and abs(edge_id) < 2**63
        is_length = type(length_m) in (int, float) and abs(length_m) < _LONGEST_EDGE_M
        is_verdict = review is None or review in VERDICTS
        return (edge_id, float(length_m), review) if is_edge and is_length and is_verdict else None

    def _tile(self, kind: str, level: str, row: str, col: str) -> bytes | None:
        if int(level) >= self.server.run.n_levels:
            return None
        tiles = self.server.tiles
        make = tiles.imagery if kind == "imagery" else tiles.probability
        return make(int(level), int(row), int(col))

    def _preview(self) -> bytes | None:
        try:
            with Image.open(self.server.run.results.preview) as image:
                return jpeg(imagery_panel(image), PANEL_SIZE)
        except OSError:  # deleted since: the map has the roads alone
            return None

    def _network(self) -> bytes:
        return json.dumps(network_of(self.server.run), allow_nan=False).encode()

    def _write(self, edge_id: int, length_m: float, review: str | None) -> bytes:
        with self.server.writing:
            write_verdict(self.server.run.results.network, edge_id, length_m, review)
        return b"{}"

    def _answer_with(
        self, make: Callable[[], bytes | None], kind: str, cache: str = "no-store"
    ) -> None:
        """Send what ``make`` returns: nothing is 404, an error of roadex 409 with its text."""
        try:
            content = make()
        except RoadexError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
            return
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such picture")
            return
        self._send(content, kind, cache)

    def _send(
        self, content: bytes, kind: str, cache: str = "no-store", status: int = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)),
                   "Cache-Control": f"private, {cache}"}  # fmt: skip
        for name, value in (headers | _HEADERS).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what else was sent is not read
        self._send(public_text(why).encode(), "text/plain; charset=utf-8", status=status)
