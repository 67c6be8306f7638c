"""Training from a model: all that belongs to its weights comes from the model."""

import shlex

import numpy as np
import pytest
import torch

from roadex.cli import cli, main
from roadex.config import TrainConfig
from roadex.errors import ConfigError, ModelError
from roadex.models import create_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, save_model
from roadex.synthetic import generate_scene, write_scene
from roadex.training.job import run_training_job
from roadex.training.material import TrainingJob
from roadex.training.settings import read_train_settings, start_from

SHORT = (
    "steps=2", "batch_size=2", "chip_size=64", "evaluate_every=2", "checkpoint_every=2",
    "loader_processes=0", "tta=none", "learning_rate=1e-9", "ema_decay=0.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with ``scene.tif``, ``roads.gpkg`` and the same once more as ``other``."""
    folder = tmp_path_factory.mktemp("data")
    for name, seed in (("", 1), ("other", 2)):
        scene = generate_scene(shape=(128, 128), seed=seed, style="suburban")
        paths = write_scene(scene, folder / name)
        if name:
            paths["scene"].rename(folder / "other.tif")
            paths["roads"].rename(folder / "other.gpkg")
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a model file: a narrow U-Net with a scaling, bands and a pixel size of its own."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    metadata = ModelMetadata(
        name="small", network="unet-quarter", arguments={"width": 0.125},
        bands=("blue", "green", "red"), scale=(3.2 / 255,) * 3, offset=(-1.6,) * 3,
        gsd_m=0.7, gsd_range_m=(0.5, 1.0),
    )  # fmt: skip
    save_model(create_network("unet-quarter", width=0.125), metadata, path, dtype=torch.float32)
    return path


def trained(data, output, initial, *assignments):
    """Train two steps that change next to nothing; return the model."""
    job = TrainingJob(
        data=[f"lines:{data}/scene.tif+{data}/roads.gpkg"],
        output=output,
        config=read_train_settings(assignments=[*SHORT, *assignments], initial=initial),
        initial=initial,
        run_folder=output.parent / "run",
        processes=1,
    )
    return load_model(run_training_job(job))


def test_network_scaling_bands_and_pixel_size_are_those_of_the_model(data, small, tmp_path):
    before, after = load_model(small), trained(data, tmp_path / "new.safetensors", small)
    for name in ("network", "arguments", "bands", "scale", "offset", "gsd_m"):
        assert getattr(after.metadata, name) == getattr(before.metadata, name), name
    assert after.metadata.training["initial"] == "small"
    assert after.metadata.training["initial_sha256"] == before.sha256
    assert after.metadata.training["settings"]["input_range"] == 1.6
    for name, weight in before.network.state_dict().items():
        if "running" not in name and weight.is_floating_point():
            found = after.network.state_dict()[name]
            np.testing.assert_allclose(found, weight.half().float(), atol=1e-4)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("network=unet", "network is 'unet', but the initial model small has 'unet-quarter'"),
        ("arguments.width=0.5", "arguments.width is {'width': 0.5}, but the initial model small"),
        ("input_range=1", "input_range is 1.0, but the initial model small has 1.6"),
        ("bands=red,green,blue", "bands is ('red', 'green', 'blue'), but the initial model small"),
        ("encoder_weights=e.safetensors", "encoder_weights has no effect: small has weights of"),
    ],
)
def test_setting_against_the_model_is_one_line(small, monkeypatch, assignment, message):
    monkeypatch.chdir(small.parent)
    (small.parent / "small").write_bytes(small.read_bytes())
    with pytest.raises(ConfigError) as error:
        read_train_settings(assignments=[assignment], initial="small")
    assert message in str(error.value)


def test_setting_that_says_the_same_as_the_model_is_fine(small):
    config = read_train_settings(assignments=["network=unet-quarter"], initial=small)
    assert config.arguments == {"width": 0.125}


def test_recipe_against_the_model_names_the_recipe(small):
    with pytest.raises(ConfigError, match=r"^network in recipe dlinknet-2018 is 'dlinknet34', but"):
        read_train_settings(recipe="dlinknet-2018", initial=small)


def test_another_pixel_size_may_be_given_and_is_said(data, small, tmp_path):
    notes = []

    class Notes:
        def __enter__(self):
            return self

        def __exit__(self, *_error): ...
        def start(self, stage, total): ...
        def advance(self, stage, steps=1): ...
        def figures(self, stage, values): ...
        def finish(self, stage): ...
        def note(self, text):
            notes.append(text)

    job = TrainingJob(
        data=[f"lines:{data}/scene.tif+{data}/roads.gpkg"],
        output=tmp_path / "new.safetensors",
        config=read_train_settings(assignments=[*SHORT, "gsd_m=1.0"], initial=small),
        initial=small, run_folder=tmp_path / "run", processes=1,
    )  # fmt: skip
    assert load_model(run_training_job(job, Notes)).metadata.gsd_m == 1.0
    assert f"warning: training at 1 m per pixel; {small} is a model for 0.7 m" in notes


def test_settings_from_python_that_are_not_the_defaults_count_as_given(small):
    assert start_from(small, TrainConfig(steps=7)).network == "unet-quarter"
    with pytest.raises(ConfigError, match=r"^network is 'unet', but the initial model"):
        start_from(small, TrainConfig(network="unet", arguments={}))


def test_missing_model_is_said():
    with pytest.raises(ModelError, match="nothing"):
        read_train_settings(initial="nothing")


def _examples():
    """Yield the examples in help that start from a model."""
    for verb in ("train", "align"):
        text = cli.get_command(None, verb).help.replace("\\\n", " ")
        for line in text.splitlines():
            if "--initial" in line and line.strip().startswith("roadex"):
                yield shlex.split(line)


@pytest.mark.parametrize("words", list(_examples()), ids=" ".join)
def test_documented_example_with_initial_works(words, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for file in data.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "aligned").mkdir()
    (tmp_path / "aligned" / "lines.toml").write_text(
        '[[scene]]\nimages = "../scene.tif"\nroads = "../roads.gpkg"\n'
    )
    short = [word for setting in SHORT for word in ("--set", setting)]
    monkeypatch.setattr("sys.argv", [*words, *short])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0, capsys.readouterr().err
    metadata = load_model(tmp_path / "mine.safetensors").metadata
    light = load_model("roadex-light").metadata
    assert (metadata.network, metadata.arguments) == (light.network, light.arguments)
    assert (metadata.scale, metadata.gsd_m) == (light.scale, light.gsd_m)
