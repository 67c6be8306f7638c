"""What a training left behind: checkpoints and notes of settings, whole and damaged."""

import dataclasses
import json

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from roadex.config import TrainConfig
from roadex.errors import TrainingError
from roadex.training.checkpoint import TrainingState
from roadex.training.resume import changed_settings
from roadex.training.schedules import DivideBy5

CONFIG = TrainConfig(steps=4)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"steps": 0}', b"[" * 100_000])
def test_a_damaged_note_of_settings_is_one_line(tmp_path, content):
    (tmp_path / "checkpoint.pt").touch()
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(TrainingError, match=r"config\.json.*another --run-folder"):
        changed_settings(tmp_path, CONFIG)


@pytest.fixture
def saved_state(tmp_path):
    """Return a state, and what it wrote as a checkpoint."""
    network = torch.nn.Linear(2, 1)
    state = TrainingState(
        network, AveragedModel(network), torch.optim.SGD(network.parameters()),
        DivideBy5(CONFIG, 2), 3, smooth_loss=0.5, history=[{"step": 2, "iou": 0.4}],
    )  # fmt: skip
    state.save(tmp_path / "checkpoint.pt")
    return state, torch.load(tmp_path / "checkpoint.pt", weights_only=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", -1), ("step", "3"), ("step", None), ("seconds", float("nan")), ("seconds", [1]),
        ("history", {}), ("history", [1]), ("history", [{"iou": "0.4"}]), ("is_stopped", 1),
        ("smooth_loss", "0.5"), ("best_network", [1]), ("best_averaged", {"a": 1}),
        ("network", []), ("averaged", None), ("optimizer", {}), ("optimizer", 1), ("schedule", [1]),
    ],
)  # fmt: skip
def test_an_entry_of_a_checkpoint_of_another_kind_is_one_line(saved_state, tmp_path, name, value):
    state, saved = saved_state
    path = tmp_path / "changed.pt"
    torch.save(saved | {name: value}, path)
    with pytest.raises(TrainingError, match=r"changed\.pt does not fit this training"):
        state.load(path)
    torch.save([saved], path)
    with pytest.raises(TrainingError, match="it is a list"):
        state.load(path)


@pytest.mark.parametrize("keep", [0, 3, 100, 1500])
def test_a_checkpoint_cut_short_is_one_line(saved_state, tmp_path, keep):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match="is damaged"):
        saved_state[0].load(path)


def test_going_on_with_other_settings_is_said(tmp_path):
    old = CONFIG.to_dict()
    for added in ("optimizer", "schedule", "accumulation", "input_range"):
        del old[added]  # as an earlier version wrote it
    (tmp_path / "config.json").write_text(json.dumps(old))
    changed = dataclasses.replace(CONFIG, learning_rate=0.5)
    assert changed_settings(tmp_path, changed) == ()  # nothing has been trained yet
    (tmp_path / "checkpoint.pt").touch()
    assert changed_settings(tmp_path, CONFIG) == ()
    assert changed_settings(tmp_path, dataclasses.replace(CONFIG, evaluate_every=9)) == ()
    assert changed_settings(tmp_path, changed) == ("learning_rate: 0.001 -> 0.5",)
