"""Exported models give what the native ones give."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from roadex.errors import ModelError, OutputError
from roadex.models.export import ViewerNetwork, export_onnx, export_program, viewer_bands
from roadex.models.modelfile import load_model, save_model

TILE_SIZE = 64


@pytest.fixture
def bgr_model(small_network, make_metadata, tmp_path):
    """A model whose bands, scaling and threshold are none of the viewers' own."""
    metadata = make_metadata(
        bands=("blue", "green", "red"),
        scale=(3.2 / 255,) * 3,
        offset=(-1.6,) * 3,
        threshold_high=0.7,
        gsd_m=1.25,
    )
    path = save_model(small_network, metadata, tmp_path / "bgr.safetensors", dtype=torch.float32)
    return load_model(path)


@pytest.fixture
def rgb():
    return torch.rand((1, 3, TILE_SIZE, TILE_SIZE), generator=torch.Generator().manual_seed(4))


@torch.inference_mode()
def test_viewer_input_is_rgb_in_0_to_1(bgr_model, rgb):
    scores = ViewerNetwork(bgr_model)(rgb)
    logits = bgr_model.network(rgb.flip(1) * 3.2 - 1.6)
    odds = torch.log(scores[:, 1:] / scores[:, :1])
    torch.testing.assert_close(odds, logits - math.log(0.7 / 0.3), rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_viewer_takes_for_road_what_is_above_the_threshold(bgr_model, rgb):
    scores = ViewerNetwork(bgr_model)(rgb)
    probability = torch.sigmoid(bgr_model.network(rgb.flip(1) * 3.2 - 1.6))[:, 0]
    assert torch.equal(scores.argmax(dim=1) == 1, probability > 0.7)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(1, TILE_SIZE, TILE_SIZE))


def test_bands_that_are_not_rgb_keep_their_order():
    assert viewer_bands(("blue", "green", "red")) == ("red", "green", "blue")
    assert viewer_bands(("grey",)) == ("grey",)
    assert viewer_bands(("nir", "red", "green")) == ("nir", "red", "green")


@pytest.mark.slow
@torch.inference_mode()
def test_onnx_file_gives_the_native_scores_and_describes_itself(bgr_model, rgb, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
    pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
    path = export_onnx(bgr_model, tmp_path / "roads.onnx", tile_size=TILE_SIZE)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores = session.run(None, {"rgb": rgb.numpy()})[0]
    np.testing.assert_allclose(scores, ViewerNetwork(bgr_model)(rgb).numpy(), atol=1e-5)

    entries = session.get_modelmeta().custom_metadata_map
    assert json.loads(entries["model_type"]) == "Segmentor"
    assert json.loads(entries["class_names"]) == {"0": "background", "1": "road"}
    assert float(entries["resolution"]) == 125  # centimetres
    assert json.loads(entries["tile_size"]) == session.get_inputs()[0].shape[-1] == TILE_SIZE
    assert float(entries["seg_thresh"]) == 0.5
    assert json.loads(entries["roadex"])["name"] == "small"


@torch.inference_mode()
def test_exported_program_gives_the_native_logits(bgr_model, rgb, tmp_path):
    path = export_program(bgr_model, tmp_path / "roads.pt2", tile_size=TILE_SIZE)
    extra = {"roadex.json": ""}
    program = torch.export.load(path, extra_files=extra).module()
    torch.testing.assert_close(program(rgb), bgr_model.network(rgb), rtol=1e-5, atol=1e-5)
    assert json.loads(extra["roadex.json"])["bands"] == ["blue", "green", "red"]


def test_tile_size_must_fit_the_network(bgr_model, tmp_path):
    with pytest.raises(ModelError, match="multiple of 16 for this network, got 100"):
        export_program(bgr_model, tmp_path / "roads.pt2", tile_size=100)


def test_suffix_says_the_format(bgr_model, tmp_path):
    with pytest.raises(OutputError, match=r"must end in \.pt2"):
        export_program(bgr_model, tmp_path / "roads.onnx")
