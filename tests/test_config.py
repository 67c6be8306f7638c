"""Settings: one place for defaults, checked when built, read from TOML and text."""

import dataclasses

import pytest

from roadex import config
from roadex.config import RunConfig, TilingConfig, VectorConfig, read_toml
from roadex.errors import ConfigError

SETTINGS = [
    kind
    for kind in vars(config).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
]


@pytest.mark.parametrize("kind", SETTINGS)
def test_defaults_are_valid_and_survive_a_round_trip(kind):
    assert kind.from_dict(kind().to_dict()) == kind()


def test_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"core_sice.*core_size"):
        TilingConfig.from_dict({"core_sice": 512})


def test_value_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="halo"):
        RunConfig.from_dict({"tiling": {"halo": -1}})


def test_file_sets_nested_settings(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('[tiling]\ncore_size = 512\n[predict]\ntta = "none"\n')
    settings = RunConfig.from_dict(read_toml(path))
    assert (settings.tiling.core_size, settings.predict.tta) == (512, "none")


def test_broken_file_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[tiling\n")
    with pytest.raises(ConfigError, match=r"run\.toml"):
        read_toml(path)


@pytest.mark.parametrize(
    ("settings", "thresholds"),
    [
        ({}, (0.2, 0.4)),
        ({"low": 0.3}, (0.3, 0.4)),
        ({"low": 0.6}, (0.6, 0.6)),
        ({"high": 0.7}, (0.2, 0.7)),
        ({"high": 0.1}, (0.1, 0.1)),
        ({"low": 0.3, "high": 0.35}, (0.3, 0.35)),
    ],
)
def test_thresholds_of_the_model_fill_in_for_those_not_set(settings, thresholds):
    assert VectorConfig(**settings).with_thresholds(0.2, 0.4).thresholds == thresholds


def test_thresholds_are_numbers_in_order():
    assert VectorConfig().thresholds == (0.3, 0.5)
    with pytest.raises(ConfigError, match=r"low must not be above high, got 0\.6 and 0\.4"):
        VectorConfig(low=0.6, high=0.4)
