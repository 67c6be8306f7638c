"""What a training shows and writes while it runs: progress, logs, figures, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from roadex.config import TrainConfig
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling
from roadex.progress import Display
from roadex.training.checkpoint import TrainingState
from roadex.training.datasets.labelled import Labelled
from roadex.training.evaluation import common_figures, evaluate_datasets
from roadex.training.logs import CsvLog, TensorBoardLog
from roadex.training.loop import Figures, Progress
from roadex.training.validation_sheet import write_validation_sheet

STAGE = "train"

LOG_EVERY = 20
"""Steps between two rows of ``steps.csv``."""


class Monitor:
    """Follows a training in its folder; its methods are what :func:`roadex.training.train` calls.

    Parameters
    ----------
    folder
        Of the run: gets ``steps.csv``, ``evaluations.csv``, ``validation_STEP.png`` and, where
        asked for, ``tensorboard/``.
    config, scaling
        Of the run.
    validation
        Name of a dataset to its scenes.
    display
        Shows the steps, the loss and the IoU.
    tensorboard
        Whether to log for TensorBoard too.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainConfig,
        *,
        scaling: Scaling,
        validation: Mapping[str, Sequence[Labelled]],
        display: Display,
        tensorboard: bool = False,
    ) -> None:
        self._folder, self._config, self._scaling = folder, config, scaling
        self._validation = validation
        self._steps = CsvLog(folder / "steps.csv")
        self._evaluations = CsvLog(folder / "evaluations.csv")
        self._has_tensorboard = tensorboard
        self._tensorboard: TensorBoardLog | None = None
        self._display, self._step = display, 0

    def __enter__(self) -> Self:
        self._display.start(STAGE, self._config.steps)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._display.finish(STAGE)
        if self._tensorboard is not None:
            self._tensorboard.close()

    def on_start(self, state: TrainingState) -> None:
        """Show how far the training is already; drop log rows that are about to come again."""
        for log in (self._steps, self._evaluations):
            log.trim(state.step)
        if self._has_tensorboard:
            self._tensorboard = TensorBoardLog(self._folder / "tensorboard", step=state.step)
        if state.smooth_loss is not None:
            self._display.figures(STAGE, {"loss": state.smooth_loss})
        if state.history:
            self._show_iou(state.history[-1])
        self._show_step(state.step)

    def on_step(self, progress: Progress) -> None:
        """Show the step; log now and then."""
        self._display.figures(STAGE, {"loss": progress.loss})
        self._show_step(progress.step)
        if progress.step % LOG_EVERY and progress.step != progress.n_steps:
            return
        row = {
            "step": progress.step,
            "loss": progress.loss,
            "learning_rate": progress.learning_rate,
            "seconds": progress.seconds,
        }
        self._steps.write(row)
        if self._tensorboard is not None:
            self._tensorboard.write(row)

    def evaluate(self, network: SegmentationNetwork, step: int) -> Figures:
        """Score the validation data without test-time augmentation, and draw some of it."""
        scenes = list(chain.from_iterable(self._validation.values()))
        write_validation_sheet(
            network, scenes, self._folder / f"validation_{step:06d}.png",
            title=f"step {step}", scaling=self._scaling, gsd_m=self._config.gsd_m,
        )  # fmt: skip
        counts = evaluate_datasets(
            network, self._validation, scaling=self._scaling, gsd_m=self._config.gsd_m
        )
        return common_figures(counts)

    def on_evaluation(self, figures: Figures) -> None:
        """Log the figures."""
        self._evaluations.write(figures)
        if self._tensorboard is not None:
            self._tensorboard.write(figures)
        self._show_iou(figures)

    def _show_step(self, step: int) -> None:
        self._display.advance(STAGE, step - self._step)
        self._step = step

    def _show_iou(self, figures: Figures) -> None:
        if "iou" in figures:
            self._display.figures(STAGE, {"IoU": figures["iou"]})
