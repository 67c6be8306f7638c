"""DeepGlobe: both IoU, splits, thresholds, comparisons, submissions."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from PIL import Image

from roadex.cli.score import score as score_command
from roadex.config import ScoreConfig
from roadex.errors import DatasetError, ScoreError
from roadex.imagery.containers import without_georeference_warning
from roadex.scoring.deepglobe import score_deepglobe
from roadex.scoring.splits import SPLITS, split_ids
from roadex.scoring.submission import write_submission

SIDE = 32
IDS = ("100034", "100081", "100129", "100703")


@pytest.fixture
def challenge(tmp_path):
    """Images with road, one without, blurred truth masks, and predictions as probability."""
    rng = np.random.default_rng(0)
    for i, name in enumerate(IDS):
        truth = np.zeros((SIDE, SIDE), np.uint8)
        truth[8:14] = 255 if i < 3 else 0
        blurred = np.where(truth > 0, 247, 6).astype(np.uint8)
        Image.fromarray(np.dstack([blurred] * 3)).save(_in(tmp_path, "truth", f"{name}_mask.png"))
        Image.fromarray(np.dstack([truth] * 3)).save(_in(tmp_path, "truth", f"{name}_sat.jpg"))
        noise = rng.random(truth.shape)
        for folder, quality in (("plain", 0.5), ("tta", 0.8)):
            probability = quality * (truth > 0) + (1 - quality) * noise
            _write(_in(tmp_path, folder, f"{name}.tif"), probability.astype(np.float32))
    return tmp_path


def _in(root, folder, name):
    (root / folder).mkdir(exist_ok=True)
    return root / folder / name


def _write(path, values):
    height, width = values.shape
    with (
        without_georeference_warning(),
        rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=1, dtype=values.dtype
        ) as raster,
    ):
        raster.write(values, 1)


def _binary(root, source, target, threshold=0.5):
    write_submission(root / source, root / target, config=ScoreConfig(threshold=threshold))
    return root / target


def test_worked_example_gives_both_definitions(tmp_path):
    half, full, none = (np.zeros((10, 10), np.uint8) for _ in range(3))
    half[0] = 255
    full[:5] = 255
    found = half.copy()
    found[0, 5:] = 0
    for name, truth, prediction in (("1", half, found), ("2", full, full), ("3", none, none)):
        Image.fromarray(truth).save(_in(tmp_path, "truth", f"{name}_mask.png"))
        Image.fromarray(prediction).save(_in(tmp_path, "found", f"{name}_mask.png"))
    report = score_deepglobe([tmp_path / "found"], tmp_path / "truth").reports[0]
    assert round(report.value("iou"), 4) == 0.9167
    assert round(report.value("iou_mean"), 4) == 0.8333
    assert any("1 without road on either side (IoU 1)" in line for line in report.decisions)


def test_sweep_finds_the_threshold_of_both_definitions(challenge):
    report = score_deepglobe([challenge / "tta"], challenge / "truth").reports[0]
    curve = report.curves["thresholds"]
    for threshold in (0.3, 0.5, 0.7):
        binary = _binary(challenge, "tta", f"masks{threshold}", threshold)
        masks = score_deepglobe([binary], challenge / "truth").reports[0]
        level = int(np.ceil(threshold * 254))
        assert curve["iou"][level] == pytest.approx(masks.value("iou"), abs=0.01)
        assert curve["iou_mean"][level] == pytest.approx(masks.value("iou_mean"), abs=0.01)
    assert report.value("best_iou_mean") == max(curve["iou_mean"])


def test_predictions_are_compared_on_the_same_images(challenge):
    folders = [_binary(challenge, name, f"{name}-masks", 0.6) for name in ("plain", "tta")]
    result = score_deepglobe(folders, challenge / "truth")
    (difference,) = result.differences
    first, second = result.reports
    assert difference.iou == pytest.approx(second.value("iou") - first.value("iou"))
    low, high = difference.iou_mean_interval
    assert 0 < low <= difference.iou_mean <= high
    same = score_deepglobe([folders[0]] * 2, challenge / "truth").differences[0]
    assert (same.iou, same.iou_interval) == (0, (0, 0))


def test_intervals_are_seeded_and_narrow_with_confidence(challenge):
    folder = _binary(challenge, "plain", "masks", 0.6)

    def interval(**settings):
        report = score_deepglobe([folder], challenge / "truth", ScoreConfig(**settings)).reports[0]
        return report.intervals["iou_mean"]

    assert interval() == interval()
    (low, high), (lower, higher) = interval(confidence=0.5), interval(confidence=0.99)
    assert lower <= low <= high <= higher


def test_splits_are_the_published_lists():
    train, validation, whole = (split_ids(name) for name in SPLITS)
    assert (len(train), len(validation), len(whole)) == (4696, 1530, 6226)
    assert not set(train) & set(validation)
    assert train[0] == "100034"


def test_split_file_selects_images_and_names_the_missing(challenge):
    listed = challenge / "mine.txt"
    listed.write_text("100034\n100703\n")
    result = score_deepglobe([challenge / "tta"], challenge / "truth", split=str(listed))
    assert result.n_images == len(result.reports[0].tiles) == 2
    with pytest.raises(ScoreError, match=r"1526 tile\(s\) of split batra-val|are missing from"):
        score_deepglobe([challenge / "tta"], challenge / "truth", split="batra-val")
    with pytest.raises(DatasetError, match="available: batra-train"):
        split_ids("batra")


def test_submission_has_the_challenge_format(challenge):
    archive = challenge / "submission.zip"
    masks = write_submission(challenge / "tta", challenge / "out", zip_path=archive)
    assert [mask.name for mask in masks] == [f"{name}_mask.png" for name in IDS]
    mask = np.asarray(Image.open(masks[0]))
    assert mask.shape == (SIDE, SIDE, 3)
    assert set(np.unique(mask)) == {0, 255}
    assert zipfile.ZipFile(archive).namelist() == sorted(mask.name for mask in masks)
    first = archive.read_bytes()
    write_submission(challenge / "tta", challenge / "out", zip_path=archive)
    assert archive.read_bytes() == first


def test_masks_and_probability_in_one_folder_are_told_apart(challenge):
    folder = _binary(challenge, "tta", "both", 0.5)
    rng = np.random.default_rng(1)
    for name in IDS:
        truth = np.asarray(Image.open(folder / f"{name}_mask.png"))[..., 0] > 0
        level = np.where(truth, 127, rng.integers(0, 100, truth.shape)).astype(np.uint8)
        Image.fromarray(level).save(folder / f"{name}_probability.png")
    masks = score_deepglobe([folder], challenge / "truth").reports[0]
    assert "mask" in masks.decisions[0]
    pattern = folder / "*_probability.png"
    probability = score_deepglobe([pattern], challenge / "truth").reports[0]
    assert "steps of 1/254" in probability.decisions[0]
    assert probability.value("iou") == masks.value("iou")
    assert "best_iou" in probability.scores["thresholds"]


def test_single_files_are_refused(challenge):
    with pytest.raises(ScoreError, match="compare folders"):
        score_deepglobe([challenge / "tta" / "100034.tif"], challenge / "truth")


def test_command_compares_draws_and_packs(challenge):
    out = {kind: challenge / f"out.{kind}" for kind in ("json", "csv", "zip")}
    pictures = {name: challenge / f"{name}.png" for name in ("curves", "sheet")}
    arguments = [
        "deepglobe", str(challenge / "plain"), str(challenge / "tta"), str(challenge / "truth"),
        f"--json={out['json']}", f"--csv={out['csv']}", f"--submission={out['zip']}",
        f"--curves={pictures['curves']}", f"--sheet={pictures['sheet']}",
    ]  # fmt: skip
    result = CliRunner().invoke(score_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "iou_mean" in result.output
    assert len(json.loads(out["json"].read_text())["reports"]) == 2
    assert all(path.stat().st_size > 0 for path in (*out.values(), *pictures.values()))
