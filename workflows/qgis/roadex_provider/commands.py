# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of ``roadex`` that QGIS offers, their options, and the command lines they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NUMBER, INTEGER, TEXT, LINES, FILE, CHOICE, FLAG = (
    "number", "integer", "text", "lines", "file", "choice", "flag",
)  # fmt: skip


@dataclass(frozen=True)
class Option:
    """An option of the command line as a parameter of Processing.

    What is left empty is not passed on: ``roadex`` knows its own defaults, and those of its
    settings file.
    """

    name: str
    """Name of the parameter."""

    flag: str
    title: str
    kind: str
    help: str
    """What the command line says of it; the default is named in brackets."""

    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    files: str = ""
    """Filter of the file dialog."""

    is_advanced: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb of the command line as an algorithm."""

    name: str
    title: str
    help: str
    options: tuple[Option, ...]
    stages: Mapping[str, float]
    """Stages whose progress the verb reports, and their share of the work in percent."""


THRESHOLD = Option(
    "THRESHOLD", "--threshold", "Threshold", NUMBER,
    "Road probability that a road must reach somewhere, or it is dropped. "
    "[default: that of the model, or 0.5]",
    minimum=0.0, maximum=1.0,
)  # fmt: skip
LOW_THRESHOLD = Option(
    "LOW_THRESHOLD", "--low-threshold", "Low threshold", NUMBER,
    "Road probability from which a pixel can belong to a road. "
    "[default: that of the model, or 0.3]",
    minimum=0.0, maximum=1.0, is_advanced=True,
)  # fmt: skip
TILE_SIZE = Option(
    "TILE_SIZE", "--tile-size", "Side of the tiles in pixels", INTEGER,
    "Side of the tiles on the work grid; rounded up to whole chips. [default: 1024]",
    minimum=64, is_advanced=True,
)  # fmt: skip
WORKERS = Option(
    "WORKERS", "--workers", "Worker processes", INTEGER,
    "Worker processes on this machine, or jobs of the batch system. "
    "[default: by the size of the work, or one job]",
    minimum=0, is_advanced=True,
)  # fmt: skip
COMMON = (
    Option(
        "CONFIG", "--config", "Settings file", FILE,
        "Settings file; options on the command line override it. See `roadex settings --toml`.",
        files="TOML (*.toml)", is_advanced=True,
    ),
    Option(
        "SETTINGS", "--set", "Settings, one NAME=VALUE a line", LINES,
        "Override one setting; repeatable. See `roadex settings`.", is_advanced=True,
    ),
    Option(
        "OVERWRITE", "--overwrite", "Replace existing results", FLAG, "Replace existing results.",
    ),
)  # fmt: skip

RUN = Verb(
    "run",
    "Extract roads from imagery",
    "Finds the roads in a satellite or aerial image and writes them as a network.\n\n"
    "With a folder, the network (roads.gpkg), the road probability, a preview and a report go "
    "there; run again with the same folder and another threshold, and the network is made anew "
    "in seconds. Without one, the network is written alone.\n\n"
    "A cancelled run goes on where it stopped when it is run again with the same folder or file.",
    (
        THRESHOLD,
        Option(
            "TTA", "--tta", "Test-time augmentation", CHOICE,
            "Test-time augmentation: none, 4 flips (flip), 8 flips and rotations (d4), or 4 flips "
            "of those chips only in which the first view shows anything (adaptive). "
            "[default: flip]",
            choices=("none", "flip", "d4", "adaptive"),
        ),
        Option(
            "MODEL", "--model", "Model", FILE,
            "Model to use: a name from roadex models list, or a model file. "
            "[default: roadex-light]",
            files="Models (*.safetensors)",
        ),
        LOW_THRESHOLD,
        Option(
            "BANDS", "--bands", "Bands of the image in the model's order, such as 1,2,3", TEXT,
            "Band numbers of the scene, from 1, in the model's order. "
            "[default: found in the scene]", is_advanced=True,
        ),
        Option(
            "NODATA", "--nodata", "Values of pixels without imagery", TEXT,
            "Values of pixels without imagery, such as 0 or -9999, with commas between several; "
            "none if there is none; auto is what files declare and what is found. "
            "[default: auto]", is_advanced=True,
        ),
        Option(
            "PRECISION", "--precision", "Precision", CHOICE,
            "Numbers the network computes with: float32; float16, on GPUs only; int8, several "
            "times as fast on a CPU, for models that have an 8-bit form, with roadex[int8] "
            "installed; auto takes int8 where work is done by CPUs of this machine that are made "
            "for it. [default: auto]",
            choices=("auto", "float32", "float16", "int8"), is_advanced=True,
        ),
        Option(
            "NATIVE_GSD", "--native-gsd", "Keep the pixel size of the image", FLAG,
            "Predict on the scene's own pixels: do not resample to the model's pixel size.",
            is_advanced=True,
        ),
        Option(
            "GPUS", "--gpus", "GPUs: auto, all, none, or numbers such as 0,1", TEXT,
            "GPUs for inference: auto (use any), all (require one), none, or numbers such as 0,1. "
            "[default: auto]", is_advanced=True,
        ),
        WORKERS,
        TILE_SIZE,
        *COMMON,
    ),
    {"plan": 2, "predict": 75, "stitch": 3, "vectorize": 15, "write": 5},
)  # fmt: skip

VECTORIZE = Verb(
    "vectorize",
    "Vectorize road probability",
    "Turns a raster of road probability, a mask or a raster of classes, of roadex or of another "
    "tool, into a road network.",
    (
        THRESHOLD,
        Option(
            "READING", "--reading", "Meaning of the values", CHOICE,
            "Meaning of the raster's values. [default: auto]",
            choices=("auto", "roadex", "fraction", "percent", "byte", "mask", "class"),
        ),
        Option(
            "CLASS_VALUE", "--class-value", "Value of roads in a raster of classes", INTEGER,
            "Value of roads in a raster of classes.",
        ),
        LOW_THRESHOLD,
        Option(
            "BAND", "--band", "Band", INTEGER, "Band of the raster. [default: 1]",
            minimum=1, is_advanced=True,
        ),
        WORKERS,
        Option(
            "TILE_SIZE", "--tile-size", "Side of the tiles in pixels", INTEGER,
            "Side of the tiles; does not change the network. [default: 2048]",
            minimum=64, is_advanced=True,
        ),
        *COMMON,
    ),
    {"vectorize": 90, "write": 10},
)  # fmt: skip

COMPARE = Verb(
    "compare",
    "Compare a network with a reference",
    "Says what a road network and a reference, such as an OpenStreetMap extract, lack of each "
    "other. One layer a class, the most certain and longest roads first (review_order).",
    (
        Option(
            "SEARCH", "--search", "Largest distance of a counterpart in metres", NUMBER,
            "Largest distance between the centre lines of a road and its counterpart. "
            "[default: 15.0]", minimum=0.0,
        ),
        Option(
            "SHIFTED", "--shifted", "Distance from which a road is shifted in metres", NUMBER,
            "Roads farther than this from their counterpart are shifted. [default: 5.0]",
            minimum=0.0,
        ),
        *COMMON,
    ),
    {},
)  # fmt: skip

REBUILD = Verb(
    "rebuild",
    "Rebuild an edited network",
    "Restores the topology of a network of roadex that was edited by hand: lines are joined where "
    "they meet, cut where they cross, and get new ids and lengths. All crossings become "
    "junctions.\n\nSave the edits of the layer first.",
    (
        Option(
            "SNAP", "--snap", "Snapping distance in metres", NUMBER,
            "Join ends this close to each other or to a line. [default: 1.0]", minimum=0.0,
        ),
        *COMMON,
    ),
    {},
)  # fmt: skip

DOCTOR = Verb(
    "doctor",
    "Check the installation of roadex",
    "Says which roadex is called, and checks its environment: packages, model, GPU, memory, "
    "disk.\n\n"
    "Its path is set in Settings > Options > Processing > Providers > roadex.",
    (),
    {},
)

VERBS = (RUN, VECTORIZE, COMPARE, REBUILD)
"""Verbs that make something."""

NOT_OFFERED = {
    "--output": "the destination parameters",
    "--aoi": "the parameters of the area",
    "--each": "a layer is one scene; Processing has its own batches",
    "--list": "a layer is one scene; Processing has its own batches",
    "--join": "a layer is one scene; Processing has its own batches",
    "--asset": "a layer is one scene; Processing has its own batches",
    "--trusted-inputs-only": "QGIS has opened the file already; --set has it",
    "--scheduler": "of clusters; --set has it",
    "--scheduler-file": "of clusters; --set has it",
    "--jobqueue": "of clusters; --set has it",
    "--store": "of clusters; --set has it",
    "--quiet": "its lines are the progress",
    "--verbose": "for those who work on roadex",
    "--log-file": "QGIS keeps the log",
    "--help": "the help of the algorithm",
}
"""Options of the command line that are no parameters, and why."""


def command_line(
    executable: str,
    verb: Verb,
    inputs: Sequence[str],
    output: str,
    values: Mapping[str, Any],
    *,
    area: str | None = None,
) -> list[str]:
    """Return a command with its arguments.

    Parameters
    ----------
    executable
        Path of ``roadex``.
    inputs
        Files the verb works on.
    output
        File or folder to write.
    values
        Parameter name to value; None, empty text and False are left out.
    area
        File with the polygons of the area of interest.
    """
    words = [executable, verb.name, *inputs, "-o", output]
    if area is not None:
        words += ["--aoi", area]
    for option in verb.options:
        words += _words(option, values.get(option.name))
    return words


def _words(option: Option, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if option.kind == FLAG:
        return [option.flag]
    lines = str(value).splitlines() if option.kind == LINES else [str(value)]
    return [word for line in lines if line.strip() for word in (option.flag, line.strip())]


def with_titles(text: str, verb: Verb) -> str:
    """Return a message of the command line with the names QGIS has for the options in it."""
    named = [option for option in verb.options if option.flag in text.replace(",", " ").split()]
    titles = "; ".join(f"{option.flag} is '{option.title}' here" for option in named)
    return f"{text} ({titles})" if titles else text
