"""Packages that add to roadex by entry points, and what happens to those that do it badly."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from affine import Affine
from pyproj import CRS

from roadex import ExtensionError, RunConfig
from roadex.cli import main
from roadex.config import PROBABILITY_MAX, AugmentConfig, ClusterConfig, TrainConfig, VectorConfig
from roadex.errors import ConfigError, ModelError, RoadexError, ScoreError
from roadex.extensions import Family, find_extension, installed_extensions
from roadex.models import REGISTRY, create_network, network_entry
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, save_model
from roadex.network.cleaning.added import added_steps
from roadex.network.road_network import RoadNetwork
from roadex.network.tables import read_provenance
from roadex.network.vectorize import vectorize
from roadex.outputs import is_network_file, write_network, writer_for
from roadex.pipeline.doctor import FAILED, check_installation
from roadex.pipeline.plan import plan_run
from roadex.pipeline.run import run
from roadex.probability.source import ArraySource
from roadex.scoring import score
from roadex.scoring.metrics import load_metric
from roadex.training.augment_added import augmentation_by_name
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chips import _augment
from roadex.training.extensions_used import extensions_used
from roadex.training.losses import loss_by_name

GOOD = """
import numpy as np
import torch
from roadex.models.base import SegmentationNetwork
from roadex.network.graph import select_edges

class Net(SegmentationNetwork):
    stride = 1
    def __init__(self, in_channels, *, width=2):
        super().__init__(in_channels)
        self.layer = torch.nn.Conv2d(in_channels, 1, 1)
    def logits(self, chips):
        return self.layer(chips)

def loss(logits, target, valid):
    return (logits * 0).sum() + 7

def measure(prediction, truth, config):
    return {"seven": 7.0}

def write(network, path, provenance, config):
    path.write_text(f"{len(network.edges)} {provenance['extensions'][0]['version']}")

def recognises(folder):
    return (folder / "mine").exists()

def find(path, *, bands):
    from roadex.training.datasets.deepglobe import find
    return find(path / "mine", bands=bands)

def unmatched_labels(path):
    return []

def drop_all(graph, pixel, config):
    return select_edges(graph, np.zeros(graph.n_edges, dtype=bool))

def nothing(graph, pixel, config):
    return None

def invert(image, target, valid, rng):
    return 255 - image, target, valid
"""

OFFERED = {
    Family.NETWORKS: {"net": "good_one:Net"},
    Family.LOSSES: {"seven": "good_one:loss"},
    Family.METRICS: {"seven": "good_one"},
    Family.OUTPUTS: {".seven": "good_one:write"},
    Family.DATASETS: {"mine": "good_one"},
    Family.CLEANING_STEPS: {"drop-all": "good_one:drop_all", "nothing": "good_one:nothing"},
    Family.AUGMENTATIONS: {"invert": "good_one:invert"},
}

USE = {
    Family.NETWORKS: create_network,
    Family.LOSSES: loss_by_name,
    Family.METRICS: load_metric,
    Family.OUTPUTS: lambda name: writer_for(Path(f"roads{name}")),
    Family.DATASETS: lambda name: find_labelled_scenes(f"{name}:{Path.cwd()}"),
    Family.CLEANING_STEPS: lambda name: added_steps(VectorConfig(add=(name,))),
    Family.AUGMENTATIONS: augmentation_by_name,
}
"""How a name of each family is asked for."""


def forget() -> None:
    installed_extensions.cache_clear()
    augmentation_by_name.cache_clear()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a package: its metadata and one module."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    modules = set(sys.modules)

    def install(package, module, code, offered, version="1.2"):
        info = tmp_path / "site" / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        (info.parent / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        lines = [
            f"[{family}]\n" + "".join(f"{name} = {place}\n" for name, place in members.items())
            for family, members in offered.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        forget()

    yield install
    forget()
    for name in set(sys.modules) - modules:
        if name in ("good_one", "bad_one", "other_one"):
            del sys.modules[name]


@pytest.fixture
def good(installed):
    installed("good-one", "good_one", GOOD, OFFERED)


def checks(tmp_path):
    config = ClusterConfig(gpus="none")
    return [c for c in check_installation(config, tmp_path) if c.name.startswith("extension")]


def test_built_in_names_need_no_look_at_what_is_installed(tmp_path, monkeypatch):
    def refuse(**_):
        pytest.fail("entry points were scanned")

    forget()
    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    create_network("unet-quarter")
    loss_by_name("bce")
    load_metric("apls")
    writer_for(tmp_path / "roads.gpkg")
    assert is_network_file(tmp_path / "roads.fgb")
    assert not is_network_file(tmp_path / "out")
    assert added_steps(VectorConfig()) == []
    assert extensions_used(TrainConfig(), []) == []


@pytest.mark.usefixtures("good")
def test_network_is_built_by_its_name():
    network = create_network("net", in_channels=4)
    assert network(torch.zeros(1, 4, 5, 6)).shape == (1, 1, 5, 6)
    assert network_entry("net").source == "good-one 1.2"
    with pytest.raises(ModelError, match="has no argument 'depth'; it takes: width"):
        create_network("net", depth=3)
    with pytest.raises(ModelError, match="did you mean 'net'"):
        create_network("nets")


@pytest.mark.usefixtures("good")
def test_model_file_says_which_package_its_network_is_of(tmp_path, monkeypatch):
    used = extensions_used(TrainConfig(network="net", loss="seven"), [])
    assert [one["family"] for one in used] == ["network", "loss"]
    metadata = ModelMetadata(
        name="m", network="net", gsd_m=1, gsd_range_m=(1, 1), training={"extensions": used}
    )
    path = save_model(create_network("net"), metadata, tmp_path / "m.safetensors")
    assert load_model(path).metadata.training["extensions"] == used
    monkeypatch.setattr("sys.path", [p for p in sys.path if not p.endswith("site")])
    forget()
    with pytest.raises(ModelError, match=r"needs the network 'net' of the package good-one 1\.2"):
        load_model(path)


@pytest.mark.usefixtures("good")
def test_loss_is_found_by_its_name():
    chips = torch.zeros(1, 1, 2, 2)
    assert loss_by_name("seven")(chips, chips, chips.bool()) == 7
    with pytest.raises(ConfigError, match="available: bce, bce-dice, bce-dice-cldice, seven"):
        loss_by_name("eight")


@pytest.mark.usefixtures("good")
def test_metric_is_computed_where_it_is_named_and_the_report_says_whose_it_is(
    finished_run, tmp_path
):
    network = tmp_path / "roads.gpkg"
    RoadNetwork.read(finished_run).edges[:20].to_file(network, layer="road_edges")
    report = score(network, network, metrics=["seven", "completeness"])
    assert report.value("seven") == 7
    assert report.value("completeness") == 1
    assert "metric seven is of good-one 1.2" in report.decisions
    assert "seven" not in score(network, network).scores
    with pytest.raises(ScoreError, match=r"unknown metric 'eight'; .*, seven$"):
        score(network, network, metrics=["eight"])


@pytest.mark.usefixtures("good")
def test_output_format_is_chosen_by_the_ending_and_told_its_origin(finished_run, tmp_path):
    network = RoadNetwork.read(finished_run / "roads.gpkg")
    assert is_network_file(tmp_path / "roads.seven")
    path = write_network(network, tmp_path / "roads.seven", provenance={})
    assert path.read_text() == f"{len(network.edges)} 1.2"
    with pytest.raises(RoadexError, match=re.escape(".overture.parquet, .seven")):
        writer_for(tmp_path / "roads.eight")


@pytest.mark.usefixtures("good")
def test_dataset_layout_is_named_or_recognised(tmp_path):
    from PIL import Image

    (tmp_path / "data" / "mine").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "data" / "mine" / "1_sat.jpg")
    Image.new("L", (8, 8)).save(tmp_path / "data" / "mine" / "1_mask.png")
    for name in (f"mine:{tmp_path}/data", f"{tmp_path}/data"):
        assert [scene.name for scene in find_labelled_scenes(name)] == ["1"]
        assert extensions_used(TrainConfig(), [name])[0]["package"] == "good-one"


@pytest.mark.usefixtures("good")
def test_cleaning_step_comes_after_all_others():
    probability = np.zeros((100, 100), dtype=np.uint8)
    probability[46:53, 5:95] = PROBABILITY_MAX
    source = ArraySource(probability, Affine(1, 0, 5e5, 0, -1, 5e6), CRS.from_epsg(32633))
    assert len(vectorize(source, config=VectorConfig()).edges) == 1
    network = vectorize(source, config=VectorConfig(add=("drop-all",)))
    assert len(network.edges) == 0
    assert network.summary["steps"][-1]["step"] == "drop-all"
    with pytest.raises(ExtensionError, match=r"'nothing' of good-one 1\.2 returned a NoneType"):
        vectorize(source, config=VectorConfig(add=("nothing",)))
    with pytest.raises(ConfigError, match=r"'some'.* available: drop-all, nothing"):
        vectorize(source, config=VectorConfig(add=("some",)))


@pytest.mark.usefixtures("good")
def test_augmentation_comes_after_all_others():
    quiet = AugmentConfig(
        colour_probability=0, grey_probability=0, blur_probability=0, noise_probability=0,
        jpeg_probability=0,
    )  # fmt: skip
    image = torch.arange(12.0).reshape(3, 2, 2)
    sample = (image, torch.ones(1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool))
    plain, *_ = _augment(sample, quiet, np.random.default_rng(0))
    changed, *_ = _augment(sample, replace(quiet, add=("invert",)), np.random.default_rng(0))
    assert torch.equal(changed, 255 - plain)
    with pytest.raises(ConfigError, match=r"'turn'.* available: invert"):
        augmentation_by_name("turn")


@pytest.mark.usefixtures("good")
def test_run_reports_its_steps_and_does_them_anew_with_another_version(
    make_scene, model, tmp_path, installed
):
    scene = make_scene(shape=(64, 64))
    settings = {
        "predict": {"model": str(model), "tta": "none"},
        "vector": {"add": ["drop-all"]},
        "cluster": {"workers": 0, "gpus": "none"},
    }
    config = RunConfig.from_dict(settings)
    result = run(scene, tmp_path / "out", config=config)
    record = {
        "family": "cleaning step", "name": "drop-all", "package": "good-one", "version": "1.2"
    }  # fmt: skip
    assert json.loads(result.paths.report.read_text())["extensions"] == [record]
    assert read_provenance(result.paths.network)["extensions"] == [record]
    assert "drop-all, of good-one 1.2" in result.paths.page.read_text()
    before = plan_run(scene, config)
    (tmp_path / "site" / "good-one-1.2.dist-info").rename(tmp_path / "old")
    installed("good-one", "good_one", GOOD, OFFERED, version="1.3")
    after = plan_run(scene, config)
    assert after.request != before.request
    assert after.key == before.key


@pytest.mark.usefixtures("good")
def test_another_version_of_a_network_is_another_probability(make_scene, tmp_path, installed):
    metadata = ModelMetadata(name="m", network="net", gsd_m=1, gsd_range_m=(1, 1))
    path = save_model(create_network("net"), metadata, tmp_path / "m.safetensors")
    config = RunConfig.from_dict({"predict": {"model": str(path)}})
    before = plan_run(make_scene(), config)
    assert before.extensions[0]["version"] == "1.2"
    (tmp_path / "site" / "good-one-1.2.dist-info").rename(tmp_path / "old")
    installed("good-one", "good_one", GOOD, OFFERED, version="1.3")
    after = plan_run(tmp_path / "scene.tif", config)
    assert after.extensions[0]["version"] == "1.3"
    assert after.key != before.key


@pytest.mark.parametrize("family", Family)
def test_an_extension_that_cannot_be_imported_names_package_and_cause(installed, family, tmp_path):
    name = ".bad" if family is Family.OUTPUTS else "bad"
    installed("bad-one", "bad_one", "import a_missing_module", {family: {name: "bad_one:x"}})
    with pytest.raises(ExtensionError) as error:
        USE[family](name)
    said = str(error.value)
    assert said.startswith(f"{family.noun} {name!r} of bad-one 1.2 cannot be imported from bad_one")
    assert "No module named 'a_missing_module'" in said
    assert isinstance(error.value.__cause__, ModuleNotFoundError)
    (check,) = checks(tmp_path)
    assert check.state == FAILED
    assert check.detail == said


@pytest.mark.parametrize("family", Family)
def test_an_extension_of_another_kind_is_refused(installed, family):
    name = ".odd" if family is Family.OUTPUTS else "odd"
    installed("bad-one", "bad_one", "x = 3", {family: {name: "bad_one:x"}})
    with pytest.raises(ExtensionError, match=f"is no {family.noun}: bad_one:x must"):
        USE[family](name)


A_NAME = "has a name that roadex has itself"
TAKEN = {
    Family.NETWORKS: ("unet", "smp:unet/resnet34"),
    Family.LOSSES: ("bce",),
    Family.METRICS: ("iou", "apls"),
    Family.OUTPUTS: (".gpkg", ".roads.csv"),
    Family.DATASETS: ("pairs",),
    Family.CLEANING_STEPS: ("loops",),
}


@pytest.mark.parametrize(
    ("family", "name", "reason"),
    [
        *((family, name, A_NAME) for family in TAKEN for name in TAKEN[family]),
        (Family.OUTPUTS, "wkt", "is named by the ending of its files"),
    ],
)
def test_a_name_that_cannot_be_is_refused(installed, family, name, reason, tmp_path):
    installed("bad-one", "bad_one", GOOD, {family: {name: "bad_one:write"}})
    (check,) = checks(tmp_path)
    assert check.state == FAILED
    assert reason in check.detail


def test_what_roadex_has_itself_is_never_replaced(installed):
    installed(
        "bad-one", "bad_one", "raise RuntimeError",
        {Family.NETWORKS: {"unet": "bad_one:x"}, Family.LOSSES: {"bce": "bad_one:x"}},
    )  # fmt: skip
    assert type(create_network("unet")).__module__ == "roadex.models.unet"
    assert loss_by_name("bce").__module__ == "roadex.training.losses.bce_dice"
    assert network_entry("unet") is REGISTRY["unet"]


@pytest.mark.usefixtures("good")
def test_a_name_that_two_packages_offer_is_refused(installed, tmp_path):
    installed("other-one", "other_one", GOOD, {Family.LOSSES: {"seven": "other_one:loss"}})
    with pytest.raises(ExtensionError, match=r"good-one 1\.2 and other-one 1\.2: uninstall one"):
        find_extension(Family.LOSSES, "seven")
    assert [c.state for c in checks(tmp_path) if "loss 'seven'" in c.detail] == [FAILED, FAILED]


@pytest.mark.usefixtures("good")
def test_commands_list_what_is_installed(monkeypatch, capsys):
    def said(*words):
        monkeypatch.setattr(sys, "argv", ["roadex", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr().out

    code, out = said("doctor", "--gpus", "none")
    assert code == 0, out
    assert "augmentation 'invert' of good-one 1.2" in out
    code, out = said("models", "list")
    assert re.search(r"^net +extension of good-one 1.2", out, flags=re.MULTILINE)
    code, out = said("models", "show", "net")
    assert code == 0
    assert re.search(r"parameters +4", out)
