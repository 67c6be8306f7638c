"""What is not of roadex, or is an input, is never replaced."""

import json
import os
import sqlite3

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from roadex.errors import OutputError
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.report import RunFolder
from roadex.probability.raster import ProbabilityProfile, probability_writer


def lines(path, layer="road_edges"):
    frame = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (9, 9)])], crs=32633)
    frame.to_file(path, layer=layer)
    return path


def own_raster(path):
    profile = ProbabilityProfile((8, 8), "EPSG:32633", Affine(1, 0, 500_000, 0, -1, 9_000), {})
    with probability_writer(path, profile) as raster:
        raster.write(np.zeros((8, 8), np.uint8), 1)
    return path


def test_what_is_not_there_may_be_written(tmp_path):
    check_replaceable(tmp_path / "new.gpkg", overwrite=False)


def test_an_input_is_never_replaced(make_scene):
    scene = make_scene()
    with pytest.raises(OutputError, match="is an input of this command"):
        check_replaceable(scene, overwrite=True, inputs=[scene])


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic link", "hard link"])
def test_an_input_under_another_name_is_never_replaced(link, make_scene, tmp_path):
    scene = make_scene()
    link(scene, tmp_path / "other.tif")
    with pytest.raises(OutputError, match="is an input"):
        check_replaceable(tmp_path / "other.tif", overwrite=True, inputs=[scene])


def test_sources_of_a_virtual_raster_are_inputs(make_scene, tmp_path):
    scene = make_scene()
    vrt = tmp_path / "scene.vrt"
    rasterio.shutil.copy(scene, vrt, driver="VRT")
    with pytest.raises(OutputError, match="is an input"):
        check_replaceable(scene, overwrite=True, inputs=[vrt])


@pytest.mark.parametrize("name", ["roads.gpkg", "probability.tif", "report.json"])
def test_foreign_files_are_not_overwritten(name, make_scene, tmp_path):
    path = tmp_path / name
    if name.endswith(".gpkg"):
        lines(path, layer="my_layer")
    elif name.endswith(".tif"):
        make_scene(name)
    else:
        path.write_text(json.dumps({"mine": 1}))
    before = path.read_bytes()
    with pytest.raises(OutputError, match="was not written by roadex"):
        check_replaceable(path, overwrite=True)
    assert path.read_bytes() == before


def test_own_raster_is_overwritten_when_asked(tmp_path):
    path = own_raster(tmp_path / "probability.tif")
    check_replaceable(path, overwrite=True)
    with pytest.raises(OutputError, match="exists already"):
        check_replaceable(path, overwrite=False)


def test_own_network_is_overwritten_when_asked_but_not_while_it_is_open(tmp_path):
    from roadex.network.merge import merge
    from roadex.outputs import write_network

    frame = gpd.read_file(lines(tmp_path / "lines.gpkg"))
    path = write_network(merge([frame]), tmp_path / "roads.gpkg", provenance={"a": 1})
    check_replaceable(path, overwrite=True)
    reader = sqlite3.connect(path)
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("CREATE TABLE note (text)")
    reader.commit()
    with pytest.raises(OutputError, match="is open in another program"):
        check_replaceable(path, overwrite=True)
    reader.close()


@pytest.mark.parametrize("text", ["", "[]", '{"result": {}}', '{"result": 3}', "[" * 100_000])
def test_a_damaged_or_foreign_report_says_nothing(finished_run, tmp_path, text):
    own, foreign = RunFolder(finished_run), RunFolder(tmp_path)
    assert own.read_report()["result"]["failed_tiles"] == {}
    assert foreign.read_report() == {}
    foreign.report.write_text(text)
    assert foreign.read_report() == {}
