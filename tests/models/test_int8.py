"""The same network in 8-bit integers: the file, the computing, and when a run chooses it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

import roadex
from roadex.config import ClusterConfig, RunConfig
from roadex.errors import ConfigError, ModelError
from roadex.inference import int8_form
from roadex.inference.engine import Predictor
from roadex.inference.int8_form import IntegerForm
from roadex.models.int8 import int8_notes, int8_sha256, load_int8
from roadex.models.modelfile import load_model, read_header, read_sha256
from roadex.models.scaling import Scaling
from roadex.pipeline import precision
from roadex.pipeline.plan import plan_run
from roadex.pipeline.precision import int8_form_to_use
from roadex.training.quantizing import CHIP_SIDE, calibration_images

pytestmark = pytest.mark.skipif(
    find_spec("nncf") is None, reason="the extra 'quantize' is not installed"
)


def noise(height=96, width=160):
    return np.random.default_rng(1).uniform(0, 255, (3, height, width)).astype(np.float32)


@pytest.fixture(scope="module")
def model(make_model):
    """Return the model file of a narrow network: each layer takes its time to quantize."""
    return make_model("unet", width=1 / 16, norm=True)


@pytest.fixture(scope="module")
def imagery(tmp_path_factory):
    """Return a dataset of one noisy image."""
    folder = tmp_path_factory.mktemp("imagery")
    for part in ("sat", "mask"):
        (folder / part).mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "sat/a.png")
    Image.fromarray(np.ones((96, 96), np.uint8)).save(folder / "mask/a.png")
    (folder / "gsd_m.txt").write_text("1.0")
    return str(folder)


def quantize(model, output, imagery, *more):
    """Quantise in a process of its own, as users do: NNCF changes torch for the one it is in."""
    code = "from roadex.cli import main; main()"
    options = ["-o", output, "--calibration", imagery, "--chips", 2, *more]
    command = [sys.executable, "-c", code, "models", "quantize", model, *options]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 chips; road pixels agree with float32 to an IoU of" in done.stdout
    return output


@pytest.fixture(scope="module")
def quantized(model, imagery, tmp_path_factory):
    return quantize(model, tmp_path_factory.mktemp("quantized") / "quick.safetensors", imagery)


@pytest.fixture
def with_int8(quantized, tmp_path):
    """Return a model file of which the test may do what it likes."""
    return shutil.copy(quantized, tmp_path)


def test_weights_and_hash_of_the_model_stay(model, with_int8):
    assert read_sha256(with_int8) == read_sha256(model)
    before, after = load_model(model), load_model(with_int8)
    assert after.metadata == before.metadata
    for name, value in before.network.state_dict().items():
        assert torch.equal(after.network.state_dict()[name], value), name
    assert int8_sha256(model) is None
    assert int8_notes(model) is None


def test_integers_give_nearly_the_probability_of_float32(with_int8):
    exact = Predictor.load(with_int8).probability(noise())
    quick = Predictor.load(with_int8, precision="int8").probability(noise())
    assert quick.shape == exact.shape
    assert not np.array_equal(quick, exact)
    assert np.abs(quick - exact).mean() < 0.1 * exact.std()
    assert int8_notes(with_int8).iou_with_float32 > 0.9


def test_any_size_of_image_and_every_augmentation(with_int8):
    predictor = Predictor.load(with_int8, tta="d4", precision="int8")
    assert predictor.probability(noise(70, 33)).shape == (70, 33)
    turned = np.rot90(noise(64, 96), axes=(1, 2)).copy()
    np.testing.assert_allclose(
        np.rot90(predictor.probability(noise(64, 96))), predictor.probability(turned), atol=1e-6
    )


def test_openvino_stays_loaded_when_a_network_is_dropped(with_int8):
    # Unloaded, it took the process with it at the next signal.
    assert int8_form._core() is int8_form._core()
    Predictor.load(with_int8, precision="int8").probability(noise())


def test_chips_of_calibration_are_at_the_pixel_size_of_the_model(model, imagery):
    images = calibration_images(load_model(model), [imagery, imagery], 3)
    assert [image.shape for image in images] == [(3, CHIP_SIDE, CHIP_SIDE)] * 3


@pytest.mark.slow
def test_layers_named_stay_in_float(model, with_int8, imagery, tmp_path):
    output = quantize(model, tmp_path / "kept.safetensors", imagery, "--keep-float", ".*")
    exact = Predictor.load(model).probability(noise())
    kept = Predictor.load(output, precision="int8").probability(noise())
    np.testing.assert_allclose(kept, exact, atol=1e-5)


def test_a_model_without_the_form_says_how_to_make_one(model):
    with pytest.raises(ModelError, match="has no 8-bit form"):
        Predictor.load(model, precision="int8")


@pytest.mark.parametrize(
    ("tensor", "change"),
    [("int8.weights", 7), ("int8.graph", 3)],
)
def test_a_damaged_form_is_refused(with_int8, tensor, change):
    tensors, header = load_file(with_int8), read_header(with_int8)
    tensors[tensor] = tensors[tensor].copy()
    tensors[tensor][change] ^= 1
    save_file(tensors, with_int8, metadata=header)
    with pytest.raises(ModelError, match="is damaged: sha256 of its 8-bit form"):
        load_int8(with_int8)
    load_model(with_int8)  # the weights are what they were


def test_a_missing_form_is_refused(with_int8):
    tensors, header = load_file(with_int8), read_header(with_int8)
    del tensors["int8.graph"]
    save_file(tensors, with_int8, metadata=header)
    with pytest.raises(ModelError, match="its 8-bit form is not there"):
        load_int8(with_int8)


@pytest.mark.parametrize(
    "entry",
    ["[" * 5000, "{}", json.dumps({"sha256": "x", "stride": 0, "n_chips": 1, "made_with": ""})],
    ids=["nested", "empty", "stride"],
)
def test_a_strange_description_is_one_line(with_int8, entry):
    header = read_header(with_int8) | {"int8": entry}
    save_file(load_file(with_int8), with_int8, metadata=header)
    with pytest.raises(ModelError, match="the description of its 8-bit form cannot be read"):
        load_int8(with_int8)


def test_a_graph_that_is_none_is_one_line(with_int8):
    form = load_int8(with_int8)
    with pytest.raises(ModelError, match="OpenVINO cannot read the 8-bit form"):
        IntegerForm(type(form)(b"<net/>", form.weights, form.notes), Scaling())
    with pytest.raises(ModelError, match="does not take 4 bands"):
        IntegerForm(form, Scaling((1.0,) * 4, (0.0,) * 4))


def test_nothing_reports_the_use_of_openvino_to_its_makers(with_int8):
    Predictor.load(with_int8, precision="int8")
    with pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401


class TestChoice:
    HERE = ClusterConfig(gpus="none")

    @pytest.fixture(autouse=True)
    def made_for_it(self, monkeypatch):
        monkeypatch.setattr(precision, "multiplies_int8", lambda: True)

    def test_auto_takes_the_form_of_a_model_that_has_one(self, model, with_int8):
        assert int8_form_to_use("auto", with_int8, self.HERE) == int8_sha256(with_int8)
        assert int8_form_to_use("auto", model, self.HERE) is None
        assert int8_form_to_use("float32", with_int8, self.HERE) is None

    def test_auto_is_float32_where_it_would_not_pay(self, with_int8, monkeypatch):
        remote = ClusterConfig(scheduler="tcp://host:8786")
        assert int8_form_to_use("auto", with_int8, remote) is None
        assert int8_form_to_use("auto", with_int8, ClusterConfig(gpus="0")) is None
        monkeypatch.setattr(precision, "multiplies_int8", lambda: False)
        assert int8_form_to_use("auto", with_int8, self.HERE) is None
        assert int8_form_to_use("int8", with_int8, self.HERE) == int8_sha256(with_int8)

    def test_without_openvino_auto_is_float32_and_int8_says_what_to_install(
        self, with_int8, monkeypatch
    ):
        monkeypatch.setattr(precision, "find_spec", lambda _: None)
        assert int8_form_to_use("auto", with_int8, self.HERE) is None
        with pytest.raises(ModelError, match=r"pip install 'roadex\[int8\]'"):
            int8_form_to_use("int8", with_int8, self.HERE)

    def test_int8_without_a_form_or_with_gpus_is_refused(self, model, with_int8):
        with pytest.raises(ModelError, match="small has no 8-bit form"):
            int8_form_to_use("int8", model, self.HERE)
        with pytest.raises(ConfigError, match="add --gpus none"):
            int8_form_to_use("int8", with_int8, ClusterConfig(gpus="0"))

    def test_processors_are_told_by_their_flags(self, tmp_path, monkeypatch):
        monkeypatch.undo()
        info = tmp_path / "cpuinfo"
        monkeypatch.setattr(precision, "_CPU_INFO", info)
        monkeypatch.setattr(precision.platform, "system", lambda: "Linux")
        for flags, expected in (("sse avx2 avx512f", False), ("sse avx512_vnni", True)):
            info.write_text(f"model name : x\nflags\t\t: {flags}\n")
            precision.multiplies_int8.cache_clear()
            assert precision.multiplies_int8() is expected
        precision.multiplies_int8.cache_clear()


class TestRun:
    @pytest.fixture
    def config(self, with_int8):
        def make(**changes):
            groups = {
                "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
                "predict": {"model": str(with_int8), "tta": "flip", "precision": "int8"},
                "cluster": {"workers": 0, "gpus": "none"},
            }
            for name, value in changes.items():
                group, _, setting = name.partition("__")
                groups[group][setting] = value
            return RunConfig.from_dict(groups)

        return make

    @pytest.fixture
    def scene(self, make_scene):
        values = np.random.default_rng(0).integers(1, 255, (3, 192, 256), dtype=np.uint8)
        return make_scene(values=values)

    def test_bytes_do_not_depend_on_tiles_or_workers(self, config, scene, tmp_path):
        changes = ({}, {"tiling__core_size": 256}, {"cluster__workers": 2})
        rasters = set()
        for number, change in enumerate(changes):
            path = tmp_path / f"{number}.tif"
            roadex.predict(scene, path, config=config(**change))
            rasters.add(path.read_bytes())
        assert len(rasters) == 1

    def test_tiles_of_one_precision_are_not_taken_for_those_of_another(self, config, scene):
        keys = {
            plan_run([scene], config(predict__precision=precision)).key
            for precision in ("int8", "float32")
        }
        assert len(keys) == 2

    def test_integers_need_no_torch(self, with_int8):
        code = (
            "import sys; sys.modules['torch'] = None\n"
            "import numpy as np\n"
            "from roadex.inference.engine import Predictor\n"
            f"predictor = Predictor.load({str(with_int8)!r}, tta='d4', precision='int8')\n"
            "print(predictor.probability(np.full((3, 64, 64), 99, np.float32)).shape)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "(64, 64)", done.stderr


AT_ONCE = """
import os, sys, threading, numpy as np
from roadex.inference.engine import Predictor
sys.setswitchinterval(1e-5)
predictor = Predictor.load("roadex-light", precision="int8")
image = np.zeros((3, 64, 64), np.float32)
together = threading.Barrier(6)
def first_image():
    predictor._form._compiled((1, 3, 64, 64))
    together.wait()
    predictor.probability(image)
threads = [threading.Thread(target=first_image) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_first_images_of_threads_at_once_do_not_wait_for_each_other_for_ever():
    """Two of five processes hung before OpenVINO was started by one thread alone."""
    for _ in range(6):
        subprocess.run([sys.executable, "-c", AT_ONCE], timeout=60, check=True)
