"""Labels moved to the roads of the imagery: roads that are known, labels that lie beside them."""

from __future__ import annotations

import csv

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from scipy import ndimage

from roadex.cli.align import align
from roadex.errors import ConfigError, DatasetError, OutputError
from roadex.synthetic import generate_scene, write_pairs, write_scene
from roadex.synthetic.files import road_lines
from roadex.training.align.lines import _windows
from roadex.training.align.shifts import find_local_shifts, move_labels
from roadex.training.datasets import find_labelled_scenes


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def streets(side=600, width=7):
    """A grid of streets and a diagonal, as truth and as the probability a network would give."""
    truth = np.zeros((side, side), dtype=bool)
    for at in range(40, side, 130):
        truth[at : at + width] = truth[:, at : at + width] = True
    rows, cols = np.indices(truth.shape)
    truth |= abs(rows + cols - side) < width / 2 * np.sqrt(2)
    return truth, ndimage.gaussian_filter(truth.astype(np.float32), 1.5)


@pytest.mark.parametrize(("down", "right"), [(0, 2), (-2, 1), (3, -3)])
def test_labels_beside_their_roads_come_back(down, right):
    truth, probability = streets()
    labels = np.roll(truth, (down, right), (0, 1))
    shifts = find_local_shifts(probability, labels, gsd_m=1.0, max_shift_m=4.0)
    assert shifts.shape == (2, *truth.shape)
    assert shifts[:, labels].mean(axis=1) == pytest.approx([-down, -right], abs=0.5)
    assert iou(labels, truth) < 0.75
    assert iou(move_labels(labels, shifts), truth) > 0.92


def test_neighbourhoods_move_by_themselves():
    truth, probability = streets(side=800)
    labels = np.hstack([np.roll(truth[:, :400], 2, 1), np.roll(truth[:, 400:], -2, 1)])
    shifts = find_local_shifts(probability, labels, gsd_m=1.0, max_shift_m=3.0)
    assert shifts[1, :, :250].mean() == pytest.approx(-2, abs=0.4)
    assert shifts[1, :, 550:].mean() == pytest.approx(2, abs=0.4)
    assert iou(move_labels(labels, shifts), truth) > iou(labels, truth) + 0.2


def test_moves_are_in_metres_and_end_where_they_may():
    truth, probability = streets(width=12)
    labels = np.roll(truth, 4, 1)
    at_half_a_metre = find_local_shifts(probability, labels, gsd_m=0.5, max_shift_m=3.0)
    assert at_half_a_metre[1].mean() == pytest.approx(-4, abs=0.4)
    at_most_one = find_local_shifts(probability, labels, gsd_m=0.5, max_shift_m=1.0)
    assert -2 <= at_most_one[1].min() < -1.5


def test_labels_stay_where_nothing_is_seen():
    truth, probability = streets()
    for seen in (np.zeros_like(probability), np.full_like(probability, 0.3)):
        shifts = find_local_shifts(seen, truth, gsd_m=1.0, max_shift_m=3.0)
        assert abs(shifts[:, 50:-50, 50:-50]).max() < 0.3
        assert np.array_equal(move_labels(truth, shifts)[50:-50, 50:-50], truth[50:-50, 50:-50])
    nothing = np.zeros_like(truth)
    shifts = find_local_shifts(probability, nothing, gsd_m=1.0, max_shift_m=3.0)
    assert not move_labels(nothing, shifts).any()


def write_shifted(folder, side):
    """Write two generated scenes whose masks lie 2 px to the right of the roads; return them."""
    shape = (side, side)
    scenes = [generate_scene(shape=shape, gsd_m=1.0, seed=s, style="suburban") for s in (3, 4)]
    for _ in write_pairs(scenes, folder):
        pass
    for path in (folder / "mask").iterdir():
        with rasterio.open(path, "r+") as raster:
            raster.write(np.roll(raster.read(), 2, axis=2))
    return scenes


@pytest.fixture
def small(tmp_path):
    """Return a dataset where it does not matter how well labels are aligned."""
    write_shifted(tmp_path / "shifted", 128)
    return tmp_path / "shifted"


def run(*arguments):
    return CliRunner().invoke(align, [str(a) for a in arguments], catch_exceptions=False).output


def test_the_command_writes_a_dataset_with_labels_on_the_roads(tmp_path):
    source = tmp_path / "shifted"
    truth = {f"suburban-{scene.seed}": scene.road_mask for scene in write_shifted(source, 384)}
    out = tmp_path / "aligned"
    assert "2 scenes, labels shifted by" in run(source, out)
    found = {scene.name: scene for scene in find_labelled_scenes(f"pairs:{out}")}
    assert found.keys() == truth.keys()
    for before in find_labelled_scenes(f"pairs:{source}"):
        old, new = before.read(), found[before.name].read()
        assert found[before.name].gsd_m == before.gsd_m
        assert np.array_equal(new.image, old.image)
        assert iou(new.road, truth[before.name]) > iou(old.road, truth[before.name]) + 0.1
    with (out / "moves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["scene"] for row in rows] == sorted(truth)
    for row in rows:
        assert float(row["right_m"]) == pytest.approx(-2, abs=0.8)
        assert float(row["iou_after"]) > float(row["iou_before"])


def test_what_was_stopped_goes_on_and_other_settings_do_not_mix(small, tmp_path, model):
    out = tmp_path / "aligned"
    run(small, out, "--model", model)
    kept, lost = sorted((out / "mask").iterdir())
    before = kept.stat().st_mtime_ns
    lost.unlink()
    assert "1 scene," in run(small, out, "--model", model)
    assert kept.stat().st_mtime_ns == before
    assert lost.exists()
    with pytest.raises(OutputError, match="not empty"):
        run(small, out, "--model", model, "--max-shift", "2")
    assert "2 scenes," in run(small, out, "--model", model, "--max-shift", "2", "--overwrite")
    assert len((out / "moves.csv").read_text().splitlines()) == 3


def test_a_scene_whose_note_was_cut_off_is_done_again(small, tmp_path, model):
    out = tmp_path / "aligned"
    run(small, out, "--model", model)
    moves = out / "moves.csv"
    whole = moves.read_text()
    moves.write_text(whole[:-9])  # killed while it was written, or before
    assert "1 scene," in run(small, out, "--model", model)
    assert moves.read_text() == whole
    (out / "mask" / f"{whole.splitlines()[1].split(',')[0]}.tif").unlink()
    assert "1 scene," in run(small, out, "--model", model)
    assert sorted(moves.read_text().splitlines()) == sorted(whole.splitlines())


def test_road_lines_become_lines_on_the_roads(tmp_path):
    scene = generate_scene(shape=(512, 512), gsd_m=1.0, seed=3, style="suburban")
    files = write_scene(scene, tmp_path / "scene")
    roads = road_lines(scene)
    beside = roads.set_geometry(roads.translate(2, 1))
    beside.to_crs(4326).to_file(tmp_path / "osm.gpkg")
    out = tmp_path / "aligned"
    image = files["scene"].rename(tmp_path / "scene" / "aerial.0.5m.tif")
    given = f"lines:{image}+{tmp_path / 'osm.gpkg'}"
    assert "lines.toml" in run(given, out)
    [old], [found] = (
        find_labelled_scenes(given),
        find_labelled_scenes(f"lines:{out / 'lines.toml'}"),
    )
    moved = geopandas.read_file(out / "aerial.0.5m.gpkg").to_crs(roads.crs)
    assert sorted(moved["width_m"]) == pytest.approx(sorted(roads["width_m"]))
    before, after = (distance_m(lines, roads) for lines in (beside, moved))
    assert before > 1
    assert after < 0.6 * before
    chip, chip_before = found.read(), old.read()
    assert np.array_equal(chip.image, chip_before.image)
    assert iou(chip.road, scene.road_mask) > iou(chip_before.road, scene.road_mask) + 0.1


def distance_m(lines, truth):
    """Mean distance of lines to the true ones, every metre."""
    whole = truth.union_all()
    points = lines.geometry.segmentize(1).get_coordinates()
    return shapely.distance(shapely.points(points.to_numpy()), whole).mean()


def test_large_scenes_are_looked_at_in_windows_that_own_each_place_once():
    owned = np.zeros((4100, 2300), dtype=int)
    for tile in _windows(owned.shape):
        rows, cols = tile.read.toslices()
        owned[rows, cols][tile.inner] += 1
        assert tile.read.height <= 2400
        assert tile.read.width <= 2400
    assert (owned == 1).all()


def test_a_dataset_is_never_written_over(small):
    before = {path: path.read_bytes() for path in small.rglob("*.tif")}
    for folder in (small, small.parent):
        with pytest.raises(OutputError, match="outside the dataset"):
            run(small, folder, "--overwrite")
    assert before == {path: path.read_bytes() for path in small.rglob("*.tif")}


def test_misuse_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        run(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(ConfigError, match="--max-shift must be above 0 and at most 20"):
        run(tmp_path, tmp_path / "out", "--max-shift", "-1")
