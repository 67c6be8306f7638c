"""Several models made one, with thresholds chosen for it: what ``roadex models average`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadex.datasets import find_labelled_scenes
from roadex.evaluation import common_figures, evaluate_datasets, thresholds_of
from roadex.models.averaging import average_networks
from roadex.models.modelfile import Model, load_model, save_model
from roadex.models.scaling import Scaling
from roadex.runtime import tune_allocator


def average_models(
    paths: Sequence[str | Path],
    output: Path,
    *,
    shares: Sequence[float],
    validation: Sequence[str],
    tta: str | None = None,
) -> dict[str, float]:
    """Average models, choose thresholds on validation data, and write the model file.

    Parameters
    ----------
    paths
        Model files or names of packaged models, of the same network.
    output
        Model file to write.
    shares
        One per model; only their ratios count.
    validation
        Datasets as ``roadex train`` takes them.
    tta
        Test-time augmentation thresholds are chosen with; None is that of the first model.

    Returns
    -------
    figures
        As :func:`roadex.evaluation.common_figures` gives them.

    Raises
    ------
    ModelError
        If a model cannot be loaded, or they are not of the same network.
    DatasetError
        If validation data cannot be read.
    """
    tune_allocator()
    models = [load_model(path) for path in paths]
    first = models[0].metadata
    network, how = average_networks(models, shares), tta or first.tta
    scenes = {"/".join(Path(name).parts[-2:]): find_labelled_scenes(name) for name in validation}
    scaling = Scaling.of(first)
    counts = evaluate_datasets(network, scenes, scaling=scaling, gsd_m=first.gsd_m, tta=how)
    figures = common_figures(counts)
    low, high = thresholds_of(figures)
    metadata = replace(
        first,
        name=output.stem,
        gsd_range_m=(
            min(model.metadata.gsd_range_m[0] for model in models),
            max(model.metadata.gsd_range_m[1] for model in models),
        ),
        threshold_low=low,
        threshold_high=high,
        tta=how,
        training=_training_of(models, shares),
        validation={name: round(value, 4) for name, value in figures.items()},
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    save_model(network, metadata, output)
    return figures


def _training_of(models: Sequence[Model], shares: Sequence[float]) -> dict[str, Any]:
    """Return what is known of the training of an average: that of each model."""
    parts: list[dict[str, Any]] = [
        {"share": share, "sha256": model.sha256, **model.metadata.training}
        for share, model in zip(shares, models, strict=True)
    ]
    licences = dict.fromkeys(part["licence"] for part in parts if part.get("licence"))
    return {"licence": "; ".join(licences), "average_of": parts}
