"""What a GPU computes is what a CPU computes, with less memory than it wants too.

Run by ``make gpu-check``, or by ``pytest -m gpu`` where torch sees a GPU.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import rasterio

import roadex
from roadex.config import DEFAULT_MODEL, RunConfig, TrainConfig
from roadex.synthetic.scene import generate_scene

torch = pytest.importorskip("torch")

from roadex.inference.engine import Predictor  # noqa: E402
from roadex.inference.float_form import FloatForm  # noqa: E402
from roadex.models.modelfile import load_model  # noqa: E402
from roadex.models.scaling import Scaling  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
    pytest.mark.timeout(120),
]

THRESHOLD = 0.35
"""Of the packaged model."""

FLOAT32_TOLERANCE = 1e-3
"""Largest difference of probability that counts as the same arithmetic in another order."""

SAME_ROADS_IOU = 0.98
"""Least agreement of road pixels between float16 and float32."""


@pytest.fixture(scope="module")
def image():
    """Return a drawn place with roads, neither square nor a multiple of 32: ``(3, 700, 900)``."""
    return generate_scene(shape=(700, 900), gsd_m=0.7, seed=3).image.astype(np.float32)


def form(device="cuda", **options):
    loaded = load_model(DEFAULT_MODEL)
    return FloatForm(loaded.network, Scaling.of(loaded.metadata), device=device, **options)


@pytest.fixture(scope="module")
def on_cpu(image):
    probability = form("cpu").probability(image, "flip")[0]
    assert 0.02 < (probability >= THRESHOLD).mean() < 0.5
    return probability


def iou(first, second):
    first, second = first >= THRESHOLD, second >= THRESHOLD
    return (first & second).sum() / (first | second).sum()


@pytest.mark.parametrize("is_batched", [False, True])
def test_float32_is_that_of_the_cpu(image, on_cpu, is_batched):
    found = form(is_batched=is_batched).probability(image, "flip")[0]
    np.testing.assert_allclose(found, on_cpu, atol=FLOAT32_TOLERANCE)
    assert iou(found, on_cpu) > 0.999


def test_float16_sees_the_same_roads(image, on_cpu):
    found = form(precision="float16").probability(image, "flip")[0]
    assert found.dtype == np.float32
    assert iou(found, on_cpu) >= SAME_ROADS_IOU
    assert not np.array_equal(found, on_cpu)


def test_float32_leaves_what_training_uses_as_it_was(image):
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    form().probability(image, "none")
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == before


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(640, 640), (512, 704)])
def test_views_together_are_the_views_one_by_one(image, precision, shape):
    part = np.ascontiguousarray(image[:, : shape[0], : shape[1]])
    one_by_one, together = (
        form(precision=precision, is_batched=is_batched).probability(part, "d4")[0]
        for is_batched in (False, True)
    )
    atol = FLOAT32_TOLERANCE if precision == "float32" else 0.2
    np.testing.assert_allclose(together, one_by_one, atol=atol)
    assert iou(together, one_by_one) >= SAME_ROADS_IOU


def test_the_same_image_gives_the_same_bytes(image):
    first, second = (form().probability(image, "d4")[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.fixture
def memory_limit():
    """Return a function that allows torch so many bytes of the GPU; lifted afterwards."""

    def allow(n_bytes):
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(n_bytes / total)

    yield allow
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def test_short_memory_ends_in_views_one_by_one_then_in_parts(memory_limit, on_cpu):
    image = generate_scene(shape=(1152, 1152), gsd_m=0.7, seed=4).image.astype(np.float32)
    whole = form()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    expected, n_parts = whole.probability(image, "d4")
    together = torch.cuda.max_memory_reserved()
    assert n_parts == 1
    seen = set()
    for share in (0.5, 0.25, 0.12, 0.06):
        memory_limit(share * together)
        limited = form()
        found, n_parts = limited.probability(image, "d4")
        seen.add((limited._is_batched, n_parts > 1))
        assert iou(found, expected) > 0.9
        del limited
    assert {(False, False), (False, True)} <= seen


def test_a_run_on_a_gpu_finds_the_network_of_the_cpu(tmp_path):
    place = generate_scene(shape=(768, 768), gsd_m=0.7, seed=5)
    scene = tmp_path / "scene.tif"
    with rasterio.open(
        scene, "w", driver="GTiff", height=768, width=768, count=3, dtype="uint8",
        crs="EPSG:26986", transform=place.transform,
    ) as file:  # fmt: skip
        file.write(place.image)
    lengths = {}
    for name, cluster in {
        "cpu": {"workers": 0, "gpus": "none"},
        "here": {"workers": 0, "gpus": "all"},
        "worker": {"workers": 1, "gpus": "all"},
        "half": {"workers": 0, "gpus": "all"},
    }.items():
        config = RunConfig.from_dict(
            {
                "tiling": {"core_size": 512, "chip_size": 512},
                "predict": {"precision": "float16" if name == "half" else "float32"},
                "cluster": cluster,
            }
        )
        result = roadex.run(scene, tmp_path / name, config=config)
        lengths[name] = result.network.edges.length.sum()
    assert lengths["cpu"] > 500
    for name, tolerance in {"here": 0.005, "worker": 0.005, "half": 0.05}.items():
        assert lengths[name] == pytest.approx(lengths["cpu"], rel=tolerance), name


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Return labelled scenes: four drawn places with masks."""
    from PIL import Image

    from roadex.training.datasets import find_labelled_scenes
    from roadex.training.datasets.chip_windows import WeightedScenes

    folder: Path = tmp_path_factory.mktemp("places")
    for part in ("sat", "mask"):
        (folder / part).mkdir()
    for seed in range(4):
        place = generate_scene(shape=(192, 192), gsd_m=1.0, seed=seed)
        Image.fromarray(np.moveaxis(place.image, 0, -1)).save(folder / "sat" / f"{seed}.png")
        mask = place.road_mask.astype(np.uint8)
        Image.fromarray(mask).save(folder / "mask" / f"{seed}.png")
    return [WeightedScenes(find_labelled_scenes(str(folder)), 1.0)]


class StoppedError(Exception):
    """Ends a training on the way."""


def losses_of(sources, folder, *, stop_at=None):
    from roadex.training.loop import train
    from roadex.training.processes import Group

    config = TrainConfig.from_dict(
        {
            "arguments": {"encoder": "resnet18", "bottleneck": 64}, "precision": "bfloat16",
            "steps": 12, "batch_size": 4, "chip_size": 128, "evaluate_every": 12,
            "checkpoint_every": 1, "loader_processes": 0,
        }
    )  # fmt: skip
    losses = {}

    def on_step(progress):
        losses[progress.step] = progress.loss
        if progress.step == stop_at:
            raise StoppedError

    folder.mkdir(exist_ok=True)
    train(
        sources, config, folder=folder, scaling=Scaling(),
        group=Group(device=torch.device("cuda")), on_step=on_step,
    )  # fmt: skip
    return losses


def test_training_in_bfloat16_is_finite_repeats_itself_and_goes_on(labelled, tmp_path):
    first = losses_of(labelled, tmp_path / "first")
    second = losses_of(labelled, tmp_path / "second")
    assert np.isfinite(list(first.values())).all()
    assert len(first) == 12
    with pytest.raises(StoppedError):
        losses_of(labelled, tmp_path / "parts", stop_at=6)
    rest = losses_of(labelled, tmp_path / "parts")
    assert min(rest) > 5
    # A GPU adds gradients in any order, so that later steps agree in their first digits only.
    for step, loss in itertools.chain(second.items(), rest.items()):
        assert loss == pytest.approx(first[step], rel=0.02), step


def test_the_packaged_model_is_loaded_onto_the_gpu_unasked():
    predictor = Predictor.load(DEFAULT_MODEL, precision="float16")
    weights = next(predictor._form._network.parameters())
    assert (weights.device.type, weights.dtype) == ("cuda", torch.float16)
