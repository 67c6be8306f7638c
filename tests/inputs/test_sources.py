"""Sources of virtual rasters: checked before the run, named, and a hole is never zeros."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import plan_grid

PLACE = "500000,1,0,5400000,0,-1"


@pytest.fixture
def write_vrt(tmp_path):
    """Return a function that writes a mosaic of ``(source, column)``, 80 rows high."""

    def write_vrt(sources, *, width, name="scene.vrt", relative=True, block=""):
        placed = "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="{int(relative)}">{source}'
            "</SourceFilename><SourceBand>{band}</SourceBand>"
            '<SrcRect xOff="0" yOff="0" xSize="80" ySize="80"/>'
            f'<DstRect xOff="{col}" yOff="0" xSize="80" ySize="80"/></SimpleSource>'
            for source, col in sources
        )
        bands = "".join(
            f'<VRTRasterBand dataType="Byte" band="{i}" {block}><ColorInterp>{colour}'
            f"</ColorInterp>{placed.format(band=i)}</VRTRasterBand>"
            for i, colour in enumerate(("Red", "Green", "Blue"), start=1)
        )
        path = tmp_path / name
        path.write_text(
            f'<VRTDataset rasterXSize="{width}" rasterYSize="80"><SRS>EPSG:32633</SRS>'
            f"<GeoTransform>{PLACE}</GeoTransform>{bands}</VRTDataset>"
        )
        return path

    return write_vrt


def test_a_missing_source_is_named_before_the_run(write, write_vrt, pixels):
    write(pixels, name="west.tif")
    path = write_vrt([("west.tif", 0), ("east.tif", 80)], width=160)
    with pytest.raises(SceneError, match=r"2 files, and 1 of them are missing: .*east\.tif"):
        open_scene([path])
    outer = write_vrt([("scene.vrt", 0)], width=80, name="outer.vrt")
    with pytest.raises(SceneError, match=r"missing: .*east\.tif"):
        open_scene([outer])


def test_what_no_source_covers_is_no_imagery(read_scene, write, write_vrt, pixels):
    write(pixels, name="west.tif")
    read = read_scene(write_vrt([("west.tif", 0), ("west.tif", 160)], width=240))
    assert read.valid[:, :80].all()
    assert read.valid[:, 160:].all()
    assert not read.valid[:, 80:160].any()
    np.testing.assert_array_equal(read.image[:, :, 160:], pixels)


def test_a_password_in_a_source_is_in_no_error(write_vrt, monkeypatch):
    monkeypatch.setattr("roadex.imagery.scene.READING", {"GDAL_HTTP_MAX_RETRY": 0})
    secret = "/vsicurl/https://me:S3CR3T@127.0.0.1:9/west.tif"
    path = write_vrt([(secret, 0)], width=80, relative=False)
    scene = open_scene([path])
    grid = plan_grid(scene, gsd_m=1, gsd_range_m=(1, 1))
    with (
        open_grid(scene, grid) as reader,
        pytest.raises(SceneError, match=r"127\.0\.0\.1:9/west\.tif") as caught,
    ):
        reader.read(Window(0, 0, 80, 80))
    assert "S3CR3T" not in str(caught.value)


def test_virtual_rasters_in_each_other_end(write_vrt):
    write_vrt([("b.vrt", 0)], width=80, name="a.vrt")
    path = write_vrt([("a.vrt", 0)], width=80, name="b.vrt")
    with pytest.raises(SceneError):
        open_scene([path])


def test_sources_outside_of_the_folder_are_refused_when_asked(write, write_vrt, tmp_path, pixels):
    (tmp_path / "folder").mkdir()
    write(pixels, name="outside.tif")
    write(pixels, name="folder/inside.tif")
    trusted = {"trusted_only": True}
    inside = write_vrt([("inside.tif", 0)], width=80, name="folder/a.vrt")
    assert open_scene([inside], **trusted).shape == (80, 80)
    for source, relative in (
        ("../outside.tif", True), (f"{tmp_path}/outside.tif", False),
        ("/vsicurl/https://127.0.0.1:9/x.tif", False),
    ):  # fmt: skip
        path = write_vrt([(source, 0)], width=80, name="folder/b.vrt", relative=relative)
        with pytest.raises(SceneError, match=r"outside of its folder.*--trusted-inputs-only"):
            open_scene([path], **trusted)
    (tmp_path / "folder/link.tif").symlink_to(tmp_path / "outside.tif")
    path = write_vrt([("link.tif", 0)], width=80, name="folder/c.vrt")
    with pytest.raises(SceneError, match="outside of its folder"):
        open_scene([path], **trusted)


def test_what_cannot_be_read_is_an_error_of_its_place(write, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 80, 80), dtype=np.uint8)
    path = write(noise, blockysize=8, compress="deflate")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    scene = open_scene([path, _shifted(path, tmp_path, write, noise)])
    assert "could not be read" in " ".join(scene.warnings)
    grid = plan_grid(scene, gsd_m=1, gsd_range_m=(1, 1))
    with open_grid(scene, grid) as reader:
        _, valid = reader.read(Window(80, 0, 80, 80))
        assert valid.all()
        with pytest.raises(SceneError, match=r"cannot read .*scene\.tif, rows 0 to 80"):
            reader.read(Window(0, 0, 80, 80))


def _shifted(path, tmp_path, write, noise):
    from affine import Affine

    return write(noise, name="east.tif", transform=Affine(1, 0, 500_080, 0, -1, 5_400_000))
