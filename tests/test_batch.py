"""Many scenes in one go: each on its own, a failure stops nobody, what is finished is skipped."""

import csv
import json
import sys
from datetime import UTC, datetime
from threading import Event
from threading import enumerate as enumerate_threads

import geopandas as gpd
import pandas as pd
import pystac
import pytest
from shapely.geometry import box

from roadex.cli import main
from roadex.config import RunConfig
from roadex.errors import RunError, SceneError
from roadex.imagery.scene_list import name_scenes, read_scene_list
from roadex.pipeline import batch as batch_module
from roadex.pipeline.batch import extract_many, raise_if_any_failed
from roadex.pipeline.run import run


@pytest.fixture
def settings(model, scheduler):
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"scheduler": scheduler, "retries": 0},
        }
    )


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_each_scene_gets_the_results_it_gets_alone_and_a_bad_one_stops_nobody(
    make_scene, settings, tmp_path, monkeypatch
):
    paths = [make_scene(f"{name}.tif", shape=(70, 90)) for name in "ab"]
    (tmp_path / "bad.tif").write_text("not a raster")
    listed = name_scenes((None, str(path)) for path in [paths[0], tmp_path / "bad.tif", paths[1]])
    out = tmp_path / "out"
    outcomes = extract_many(listed, out, config=settings)
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "done"]
    assert "not a raster" in rows(out)["bad"]["error"]
    with pytest.raises(RunError, match=r"1 of 3 scenes.*bad.*summary\.csv"):
        raise_if_any_failed(outcomes, out)
    run(paths[1], tmp_path / "alone", config=settings)
    for name in ("roads.gpkg", "probability.tif", "preview.png"):
        assert (out / "b" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    footprints = gpd.read_file(out / "summary.geojson").set_index("name")
    scene = gpd.GeoSeries([box(500_000, 5_400_000 - 70, 500_090, 5_400_000)], crs=32633)
    away = footprints.geometry["a"].symmetric_difference(scene.to_crs(4326)[0])
    assert away.area < 1e-3 * scene.to_crs(4326)[0].area

    # Again, after the bad one was mended: only that one is done.
    make_scene("bad.tif", shape=(70, 90))
    done = []
    prepare = batch_module.prepare
    monkeypatch.setattr(
        batch_module,
        "prepare",
        lambda path, *a, **k: (done.append(path), prepare(path, *a, **k))[1],
    )
    outcomes = extract_many(listed, out, config=settings)
    assert [outcome.state for outcome in outcomes] == ["done before", "done", "done before"]
    assert done == [str(tmp_path / "bad.tif")]
    raise_if_any_failed(outcomes, out)
    assert rows(out)["a"]["road_km"]

    # Results of other settings are neither taken for these nor replaced unasked; only where the
    # network alone is to be another one, it is made anew.
    predict = settings.to_dict()["predict"]
    other = RunConfig.from_dict(settings.to_dict() | {"predict": predict | {"tta": "flip"}})
    assert "--overwrite" in extract_many(listed[:1], out, config=other)[0].error
    other = RunConfig.from_dict(settings.to_dict() | {"vector": {"min_spur_m": 5.0}})
    assert extract_many(listed[:1], out, config=other)[0].state == "done"


def test_reports_of_other_programs_stop_their_scenes_alone(make_scene, settings, tmp_path):
    contents = ['{"title": "Delhi"}', "[1]", '{"result": 3}', "{", None]
    reports = [tmp_path / "out" / f"bad{n}" / "report.json" for n in range(len(contents))]
    for report, content in zip(reports, contents, strict=True):
        report.parent.mkdir(parents=True)
        report.mkdir() if content is None else report.write_text(content)
    names = [*(report.parent.name for report in reports), "good"]
    paths = [make_scene(f"{name}.tif", shape=(70, 90)) for name in names]
    listed = name_scenes((None, str(path)) for path in paths)
    outcomes = extract_many(listed, tmp_path / "out", config=settings)
    assert [outcome.state for outcome in outcomes] == ["failed"] * len(contents) + ["done"]
    for outcome, report, content in zip(outcomes, reports, contents, strict=False):
        assert "report.json" in outcome.error
        assert report.is_dir() if content is None else report.read_text() == content


def test_a_bug_in_one_scene_is_told_and_stops_nobody(make_scene, settings, tmp_path, monkeypatch):
    def broken(work, client):
        if work.result.folder.name == "a":
            raise ZeroDivisionError
        return carry_out(work, client)

    carry_out = batch_module.carry_out
    monkeypatch.setattr(batch_module, "carry_out", broken)
    listed = name_scenes(
        (None, str(make_scene(f"{name}.tif", shape=(64, 64)))) for name in ("a", "b")
    )
    outcomes = extract_many(listed, tmp_path / "out", config=settings)
    assert [outcome.state for outcome in outcomes] == ["failed", "done"]
    assert "ZeroDivisionError" in (tmp_path / "out" / "a" / "error.txt").read_text()
    monkeypatch.setattr(batch_module, "carry_out", carry_out)
    outcomes = extract_many(listed, tmp_path / "out", config=settings)
    assert [outcome.state for outcome in outcomes] == ["done", "done before"]
    assert not (tmp_path / "out" / "a" / "error.txt").exists()


def test_results_that_an_interrupted_run_has_begun_to_replace_are_not_taken(
    make_scene, settings, tmp_path, monkeypatch
):
    listed = name_scenes([(None, str(make_scene("a.tif", shape=(64, 64))))])
    out = tmp_path / "out"
    extract_many(listed, out, config=settings)
    before = (out / "a" / "probability.tif").read_bytes()
    predict = settings.to_dict()["predict"]
    other = RunConfig.from_dict(settings.to_dict() | {"predict": predict | {"tta": "d4"}})
    with monkeypatch.context() as patch:
        patch.setattr("roadex.pipeline.run.vectorize", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(listed[0].path, out / "a", config=other, overwrite=True)
    assert (out / "a" / "probability.tif").read_bytes() != before
    assert [o.state for o in extract_many(listed, out, config=settings)] == ["failed"]
    extract_many(listed, out, config=settings, overwrite=True)
    assert (out / "a" / "probability.tif").read_bytes() == before


def interrupt(*_args, **_settings):
    raise KeyboardInterrupt


def test_scenes_that_an_interruption_stops_have_no_bug(make_scene, settings, tmp_path, monkeypatch):
    is_over, ended = Event(), Event()

    def stopped(work, crew):
        if work.result.folder.name == "b":
            return carry_out(work, crew)
        try:
            is_over.wait(60)
            raise RuntimeError
        finally:
            ended.set()

    carry_out = batch_module.carry_out
    monkeypatch.setattr(batch_module, "carry_out", stopped)
    monkeypatch.setattr(batch_module.Summary, "add", interrupt)
    listed = name_scenes((None, str(make_scene(f"{name}.tif", shape=(64, 64)))) for name in "ab")
    with pytest.raises(KeyboardInterrupt):
        extract_many(listed, tmp_path / "out", config=settings)
    is_over.set()
    assert ended.wait(60)
    for thread in enumerate_threads():
        if thread.name.startswith("scene"):
            thread.join(60)
    assert not (tmp_path / "out" / "a" / "error.txt").exists()


def test_a_scene_that_is_gone_since_fails_alone(make_scene, settings, tmp_path):
    paths = [make_scene(f"{name}.tif", shape=(64, 64)) for name in "ab"]
    listed = name_scenes((None, str(path)) for path in paths)
    extract_many(listed, tmp_path / "out", config=settings)
    paths[0].unlink()
    outcomes = extract_many(listed, tmp_path / "out", config=settings)
    assert [outcome.state for outcome in outcomes] == ["failed", "done before"]
    assert "does not exist" in outcomes[0].error


def test_command_line_runs_a_list_and_says_what_failed(
    make_scene, model, scheduler, tmp_path, monkeypatch, capsys
):
    make_scene("a.tif", shape=(64, 64))
    (tmp_path / "scenes.txt").write_text("# mine\na.tif\nnope.tif\n")
    arguments = ["run", "--list", "../scenes.txt", "-o", "out", "-m", str(model), "--tta", "none",
                 "--scheduler", scheduler]  # fmt: skip
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["roadex", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert stop.value.code == 3
    assert [line for line in err.splitlines() if line.startswith("Error")] == [
        "Error: 1 of 2 scenes are not complete: nope (scene ../nope.tif does not exist); see "
        "out/summary.csv. Run the same command again to retry them"
    ]
    assert "failed" in out
    assert (tmp_path / "here" / "out" / "a" / "roads.gpkg").exists()


def test_names_are_unique_safe_and_do_not_depend_on_the_order():
    entries = [(None, "x/a.tif"), (None, "y/a.tif"), ("my scene/1", "b.tif"), (None, "x/a.tif")]
    forward = {s.path: s.name for s in name_scenes(entries)}
    backward = {s.path: s.name for s in name_scenes(entries[::-1])}
    assert forward == backward
    assert len(set(forward.values())) == 3
    assert forward["b.tif"] == "my_scene_1"
    assert name_scenes([(None, "https://host/dir/a.tif?token=secret")])[0].name == "a"


NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def stac_item(name, **assets):
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": None, "properties": {},
        "assets": {key: {"href": href} for key, href in assets.items()},
    }  # fmt: skip


LISTS = {
    "txt": lambda path: path.write_text("\n# a comment\nx/a.tif\ns3://b/c.tif\n"),
    "csv": lambda path: path.write_text("scene,year\nx/a.tif,2020\ns3://b/c.tif,2021\n"),
    "parquet": lambda path: pd.DataFrame({"href": ["x/a.tif", "s3://b/c.tif"]}).to_parquet(path),
    "json": lambda path: path.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    stac_item("a", thumbnail="t.png", visual="x/a.tif"),
                    stac_item("c", anything="s3://b/c.tif", meta="c.xml"),
                ],
            }
        )
    ),
}


@pytest.mark.parametrize("suffix", LISTS)
def test_lists_of_all_kinds_name_the_same_scenes(suffix, tmp_path):
    path = tmp_path / f"scenes.{suffix}"
    LISTS[suffix](path)
    listed = read_scene_list(path)
    assert [(scene.name, scene.path) for scene in listed] == [
        ("a", str(tmp_path / "x" / "a.tif")),
        ("c", "s3://b/c.tif"),
    ]


def test_geoparquet_names_scenes_and_folders(tmp_path):
    frame = gpd.GeoDataFrame(
        {"name": ["north"], "path": ["s3://b/n.tif"]}, geometry=[box(0, 0, 1, 1)], crs=4326
    )
    frame.to_parquet(tmp_path / "scenes.parquet")
    (scene,) = read_scene_list(tmp_path / "scenes.parquet")
    assert (scene.name, scene.path) == ("north", "s3://b/n.tif")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "year\n2020\n", "none of the columns scene"),
        ("a.txt", "# nothing\n", "lists no scene"),
        ("a.json", "{", "cannot read"),
        ("a.json", "[1]", "it is not a JSON object"),
        ("a.json", '{"type": "Catalog", "id": "x"}', "cannot read"),
        ("a.xlsx", "", "suffix"),
        ("a.json", json.dumps(stac_item("i", red="r.tif", blue="b.tif")), "--asset"),
    ],
)
def test_a_bad_list_is_an_error_that_says_why(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(SceneError, match=message):
        read_scene_list(tmp_path / name)


@pytest.mark.parametrize("kind", ["SELF_CONTAINED", "ABSOLUTE_PUBLISHED"])
def test_stac_catalog_is_followed_to_the_items_of_its_collections(kind, tmp_path):
    extent = pystac.Extent(
        pystac.SpatialExtent([[0, 0, 1, 1]]), pystac.TemporalExtent([[NOON, None]])
    )
    root = pystac.Catalog("root", "all")
    for place in ("north", "south"):
        collection = pystac.Collection(place, place, extent)
        for year in (2023, 2024):
            item = pystac.Item(f"{place}-{year}", None, None, NOON, {})
            item.add_asset("thumbnail", pystac.Asset("small.png", roles=["thumbnail"]))
            item.add_asset("visual", pystac.Asset("./image.tif"))
            collection.add_item(item)
        root.add_child(collection)
    root.normalize_and_save(str(tmp_path / "stac"), pystac.CatalogType[kind])
    listed = read_scene_list(tmp_path / "stac" / "catalog.json")
    folder = tmp_path / "stac" / "north" / "north-2023"
    assert ("north-2023", str(folder / "image.tif")) in [(s.name, s.path) for s in listed]
    assert len(listed) == 4
    one = read_scene_list(tmp_path / "stac" / "south" / "collection.json")
    assert [scene.name for scene in one] == ["south-2023", "south-2024"]
    (folder / "north-2023.json").unlink()
    with pytest.raises(SceneError, match=r"catalog\.json: .*north-2023\.json"):
        read_scene_list(tmp_path / "stac" / "catalog.json")


def test_asset_of_stac_items_can_be_chosen(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(stac_item("i", red="r.tif", blue="b.tif")))
    (scene,) = read_scene_list(path, asset="blue")
    assert scene.path == str(tmp_path / "b.tif")
