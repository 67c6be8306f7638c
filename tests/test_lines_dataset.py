"""Imagery with road lines: labels are where the lines are, the same in every window."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.windows import Window

from roadex.errors import DatasetError
from roadex.training.datasets import find_labelled_scenes, find_leftovers

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
    assert [path.name for path in find_leftovers(f"lines:{folder}")] == ["spare.gpkg"]


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
    ],
)
def test_wrong_description_is_said(make_scene, write_lines, tmp_path, toml, message):
    make_scene()
    write_lines([ACROSS], lanes=[2])
    (tmp_path / "area.toml").write_text(toml)
    with pytest.raises(DatasetError, match=message):
        find_labelled_scenes(f"lines:{tmp_path / 'area.toml'}")


def test_lines_elsewhere_are_said(make_scene, write_lines):
    far = shapely.transform(ACROSS, lambda xy: xy + 10_000)
    with pytest.raises(DatasetError, match="none of the 1 lines"):
        find_labelled_scenes(f"lines:{make_scene()}+{write_lines([far])}")
