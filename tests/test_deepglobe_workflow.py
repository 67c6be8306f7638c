"""The DeepGlobe workflow from images to scores, as its page shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "workflows" / "deepglobe"

SHORT_TRAINING = """--set steps=2 --set chip_size=64 --set batch_size=2 --set network=dlinknet
    --set arguments.encoder=mobilenet_v2 --set loader_processes=0 --set precision=float32
    --set evaluate_every=2 --set ema_decay=0 --set tta=none"""

PAIRS = {"156476": 0.688, "153971": 0.602, "143802": 0.081}
"""Real images and the IoU that the packaged model reached there: two that it reads well, and one
where it finds hardly anything of what is labelled."""


def _run(data: Path, out: Path, **variables: str) -> str:
    """Run the workflow with the roadex of this Python; return what it said."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", WORKFLOW / "run.sh", data, out], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=280, env=os.environ | {"PATH": programs} | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _scores(out: Path) -> dict[str, dict[str, float]]:
    """Return the scores of the masks by their folder, checked to be of all images."""
    written = json.loads((out / "scores.json").read_text())
    reports = {Path(report["prediction"]).name: report for report in written["reports"]}
    assert set(reports) == {"masks-none", "masks-d4"}
    return {name: report["scores"]["iou"] for name, report in reports.items()}


@pytest.mark.slow
def test_generated_images_are_trained_on_scored_and_packed(tmp_path: Path) -> None:
    maker = [sys.executable, WORKFLOW / "make_tryout.py", tmp_path / "data"]
    subprocess.run([*maker, "--images", "4", "--size", "128"], check=True, timeout=60)
    lists = {f"{part.upper()}_SPLIT": str(tmp_path / "data" / f"{part}.txt") for part in
             ("train", "val")}  # fmt: skip
    out = tmp_path / "out"
    _run(tmp_path / "data", out, TRAIN_OPTIONS=SHORT_TRAINING, **lists)
    assert len(list((out / "train").glob("*_sat.jpg"))) == 3
    assert _scores(out)
    assert zipfile.ZipFile(out / "submission.zip").namelist() == ["100005_mask.png"]
    trained = (out / "model.safetensors").stat().st_mtime_ns
    _run(tmp_path / "data", out, TRAIN_OPTIONS=SHORT_TRAINING, **lists)
    assert (out / "model.safetensors").stat().st_mtime_ns == trained


@pytest.mark.real
def test_packaged_model_scores_on_real_pairs_as_documented(real_data: Path, tmp_path: Path) -> None:
    pairs = real_data / "foreign" / "deepglobe40"
    if not pairs.is_dir():
        pytest.skip("no DeepGlobe pairs in foreign/deepglobe40 of ROADEX_TEST_DATA")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train").symlink_to(pairs)
    listed = tmp_path / "mine.txt"
    listed.write_text("\n".join(PAIRS) + "\n")
    out = tmp_path / "out"
    _run(tmp_path / "data", out, MODEL="roadex-light", VAL_SPLIT=str(listed))
    scores = _scores(out)
    # Other processors round otherwise, and compute in 8-bit integers or not.
    assert scores["masks-none"]["iou_mean"] == pytest.approx(sum(PAIRS.values()) / 3, abs=0.02)
    assert scores["masks-d4"]["iou_mean"] == pytest.approx(sum(PAIRS.values()) / 3, abs=0.05)
    assert not (out / "model.safetensors").exists()
    assert not (out / "train").exists()
