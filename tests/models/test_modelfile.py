"""Model files: what is written comes back, what was changed is noticed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from roadex.errors import ModelError
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, read_metadata, read_sha256, save_model


def _rewrite(path, *, tensors=None, **header):
    """Write the file anew with some of its parts replaced."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        old = file.metadata()
    save_file(load_file(path) | (tensors or {}), path, metadata=old | header)


def test_metadata_come_back_unchanged(model_file, make_metadata):
    assert read_metadata(model_file) == make_metadata()
    assert load_model(model_file).metadata == make_metadata()


def test_loaded_network_is_ready_to_predict(model_file):
    model = load_model(model_file)
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())
    assert all(p.dtype == torch.float32 for p in model.network.parameters())


def test_half_precision_file_is_half_the_size_and_near(small_network, make_metadata, tmp_path):
    half = save_model(small_network, make_metadata(), tmp_path / "half.safetensors")
    whole = save_model(
        small_network, make_metadata(), tmp_path / "whole.safetensors", dtype=torch.float32
    )
    assert half.stat().st_size < 0.51 * whole.stat().st_size
    chip = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        near = load_model(half).network(chip)
        torch.testing.assert_close(near, small_network.eval()(chip), rtol=0.02, atol=0.02)


def test_same_model_has_the_same_hash_and_another_has_another(
    small_network, make_metadata, tmp_path
):
    path = tmp_path / "a.safetensors"
    first = load_model(save_model(small_network, make_metadata(), path)).sha256
    assert load_model(save_model(small_network, make_metadata(), path)).sha256 == first
    assert read_sha256(path) == first
    save_model(small_network, make_metadata(threshold_low=0.3), path)
    assert load_model(path).sha256 != first


def test_one_changed_weight_is_noticed(model_file):
    key = "head.weight"
    changed = load_file(model_file)[key]
    changed[0, 0] += 1e-6
    _rewrite(model_file, tensors={key: changed})
    with pytest.raises(ModelError, match="is damaged: sha256"):
        load_model(model_file)


def test_changed_metadata_are_noticed(model_file, make_metadata):
    _rewrite(model_file, roadex=make_metadata(threshold_low=0.1).to_json())
    with pytest.raises(ModelError, match="is damaged: sha256"):
        load_model(model_file)


def test_cut_file_is_a_user_error(model_file):
    model_file.write_bytes(model_file.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"is not a readable \.safetensors file"):
        load_model(model_file)


def test_foreign_safetensors_file_says_how_to_import(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelError, match="roadex models import"):
        load_model(tmp_path / "foreign.safetensors")


def test_missing_model_says_where_it_was_sought():
    with pytest.raises(ModelError, match=r"no model 'roadx-light': neither a file nor a packaged"):
        load_model("roadx-light")


def test_metadata_of_another_network_are_refused(small_network, make_metadata, tmp_path):
    with pytest.raises(ModelError, match="does not fit its network"):
        save_model(small_network, make_metadata(network="unet-half"), tmp_path / "a.safetensors")


def test_weights_that_are_not_finite_are_not_saved(small_network, make_metadata, tmp_path):
    with torch.no_grad():
        small_network.head.weight[0, 0] = 1e6  # finite, but not in 16 bits
    with pytest.raises(ModelError, match=r"head\.weight is not finite as torch\.float16"):
        save_model(small_network, make_metadata(), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_model_of_a_newer_roadex_is_refused(model_file, make_metadata):
    newer = json.loads(make_metadata().to_json()) | {"polarisation": "vv"}
    _rewrite(model_file, roadex=json.dumps(newer))
    with pytest.raises(ModelError, match="'polarisation'; the model needs a newer roadex"):
        read_metadata(model_file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": ("grey",)}, "needs 1 scales and offsets"),
        ({"gsd_m": 2.0}, "needs gsd_m within gsd_range_m"),
        ({"threshold_low": 0.6}, "threshold_low <= threshold_high"),
        ({"tta": "d8"}, "knows tta none, flip, d4, adaptive"),
        ({"arguments": {"encoder_weights": "x.pth"}}, "must not name encoder_weights"),
    ],
)
def test_metadata_check_themselves(make_metadata, changes, message):
    with pytest.raises(ModelError, match=message):
        make_metadata(**changes)


def test_channel_order_is_read_off_the_bands(make_metadata):
    assert make_metadata().channel_order == "RGB"
    assert make_metadata(bands=("blue", "green", "red")).channel_order == "BGR"


def test_scaling_of_imagenet_networks_can_be_said():
    metadata = ModelMetadata(name="m", network="dlinknet", gsd_m=1, gsd_range_m=(1, 1))
    assert [0 * s + o for s, o in zip(metadata.scale, metadata.offset, strict=True)] == [-1] * 3
    assert [255 * s + o for s, o in zip(metadata.scale, metadata.offset, strict=True)] == [1] * 3


def test_reading_metadata_imports_no_torch(model_file):
    code = (
        "import sys; from roadex.models.modelfile import read_metadata; "
        f"read_metadata({str(model_file)!r}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
