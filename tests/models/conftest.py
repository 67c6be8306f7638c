"""Fixtures: one thread, the published references, small networks and model files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from roadex.models import create_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import save_model

DLINKNET = Path(__file__).parents[1] / "data" / "dlinknet"


@pytest.fixture(autouse=True)
def one_thread():
    """The order of sums, and with it the last bit, depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _load(name):
    spec = importlib.util.spec_from_file_location(f"dlinknet_{name}", DLINKNET / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def references():
    return _load("references")


@pytest.fixture(scope="session")
def original():
    return _load("original")


@pytest.fixture
def small_network():
    """The smallest D-LinkNet at hand, 1.9 M parameters in a second's tenth."""
    torch.manual_seed(0)
    return create_network("unet-quarter")


@pytest.fixture
def make_metadata():
    def make(**changes):
        values = {
            "name": "small",
            "network": "unet-quarter",
            "gsd_m": 1.0,
            "gsd_range_m": (0.7, 1.4),
            "threshold_low": 0.25,
            "threshold_high": 0.5,
            "training": {"data": "made up", "licence": "CC0"},
        }
        return ModelMetadata(**(values | changes))

    return make


@pytest.fixture
def model_file(small_network, make_metadata, tmp_path):
    return save_model(
        small_network, make_metadata(), tmp_path / "small.safetensors", dtype=torch.float32
    )
