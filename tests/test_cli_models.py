"""The command ``roadex models``."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from roadex.cli.models import models
from roadex.errors import ModelError, OutputError
from roadex.models import create_network, network_names
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, save_model


@pytest.fixture
def run():
    def invoke(*arguments):
        result = CliRunner().invoke(models, [str(a) for a in arguments], catch_exceptions=True)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return invoke


@pytest.fixture
def model_file(tmp_path):
    metadata = ModelMetadata(
        name="small",
        network="unet-quarter",
        gsd_m=0.5,
        gsd_range_m=(0.4, 0.6),
        training={"licence": "CC0"},
    )
    return save_model(create_network("unet-quarter"), metadata, tmp_path / "small.safetensors")


def test_list_names_every_network(run):
    output = run("list")
    assert all(name in output for name in network_names())


def test_show_describes_a_network(run):
    output = run("show", "unet-quarter")
    assert "1,941,105" in output
    assert "width" in output


def test_show_describes_a_model(run, model_file):
    output = run("show", model_file)
    assert load_model(model_file).sha256[:40] in output
    assert "red, green, blue" in output
    assert "CC0" in output


def test_show_says_what_it_looked_for(run):
    with pytest.raises(ModelError, match="it is not a network either"):
        run("show", "nothing")


def test_export_writes_a_program(run, model_file, tmp_path):
    run("export", model_file, "-o", tmp_path / "small.pt2", "--tile-size", "32")
    assert (tmp_path / "small.pt2").stat().st_size > 1_000_000


def test_export_refuses_unknown_formats(run, model_file, tmp_path):
    with pytest.raises(OutputError, match=r"must end in \.onnx or \.pt2"):
        run("export", model_file, "-o", tmp_path / "small.tflite")


def test_existing_files_are_kept(run, model_file, tmp_path):
    (tmp_path / "small.pt2").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        run("export", model_file, "-o", tmp_path / "small.pt2")
