"""``roadex view``: nobody else gets in, and nothing else is served."""

from __future__ import annotations

import http.client
import socket
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from roadex.pipeline.view_server import open_browser
from tests.view.viewer import an_edge, ask, verdicts


def test_only_the_printed_address_opens(shared_server, runs) -> None:
    edge_id, length_m = an_edge(runs("as it is"))
    body = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    other = "x" * len(shared_server.token)
    for token in ("", other, shared_server.token[:-1], f"{shared_server.token}x", "%C3%A4"):
        for path in ("", "network.json", "tiles/imagery/0/0/0.png", "view.js"):
            assert ask(shared_server, f"/{token}/{path}")[0] == 403
        assert ask(shared_server, f"/{token}/review", method="POST", body=body)[0] == 403
    assert ask(shared_server, "/")[0] == 403
    assert set(verdicts(runs("as it is")).values()) == {None}
    assert ask(shared_server, "")[0] == 200


def test_other_machines_and_other_pages_are_refused(server, folder) -> None:
    assert server.server_address[0] == "127.0.0.1"
    edge_id, length_m = an_edge(folder)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    port = server.server_address[1]
    for host in ("example.org", f"example.org:{port}", "127.0.0.1.example.org", "[::1", ""):
        assert ask(server, "network.json", Host=host)[0] == 403, host
    for origin in ("https://example.org", "null", f"http://127.0.0.1:{port + 1}"):
        for kind in ({}, {"method": "POST", "body": body}):
            assert ask(server, "review", Origin=origin, **kind)[0] == 403, origin
    assert set(verdicts(folder).values()) == {None}
    own = f"http://127.0.0.1:{port}"
    assert ask(server, "review", method="POST", body=body, Origin=own)[0] == 200
    assert ask(server, "network.json", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\report.json", "report.json",
        "/etc/passwd", "view.js/../../report_page.py", "leaflet.LICENSE", "tiles/../report.json",
        "map.js\0.html",
    ],
)  # fmt: skip
def test_no_other_file_is_served(shared_server, path) -> None:
    request = f"GET /{shared_server.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(shared_server.server_address, timeout=20) as connection:
        connection.sendall(request.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 404")


def test_answers_tell_the_browser_to_stay_here(shared_server) -> None:
    with closing(
        http.client.HTTPConnection(*shared_server.server_address, timeout=20)
    ) as connection:
        connection.request("GET", f"/{shared_server.token}/")
        answer = connection.getresponse()
        answer.read()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_browser_is_started_without_the_token(monkeypatch) -> None:
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with open_browser("http://127.0.0.1:1/secret/", opens=True):
        page = Path(urlsplit(opened[0]).path)
        assert "secret" not in opened[0]
        assert "http://127.0.0.1:1/secret/" in page.read_text()
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    assert not page.exists()
    with open_browser("http://127.0.0.1:1/secret/", opens=False):
        assert len(opened) == 1
