"""The training kit of workflows/gpu-training: networks of roadex on a machine with little more."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from roadex.models import create_network
from roadex.models.encoders import build_encoder
from roadex.models.modelfile import load_model, model_path, read_header, save_model

ROOT = Path(__file__).parents[1]
KIT = ROOT / "workflows" / "gpu-training"
SIZE = 96

NEEDED = {"numpy", "PIL", "roadex", "safetensors", "torch"}
NEEDED_BY_TORCH = {
    "filelock", "fsspec", "functorch", "jinja2", "markupsafe", "mpmath", "networkx", "nvidia",
    "sympy", "torchgen", "triton", "typing_extensions",
}  # fmt: skip

BARE = f"""
import runpy, sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

missing = set(packages_distributions()) - {NEEDED | NEEDED_BY_TORCH!r}
n_before = len(sys.path)

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name == "roadex":  # only where the script itself looks for it
            path = sys.path[:-n_before]
        is_missing = name.split(".")[0] in missing
        return None if is_missing else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(sys.modules["roadex"].__file__)
"""
"""Runs a script where only these packages can be imported, and no version of any is known."""


def call(
    script: str, *arguments: object, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *before, str(KIT / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def run(script: str, *arguments: object, before: tuple[str, ...] = ()) -> str:
    done = call(script, *arguments, before=before)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(archive: Path, folder: Path, *more: object) -> str:
    begin = () if "--network" in more else ("--init", model_path("roadex-light"))
    return run("train.py", archive, folder, "--batch-mpx", 0.1, *begin, *more)


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets to learn from and one to judge by: a grey road through green noise."""
    root = tmp_path_factory.mktemp("kit")
    rng = np.random.default_rng(0)
    for name in ("here", "there", "judge"):
        for kind in ("sat", "mask"):
            (root / name / kind).mkdir(parents=True)
        for number in range(2):
            road = np.zeros((SIZE, SIZE), np.uint8)
            road[:, 20 + 30 * number :][:, :9] = 1
            noise = rng.integers(0, 60, (SIZE, SIZE, 1)) + np.array([40, 90, 40])
            image = np.where(road[..., None], 160, noise).astype(np.uint8)
            Image.fromarray(image).save(root / name / "sat" / f"{name}{number}.png")
            Image.fromarray(road).save(root / name / "mask" / f"{name}{number}.png")
    path = root / "places.zip"
    sets = [
        f"{role}/{name}={name}"
        for role, name in (("train", "here"), ("train", "there"), ("val", "judge"))
    ]
    run("pack.py", root, path, "--only", "nothing", "--add", *sets)
    return path


def test_a_bare_machine_needs_five_packages(archive: Path, tmp_path: Path) -> None:
    bare, trained, mixed = ("-c", BARE), tmp_path / "best.safetensors", tmp_path / "m.safetensors"
    options = ("--init", "roadex-light", "--steps", 2, "--batch-mpx", 0.1)
    output = run("train.py", archive, tmp_path, *options, before=bare)
    assert Path(output.splitlines()[-1]) == ROOT / "roadex" / "__init__.py"
    metadata = load_model(trained).metadata
    assert (metadata.training["steps"], metadata.roadex_version) == (2, "0+unknown")
    assert metadata.training["initial"]["sha256"] == load_model("roadex-light").sha256
    assert set(metadata.validation) == {"iou", "threshold", "iou_val/judge"}
    run("average.py", archive, mixed, "roadex-light", trained, "--shares", 1, 1, before=bare)
    assert load_model(mixed).metadata.roadex_version == "0+unknown"


def test_a_model_file_is_the_one_that_roadex_writes(archive: Path, tmp_path: Path) -> None:
    ours, again = tmp_path / "ours.safetensors", tmp_path / "again.safetensors"
    run("average.py", archive, ours, "roadex-light", "--shares", 1)
    packaged = load_file(model_path("roadex-light"))
    weights = {name: tensor for name, tensor in packaged.items() if not name.startswith("int8.")}
    written = load_file(ours)
    assert set(written) == set(weights)
    assert all(torch.equal(written[name], weights[name]) for name in weights)
    save_model(load_model("roadex-light").network, load_model(ours).metadata, again)
    assert read_header(ours) == read_header(again)  # the hash of all tensors is in it


def test_any_network_is_trained_from_scratch(archive: Path, tmp_path: Path) -> None:
    options = ("--network", "unet", "--arguments", '{"width": 0.0625}', "--seed", 3)
    train(archive, tmp_path, *options, "--steps", 1)
    first = load_model(tmp_path / "best.safetensors")
    train(archive, tmp_path, *options, "--steps", 2)
    assert [entry["step"] for entry in log_of(tmp_path) if "state" in entry] == [1, 2]
    light = load_model("roadex-light").metadata
    assert (first.metadata.network, first.metadata.arguments) == ("unet", {"width": 0.0625})
    for name in ("bands", "scale", "offset", "stretch", "gsd_m"):
        assert getattr(first.metadata, name) == getattr(light, name)
    assert "initial" not in first.metadata.training
    torch.manual_seed(3)
    state = create_network("unet", width=0.0625).state_dict()
    for name, tensor in first.network.state_dict().items():  # one step with a rate that is low yet
        if tensor.ndim > 1:
            torch.testing.assert_close(tensor, state[name], rtol=2e-3, atol=1e-4)


def test_an_encoder_with_weights_can_be_kept(archive: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)  # not that of the training
    encoder, _ = build_encoder("resnet18", in_channels=3)
    state = {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    save_file(state, tmp_path / "resnet18.safetensors")
    train(
        archive, tmp_path, "--network", "dlinknet", "--steps", 1, "--learning-rate", 1,
        "--arguments", '{"encoder": "resnet18", "head_width": 8}', "--encoder-factor", 0,
        "--encoder-weights", tmp_path / "resnet18.safetensors",
    )  # fmt: skip
    model = load_model(tmp_path / "best.safetensors")
    for name, parameter in encoder.named_parameters():
        stored = parameter.half() if parameter.ndim > 1 else parameter
        assert torch.equal(model.network.get_parameter(f"encoder.{name}"), stored.float()), name
    assert float(model.network.get_parameter("segmentation_head.conv3.bias").abs()) > 1e-3
    assert model.metadata.training["encoder_weights"] == "resnet18.safetensors"
    assert model.metadata.training["settings"]["encoder_factor"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"bands": ("red", "green", "blue", "nir"), "scale": (1 / 127.5,) * 4, "offset": (-1,) * 4},
        {"scale": (1 / 255,) * 3},
        {"offset": (0.0,) * 3},
    ],
    ids=["four bands", "half the scale", "from 0"],
)
def test_other_input_is_refused_in_one_line(changes: dict, archive: Path, tmp_path: Path) -> None:
    light, path = load_model("roadex-light").metadata, tmp_path / "other.safetensors"
    described = {"network": "unet", "arguments": {"width": 0.0625}, "stretch": ()} | changes
    metadata = dataclasses.replace(light, **described)
    network = create_network("unet", in_channels=metadata.in_channels, width=0.0625)
    save_model(network, metadata, path)
    for begin in (("--init", path), ("--init", "roadex-light", "--teachers", path)):
        done = call("train.py", archive, tmp_path / "out", *begin, "--steps", 1)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "three bands scaled to -1..1" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--network", "unet", "--arguments", '{"widht": 1}'), "no argument 'widht'"),
        (("--network", "unet", "--arguments", '{"width": "x"}'), "cannot be built with"),
        (("--network", "unett"), "did you mean 'unet'?"),
        (("--init", "roadex-light", "--arguments", '{"width": 1}'), "are for --network"),
        (("--network", "unet", "--arguments", "[1]"), "is an object of names and values"),
    ],
)
def test_a_wrong_network_is_told_in_one_line(
    options: tuple[str, ...], said: str, archive: Path, tmp_path: Path
) -> None:
    done = call("train.py", archive, tmp_path, *options)
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_training_goes_on_after_a_kill(archive: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, str(KIT / "train.py"), str(archive), str(tmp_path),
        "--init", str(model_path("roadex-light")), "--batch-mpx", "0.2", "--steps", "6",
        "--checkpoint-every", "0",
    ]  # fmt: skip
    checkpoint = tmp_path / "checkpoint.pt"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    done = torch.load(checkpoint, weights_only=True)["step"]
    assert done < 6
    train(archive, tmp_path, "--steps", 6)
    assert log_of(tmp_path)[-1]["step"] == 6
    assert (tmp_path / "best.safetensors").exists()


@pytest.mark.slow
def test_a_time_limit_alone_ends_a_training(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--time-limit", 0.02)
    assert 1 <= log_of(tmp_path)[-1]["step"] < 4000


@pytest.mark.slow
def test_an_excluded_place_is_judged_and_not_learned(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 1, "--exclude", "there")
    assert "iou_val/left-out" in log_of(tmp_path)[-1]
    model = load_model(tmp_path / "best.safetensors")
    assert model.metadata.training["data"] == ["train/here@0.1"]


def test_a_teacher_is_learned_instead_of_wrong_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(KIT))
    from kit.training import Batch, Recipe, Training

    chips = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ones = torch.ones(2, 1, 64, 64)
    batch = Batch(chips, chips, roads=ones, valid=ones)  # all road, says the label

    def probability_after(taught_share: float) -> float:
        torch.manual_seed(0)
        recipe = Recipe(learning_rate=1e-3, warmup_steps=1, taught_share=taught_share)
        network, teacher = (load_model("roadex-light").network for _ in range(2))
        # Without training it sees no road in noise.
        training = Training(network, recipe, torch.device("cpu"), [teacher])
        for _ in range(8):
            training.learn(batch)
        with torch.inference_mode():
            return float(training.network(chips).sigmoid().mean())

    assert probability_after(0.0) > 0.3
    assert probability_after(1.0) < 0.05


def test_chips_are_cut_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place whose colours are its coordinates: every chip pixel says where it comes from."""
    monkeypatch.syspath_prepend(str(KIT))
    from kit.chips import cut_chips, draw_cut, to_atlas
    from kit.places import Place

    rows, cols = np.mgrid[:200, :250].astype(np.uint8)
    image = np.stack([rows, cols, np.full_like(rows, 7)], axis=-1)
    label = np.where(cols >= 125, 1, 0).astype(np.uint8)
    label[:40] = 2
    other = Place("train/a", "other", image[:50, :60] // 2, label[:50, :60], 0.5)
    place = Place("train/a", "one", image, label, 0.5)
    atlas = to_atlas({"train/a": [other, place]}, torch.device("cpu"))
    rng = np.random.default_rng(0)
    cuts = [draw_cut(atlas.sets["train/a"][1], rng, 64) for _ in range(40)]
    assert {cut.level.gsd_m for cut in cuts} == {0.5, 1.0}
    images, roads, valid = cut_chips(atlas.pixels, cuts, 64)
    steps = np.arange(64) - 31.5
    for cut, chip, road, known in zip(cuts, images, roads, valid, strict=True):
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1) @ cut.matrix.T + cut.centre
        x, y = np.moveaxis(offsets, -1, 0) * cut.level.gsd_m / 0.5 - 0.5
        inside = (x > 2) & (x < 247) & (y > 42) & (y < 197)
        assert (known[0].numpy()[inside] == 1).all()
        assert not known[0].numpy()[(x < -3) | (x > 252) | (y < 37) | (y > 202)].any()
        away = inside & (np.abs(x - 124.5) > 2)
        np.testing.assert_array_equal(road[0].numpy()[away], x[away] > 124.5)
        np.testing.assert_allclose(chip[0].numpy()[inside], y[inside], atol=0.6)
        np.testing.assert_allclose(chip[1].numpy()[inside], x[inside], atol=0.6)


def test_a_patch_brings_its_roads_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(KIT))
    from kit.training import patch

    values = torch.arange(4.0).view(4, 1, 1, 1)
    images, roads, valid = (values.expand(4, n, 64, 64).clone() for n in (3, 1, 1))
    images, roads, valid = patch(images, roads, valid, np.random.default_rng(0), share=1.0)
    torch.testing.assert_close(images[:, :1], roads)
    torch.testing.assert_close(valid, roads)
    for index, chip in enumerate(roads):
        assert set(chip.unique().tolist()) == {index, (index - 1) % 4}


@pytest.mark.slow
def test_shares_of_an_average_are_those_asked_for(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 1)
    light, trained = model_path("roadex-light"), tmp_path / "best.safetensors"
    mixed = tmp_path / "mixed.safetensors"
    run("average.py", archive, mixed, light, trained, "--shares", 1, 3)
    networks = [load_model(path).network.state_dict() for path in (light, trained, mixed)]
    key = "segmentation_head.conv3.bias"
    first, second, third = (network[key] for network in networks)
    torch.testing.assert_close(third, 0.25 * first + 0.75 * second)
    assert [part["share"] for part in load_model(mixed).metadata.training["average_of"]] == [
        0.25,
        0.75,
    ]


@pytest.mark.slow
def test_the_greedy_average_is_not_worse_than_its_parts(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 2)
    light, trained = model_path("roadex-light"), tmp_path / "best.safetensors"
    output = run("average.py", archive, tmp_path / "mixed.safetensors", light, trained)
    means = [json.loads(line.split("] ")[1].replace("'", '"'))["iou"]
             for line in output.splitlines() if line.startswith("[")]  # fmt: skip
    best = load_model(tmp_path / "mixed.safetensors").metadata.validation["iou"]
    assert best == max(means)


@pytest.mark.parametrize("turned", [False, True])
def test_image_and_label_are_cut_alike(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(KIT))
    from kit.chips import cut_chips, draw_cut, to_atlas
    from kit.places import Place

    label = np.zeros((SIZE, SIZE), np.uint8)
    label[30:50, 10:80] = 1
    label[60:, 60:] = 2
    image = np.repeat(np.where(label == 1, 200, 50).astype(np.uint8)[..., None], 3, axis=2)
    places = {"train/x": [Place("train/x", "x", image, label, 0.8)]}
    atlas = to_atlas(places, torch.device("cpu"))
    cut = draw_cut(atlas.sets["train/x"][0], np.random.default_rng(int(turned)), 64)
    pixels, road, valid = (parts[0] for parts in cut_chips(atlas.pixels, [cut], 64))
    bright = (pixels[:1] > 125).float()
    assert float((bright != road)[valid > 0].float().mean()) < 0.02
    assert 0.02 < float(road.mean()) < 0.9
