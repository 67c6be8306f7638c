"""Settings as users give them: every wrong one is a line that calls it what the user typed."""

import dataclasses
import json
import math
import pickle
import tomllib

import pytest

from roadex import config
from roadex.config import AlignConfig, ClusterConfig, PredictConfig, RunConfig, TrainConfig
from roadex.config.base import Settings
from roadex.config.describe import describe, json_schema, toml_template
from roadex.config.verbs import MERGE, RUN, SCORE, TRAIN, VERB_SETTINGS
from roadex.errors import ConfigError

CLASSES = [
    kind
    for kind in vars(config).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and issubclass(kind, Settings)
]


def built(verb, *assignments, file=None):
    """Return the settings of a verb from ``NAME=VALUE`` texts over a file."""
    layers = verb.layers()
    if file is not None:
        layers.add_file(file)
    layers.add_assignments(assignments)
    return layers.build()


WRONG = {
    "cluster.workers=2.5": "cluster.workers must be a whole number or none, got 2.5",
    'cluster.workers="8"': "cluster.workers must be a whole number or none, got '8'",
    "cluster.workers=-1": "cluster.workers must be at least 0, got -1",
    "cluster.retries=true": "cluster.retries must be a whole number, got True",
    "cluster.worker_timeout_s=inf": "cluster.worker_timeout_s must be a finite number, got inf",
    "cluster.jobqueue=sge": "cluster.jobqueue must be one of slurm, pbs, lsf or none, got 'sge'",
    "cluster.gpus=0,,1": "cluster.gpus must be auto, all, none or numbers such as 0,1; got '0,,1'",
    "tiling=3": "tiling is a group of settings",
    "tiling.chip_size=100": "tiling.chip_size must be a multiple of 32, got 100",
    "tiling.core_size=1e3": "tiling.core_size must be a whole number, got 1000.0",
    "tiling.halo=-32": "tiling.halo must be at least 0, got -32",
    "tiling.halo.x=1": "unknown setting tiling.halo.x",
    "predict.bands=0,1,2": "predict.bands must be whole numbers (at least 1) separated by commas",
    "predict.bands=[1,'x']": "predict.bands must be whole numbers (at least 1) separated by commas",
    "predict.tta=foo": "predict.tta must be one of none, flip, d4, adaptive, got 'foo'",
    "predict.native_gsd=1": "predict.native_gsd must be true or false, got 1",
    "vector.low=much": "vector.low must be a finite number or none, got 'much'",
    "vector.low=0": "vector.low must be above 0 and at most 1, got 0",
    "vector.min_spur_m=nan": "vector.min_spur_m must be a finite number, got nan",
    "vector.max_gap_m=inf": "vector.max_gap_m must be a finite number, got inf",
    "vector.nope=1": "unknown setting vector.nope",
    "vector.min_spur=1": "did you mean min_spur_m?",
    "output.styles=0": "output.styles must be true or false, got 0",
    "output.geojson_digits=99": "output.geojson_digits must be at least 1 and at most 15, got 99",
    "merge.join_m=5": "merge.join_m has no effect in roadex run",
    "nonsense": "--set takes NAME=VALUE, got 'nonsense'",
}


@pytest.mark.parametrize("assignment", WRONG)
def test_wrong_setting_of_a_run_is_said_by_its_name(assignment):
    with pytest.raises(ConfigError) as error:
        built(RUN, assignment)
    assert WRONG[assignment] in str(error.value)


WRONG_IN_TRAINING = {
    "encoder_weights=3": None,  # a file may be called 3
    "arguments=3": "arguments must be a table",
    "arguments={width=nan}": "arguments must hold finite numbers",
    "learning_rate=inf": "learning_rate must be a finite number, got inf",
    "ema_decay=7": "ema_decay must be at least 0 and below 1, got 7",
    "gsd_m=-1": "gsd_m must be above 0, got -1",
    "loader_processes=-1": "loader_processes must be at least 0, got -1",
    "seed=-1": "seed must be at least 0",
    "tta=foo": "tta must be one of none, flip, d4, adaptive, got 'foo'",
    "chip_size=100": "chip_size must be above 0 and a multiple of 32, got 100",
    "accumulation=3": "accumulation must divide batch_size (8), got 3",
    "sampling=epochs": "set augment.scale_jitter to 0",
    "augment.blur_probability=2": "augment.blur_probability must be at least 0 and at most 1",
    "steps=4e3": "steps must be a whole number, got 4000.0",
}


@pytest.mark.parametrize("assignment", WRONG_IN_TRAINING)
def test_wrong_setting_of_a_training_is_said_by_its_name(assignment):
    message = WRONG_IN_TRAINING[assignment]
    if message is None:
        assert built(TRAIN, assignment).encoder_weights == "3"
        return
    with pytest.raises(ConfigError) as error:
        built(TRAIN, assignment)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "assignment", ["line_buffer_m=inf", "threshold=1", "tile_size=1000", "merge_degree_2=yes"]
)
def test_wrong_setting_of_scoring_is_said_by_its_name(assignment):
    with pytest.raises(ConfigError, match=f"^{assignment.partition('=')[0]} must be"):
        built(SCORE, assignment)


def test_settings_of_a_file_are_called_by_name_and_file(tmp_path):
    path = tmp_path / "my.toml"
    for text, message in (
        ("[cluster]\nworkers = 2.5\n", r"^cluster\.workers in my\.toml must be a whole number"),
        ("tiling = 3\n", r"^tiling in my\.toml is a group of settings"),
        ("[vector]\nnope = 1\n", r"unknown setting vector\.nope in my\.toml"),
        ("[merge]\njoin_m = 1.0\n", r"^merge\.join_m in my\.toml has no effect in roadex run"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            built(RUN, file=path)


def test_file_that_is_not_utf8_is_one_line(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('[predict]\nmodel = "Grün"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml: it is not encoded in UTF-8 \(byte 21\)"):
        built(RUN, file=path)


def test_texts_are_parsed_by_what_the_setting_holds(tmp_path):
    (tmp_path / "a.toml").write_text("[cluster]\nworkers = 4\n[vector]\nlow = 0.2\n")
    made = built(
        RUN, "predict.model=7", "predict.bands=3,2,1", "cluster.gpus=0", "cluster.workers=none",
        'cluster.store="s3://b/t"', "predict.native_gsd=True", "vector.min_spur_m=20",
        file=tmp_path / "a.toml",
    )  # fmt: skip
    assert made.predict == PredictConfig(model="7", bands=(3, 2, 1), native_gsd=True)
    assert made.cluster == ClusterConfig(gpus="0", store="s3://b/t")
    assert (made.vector.low, made.vector.min_spur_m) == (0.2, 20.0)
    assert isinstance(made.vector.min_spur_m, float)
    assert built(RUN, "predict.bands=[4]").predict.bands == (4,)
    assert built(TRAIN, "bands=red, nir").bands == ("red", "nir")


def test_entries_of_a_dictionary_lie_over_those_of_the_file(tmp_path):
    (tmp_path / "a.toml").write_text('arguments = {encoder = "resnet18", head_width = 8}\n')
    made = built(TRAIN, "arguments.head_width=16", file=tmp_path / "a.toml")
    assert made.arguments == {"encoder": "resnet18", "head_width": 16}
    with pytest.raises(ConfigError, match=r"^arguments must be a table, got 3$"):
        built(TRAIN, "arguments=3", "arguments.head_width=16")


def test_contradiction_names_both_settings_as_they_were_given():
    layers = RUN.layers()
    layers.add_text("cluster.scheduler", "tcp://a:1", "--scheduler")
    layers.add_assignments(["cluster.jobqueue=slurm"])
    with pytest.raises(ConfigError) as error:
        layers.build()
    expected = "give only one of --scheduler, cluster.scheduler_file and cluster.jobqueue"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ClusterConfig, {"workers": "8"}, "workers must be a whole number or none, got '8'"),
        (
            AlignConfig,
            {"max_shift_m": math.nan},
            "max_shift_m must be a finite number, got nan",
        ),
        (RunConfig, {"tiling": 3}, "tiling must be a table of settings, got 3"),
        (TrainConfig, {"augment": None}, "augment must be a table of settings, got None"),
    ],
)
def test_settings_built_in_python_are_checked_too(kind, values, message):
    with pytest.raises(ConfigError) as error:
        kind(**values)
    assert str(error.value) == message
    assert str(pickle.loads(pickle.dumps(error.value))) == message


def test_group_that_is_no_table_is_refused():
    with pytest.raises(ConfigError, match=r"^tiling must be a table of settings, got 3$"):
        RunConfig.from_dict({"tiling": 3})


@pytest.mark.parametrize("kind", CLASSES)
def test_class_leaves_checking_to_its_annotations(kind):
    assert kind.__post_init__ is Settings.__post_init__


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_says_what_it_means(kind):
    unexplained = [s.path for s in describe(kind) if not s.meaning.endswith((".", ")"))]
    assert unexplained == []


@pytest.mark.parametrize("verb", VERB_SETTINGS)
def test_template_with_its_comments_taken_off_is_the_defaults(verb):
    chosen = VERB_SETTINGS[verb]
    lines = toml_template(chosen.kind, chosen.uses).splitlines()
    given = [line.removeprefix("# ") for line in lines if " = " in line or line.startswith("[")]
    text = "\n".join(line for line in given if line[0] != "#" and not line.endswith("= ..."))
    values = tomllib.loads("\n".join(x for x in text.splitlines() if _is_assignment(x)))
    layers = chosen.layers()
    layers.add_table(values, "template")
    assert layers.build() == chosen.kind()
    n_unset = sum(s.default is None for s in describe(chosen.kind, chosen.uses))
    assert _count(values) == len(describe(chosen.kind, chosen.uses)) - n_unset


def _is_assignment(line):
    return line.startswith("[") or line.partition(" = ")[0].replace("_", "").isalnum()


def _count(values):
    return sum(
        _count(value) if isinstance(value, dict) and name != "arguments" else 1
        for name, value in values.items()
    )


def test_schema_knows_types_limits_choices_and_refuses_the_rest():
    schema = json_schema(RUN.kind, RUN.uses)
    assert "merge" not in schema["properties"]
    assert schema["additionalProperties"] is False
    groups = {name: group["properties"] for name, group in schema["properties"].items()}
    assert groups["predict"]["tta"]["enum"] == ["none", "flip", "d4", "adaptive"]
    assert groups["predict"]["bands"]["items"] == {"type": "integer", "minimum": 1}
    assert groups["vector"]["min_spur_m"] == {
        "type": "number", "minimum": 0, "default": 25.0,
        "description": "Shorter dead ends are dropped. [m]",
    }  # fmt: skip
    json.dumps(schema)


def test_units_come_from_names_or_annotations():
    units = {s.path: s.unit for s in describe(RunConfig)}
    assert units["tiling.core_size"] == "px"
    assert units["vector.gap_angle_deg"] == "°"
    assert units["cluster.worker_timeout_s"] == "s"
    assert units["predict.model"] == ""


def test_settings_without_effect_are_refused_in_every_verb():
    for verb in VERB_SETTINGS.values():
        used = {s.path for s in describe(verb.kind, verb.uses)}
        for setting in describe(verb.kind):
            if setting.path not in used:
                with pytest.raises(ConfigError, match=f"has no effect in roadex {verb.verb}"):
                    built(verb, f"{setting.path}=1")
    assert {s.path.partition(".")[0] for s in describe(MERGE.kind, MERGE.uses)} == {
        "merge", "output"
    }  # fmt: skip
