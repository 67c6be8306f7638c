"""The steps of the pipeline, one by one, on toy data."""

from pathlib import Path

import pytest
import torch
from models.roadex import pipeline

from roadex.models import create_network
from roadex.models.metadata import ModelMetadata

SETTINGS = {
    "epochs": 1, "batch_size": 2, "learning_rate": 1e-3, "chip_size": 128, "val_ratio": 0.3,
    "split_seed": 0,
}  # fmt: skip


@pytest.fixture
def checkpoint() -> bytes:
    """Return a small network with random weights."""
    torch.manual_seed(0)
    arguments = {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32}
    metadata = ModelMetadata(
        name="toy", network="dlinknet", arguments=arguments, gsd_m=1.0, gsd_range_m=(0.5, 2.0)
    )
    return pipeline.save_checkpoint(create_network("dlinknet", **arguments).eval(), metadata)


@pytest.fixture(autouse=True)
def _no_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "log_metadata", lambda **_: None)
    monkeypatch.setattr("fair.zenml.metrics.log_fair_metrics", lambda *_: None)


def _split(toy: dict[str, str]) -> dict:
    return pipeline.split_dataset.entrypoint(toy["chips"], toy["labels"], SETTINGS)


def test_split_dataset(generate_toy_dataset: dict[str, str]) -> None:
    """Each tile is in one half; the east is for validation."""
    split = _split(generate_toy_dataset)
    assert (split["train_count"], split["val_count"]) == (4, 2)
    tiles = sorted(Path(generate_toy_dataset["chips"]).glob("*.tif"))
    train, val = pipeline._split(tiles, 0.3)
    assert {path.stem.split("-")[1] for path in val} == {"193345"}
    assert not set(train) & set(val)


def test_train_model(
    generate_toy_dataset: dict[str, str], checkpoint: bytes, tmp_path: Path
) -> None:
    """Weights change, and the checkpoint is one that can be trained on."""
    weights = tmp_path / "base.pt"
    weights.write_bytes(checkpoint)
    toy = generate_toy_dataset
    trained = pipeline.train_model.entrypoint(
        toy["chips"], toy["labels"], str(weights), SETTINGS, _split(toy)
    )
    before, _ = pipeline.load_checkpoint(checkpoint)
    after, _ = pipeline.load_checkpoint(trained)
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_evaluate_model(generate_toy_dataset: dict[str, str], checkpoint: bytes) -> None:
    """There is one figure, a share."""
    toy = generate_toy_dataset
    metrics = pipeline.evaluate_model.entrypoint(
        checkpoint, toy["chips"], toy["labels"], _split(toy)
    )
    assert list(metrics) == ["road_iou"]
    assert 0 <= metrics["road_iou"] <= 1


def test_export_onnx(checkpoint: bytes) -> None:
    """The graph gives what the network gives."""
    runtime = pytest.importorskip("onnxruntime")
    content = pipeline.export_onnx.entrypoint(checkpoint)
    assert isinstance(content, bytes)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    chips = torch.rand(2, 3, 64, 96) * 255
    network, metadata = pipeline.load_checkpoint(checkpoint)
    scale, offset = (torch.tensor(v).view(3, 1, 1) for v in (metadata.scale, metadata.offset))
    with torch.no_grad():
        expected = network(chips * scale + offset)
    (found,) = session.run(["output"], {"input": chips.numpy()})
    assert abs(torch.from_numpy(found) - expected).max() < 1e-3
