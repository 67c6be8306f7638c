"""Parameter counts against the published definitions, to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from roadex.models import create_network, network_names
from roadex.models.counts import count_network, markdown_encoders, markdown_networks

DOCUMENT = Path(__file__).parents[2] / "docs" / "networks.md"

PARAMETERS = {
    "dlinknet": 31_096_129,
    "dlinknet34": 31_096_129,
    "dlinknet50": 217_645_089,
    "dlinknet101": 236_637_217,
    "dlinknet34-lesspool": 11_245_633,
    "linknet34": 21_642_401,
    "unet-dlinknet": 39_500_929,
    "linknet": 11_533_377,
    "linknet-nobypass": 11_533_377,
    "unet": 31_031_745,
    "unet-half": 7_760_097,
    "unet-quarter": 1_941_105,
    "fcn-skips": 11_452_321,
    "fcn-skips-long": 10_758_177,
    "fcn-skips-short": 11_567_969,
    "ensemble": 5_009_409 + 6_779_697,
}


def _n_parameters(name, **arguments):
    with torch.device("meta"):
        network = create_network(name, **arguments)
    return sum(parameter.numel() for parameter in network.parameters())


def test_every_registered_network_has_a_known_count():
    assert set(PARAMETERS) == set(network_names())


@pytest.mark.parametrize(("name", "n_parameters"), PARAMETERS.items())
def test_count_is_that_of_the_definition(name, n_parameters):
    assert _n_parameters(name) == n_parameters


@pytest.mark.parametrize(
    ("name", "arguments", "n_parameters"),
    [
        # One band and two classes, as in the paper: 65 parameters more than our one class.
        ("unet", {"in_channels": 1}, 31_030_658 - 65),
        ("unet", {"norm": True}, 31_037_633),
        ("unet", {"width": 0.5, "norm": True}, 7_763_041),
        ("unet", {"width": 0.25, "norm": True}, 1_942_577),
        ("fcn-skips", {"in_channels": 1}, 11_451_745),
        ("fcn-skips-long", {"in_channels": 1}, 10_757_601),
        ("fcn-skips-short", {"in_channels": 1}, 11_567_393),
        ("linknet", {"bypass": False}, 11_533_377),
        ("dlinknet", {"encoder": "mobilenet_v2"}, 5_009_409),
        ("dlinknet", {"encoder": "efficientnet_lite0"}, 6_779_697),
    ],
)
def test_count_of_a_variant(name, arguments, n_parameters):
    assert _n_parameters(name, **arguments) == n_parameters


def test_multiply_adds_of_dlinknet34_are_the_known_ones():
    assert count_network("dlinknet34").multiply_adds / 1e9 == pytest.approx(106.32, abs=0.01)


def test_documented_parameters_are_those_of_the_registry():
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, n_parameters in PARAMETERS.items():
        assert f"| `{name}` | {n_parameters:,} |" in text


@pytest.mark.slow
def test_documented_tables_are_those_the_command_makes():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert markdown_networks() in text
    assert markdown_encoders() in text
