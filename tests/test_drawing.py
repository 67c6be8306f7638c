"""Pictures: where panels, captions and legends stand, and what colours mean."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roadex
from roadex.errors import OutputError
from roadex.outputs.drawing import (
    INK,
    NO_DATA,
    PAPER,
    SERIES,
    WHITE,
    compose,
    displayable,
    fit,
    grey,
    save_png,
)
from roadex.scoring.curves import write_curves
from roadex.scoring.report import ScoreReport

RED = np.full((20, 30, 3), (255, 0, 0), np.uint8)
BLUE = np.full((10, 10, 3), (0, 0, 255), np.uint8)


def test_panels_stand_row_by_row_in_the_room_of_the_largest():
    sheet = np.asarray(compose([RED, BLUE, RED], n_columns=2, gap_px=4, margin_px=3))
    assert sheet.shape == (2 * 3 + 2 * 20 + 4, 2 * 3 + 2 * 30 + 4, 3)
    assert (sheet[3:23, 3:33] == RED).all()
    assert (sheet[3:13, 37:47] == BLUE).all()
    assert (sheet[27:47, 3:33] == RED).all()
    covered = np.zeros(sheet.shape[:2], bool)
    covered[3:23, 3:33] = covered[3:13, 37:47] = covered[27:47, 3:33] = True
    assert (sheet[~covered] == PAPER).all()


def test_pictures_without_words_have_no_room_for_them():
    sheet = compose([RED, RED, RED], n_columns=3, margin_px=0, paper=WHITE)
    assert sheet.size == (3 * 30 + 2 * 12, 20)


def test_words_stand_above_and_below_the_panels():
    legend = {"found": (1, 2, 3), "missed": (4, 5, 6)}
    plain = compose([RED], n_columns=1)
    title = "a title that is wider than the one small panel below it"
    sheet = np.asarray(compose([RED], n_columns=1, captions=["x"], title=title, legend=legend))
    top = int(np.argmax((sheet == RED[0, 0]).all(axis=2).any(axis=1)))
    assert sheet.shape[1] > plain.size[0]  # the title is not cut off
    assert (sheet[:top] == INK).all(axis=2).any()
    assert all((sheet[:top] == colour).all(axis=2).any() for colour in legend.values())
    assert (sheet[top + 20 :] != PAPER).any()  # the caption
    assert np.flatnonzero((sheet != PAPER).any(axis=(0, 2))).max() < sheet.shape[1] - 1


def test_nothing_to_show_is_a_picture_too(tmp_path):
    save_png(compose([], n_columns=1, title="nothing"), tmp_path / "a.png")
    assert np.asarray(Image.open(tmp_path / "a.png")).shape[1] > 24


@pytest.mark.parametrize(("bands", "seen"), [(1, (7, 7, 7)), (2, (7, 7, 7)), (4, (7, 8, 9))])
def test_three_bands_are_colours_and_fewer_are_grey(bands, seen):
    image = np.arange(7, 7 + bands, dtype=np.float32)[:, None, None] + np.zeros((1, 2, 2))
    valid = np.array([[True, True], [True, False]])
    picture = displayable(image.astype(np.float32), valid)
    assert tuple(picture[0, 0].tolist()) == seen
    assert tuple(picture[1, 1].tolist()) == NO_DATA


def test_grey_is_cut_off_at_black_and_white():
    picture = grey(np.array([[-5.0, 128.4, 300.0]]), np.array([[True, True, True]]))
    assert picture[0, :, 0].tolist() == [0, 128, 255]


def test_fit_averages_when_it_shrinks_and_repeats_when_it_grows():
    board = grey(np.indices((4, 8)).sum(axis=0) % 2 * 200)
    assert fit(board, 4).shape == (2, 4, 3)
    assert (fit(board, 4) == 100).all()
    assert set(np.unique(fit(board, 16))) == {0, 200}


def test_picture_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        save_png(compose([RED], n_columns=1), tmp_path / "nowhere" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        save_png(compose([RED], n_columns=1), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_curves_have_a_colour_each_and_need_no_window_system(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    monkeypatch.delenv("DISPLAY", raising=False)
    reports = []
    for name, top in (("a.tif", 0.9), ("b.tif", 0.6)):
        curve = {
            "threshold": [0.0, 0.5, 1.0], "iou": [0.1, top, 0.2],
            "precision": [0.1, top, 1.0], "recall": [1.0, top, 0.1],
        }  # fmt: skip
        report = ScoreReport(
            prediction=name, truth="t.tif", scores={}, intervals={}, tiles=[],
            curves={"thresholds": curve}, decisions=[], config={},
        )  # fmt: skip
        reports.append(report)
    write_curves(reports, tmp_path / "curves.png")
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).reshape(-1, 3)
    colours = {tuple(colour) for colour in np.unique(picture, axis=0).tolist()}
    assert set(SERIES[:2]) <= colours
    assert SERIES[2] not in colours


def test_one_module_draws_words():
    package = Path(roadex.__file__).parent
    found = [p.name for p in package.rglob("*.py") if "ImageFont" in p.read_text(encoding="utf-8")]
    assert found == ["drawing.py"]
