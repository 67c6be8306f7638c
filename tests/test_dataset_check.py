"""What is wrong with a dataset is found before training."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.windows import Window
from rich.console import Console

from roadex.cli.display import show_data_report
from roadex.errors import DatasetError
from roadex.synthetic import generate_scene
from roadex.training.datasets import find_labelled_scenes, find_unmatched_labels
from roadex.training.datasets.dataset_check import SUSPECT_GAIN, Level, check_dataset, check_overlap
from roadex.training.datasets.shift_check import AlignmentSearch
from roadex.training.preflight import check_data


@pytest.fixture
def pairs(tmp_path, make_scene):
    """Return a folder of two georeferenced pairs with a road 10 pixels wide."""
    road = np.zeros((1, 96, 128), np.uint8)
    road[:, 40:50] = 1
    for name in ("a", "b"):
        make_scene(f"sat/{name}.tif")
        make_scene(f"mask/{name}.tif", values=road)
    return tmp_path


def check(folder):
    name = str(folder)
    return check_dataset(
        name, find_labelled_scenes(name), gsd_m=1.0, unmatched_labels=find_unmatched_labels(name)
    )


def texts(report, level):
    return [f"{f.place}: {f.text}" for f in report.findings if f.level is level]


def test_sound_dataset_is_described_and_nothing_found(pairs):
    report = check(pairs)
    assert report.findings == []
    assert report.n_scenes == 2
    assert report.gsd_m == pytest.approx((1.0, 1.0), abs=1e-3)  # on the ground, not on the map
    assert report.megapixels == pytest.approx(2 * 96 * 128 / 1e6)
    assert report.road_share == pytest.approx(10 / 96)
    assert report.valid_share == 1


def test_mask_without_image_is_found(pairs):
    (pairs / "mask" / "c.tif").write_bytes((pairs / "mask" / "a.tif").read_bytes())
    assert "c.tif" in texts(check(pairs), Level.WARNING)[0]


def test_shifted_mask_is_found(pairs, make_scene):
    with rasterio.open(pairs / "mask" / "b.tif") as mask:
        values = mask.read()
    moved = Affine(1, 0, 500_003, 0, -1, 5_400_000)
    make_scene("mask/b.tif", values=values, transform=moved)
    (error,) = texts(check(pairs), Level.ERROR)
    assert "b: b.tif is 3.0 pixels off" in error


def test_mask_of_another_size_is_found(pairs, make_scene):
    make_scene("mask/b.tif", values=np.ones((1, 50, 50), np.uint8))
    (error,) = texts(check(pairs), Level.ERROR)
    assert "(50, 50)" in error


def test_masks_without_any_road_are_an_error_and_some_a_note(pairs, make_scene):
    empty = np.zeros((1, 96, 128), np.uint8)
    make_scene("mask/b.tif", values=empty)
    assert "1 of 2 scenes" in texts(check(pairs), Level.NOTE)[0]
    make_scene("mask/a.tif", values=empty)
    assert "no road in any window" in texts(check(pairs), Level.ERROR)[0]


def test_labels_where_the_image_is_blank_are_found(pairs, make_scene):
    values = np.random.default_rng(0).integers(60, 120, (3, 96, 128)).astype(np.uint8)
    values[:, 8:88, 32:96] = 255  # inside, where it may be a roof; a collar would be no imagery
    make_scene("sat/a.tif", values=values)
    (warning,) = texts(check(pairs), Level.WARNING)
    assert warning.startswith("a: 50% of the road label lies where the image is blank")


def test_labels_on_a_collar_are_not_learned(pairs, make_scene):
    values = np.random.default_rng(0).integers(60, 120, (3, 96, 128)).astype(np.uint8)
    values[..., 64:] = 255
    make_scene("sat/a.tif", values=values)
    chip = find_labelled_scenes(str(pairs))[0].read()
    assert chip.valid[:, :60].all()
    assert not chip.valid[:, 64:].any()


def test_swapped_mask_is_found(pairs, make_scene):
    make_scene("mask/a.tif", values=np.ones((1, 96, 128), np.uint8))
    assert "swapped" in texts(check(pairs), Level.WARNING)[0]


def test_unreadable_image_is_an_error(pairs):
    (pairs / "sat" / "a.tif").write_bytes((pairs / "sat" / "a.tif").read_bytes()[:600])
    assert texts(check(pairs), Level.ERROR)


def test_coarse_imagery_is_found(tmp_path):
    for part in ("sat", "mask"):
        (tmp_path / part).mkdir()
    Image.fromarray(np.full((64, 64, 3), 80, np.uint8)).save(tmp_path / "sat" / "a.png")
    Image.fromarray(np.eye(64, dtype=np.uint8)).save(tmp_path / "mask" / "a.png")
    (tmp_path / "gsd_m.txt").write_text("5")
    assert "pixels of 5 m" in texts(check(tmp_path), Level.WARNING)[0]


def test_validation_on_training_data_is_found(pairs):
    scenes = find_labelled_scenes(str(pairs))
    assert [finding.place for finding in check_overlap(scenes, scenes[1:])] == ["b"]


def test_errors_stop_the_training_and_findings_are_shown(pairs, make_scene):
    make_scene("mask/b.tif", values=np.ones((1, 50, 50), np.uint8))
    data = {str(pairs): find_labelled_scenes(str(pairs))}
    report = check_data(data, {}, gsd_m=1.0)
    with pytest.raises(DatasetError, match=r"1 error.* b: b\.tif"):
        report.raise_if_bad()
    console = Console(record=True, width=120)
    show_data_report(report, console)
    printed = console.export_text()
    assert "error: b: b.tif is (50, 50)" in printed
    assert pairs.name in printed


@pytest.fixture(scope="module")
def generated():
    """Return four scenes of mixed style."""
    return [generate_scene(shape=(300, 300), seed=seed, style="mixed") for seed in range(4)]


@pytest.mark.parametrize(("rows", "cols"), [(0, 0), (6, -4), (0, 9)])
def test_labels_beside_the_roads_of_the_image_are_found(
    rows, cols, generated, tmp_path, make_scene
):
    for seed, scene in enumerate(generated):
        make_scene(f"sat/{seed}.tif", values=scene.image)
        moved = np.roll(scene.road_mask, (rows, cols), (0, 1)).astype(np.uint8)
        make_scene(f"mask/{seed}.tif", values=moved[None])
    found = [text for text in texts(check(tmp_path), Level.WARNING) if "shifted" in text]
    expected = [f"{rows} rows up", f"{-cols} columns to the right"] if cols < 0 else []
    assert bool(found) == bool(rows or cols)
    assert all(part in found[0] for part in expected)


@pytest.mark.real
@pytest.mark.parametrize("shift", [0, 5])
def test_real_labels_are_found_shifted_only_if_they_are(shift, real_data):
    search = AlignmentSearch()
    for scene in find_labelled_scenes(f"massachusetts:{real_data}/massachusetts/val")[:6]:
        for col in (200, 700, 1200):
            chip = scene.read(Window(col, 600, 256, 256))
            search.add(chip._replace(road=np.roll(chip.road, (shift, -shift), (0, 1))))
    best = search.best()
    assert (best.rows, best.cols) == pytest.approx((-shift, shift), abs=1)
    assert (best.gain > SUSPECT_GAIN) == bool(shift)
