"""The documentation site is built without a warning, and says what the code says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import roadex
from roadex.cli import VERBS
from roadex.config import ChangeConfig, CompareConfig, RunConfig, ScoreConfig, TrainConfig
from roadex.config.describe import describe
from roadex.network.tables import EDGE_COLUMNS, NODE_COLUMNS
from roadex.outputs import WRITERS
from roadex.scoring.metrics import LINE_METRICS, PIXEL_METRICS

ROOT = Path(__file__).parents[2]
PACKAGES = ("sphinx", "myst_parser", "furo", "sphinx_design", "sphinx_copybutton")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as ``make docs`` builds it."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install 'roadex[docs]')")
    folder = tmp_path_factory.mktemp("site")
    command = re.search(r"^docs:.*\n\t(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command is not None
    words = command[1].replace("docs/_build/html", str(folder)).split()
    assert words[0] == "$(BIN)/python"
    done = subprocess.run(
        [sys.executable, *words[1:], "--doctree-dir", str(folder.with_name("doctrees"))],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return folder


def _page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_every_public_name_has_an_entry(site: Path) -> None:
    page = _page(site, "reference/api.html")
    for name in roadex.__all__:
        if name != "__version__":
            assert f'id="roadex.{name}"' in page, name


def test_every_command_and_its_options_have_an_entry(site: Path) -> None:
    page = _page(site, "reference/cli.html")
    for verb in VERBS:
        assert f'id="roadex-{verb}"' in page, verb
    assert 'id="roadex-models-tune"' in page
    assert 'id="cmdoption-roadex-run-threshold"' in page
    assert "130" in page


def test_every_setting_is_in_a_table(site: Path) -> None:
    page = _page(site, "reference/settings.html")
    for kind in (RunConfig, TrainConfig, ScoreConfig, CompareConfig, ChangeConfig):
        for setting in describe(kind):
            assert f'<span class="pre">{setting.path}</span>' in page, setting.path


def test_every_column_and_format_is_in_a_table(site: Path) -> None:
    page = _page(site, "reference/outputs.html")
    for name in (*EDGE_COLUMNS, *NODE_COLUMNS, *WRITERS, "size_m"):
        assert f'<span class="pre">{name}</span>' in page, name


def test_every_metric_is_explained(site: Path) -> None:
    page = _page(site, "reference/scores.html")
    for name in (*LINE_METRICS, *PIXEL_METRICS):
        assert f'<span class="pre">{name}</span>' in page, name
    assert "References" not in page
    assert "----" not in page


def test_pages_and_search_need_nothing_from_elsewhere(site: Path) -> None:
    assert (site / "searchindex.js").stat().st_size > 10_000
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]* rel=\"stylesheet\"[^>]* href=\"([^\"]+)\"", text)
        assert loaded
        assert not [place for place in loaded if "//" in place], page.name
    for style in site.rglob("*.css"):
        content = style.read_text(encoding="utf-8")
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", content), style


def test_no_page_shows_what_should_have_been_read(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = re.sub(r"<pre>.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\.\. \w+::|:::|\{include\}|RESULT", text), page.name
