"""The catalog of a batch is valid STAC, and leads to the results."""

import json
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pystac
import pytest
import rasterio
import shapely
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.table import TableExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from roadex.config import RunConfig
from roadex.errors import OutputError
from roadex.imagery.scene_list import name_scenes
from roadex.outputs.stac import _bbox, write_catalog
from roadex.pipeline.batch import extract_many


@pytest.fixture
def settings(model):
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )


@pytest.fixture
def batch(make_scene, settings, tmp_path, monkeypatch):
    """Return the folder of a batch of two scenes, named as from there; one cannot be read."""
    (tmp_path / "broken.tif").write_text("no raster")
    make_scene("good.tif", shape=(64, 80))
    monkeypatch.chdir(tmp_path)
    scenes = name_scenes((None, name) for name in ("good.tif", "broken.tif"))
    extract_many(scenes, tmp_path / "out", config=settings)
    return tmp_path / "out"


def validate(found, kind):
    """Check against the schemas that pystac carries; those of extensions are not in it."""
    JsonSchemaSTACValidator().validate_core(
        found.to_dict(include_self_link=False), kind, "1.1.0", found.self_href
    )


def test_catalog_is_valid_and_leads_to_the_scenes_that_have_results(batch, tmp_path):
    catalog = pystac.Catalog.from_file(str(batch / "catalog.json"))
    validate(catalog, pystac.STACObjectType.CATALOG)
    (item,) = catalog.get_items()
    validate(item, pystac.STACObjectType.ITEM)
    assert item.id == "good"
    assert item.get_parent().id == catalog.id
    report = json.loads((batch / "good" / "report.json").read_text())
    assert item.properties["roadex:road_km"] == report["result"]["road_km"]
    assert item.datetime == datetime.fromisoformat(report["created"])
    (source,) = item.get_links("derived_from")
    assert Path(source.get_absolute_href()) == tmp_path / "good.tif"
    footprint = shapely.geometry.shape(item.geometry)
    assert item.bbox == pytest.approx(footprint.bounds)


def test_imagery_without_a_time_has_none_but_is_older_than_the_run(batch):
    report = json.loads((batch / "good" / "report.json").read_text())
    report["created"] = datetime.fromtimestamp(0, UTC).isoformat()
    write_catalog(batch, {"good": report}, {"good": "https://host/good.tif?token=secret"})
    (item,) = pystac.Catalog.from_file(str(batch / "catalog.json")).get_items()
    validate(item, pystac.STACObjectType.ITEM)
    assert item.datetime is None
    assert item.common_metadata.end_datetime == datetime.fromisoformat(report["started"])
    (source,) = item.get_links("derived_from")
    assert source.target == "https://host/good.tif"


def test_assets_are_there_and_are_what_they_say(batch):
    (item,) = pystac.Catalog.from_file(str(batch / "catalog.json")).get_items()
    places = {key: asset.get_absolute_href() for key, asset in item.assets.items()}
    assert set(places) == {"network", "probability", "preview", "report", "page"}
    assert all(Path(place).is_file() for place in places.values())
    grid = ProjectionExtension.ext(item)
    with rasterio.open(places["probability"]) as raster:
        assert grid.shape == [raster.height, raster.width]
        assert grid.transform == list(raster.transform)[:6]
        assert grid.code == str(raster.crs)
    columns = {column.name for column in TableExtension.ext(item.assets["network"]).columns}
    found = gpd.read_file(places["network"], layer="road_edges").columns
    assert columns == set(found) - {"geometry", "fid"}


@pytest.mark.parametrize("name", ["catalog.json", "roads.json"])
@pytest.mark.parametrize("content", ['{"type": "Catalog"}', "[", "[1]"])
def test_files_of_other_programs_are_not_replaced(content, name, make_scene, settings, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(content)
    scenes = name_scenes([(None, str(make_scene(shape=(64, 64))))])
    with pytest.raises(OutputError, match=rf"{name} was not written by roadex"):
        extract_many(scenes, tmp_path / "out", config=settings)
    assert (tmp_path / "out" / name).read_text() == content


def test_box_across_180_degrees_goes_from_west_to_east():
    east = [[[179.5, 1], [180, 1], [180, 2], [179.5, 2], [179.5, 1]]]
    west = [[[-180, 1], [-179.8, 1], [-179.8, 2], [-180, 2], [-180, 1]]]
    for parts in ([east, west], [west, east]):
        assert _bbox({"type": "MultiPolygon", "coordinates": parts}) == [179.5, 1, -179.8, 2]
