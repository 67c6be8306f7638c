"""Learn from a network that a person corrected: the results of a run, edited, give a model."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
from rasterio.windows import Window

from roadex.config import CorrectConfig
from roadex.errors import NetworkError, ScoreError
from roadex.files import refuse_existing
from roadex.inference.allocator import tune_allocator
from roadex.network.line_reader import read_line_table
from roadex.pipeline.finished_run import FinishedRun
from roadex.progress import Display, default_display
from roadex.training.correction.corrected_scene import CorrectedScene, background_level
from roadex.training.correction.edits import find_edits
from roadex.training.correction.job import Correction, train_on_corrections


def correct(
    folder: str | Path,
    edited: str | Path,
    output: str | Path,
    *,
    scene: list[str] | None = None,
    model: str | Path | None = None,
    config: CorrectConfig | None = None,
    run_folder: str | Path | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> Correction:
    """Train the model of a run on with the corrections of its network.

    What was added is road, what was deleted is none; the rest is taken from the model itself, as
    far as it was sure. The same call resumes an interrupted training.

    Parameters
    ----------
    folder
        Output of ``roadex run``.
    edited
        The edited network: a vector file with the layer ``road_edges``, or one of lines. It may be
        ``roads.gpkg`` in ``folder`` itself. Edges whose ``review`` is ``wrong`` count as deleted.
    output
        Model file to write, ``.safetensors``.
    scene
        The imagery; None is where it was at the time of the run.
    model
        The model of the run, by name or file; None is the packaged one with the name the report
        gives.
    config
        Settings of the training; None is the defaults.
    run_folder
        Of checkpoints and logs; None is ``runs/correct-`` and the name of ``output``.
    overwrite
        Replace ``output``.
    progress
        Shows the training; None is a display in a notebook, else nothing.

    Raises
    ------
    OutputError
        If there is no finished run in ``folder``, or ``output`` exists.
    SceneError, ModelError
        If imagery or model is not that of the run.
    NetworkError
        If the edited network cannot be read, or nothing was changed in it.
    TrainingError
        If the training fails.
    """
    output = Path(output)
    refuse_existing(output, overwrite=overwrite)
    tune_allocator()
    done = FinishedRun.open(folder, scene=scene, model=model)
    corrected = CorrectedScene(
        scene=done.plan.scene,
        grid=done.plan.grid,
        probability=done.probability,
        threshold=done.config.vector.thresholds[0],
        background=background_level(done.probability),
        edits=find_edits(done.edges, _edited(Path(edited)).to_crs(done.crs)),
        part=Window(0, 0, done.plan.grid.shape[1], done.plan.grid.shape[0]),
        sources=(Path(edited), done.probability_path),
    )
    return train_on_corrections(
        corrected,
        done.model,
        output,
        config=config or CorrectConfig(),
        folder=Path(run_folder) if run_folder else Path("runs") / f"correct-{output.stem}",
        display=progress or default_display(),
    )


def _edited(path: Path) -> gpd.GeoDataFrame:
    try:
        return read_line_table(str(path))
    except (NetworkError, ScoreError) as error:
        msg = f"the edited network: {error}"
        raise NetworkError(msg) from error
