"""Hostile files: claims are compared before memory or time is spent, and nothing is reached."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from roadex.config import RunConfig, TilingConfig
from roadex.errors import ModelError, SceneError
from roadex.imagery.scene import open_scene
from roadex.imagery.tiling import plan_tiles
from roadex.inference.engine import Predictor
from roadex.models import create_network
from roadex.models.claims import no_larger_than
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import _sha256, load_model, read_metadata
from roadex.models.scaling import Scaling
from roadex.pipeline.plan import plan_run


def sparse_tiff(width, height, *, tile=0):
    """Return a BigTIFF of some hundred bytes that claims any size; no pixel is there."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 2),
        (277, 3, 1, 3), (284, 3, 1, 1),
    ]  # fmt: skip
    entries += (
        [(322, 4, 1, tile), (323, 4, 1, tile), (324, 16, 1, 0), (325, 16, 1, 0)]
        if tile
        else [(273, 16, 1, 0), (278, 4, 1, height), (279, 16, 1, 0)]
    )
    start = 16 + 8 + 20 * (len(entries) + 3) + 8
    extra = b""
    for tag, kind, count, content in (
        (33550, 12, 3, struct.pack("<3d", 1, 1, 0)),
        (33922, 12, 6, struct.pack("<6d", 0, 0, 0, 5e5, 54e5, 0)),
        (
            34735,
            3,
            16,
            struct.pack("<16H", 1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633),
        ),
    ):
        entries.append((tag, kind, count, start + len(extra)))
        extra += content
    body = struct.pack("<Q", len(entries))
    for tag, kind, count, value in sorted(entries):
        short = kind == 3 and count == 1
        packed = (
            struct.pack("<HQHHHH", kind, count, value, 0, 0, 0)
            if short
            else struct.pack("<HQQ", kind, count, value)
        )
        body += struct.pack("<H", tag) + packed
    return b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + body + struct.pack("<Q", 0) + extra


@pytest.mark.parametrize(("size", "tile"), [((1_000_000, 1_000_000), 256), ((40_000, 80_000), 0)])
def test_a_header_that_claims_what_the_file_cannot_hold_is_one_line(tmp_path, size, tile):
    path = tmp_path / "scene.tif"
    path.write_bytes(sparse_tiff(*size, tile=tile))
    start = time.perf_counter()
    with pytest.raises(SceneError, match="bytes cannot hold them"):
        open_scene([path])
    assert time.perf_counter() - start < 5


def test_a_billion_tiles_are_planned_without_making_them(tmp_path):
    path = tmp_path / "scene.vrt"
    bands = "".join(f'<VRTRasterBand dataType="Byte" band="{i}"/>' for i in (1, 2, 3))
    path.write_text(
        '<VRTDataset rasterXSize="1000000" rasterYSize="1000000"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000,1,0,5400000,0,-1</GeoTransform>{bands}</VRTDataset>"
    )
    config = RunConfig.from_dict({"tiling": {"core_size": 32, "chip_size": 32, "halo": 32}})
    start = time.perf_counter()
    plan = plan_run([path], config)
    assert len(plan.tiles) > 1_000_000_000
    assert plan.read_megapixels > 9 * 1e6  # halos on both sides
    assert time.perf_counter() - start < 10


def test_tiles_count_what_they_read():
    tiles = plan_tiles((1000, 700), TilingConfig(core_size=64, chip_size=64, halo=32))
    assert tiles.read_pixels == sum(int(t.read.width * t.read.height) for t in tiles)
    assert tiles[-1] == list(tiles)[-1]
    with pytest.raises(IndexError):
        tiles[len(tiles)]


def test_blocks_that_do_not_fit_into_memory_are_refused(write, monkeypatch, pixels):
    monkeypatch.setattr("roadex.imagery.members._LARGEST_BLOCK_BYTES", 80 * 80)
    with pytest.raises(SceneError, match=r"px, 3 bands.*TILED=YES"):
        open_scene([write(pixels, blockysize=80, interleave="pixel")])
    assert open_scene([write(pixels, blockysize=8, interleave="pixel")]).shape == (80, 80)


SMALL = {"encoder": "mobilenet_v2", "bottleneck": 32}


def write_model(path, metadata):
    """Write a model file with one tensor and a hash that is right."""
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    tensors = {"w": torch.ones(1)}
    save_file(tensors, path, metadata={"roadex": text, "sha256": _sha256(text, tensors)})
    return path


def described(**changes):
    """Return the description of a small network, changed."""
    base = {"name": "small", "network": "dlinknet", "arguments": SMALL, "gsd_m": 1.0,
            "gsd_range_m": [0.7, 1.4]}  # fmt: skip
    return base | changes


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (described(bands=["b"] * 3000, scale=[1.0] * 3000, offset=[0.0] * 3000), "3000 bands"),
        (described(arguments=[1, 2]), "entry 'arguments' must be options by name"),
        (described(arguments={"in_channels": 3}), "must not name in_channels"),
        (described(gsd_m="1"), "entry 'gsd_m' must be a number"),
        (json.dumps(described()).replace("1.0,", "NaN,", 1), "NaN is no number"),
        (json.dumps(described()).replace("1.0,", "1e999,", 1), "must be a number"),
        (described(name="\x1b[2J\x1b[31mok"), "control characters"),
        (described(training={"data": "a\x9b31mb"}), "control characters"),
        (described(name="ko\u202e.safetensors"), "control characters"),
        ([1, 2, 3], "is a list, not entries by name"),
        ("[" * 20_000 + "]" * 20_000, "recursion"),
        (described(bands=[1, 2, 3]), "must be a list of names"),
        (described(stretch=[[1, 2]]), "needs a stretch"),
        (described(training={"data": "x" * 1_000_001}), "no more than 1000000 are read"),
    ],
)
def test_a_hostile_description_is_one_printable_line(tmp_path, metadata, said):
    path = write_model(tmp_path / "model.safetensors", metadata)
    with pytest.raises(ModelError, match=said) as caught:
        read_metadata(path)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 400


@pytest.mark.parametrize(
    "encoder",
    ["tu-hf-hub:someone/model", "tu-hf_hub:someone/model", "tu-local-dir:/etc", "tu-../../x",
     "tu-resnet18.@hub", "nothing", "tu-nothing", "tu-tu-resnet18"],
)  # fmt: skip
@pytest.mark.parametrize("network", ["dlinknet", "smp"])
def test_encoders_of_hubs_and_folders_are_refused_before_they_are_tried(
    monkeypatch, encoder, network
):
    def tried(*args, **kwargs):
        raise AssertionError((args, kwargs))

    monkeypatch.setattr("segmentation_models_pytorch.encoders.get_encoder", tried)
    monkeypatch.setattr("segmentation_models_pytorch.create_model", tried)
    name, options = (
        (f"smp:unet/{encoder}", {}) if network == "smp" else ("dlinknet", {"encoder": encoder})
    )
    with pytest.raises(ModelError, match="unknown encoder"):
        create_network(name, **options)


def test_a_network_larger_than_its_file_is_refused_before_memory_is_claimed(tmp_path):
    huge = described(arguments=SMALL | {"bottleneck": 60_000})
    path = write_model(tmp_path / "model.safetensors", huge)
    with pytest.raises(ModelError, match="asks for a weight of"):
        load_model(path)


@pytest.mark.parametrize("sha256", ["", "a" * 63, "\x1b[2J" + "a" * 60, "A" * 64])
def test_a_hash_that_is_none_is_refused_before_it_is_shown(tmp_path, sha256):
    path = tmp_path / "model.safetensors"
    header = {"roadex": json.dumps(described()), "sha256": sha256}
    save_file({"w": torch.ones(1)}, path, metadata=header)
    with pytest.raises(ModelError, match="is damaged"):
        read_metadata(path)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, odd):
    tensors = create_network("unet", width=1 / 64).state_dict()
    tensors["head.bias" if "head.bias" in tensors else next(iter(tensors))].view(-1)[0] = odd
    text = json.dumps(described(network="unet", arguments={"width": 1 / 64}))
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, metadata={"roadex": text, "sha256": _sha256(text, tensors)})
    with pytest.raises(ModelError, match="no numbers"):
        load_model(path)


def test_a_network_whose_values_overflow_is_an_error_and_no_raster():
    network = create_network("unet", width=1 / 64).eval()
    for weight in network.parameters():
        weight.data.fill_(3e38).view(-1)[::2] *= -1
    predictor = Predictor.of(network, Scaling())
    with pytest.raises(ModelError, match="weights are too large"):
        predictor.probability(np.full((3, 64, 64), 200, dtype=np.float32))


ONE_BY_ONE = """
import json, sys
from roadex.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        print("ended with", end.code or 0, file=sys.stderr)
"""
"""Runs command lines in a process that has nothing but their words on its terminal."""


def test_words_of_libraries_stay_off_the_terminal(write, tmp_path, pixels):
    content = write((pixels[0] > 160).astype(np.uint8) * 255).read_bytes()
    # Tags out of order: a warning that GDAL writes to the terminal itself.
    unsorted = content.replace(b"\x1c\x01\x03\0", b"\xe8\xfd\x03\0", 1)
    assert unsorted != content
    (tmp_path / "unsorted.tif").write_bytes(unsorted)
    # An error of GDAL that quotes bytes of the file, on which rasterio stumbles.
    (tmp_path / "bytes.vrt").write_bytes(
        b'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand '
        b'dataType="\xff\xfe" band="1"/></VRTDataset>'
    )
    commands = [
        [*words, str(tmp_path / name)]
        for words in (["plan", "--no-calibration"], ["vectorize", "-q", "-o", f"{tmp_path}/a.fgb"])
        for name in ("unsorted.tif", "bytes.vrt")
    ]
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for said in (done.stderr.splitlines()[:3], done.stderr.splitlines()[3:]):
        assert said[0] == "ended with 0"
        assert said[1].startswith("Error: ")
        assert said[2:] == ["ended with 2"]


@pytest.mark.parametrize("kind", ["tif", "vrt"])
def test_a_raster_that_describes_itself_in_no_text_is_one_line(write, tmp_path, pixels, kind):
    values = (pixels[0] > 160).astype(np.uint8) * 255
    path = write(values, names=("@" * 9,))
    if kind == "vrt":
        path = tmp_path / "scene.vrt"
        path.write_text(
            '<VRTDataset rasterXSize="80" rasterYSize="80"><SRS>EPSG:32633</SRS>'
            '<GeoTransform>5e5,1,0,54e5,0,-1</GeoTransform><VRTRasterBand dataType="Byte" '
            'band="1"><Description>@@@@@@@@@'
            "</Description></VRTRasterBand></VRTDataset>"
        )
    path.write_bytes(path.read_bytes().replace(b"@" * 9, b"\xff\xfe" * 4 + b"a"))
    with pytest.raises(SceneError, match="no UTF-8 text"):
        open_scene([path])


def test_the_guard_counts_all_weights(tmp_path):
    with no_larger_than({"w": torch.ones(1)}, tmp_path):
        for _ in range(16):
            torch.empty(2048, 2048)
        with pytest.raises(ModelError, match="asks for a weight"):
            torch.empty(2048, 2048)
    with (
        no_larger_than({"w": torch.ones(1)}, tmp_path),
        pytest.raises(ModelError, match="asks for a weight"),
    ):
        torch.zeros((3, 2**22))


def test_a_stretch_is_kept_in_the_model_file():
    plain = ModelMetadata(name="a", network="dlinknet", gsd_m=1, gsd_range_m=(0.5, 2))
    assert "stretch" not in plain.to_json()  # older versions read it
    stretched = ModelMetadata(
        name="a", network="dlinknet", gsd_m=1, gsd_range_m=(0.5, 2),
        stretch=((20.0, 210.0), (25.0, 215.0), (18.0, 220.0)),
    )  # fmt: skip
    assert ModelMetadata.from_json(stretched.to_json()) == stretched
