"""A model learns from what a person corrected in its network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS
from rasterio.windows import Window

import roadex
from roadex.cli import cli
from roadex.config import CorrectConfig
from roadex.errors import NetworkError, OutputError, SceneError, TrainingError
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import own_grid
from roadex.models.modelfile import load_model
from roadex.pipeline.correct import correct
from roadex.pipeline.finished_run import FinishedRun
from roadex.probability.source import ArraySource
from roadex.training.correction.corrected_scene import CorrectedScene, background_level
from roadex.training.correction.edits import find_edits
from roadex.training.correction.job import edited_parts

UTM = CRS.from_epsg(32633)
QUICK = CorrectConfig(steps=2, batch_size=2, chip_size=64)


def line(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString(points)


def network(*lines: shapely.LineString, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"width_m": 6.0} | columns, geometry=list(lines), crs=UTM, index=range(len(lines))
    )


ROW = [line((0, y), (100, y)) for y in (0, 50, 100)]


def test_edits_are_what_was_added_and_deleted() -> None:
    drawn = line((0, 20), (60, 20))
    edits = find_edits(network(*ROW), network(ROW[0], ROW[2].reverse(), drawn))
    assert edits.added.lines.tolist() == [drawn]
    assert edits.deleted.lines.tolist() == [ROW[1]]
    assert {round(road.length) for road in edits.kept.lines} == {100}
    assert len(edits.kept.lines) == 2


def test_a_line_that_was_split_or_nudged_is_no_edit() -> None:
    halves = [line((0, 0), (40, 0)), line((40, 0), (100, 0))]
    nudged = line((0, 53), (100, 53))
    drawn = line((0, 20), (60, 20))
    edits = find_edits(network(*ROW), network(*halves, nudged, ROW[2], drawn))
    assert edits.added.lines.tolist() == [drawn]
    assert len(edits.deleted.lines) == 0
    assert edits.kept.km == pytest.approx(0.3)  # also what was split and nudged


def test_only_the_part_that_differs_is_an_edit() -> None:
    longer = line((0, 0), (150, 0))
    edits = find_edits(network(*ROW), network(longer, *ROW[1:]))
    assert edits.added.lines[0].length == pytest.approx(45, abs=0.5)
    shorter = find_edits(network(*ROW), network(line((0, 0), (60, 0)), *ROW[1:]))
    assert shorter.deleted.lines[0].length == pytest.approx(35, abs=0.5)
    assert shorter.kept.km == pytest.approx(0.265, abs=0.001)


def test_a_road_reviewed_as_wrong_is_deleted() -> None:
    edited = network(*ROW, review=["ok", "Wrong", None])
    edits = find_edits(network(*ROW), edited)
    assert edits.deleted.lines.tolist() == [ROW[1]]


def test_nothing_edited_is_an_error() -> None:
    with pytest.raises(NetworkError, match="does not differ"):
        find_edits(network(*ROW), network(*ROW))


@pytest.fixture
def whole(make_scene) -> CorrectedScene:
    """A scene of 100 x 100 m whose model found two of three roads, and half saw the third."""
    scene = open_scene([make_scene("scene.tif", shape=(100, 100))])
    grid = own_grid(scene)
    probability = np.zeros((100, 100), dtype=np.uint8)
    probability[17:24] = probability[47:54] = 200
    probability[77:84] = 60
    probability[:, 95:] = 255
    source = ArraySource(probability, grid.transform, UTM)
    x, y = grid.transform.c, grid.transform.f
    across = [line((x, y - row), (x + 100, y - row)) for row in (20.5, 50.5)]
    down, gone = (line((x + col, y), (x + col, y - 100)) for col in (30.5, 70.5))
    return CorrectedScene(
        scene=scene, grid=grid, probability=source, threshold=0.35,
        background=background_level(source),
        edits=find_edits(network(*across, gone), network(across[0], down)),
        part=Window(0, 0, 100, 100),
    )  # fmt: skip


def test_labels_are_what_is_known(whole) -> None:
    chip = whole.read()
    road, known = chip.road, chip.valid
    assert road[20, 10]  # kept
    assert road[60, 30]  # added, though nothing was found there
    assert not road[50, 10]
    assert known[50, 10]
    assert not known[80, 10]  # half seen: nobody knows
    assert known[65, 10]
    assert not road[65, 10]
    assert not known[60, 35]  # the edge of the added road was not drawn
    assert road[50, 30]  # where added and deleted cross, road wins
    assert known[35, 70]  # deleted too
    assert not known[20, 70]  # where a kept and a deleted road cross, nobody knows
    assert not known[65, 97]  # no probability there


def test_a_line_that_was_moved_is_gone_where_it_was(make_scene) -> None:
    """Two carriageways found as one wide road, with lines that swing between them."""
    scene = open_scene([make_scene("scene.tif", shape=(100, 100))])
    grid = own_grid(scene)
    probability = np.zeros((100, 100), dtype=np.uint8)
    probability[38:62] = 250
    x, y = grid.transform.c, grid.transform.f

    def across(*rows: float) -> gpd.GeoDataFrame:
        return network(*(line((x, y - row), (x + 100, y - row)) for row in rows), width_m=8.0)

    edits = find_edits(across(46.5, 54.5, 90.5), across(42.5, 58.5))
    assert edits.deleted.km == pytest.approx(0.1)  # only the last one is no road
    assert edits.kept.km == pytest.approx(0.2)
    corrected = CorrectedScene(
        scene=scene, grid=grid, probability=ArraySource(probability, grid.transform, UTM),
        threshold=0.35, background=0.02, edits=edits, part=Window(0, 0, 100, 100),
    )  # fmt: skip
    chip = corrected.read()
    assert chip.road[[42, 58], 50].all()
    assert not chip.road[50, 50]
    assert chip.valid[50, 50]  # the strip between the carriageways, found to be road, is none
    assert not chip.valid[47, 50]  # beside a drawn line nobody knows


def test_a_model_that_is_sure_of_nothing_is_still_believed_of_some_ground() -> None:
    rng = np.random.default_rng(0)
    vague = rng.integers(60, 200, (64, 64)).astype(np.uint8)
    level = background_level(ArraySource(vague, Affine.identity(), UTM))
    assert (vague <= level * 254).mean() == pytest.approx(0.4, abs=0.02)
    sure = np.where(rng.random((64, 64)) < 0.1, 200, 0).astype(np.uint8)
    assert background_level(ArraySource(sure, Affine.identity(), UTM)) == 0.02


def test_a_part_reads_the_same_labels(whole) -> None:
    everything, part = whole.read(), whole.of(Window(20, 30, 50, 40)).read(Window(5, 10, 20, 15))
    here = slice(40, 55), slice(25, 45)
    np.testing.assert_array_equal(part.road, everything.road[here])
    np.testing.assert_array_equal(part.valid, everything.valid[here])
    np.testing.assert_array_equal(part.image, everything.image[:, here[0], here[1]])


def test_parts_cover_every_edit_and_stay_inside(whole) -> None:
    parts = edited_parts(whole, 16)
    covered = np.zeros((100, 100), dtype=bool)
    for part in parts:
        rows, cols = part.toslices()
        assert 0 <= rows.start < rows.stop <= 100
        assert 0 <= cols.start < cols.stop <= 100
        covered[rows, cols] = True
    assert covered[:, 30].all()
    assert covered[50].all()
    assert not covered[5, 95]


def edit(folder: Path, path: Path) -> Path:
    """Write the network of a run, lines side by side, without those of a strip of the scene."""
    edges = roadex.RoadNetwork.read(folder).edges
    middle = edges.geometry.centroid.x - 5e5
    left = edges[(middle < 100) | (middle > 140)]
    left.to_file(path, layer="road_edges", driver="GPKG")
    return path


@pytest.fixture(scope="module")
def corrected(finished_run, model, tmp_path_factory) -> Path:
    """Return a folder with a network, edited, the model that was corrected by it, and its run."""
    folder = tmp_path_factory.mktemp("corrected")
    correct(
        finished_run, edit(finished_run, folder / "edited.gpkg"), folder / "mine.safetensors",
        model=model, config=QUICK, run_folder=folder / "run",
    )  # fmt: skip
    return folder


def test_correct_writes_a_model_that_says_what_it_learned(corrected, model) -> None:
    mine, old = load_model(corrected / "mine.safetensors"), load_model(model)
    assert mine.sha256 != old.sha256
    assert mine.metadata.threshold_high == old.metadata.threshold_high
    (learned,) = mine.metadata.training["corrections"]
    assert learned["from_sha256"] == old.sha256
    assert learned["deleted_km"] > 0
    assert learned["added_km"] == 0
    assert mine.metadata.validation == {}
    assert learned["found_before"]["deleted"] > 0.9


def test_the_same_call_goes_on_and_ends_in_the_same_weights(
    finished_run, corrected, model, tmp_path
) -> None:
    shutil.copytree(corrected / "run", tmp_path / "run")
    again = correct(
        finished_run, corrected / "edited.gpkg", tmp_path / "mine.safetensors", model=model,
        config=QUICK, run_folder=tmp_path / "run",
    )  # fmt: skip
    assert load_model(again.path).sha256 == load_model(corrected / "mine.safetensors").sha256


def test_a_checkpoint_of_other_corrections_is_refused(
    finished_run, corrected, model, tmp_path
) -> None:
    shutil.copytree(corrected / "run", tmp_path / "run")
    frame = gpd.read_file(corrected / "edited.gpkg", layer="road_edges")
    frame.iloc[1:].to_file(tmp_path / "edited.gpkg", layer="road_edges", driver="GPKG")
    with pytest.raises(TrainingError, match="something else"):
        correct(
            finished_run, tmp_path / "edited.gpkg", tmp_path / "two.safetensors", model=model,
            config=QUICK, run_folder=tmp_path / "run",
        )  # fmt: skip


def test_what_is_not_of_the_run_is_refused(finished_run, model, tmp_path, make_scene) -> None:
    edited = edit(finished_run, tmp_path / "edited.gpkg")
    output = tmp_path / "mine.safetensors"
    with pytest.raises(OutputError, match="another model"):
        correct(finished_run, edited, output, model="roadex-light")
    with pytest.raises(OutputError, match="no results"):
        correct(tmp_path, edited, output, model=model)
    other = make_scene("other.tif", shape=(192, 256))
    with pytest.raises(SceneError, match="not the imagery"):
        correct(finished_run, edited, output, model=model, scene=[str(other)])
    far = tmp_path / "far.gpkg"
    network(line((7e5, 5e6), (7e5, 5.0001e6))).to_file(far, layer="road_edges", driver="GPKG")
    edges = roadex.RoadNetwork.read(finished_run).edges
    pd.concat([edges, gpd.read_file(far)]).to_file(far, layer="road_edges", driver="GPKG")
    with pytest.raises(NetworkError, match="lies in"):
        correct(finished_run, far, output, model=model, config=QUICK)
    with pytest.raises(NetworkError, match="the edited network: cannot read"):
        correct(finished_run, tmp_path / "none.gpkg", output, model=model)
    assert not output.exists()


def test_imagery_that_was_moved_is_that_of_the_run_where_it_is_named(
    finished_run, model, tmp_path
) -> None:
    moved = shutil.copyfile(finished_run.parent / "scene.tif", tmp_path / "moved.tif")
    run = FinishedRun.open(finished_run, scene=[str(moved)], model=model)
    assert run.plan.scene.paths == (str(moved),)
    folder = shutil.copytree(finished_run, tmp_path / "out")
    report = json.loads((folder / "report.json").read_text())
    report["scene_paths"] = [str(moved)]
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(SceneError, match="was changed since the run"):
        FinishedRun.open(folder, model=model)


def test_the_command_says_what_changed_in_a_network_edited_in_its_place(
    finished_run, model, tmp_path
) -> None:
    folder, output = tmp_path / "out", tmp_path / "mine.safetensors"
    shutil.copytree(finished_run, folder)
    shutil.copy(finished_run.parent / "scene.tif", tmp_path)
    edited = edit(finished_run, tmp_path / "edited.gpkg")
    shutil.copy(edited, folder / "roads.gpkg")
    done = CliRunner().invoke(
        cli,
        [
            "correct", str(folder), str(folder / "roads.gpkg"), "-o", str(output),
            "--model", str(model), "--steps", "1", "--run-folder", str(tmp_path / "run"),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "deleted" in done.output
    assert "kept" in done.output
    assert "added" not in done.output
    (learned,) = load_model(output).metadata.training["corrections"]
    assert learned["deleted_km"] > 0


@pytest.mark.slow
def test_it_finds_the_roads_it_was_shown(model, tmp_path) -> None:
    """Grey roads on noise, of which the untrained network knows nothing: it learns them."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 90, (3, 320, 320), dtype=np.uint8)
    rows = (40, 120, 200, 280)
    for row in rows:
        image[:, row - 4 : row + 4] = 170
    scene = tmp_path / "scene.tif"
    with rasterio.open(
        scene, "w", driver="GTiff", height=320, width=320, count=3, dtype="uint8", crs=UTM,
        transform=Affine(1, 0, 5e5, 0, -1, 5e6),
    ) as file:  # fmt: skip
        file.write(image)
    config = roadex.RunConfig.from_dict(
        {
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
            "vector": {"low": 0.999, "high": 0.999},
        }
    )
    assert roadex.run(scene, tmp_path / "out", config=config).edges.empty
    drawn = [line((5e5, 5e6 - row), (5e5 + 320, 5e6 - row)) for row in rows[:3]]
    network(*drawn, width_m=8.0).to_file(
        tmp_path / "edited.gpkg", layer="road_edges", driver="GPKG"
    )
    made = correct(
        tmp_path / "out", tmp_path / "edited.gpkg", tmp_path / "mine.safetensors", model=model,
        config=CorrectConfig(steps=40, chip_size=96, learning_rate=2e-3),
        run_folder=tmp_path / "run",
    )  # fmt: skip
    assert made.after.added > 0.95
    better = roadex.RunConfig.from_dict(
        {
            "predict": {"model": str(made.path), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )
    edges = roadex.run(scene, tmp_path / "better", config=better).edges
    never_shown = shapely.LineString([(5e5, 5e6 - rows[3]), (5e5 + 320, 5e6 - rows[3])])
    found = never_shown.intersection(shapely.union_all(edges.geometry.buffer(5)))
    assert found.length > 0.8 * never_shown.length
    assert edges["length_m"].sum() < 1.5 * 4 * 320  # not everything is road to it
    assert json.loads((tmp_path / "better" / "report.json").read_text())["model"]["name"] == "mine"
