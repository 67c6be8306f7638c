"""Published checkpoints: recognised, renamed, and never executed."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
import torch
from click.testing import CliRunner

from roadex.cli.models import models
from roadex.errors import ModelError
from roadex.models.checkpoints import import_checkpoint, recognise
from roadex.models.modelfile import load_model, read_metadata, save_model


@pytest.fixture(scope="module")
def weights(references):
    return references.state_dict("DinkNet34_less_pool")


@pytest.fixture
def checkpoint(tmp_path):
    def write(content, *, legacy=False):
        path = tmp_path / "log01.th"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        return path

    return write


def _logits(network, references):
    with torch.inference_mode():
        return network(references.chip(64, 64))


@pytest.mark.parametrize(
    ("legacy", "prefix", "has_counters"),
    [(False, "", True), (True, "", False), (False, "module.", True), (True, "module.", False)],
)
def test_every_form_of_file_gives_the_same_network(
    weights, checkpoint, references, original, legacy, prefix, has_counters
):
    kept = OrderedDict(
        (prefix + key, tensor)
        for key, tensor in weights.items()
        if has_counters or not key.endswith("num_batches_tracked")
    )
    # What PyTorch keeps beside a state dict: it makes strict loading fail without the counters.
    kept._metadata = OrderedDict({"": {"version": 2}})
    network, metadata = import_checkpoint(checkpoint(kept, legacy=legacy))
    assert metadata.network == "dlinknet34-lesspool"
    expected = original.logits("DinkNet34_less_pool", weights, references.chip(64, 64))
    assert torch.equal(_logits(network, references), expected)


def test_state_dict_beside_other_things_is_found(weights, checkpoint):
    _, metadata = import_checkpoint(checkpoint({"epoch": 7, "state_dict": weights}))
    assert metadata.name == "log01"


def test_published_preprocessing_is_set(weights, checkpoint, references):
    _, metadata = import_checkpoint(checkpoint(weights), name="deepglobe")
    assert metadata.name == "deepglobe"
    assert metadata.channel_order == "BGR"
    assert metadata.gsd_m == 0.5
    assert metadata.tta == "d4"
    black, white = metadata.offset[0], 255 * metadata.scale[0] + metadata.offset[0]
    assert (black, white) == (-1.6, pytest.approx(1.6))


def test_imported_model_survives_our_format(weights, checkpoint, references, tmp_path):
    network, metadata = import_checkpoint(checkpoint(weights))
    path = save_model(network, metadata, tmp_path / "ours.safetensors", dtype=torch.float32)
    again = load_model(path)
    assert torch.equal(_logits(again.network, references), _logits(network, references))
    assert again.metadata.training["imported_from"] == "log01.th"


def test_command_imports_a_checkpoint(weights, checkpoint, tmp_path):
    arguments = ["import", str(checkpoint(weights)), "-o", str(tmp_path / "ours.safetensors")]
    output = CliRunner().invoke(models, arguments, catch_exceptions=False).output
    assert "dlinknet34-lesspool, BGR, 0.5 m/pixel" in output
    assert read_metadata(tmp_path / "ours.safetensors").name == "log01"


@pytest.mark.parametrize(
    ("original_name", "name"),
    [
        ("LinkNet34", "linknet34"),
        ("DinkNet34_less_pool", "dlinknet34-lesspool"),
        ("DinkNet34", "dlinknet34"),
        ("DinkNet50", "dlinknet50"),
        ("DinkNet101", "dlinknet101"),
        ("Unet", "unet-dlinknet"),
    ],
)
def test_variant_is_recognised_by_its_keys(references, original_name, name):
    assert recognise(references.shapes(original_name)) == name


class _Hostile:
    """Pickled, it calls a function when it is loaded."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("container", ["zip", "legacy", "pickle"])
def test_hostile_pickle_is_refused_and_not_executed(checkpoint, tmp_path, container):
    trace = tmp_path / "executed"
    content = {"firstconv.weight": _Hostile(trace)}
    if container == "pickle":
        path = tmp_path / "log01.th"
        path.write_bytes(pickle.dumps(content))
    else:
        path = checkpoint(content, legacy=container == "legacy")
    with pytest.raises(ModelError, match="is refused"):
        import_checkpoint(path)
    assert not trace.exists()


def test_foreign_network_is_a_user_error(checkpoint):
    with pytest.raises(ModelError, match="not a checkpoint of the D-LinkNet code"):
        import_checkpoint(checkpoint({"conv1.weight": torch.zeros(1)}))


def test_changed_network_is_named_with_its_first_difference(weights, checkpoint):
    changed = dict(weights) | {"finalconv3.weight": torch.zeros(2, 32, 3, 3)}
    with pytest.raises(ModelError, match=r"conv3\.weight is \(2, 32, 3, 3\)"):
        import_checkpoint(checkpoint(changed))


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}])
def test_file_without_state_dict_is_a_user_error(checkpoint, content):
    with pytest.raises(ModelError, match="state dict"):
        import_checkpoint(checkpoint(content))


def test_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        import_checkpoint(tmp_path / "none.th")
