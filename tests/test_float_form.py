"""Networks in floating point: short memory, views together or one by one, 16 bits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from roadex.config import ClusterConfig
from roadex.errors import ConfigError, ModelError
from roadex.inference.engine import Predictor
from roadex.inference.float_form import FloatForm
from roadex.models.modelfile import load_model
from roadex.models.scaling import Scaling
from roadex.pipeline.precision import int8_form_to_use, precision_to_use, values_key


class Hungry:
    """A network that needs more memory than there is for more than ``limit`` pixels."""

    def __init__(self, network, limit, error=torch.OutOfMemoryError):
        self.network, self.limit, self.error = network, limit, error
        self.seen, self.done = [], []

    def __call__(self, chips):
        self.seen.append(len(chips))
        if chips[:, 0].numel() > self.limit:
            raise self.error
        self.done.append(len(chips))
        return self.network(chips)


@pytest.fixture(scope="module")
def model(make_model):
    """Return the model file of a narrow network, which is quick on large images."""
    return make_model("unet", width=1 / 16, norm=True)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(0, 255, (3, 512, 448)).astype(np.float32)


@pytest.fixture
def make_form(model):
    def make(*, limit=None, **options):
        form = FloatForm(load_model(model).network, Scaling(), device="cpu", **options)
        if limit is not None:
            form._network = Hungry(form._network, limit)
        return form

    return make


def test_short_memory_cuts_the_image_until_it_fits_and_remembers(image, make_form):
    whole, _ = make_form().probability(image, "none")
    form = make_form(limit=400 * 400)
    parts, n_parts = form.probability(image, "none")
    assert n_parts == 4
    # Where parts meet, the halo does what it does between tiles.
    assert np.abs(parts - whole).mean() < 0.02
    np.testing.assert_allclose(parts[:128, :128], whole[:128, :128], atol=0.15)
    hungry = form._network
    assert len(hungry.seen) - len(hungry.done) == 1
    form.probability(image, "none")
    assert len(hungry.seen) - len(hungry.done) == 1


@pytest.mark.parametrize(
    ("limit", "n_parts", "seen", "afterwards"),
    [
        (4 * 256 * 256, 1, [4], [4]),
        (256 * 256, 1, [4, *[1] * 4], [1] * 4),
        (192 * 192, 4, [4, 1, *[1] * 16], [1] * 16),
    ],
    ids=["all together", "one by one", "in parts"],
)
def test_views_are_computed_one_by_one_before_an_image_is_cut(
    image, make_form, limit, n_parts, seen, afterwards
):
    square = image[:, :256, :256]
    expected, _ = make_form().probability(square, "flip")
    form = make_form(limit=limit, is_batched=True)
    found, n_found = form.probability(square, "flip")
    assert (n_found, form._network.seen) == (n_parts, seen)
    if n_parts == 1:
        np.testing.assert_allclose(found, expected, atol=1e-5)
    form._network.seen.clear()
    form.probability(square, "flip")
    assert form._network.seen == afterwards


def test_what_cudnn_says_without_room_to_work_in_is_short_memory_and_nothing_else_is(
    image, make_form
):
    form = make_form(limit=400 * 400)
    form._network.error = RuntimeError("GET was unable to find an engine to execute this")
    assert form.probability(image, "none")[1] == 4
    form = make_form(limit=400 * 400)
    form._network.error = RuntimeError("an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        form.probability(image, "none")


@pytest.mark.parametrize("tta", ["none", "d4"])
@pytest.mark.parametrize("is_batched", [False, True])
def test_memory_too_short_for_any_part_is_an_error(image, make_form, tta, is_batched):
    form = make_form(limit=0, is_batched=is_batched)
    with pytest.raises(ModelError, match="memory on cpu"):
        form.probability(image[:, :256, :256], tta)


def test_one_thread_starts_all_work_of_a_gpu(image, make_form, monkeypatch):
    """A thread of its own for every image would make the plans of cuDNN anew, for a second each."""
    monkeypatch.setattr("roadex.inference.float_form.is_gpu", lambda _: True)
    form = make_form()
    threads = []
    network = form._network
    form._network = lambda chips: (threads.append(threading.get_ident()), network(chips))[1]
    part = image[:, :128, :128]
    with ThreadPoolExecutor(3) as pool:
        started = [pool.submit(form.probability, part, "none") for _ in range(4)]
        found = [done.result()[0] for done in started]
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    expected, _ = make_form().probability(part, "none")
    for probability in found:
        np.testing.assert_allclose(probability, expected, atol=1e-6)


def test_a_cpu_computes_views_one_by_one(image, make_form):
    form = make_form(limit=10**9)
    form.probability(image, "d4")
    assert form._network.seen == [1] * 8


def test_float16_sees_what_float32_sees_and_leaves_the_network_as_it_was(image, model):
    network = load_model(model).network
    small = image[:, :96, :128]
    exact = Predictor.of(network, Scaling(), tta="flip").probability(small)
    half = Predictor.of(network, Scaling(), tta="flip", precision="float16")
    found = half.probability(small)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.05
    again = Predictor.of(network, Scaling(), tta="flip").probability(small)
    np.testing.assert_array_equal(again, exact)


def test_float16_without_a_gpu_is_one_line(model):
    with pytest.raises(ModelError, match="float16 computes on a GPU"):
        Predictor.load(str(model), device="cpu", precision="float16")
    with pytest.raises(ConfigError, match="--precision float16 computes on GPUs"):
        int8_form_to_use("float16", model, ClusterConfig(gpus="none"))


def test_tiles_in_float16_are_not_those_in_float32(model):
    for place in (ClusterConfig(gpus="0"), ClusterConfig(scheduler="tcp://host:8786")):
        assert int8_form_to_use("float16", model, place) is None
    assert precision_to_use("float16", None) == "float16"
    assert precision_to_use("auto", None) == precision_to_use("float32", None) == "float32"
    assert precision_to_use("auto", "hash") == "int8"
    keys = {values_key("a", None, "float32"), values_key("a", None, "float16")}
    assert len(keys | {values_key("a", "b", "int8")}) == 3
    assert values_key("a", None, "float32") == "a"
