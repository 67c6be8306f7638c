"""A dataset with moved labels, made scene by scene of one there is."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

from roadex.config import AlignConfig
from roadex.errors import DatasetError, OutputError
from roadex.files import changes_of_origin, write_origin
from roadex.inference.allocator import tune_allocator
from roadex.models.modelfile import Model, load_model
from roadex.progress import Display, Silent, Stopwatch
from roadex.training.align.comparison import SceneShift
from roadex.training.align.lines import align_lines, count_windows, lines_dataset, lines_path
from roadex.training.align.masks import align_mask, mask_path
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.labelled import Labelled, LabelledScene
from roadex.training.datasets.line_scene import LineScene

MOVES_NAME: Final = "moves.csv"
"""File with what became of each scene."""

LINES_NAME: Final = "lines.toml"
"""The dataset, where labels are lines."""

_MADE_OF_NAME: Final = "aligned.json"


@dataclass(frozen=True, slots=True)
class LabelAlignment:
    """A dataset whose labels are moved to where a model sees the roads, while it is written."""

    scenes: tuple[Labelled, ...]
    """Those that are not there yet."""

    folder: Path
    specification: str
    """What ``roadex train`` takes."""

    model: Model
    config: AlignConfig

    @classmethod
    def begin(
        cls, dataset: str, folder: Path, config: AlignConfig, *, overwrite: bool = False
    ) -> LabelAlignment:
        """Read what there is to do; scenes that are in the folder already are not done again.

        Parameters
        ----------
        dataset
            As ``roadex train`` takes it. Scenes with masks are read whole, a few megapixels each;
            scenes with lines are looked at in windows.
        folder
            Where to write. With masks it gets the layout ``pairs``: ``sat/`` (hard links to the
            images, or copies), ``mask/`` (uint8, 1 = road) and, where there is one, ``valid/``.
            With lines it gets a GeoPackage per scene and ``lines.toml``, which names the images
            where they are.
        config
            The model, and how far labels may move.
        overwrite
            Begin anew in a folder that something else is in.

        Raises
        ------
        DatasetError
            If the dataset cannot be read, or two of its scenes have one name.
        OutputError
            If something else is in the folder, or files of the dataset are.
        """
        model = load_model(config.model)
        described = model.metadata
        scenes = find_labelled_scenes(dataset, bands=described.bands, stretch=described.stretch)
        made_of = {
            "dataset": dataset,
            "model": model.sha256,
            "tta": config.tta,
            "max_shift_m": config.max_shift_m,
        }
        _keep_apart(folder, scenes)
        targets = [_target(folder, scene) for scene in scenes]
        if len(set(targets)) < len(targets):
            msg = f"scenes of {dataset} have the same name; align them separately"
            raise DatasetError(msg)
        if overwrite or changes_of_origin(folder / _MADE_OF_NAME, made_of) != ():
            _begin_anew(folder, targets, made_of, overwrite)
        done = {s.name for s, path in zip(scenes, targets, strict=True) if path.exists()}
        done &= _keep_notes(folder, done)
        with_lines = [scene for scene in scenes if isinstance(scene, LineScene)]
        if with_lines:
            (folder / LINES_NAME).write_text(lines_dataset(with_lines, folder), encoding="utf-8")
        return cls(
            tuple(scene for scene in scenes if scene.name not in done),
            folder,
            f"lines:{folder / LINES_NAME}" if with_lines else f"pairs:{folder}",
            model,
            config,
        )

    @property
    def n_windows(self) -> int:
        """How many windows there are to look at; a scene with a mask is one."""
        return sum(
            count_windows(scene) if isinstance(scene, LineScene) else 1 for scene in self.scenes
        )

    def run(self, display: Display | None = None) -> Iterator[SceneShift]:
        """Write scene after scene, and yield what became of each."""
        tune_allocator()
        watch = Stopwatch(display or Silent())
        with watch.stage("align", self.n_windows):
            for scene in self.scenes:
                what = (self.folder, self.model, self.config)
                if isinstance(scene, LineScene):
                    moved = align_lines(scene, *what, on_window=lambda: watch.advance("align"))
                else:
                    moved = align_mask(_with_mask(scene), *what)
                    watch.advance("align")
                _note(moved, self.folder)
                yield moved


def _with_mask(scene: Labelled) -> LabelledScene:
    if not isinstance(scene, LabelledScene):
        msg = f"{scene.name} has neither a mask nor lines to move"
        raise DatasetError(msg)
    return scene


def _keep_apart(folder: Path, scenes: Sequence[Labelled]) -> None:
    """Refuse to write where the files of the dataset are: they would be replaced."""
    inside = folder.resolve()
    for path in (path for scene in scenes for path in scene.files()):
        if inside in path.resolve().parents:
            msg = f"{path} lies in {folder}; choose a folder outside the dataset"
            raise OutputError(msg)


def _target(folder: Path, scene: Labelled) -> Path:
    if isinstance(scene, LineScene):
        return lines_path(folder, scene)
    return mask_path(folder, _with_mask(scene))


def _begin_anew(
    folder: Path, targets: Sequence[Path], made_of: Mapping[str, object], overwrite: bool
) -> None:
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        msg = f"{folder} is not empty; choose another folder or add --overwrite"
        raise OutputError(msg)
    for target in targets:
        target.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MOVES_NAME).open("w", newline="") as file:
        csv.writer(file).writerow(field.name for field in fields(SceneShift))
    write_origin(folder / _MADE_OF_NAME, made_of)


def _keep_notes(folder: Path, names: Collection[str]) -> set[str]:
    """Keep the whole notes of some scenes and return whose they are; others are written anew."""
    path = folder / MOVES_NAME
    header, *lines = path.read_text().splitlines(keepends=True)
    rows = {row[0]: line for line in lines if line.endswith("\n") for row in csv.reader([line])}
    kept = {name: line for name, line in rows.items() if name in names}
    path.write_text("".join([header, *kept.values()]))
    return set(kept)


def _note(moved: SceneShift, folder: Path) -> None:
    rounded = (round(v, 3) if isinstance(v, float) else v for v in astuple(moved))
    with (folder / MOVES_NAME).open("a", newline="") as file:
        csv.writer(file).writerow(rounded)
