"""Types and containers: read as what they hold, or one line that says how to name the raster."""

from __future__ import annotations

import tarfile
import zipfile

import numpy as np
import pytest
import rasterio
import scipy.io

from roadex.errors import SceneError
from roadex.imagery.containers import open_raster
from roadex.imagery.locations import gdal_location
from roadex.imagery.scene import open_scene
from roadex.imagery.scene_list import read_scene_list
from roadex.imagery.work_grid import plan_grid


@pytest.mark.parametrize(
    ("dtype", "scale", "options"),
    [
        ("int8", 1, {}), ("uint16", 8, {}), ("int16", 8, {}), ("uint32", 1, {}), ("int32", 1, {}),
        ("int64", 1, {}), ("uint64", 1, {}), ("float32", 1, {"nbits": 16}), ("float64", 0.01, {}),
        ("uint16", 16, {"nbits": 12}),
    ],
)  # fmt: skip
def test_every_type_of_number_shows_the_same_ground(
    read_scene, write, pixels, dtype, scale, options
):
    grey = pixels[0].astype(float) - (128 if dtype == "int8" else 0)
    read = read_scene(write((grey * scale).astype(dtype), **options))
    plain = read_scene(write(pixels[0].astype("float32"), name="plain.tif"))
    assert read.valid.all()
    assert np.abs(read.image - plain.image).max() < 1
    assert f"{read.scene.dtype} values were stretched" in read.said


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_refused_with_what_to_do(write, pixels, dtype):
    with pytest.raises(SceneError, match=r"complex numbers.*abs\(A\)"):
        open_scene([write(pixels[0].astype(dtype))])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_variables_of_a_netcdf_file_are_listed_and_can_be_named(read_scene, tmp_path, pixels):
    path = tmp_path / "scene.nc"
    with scipy.io.netcdf_file(path, "w") as file:
        for axis, start, step in (("y", 5_400_000 - 0.5, -1), ("x", 500_000.5, 1)):
            file.createDimension(axis, 80)
            file.createVariable(axis, "d", (axis,))[:] = start + step * np.arange(80)
        crs = file.createVariable("crs", "i", ())
        crs.spatial_ref = rasterio.crs.CRS.from_epsg(32633).to_wkt()
        for name in ("first", "second"):
            variable = file.createVariable(name, "h", ("y", "x"))
            variable.grid_mapping = "crs"
            variable[:] = pixels[0]
    with pytest.raises(SceneError, match=r"holds 2 rasters.*scene\.nc:first.*scene\.nc:second"):
        open_scene([path])
    read = read_scene(f"NETCDF:{path}:second")
    assert read.valid.all()
    assert read.grid.transform.f == 5_400_000


def test_tables_of_a_geopackage_are_listed_and_can_be_named(read_scene, write, pixels):
    for name, append in (("east", "NO"), ("west", "YES")):
        path = write(
            pixels, name="scene.gpkg", driver="GPKG", raster_table=name, append_subdataset=append
        )
    with pytest.raises(SceneError, match=r"holds 2 rasters.*scene\.gpkg:east"):
        open_scene([path])
    assert read_scene(f"GPKG:{path}:west").valid.sum() == 80 * 80


def test_further_pages_are_named_where_the_first_is_too_coarse(write, pixels):
    path = write(pixels[:, ::8, ::8], transform=rasterio.Affine(8, 0, 5e5, 0, -8, 54e5))
    write(pixels, append_subdataset=True)
    scene = open_scene([path])
    with pytest.raises(SceneError, match=rf"GTIFF_DIR:2:{path}"):
        plan_grid(scene, gsd_m=1.0, gsd_range_m=(0.7, 1.4))
    assert open_scene([f"GTIFF_DIR:2:{path}"]).gsd_m == pytest.approx(1, rel=1e-3)


def test_a_raster_in_an_archive_is_read(read_scene, write, tmp_path, pixels):
    path = write(pixels)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(path, "inner/scene.tif")
        archive.writestr("readme.txt", "hello")
    with tarfile.open(tmp_path / "one.tar", "w") as archive:
        archive.add(path, "scene.tif")
    for name in (
        f"zip://{tmp_path}/one.zip!inner/scene.tif", tmp_path / "one.zip",
        f"tar://{tmp_path}/one.tar!scene.tif", tmp_path / "one.tar", f"file://{path}",
        f"/vsizip/{tmp_path}/one.zip/inner/scene.tif",
    ):  # fmt: skip
        np.testing.assert_array_equal(read_scene(name).image, pixels)


def test_several_rasters_in_an_archive_are_listed(write, tmp_path, pixels):
    path = write(pixels)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(path, "a.tif")
        archive.write(path, "b.tif")
    with pytest.raises(SceneError, match=r"archive of 2 rasters.*two\.zip!a\.tif"):
        open_scene([tmp_path / "two.zip"])


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b""])
def test_an_archive_that_cannot_be_read_is_one_line(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(SceneError, match="not an archive"):
        open_scene([tmp_path / "bad.zip"])


def test_a_folder_says_what_is_in_it(write, tmp_path, pixels):
    path = write(pixels)
    with pytest.raises(SceneError, match=rf"is a folder; name what is in it: {path}"):
        open_scene([tmp_path])


def test_a_list_may_start_with_a_mark_of_its_encoding(tmp_path):
    for name, text in (
        ("a.txt", "x.tif\r\n"),
        ("a.json", '{"assets": {"visual": {"href": "x.tif"}}}'),
    ):
        (tmp_path / name).write_bytes(("\ufeff" + text).encode())
        assert read_scene_list(tmp_path / name)[0].path.endswith("x.tif")
        assert "\ufeff" not in read_scene_list(tmp_path / name)[0].path


def test_names_of_parts_are_opened_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert gdal_location("NETCDF:a.nc:red") == f"NETCDF:{tmp_path}/a.nc:red"
    assert gdal_location("GTIFF_DIR:2:a.tif") == f"GTIFF_DIR:2:{tmp_path}/a.tif"
    assert gdal_location('HDF5:"a b.h5"://x') == f'HDF5:"{tmp_path}/a b.h5"://x'
    assert gdal_location("file:///x/a%20b.tif") == "/x/a b.tif"
    (tmp_path / "NETCDF:a.nc:red").touch()  # a file of that name is itself
    assert gdal_location("NETCDF:a.nc:red") == f"{tmp_path}/NETCDF:a.nc:red"


def test_a_header_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0 this is no raster")
    with pytest.raises(SceneError, match="not a raster"), open_raster(str(tmp_path / "a.tif")):
        pass


def test_no_thread_is_warned_that_an_image_has_no_place(tmp_path) -> None:
    import threading
    import warnings

    from roadex.imagery.containers import without_georeference_warning

    path, seen = tmp_path / "plain.png", []
    with (
        without_georeference_warning(),
        rasterio.open(path, "w", driver="PNG", width=4, height=4, count=1, dtype="uint8") as raster,
    ):
        raster.write(np.zeros((1, 4, 4), np.uint8))
    inside, left = threading.Barrier(2), threading.Event()

    def first() -> None:
        with without_georeference_warning():
            inside.wait(10)
        left.set()

    def second() -> None:
        with without_georeference_warning():
            inside.wait(10)
            left.wait(10)
            with warnings.catch_warnings(record=True) as seen_here, rasterio.open(path):
                seen.extend(seen_here)

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == []
