"""Imagery with road lines: labels are where the lines are, the same in every window."""

import re
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.windows import Window

from roadex.errors import ConfigError, DatasetError
from roadex.training.datasets import find_labelled_scenes, find_unmatched_labels
from roadex.training.datasets.description import split_share

LEFT, TOP = 500_000, 5_400_000


@pytest.fixture
def write_lines(tmp_path):
    """Return a function that writes geometries, given in pixels of a 1 m scene, to a file."""

    def write(geometries, name="roads.gpkg", *, crs="EPSG:32633", **columns):
        placed = [
            shapely.transform(g, lambda xy: np.c_[LEFT + xy[:, 0], TOP - xy[:, 1]])
            for g in geometries
        ]
        frame = gpd.GeoDataFrame(columns, geometry=placed, crs="EPSG:32633").to_crs(crs)
        frame.to_file(tmp_path / name)
        return tmp_path / name

    return write


def only_scene(specification):
    (scene,) = find_labelled_scenes(str(specification))
    return scene


ACROSS = shapely.LineString([(-10, 40), (140, 40)])


def test_line_is_burnt_at_its_width_with_a_band_that_carries_no_label(make_scene, write_lines):
    roads = write_lines([ACROSS], width_m=[8.0])
    chip = only_scene(f"lines:{make_scene()}+{roads}").read()
    rows = np.flatnonzero(chip.road.all(axis=1))
    np.testing.assert_array_equal(rows, np.arange(36, 44))  # 8 m about row 40
    assert chip.road.any(axis=1).sum() == 8
    unknown = np.flatnonzero(~chip.valid.any(axis=1))
    np.testing.assert_array_equal(unknown, [34, 35, 44, 45])  # 2 m on each side


def test_lines_without_a_width_get_the_default(make_scene, write_lines):
    down = [shapely.LineString([(col, 0), (col, 96)]) for col in (20, 80)]
    roads = write_lines([ACROSS, *down], width_m=["4", None, "wide"])
    chip = only_scene(f"lines:{make_scene()}+{roads}").read()
    assert chip.road[60].sum() == 7 + 7
    assert chip.road[:, 60].sum() == 4


def test_window_is_part_of_the_whole(make_scene, write_lines):
    rng = np.random.default_rng(0)
    lines = [shapely.LineString(rng.uniform(-20, 150, (5, 2))) for _ in range(6)]
    areas = write_lines([shapely.box(10, 10, 100, 70)], "areas.gpkg")
    folder = areas.parent
    make_scene()
    write_lines(lines)
    (folder / "area.toml").write_text(
        'ignore_m = 3.0\n[[scene]]\nimages = "scene.tif"\nroads = "roads.gpkg"\n'
        'valid = "areas.gpkg"\n'
    )
    scene = only_scene(f"lines:{folder / 'area.toml'}")
    whole = scene.read()
    assert 0.05 < whole.road.mean() < 0.95
    assert not whole.valid[:10].any()
    assert not whole.valid[:, 100:].any()
    for row, col in ((0, 0), (17, 33), (64, 96)):
        part = scene.read(Window(col, row, 32, 32))
        for a, b in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b[..., row : row + 32, col : col + 32])


def test_lines_in_another_crs_end_up_in_the_same_place(make_scene, write_lines):
    scene = make_scene()
    metres = only_scene(f"lines:{scene}+{write_lines([ACROSS])}").read()
    degrees = only_scene(f"lines:{scene}+{write_lines([ACROSS], 'd.geojson', crs=4326)}").read()
    assert (metres.road != degrees.road).mean() < 0.01


def test_scene_in_degrees_is_read_in_metres(make_scene, write_lines):
    step = 1 / 111_320
    x, y = gpd.GeoSeries.from_xy([LEFT], [TOP], crs="EPSG:32633").to_crs(4326).get_coordinates(
    ).to_numpy()[0]  # fmt: skip
    scene = only_scene(
        f"lines:{make_scene(crs='EPSG:4326', transform=Affine(step, 0, x, 0, -step, y))}"
        f"+{write_lines([ACROSS])}"
    )
    chip = scene.read()
    assert scene.grid.crs.is_projected
    seen = chip.valid.any(axis=0) & (chip.road.any(axis=0))
    widths_m = chip.road[:, seen].sum(axis=0) * scene.gsd_m
    assert np.median(widths_m) == pytest.approx(7, abs=scene.gsd_m)


def test_road_areas_are_burnt_as_they_are(make_scene, write_lines):
    chip = only_scene(f"lines:{make_scene()}+{write_lines([shapely.box(10, 20, 30, 50)])}").read()
    assert chip.road.sum() == 20 * 30
    assert chip.road[20:50, 10:30].all()


def test_folder_pairs_images_with_lines_of_their_name(make_scene, write_lines):
    for name in ("a", "b"):
        make_scene(f"{name}.tif")
        write_lines([ACROSS], f"{name}.gpkg")
    folder = write_lines([ACROSS], "spare.gpkg").parent
    scenes = find_labelled_scenes(str(folder))
    assert [scene.name for scene in scenes] == ["a", "b"]
    assert [path.name for path in scenes[0].files()] == ["a.tif", "a.gpkg"]
    assert [path.name for path in find_unmatched_labels(f"lines:{folder}")] == ["spare.gpkg"]


def test_image_without_lines_is_said(make_scene, write_lines):
    make_scene("a.tif")
    make_scene("c.tif")
    write_lines([ACROSS], "a.gpkg")
    folder = write_lines([ACROSS], "b.gpkg").parent
    with pytest.raises(DatasetError, match=r"c\.tif has no road lines"):
        find_labelled_scenes(f"lines:{folder}")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("", "names no scene"),
        ('[[scene]]\nimages = "no*.tif"\nroads = "roads.gpkg"', "no image matches"),
        ('[[scene]]\nimages = "scene.tif"', "needs 'roads'"),
        (
            '[[scene]]\nimages = "scene.tif"\nroads = "roads.gpkg"\nwidth_attribute = "w"',
            "no attribute 'w'; it has lanes",
        ),
        ('[[scene]]\nimages = "scene.tif"\nroads = "none.gpkg"', "cannot read"),
        ('[[scene]]\nimages = 3\nroads = "roads.gpkg"', "images must be paths, got 3"),
        ('[[scene]]\nimages = "scene.tif"\nroads = ["a", "b"]', "roads must be a path, got"),
        ('scene = "scene.tif"', "names no scene"),
        (
            '[[scene]]\nimages = "scene.tif"\nroads = "roads.gpkg"\nbands = [0]',
            r"bands must be whole numbers \(at least 1\)",
        ),
    ],
)
def test_wrong_description_is_said(make_scene, write_lines, tmp_path, toml, message):
    make_scene()
    write_lines([ACROSS], lanes=[2])
    (tmp_path / "area.toml").write_text(toml)
    with pytest.raises(DatasetError, match=message):
        find_labelled_scenes(f"lines:{tmp_path / 'area.toml'}")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width = 3", r"unknown setting width in area\.toml; did you mean width_m"),
        ("width_m = -1", r"width_m in area\.toml must be above 0, got -1"),
    ],
)
def test_wrong_setting_of_a_description_names_the_file(
    make_scene, write_lines, tmp_path, setting, message
):
    write_lines([ACROSS])
    text = f'{setting}\n[[scene]]\nimages = "{make_scene().name}"\nroads = "roads.gpkg"\n'
    (tmp_path / "area.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        find_labelled_scenes(f"lines:{tmp_path / 'area.toml'}")


@pytest.mark.parametrize(
    "images", ["{here}/scene.tif", "~/scene.tif", "~/sc*.tif", "{here}/s*.tif"]
)
def test_images_of_a_description_may_be_anywhere(
    make_scene, write_lines, tmp_path, monkeypatch, images
):
    monkeypatch.setenv("HOME", str(tmp_path))
    make_scene()
    write_lines([ACROSS])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    text = f'[[scene]]\nimages = "{images.format(here=tmp_path)}"\nroads = "~/roads.gpkg"\n'
    (elsewhere / "area.toml").write_text(text)
    scene = only_scene(f"lines:{elsewhere / 'area.toml'}")
    assert scene.files() == (tmp_path / "scene.tif", tmp_path / "roads.gpkg")


@pytest.mark.parametrize(
    ("folder", "specification"),
    [
        ("g@7", "lines:{}/scene.tif+{}/roads.gpkg"),
        ("a+b", "lines:{}/scene.tif+{}/roads.gpkg"),
        ("[x]", "lines:{}"),
        ("g@7", "lines:{}"),
        ("a+b", "lines:{}"),
    ],
)
def test_signs_in_the_name_of_a_folder_mean_nothing(
    make_scene, write_lines, tmp_path, folder, specification
):
    place = tmp_path / folder
    place.mkdir()
    make_scene().rename(place / "scene.tif")
    write_lines([ACROSS]).rename(place / "roads.gpkg")
    whole = specification.format(place, place)
    assert split_share(whole) == (whole, 1.0)
    assert split_share(f"{whole}@0.5") == (whole, 0.5)
    assert only_scene(whole).name == "scene"


def test_glob_of_images_is_a_scene_each(make_scene, write_lines, tmp_path):
    make_scene("a.tif")
    make_scene("b.tif")
    write_lines([ACROSS])
    scenes = find_labelled_scenes(f"lines:{tmp_path}/?.tif+{tmp_path}/roads.gpkg")
    assert [scene.name for scene in scenes] == ["a", "b"]


@pytest.fixture
def server(tmp_path):
    """Return the address under which a program of its own serves the folder of the test.

    GDAL does not release the interpreter while it waits: a thread could not answer.
    """
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([*command, "-d", tmp_path], **options) as program:
        port = re.search(r"port (\d+)", program.stdout.readline())[1]
        yield f"http://127.0.0.1:{port}"
        program.kill()


def test_image_at_a_url_is_read(make_scene, write_lines, server, tmp_path):
    make_scene()
    roads = write_lines([ACROSS])
    chip = only_scene(f"lines:{server}/scene.tif+{roads}").read()
    assert chip.road.any()
    np.testing.assert_array_equal(chip.image, only_scene(f"lines:{tmp_path}").read().image)


@pytest.mark.parametrize("share", ["0", "-1", "nan", "inf", "half", ""])
def test_share_is_a_positive_number(tmp_path, share):
    with pytest.raises(ConfigError, match=r"share after @ must be a positive number"):
        split_share(f"pairs:{tmp_path}/x@{share}")


def test_lines_elsewhere_are_said(make_scene, write_lines):
    far = shapely.transform(ACROSS, lambda xy: xy + 10_000)
    with pytest.raises(DatasetError, match="none of the 1 lines"):
        find_labelled_scenes(f"lines:{make_scene()}+{write_lines([far])}")
