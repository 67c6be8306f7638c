"""Models made of finished ones: what ``roadex models average`` and ``roadex models tune`` do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from roadex.errors import ModelError
from roadex.inference.allocator import tune_allocator
from roadex.models.averaging import average_networks, ensemble_of
from roadex.models.base import SegmentationNetwork
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model, load_model, save_model
from roadex.models.scaling import Scaling
from roadex.training.datasets import find_labelled_scenes
from roadex.training.evaluation import common_figures, evaluate_datasets, thresholds_of

Averaged = Literal["weights", "probability"]
"""What of models is averaged."""

Figures = dict[str, float]
"""As :func:`roadex.training.evaluation.common_figures` gives them."""


def average_models(
    paths: Sequence[str | Path],
    output: Path,
    *,
    shares: Sequence[float],
    validation: Sequence[str],
    of: Averaged = "weights",
    tta: str | None = None,
) -> Figures:
    """Average models, choose thresholds on validation data, and write the model file.

    Parameters
    ----------
    paths
        Model files or names of packaged models. Those averaged in their weights are of one network.
    output
        Model file to write.
    shares
        One per model; only their ratios count.
    validation
        Datasets as ``roadex train`` takes them.
    of
        ``"weights"`` makes one network of them; ``"probability"`` an ensemble, which computes all.
    tta
        Test-time augmentation thresholds are chosen with; None is that of the first model.

    Returns
    -------
    figures
        Those of the average.

    Raises
    ------
    ModelError
        If a model cannot be loaded, or they do not fit together.
    DatasetError
        If validation data cannot be read.
    """
    tune_allocator()
    models = [load_model(path) for path in paths]
    first = models[0].metadata
    network, described = _averaged(models, shares, of)
    described = replace(
        described,
        name=output.stem,
        gsd_range_m=(
            min(model.metadata.gsd_range_m[0] for model in models),
            max(model.metadata.gsd_range_m[1] for model in models),
        ),
        tta=tta or first.tta,
        training=_training_of(models, shares),
    )
    figures = _figures(network, described, validation)
    _write(network, described, figures, output)
    return figures


def _averaged(
    models: Sequence[Model], shares: Sequence[float], of: Averaged
) -> tuple[SegmentationNetwork, ModelMetadata]:
    first = models[0].metadata
    if of == "weights":
        return average_networks(models, shares), first
    ensemble = ensemble_of(models, shares)
    arguments = {"members": ensemble.described, "shares": list(ensemble.shares)}
    return ensemble, replace(first, network="ensemble", arguments=arguments)


def tune_model(
    path: str | Path,
    output: Path,
    *,
    validation: Sequence[str],
    gsds_m: Sequence[float] = (),
    tta: str | None = None,
) -> dict[float, Figures]:
    """Choose pixel size and thresholds of a model anew; its weights stay.

    A network trained on chips of varied scale can be used at any of these scales, and the one it
    was mostly trained at need not be the one at which it finds roads best.

    Parameters
    ----------
    path
        Model file or name of a packaged model.
    output
        Model file to write.
    validation
        Datasets as ``roadex train`` takes them. The model is as good as they are typical.
    gsds_m
        Ground sample distances to try, in metres; none tries only that of the model.
    tta
        Test-time augmentation to choose with and to write; None is that of the model.

    Returns
    -------
    figures
        Those of every ground sample distance; the one with the highest ``iou`` is written.

    Raises
    ------
    ModelError
        If the model cannot be loaded, or a ground sample distance is not one it was trained on.
    DatasetError
        If validation data cannot be read.
    """
    tune_allocator()
    model = load_model(path)
    described = replace(model.metadata, name=output.stem, tta=tta or model.metadata.tta)
    low, high = described.gsd_range_m
    for gsd_m in gsds_m:
        if not low <= gsd_m <= high:
            msg = f"{path} was trained on {low:.2g} to {high:.2g} m/pixel, not on {gsd_m:g}"
            raise ModelError(msg)
    tried = {
        gsd_m: _figures(model.network, replace(described, gsd_m=gsd_m), validation)
        for gsd_m in gsds_m or (described.gsd_m,)
    }
    best = max(tried, key=lambda gsd_m: tried[gsd_m]["iou"])
    _write(model.network, replace(described, gsd_m=best), tried[best], output)
    return tried


def _figures(
    network: SegmentationNetwork, metadata: ModelMetadata, validation: Sequence[str]
) -> Figures:
    scenes = {
        "/".join(Path(name).parts[-2:]): find_labelled_scenes(
            name, bands=metadata.bands, stretch=metadata.stretch
        )
        for name in validation
    }
    counts = evaluate_datasets(
        network, scenes, scaling=Scaling.of(metadata), gsd_m=metadata.gsd_m, tta=metadata.tta
    )
    return common_figures(counts)


def _write(
    network: SegmentationNetwork, metadata: ModelMetadata, figures: Figures, output: Path
) -> None:
    low, high = thresholds_of(figures)
    tuned = replace(
        metadata,
        threshold_low=low,
        threshold_high=high,
        validation={name: round(value, 4) for name, value in figures.items()},
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    save_model(network, tuned, output)


def _training_of(models: Sequence[Model], shares: Sequence[float]) -> dict[str, Any]:
    """Return what is known of the training of an average: that of each model."""
    parts: list[dict[str, Any]] = [
        {"share": share, "sha256": model.sha256, **model.metadata.training}
        for share, model in zip(shares, models, strict=True)
    ]
    licences = dict.fromkeys(part["licence"] for part in parts if part.get("licence"))
    return {"licence": "; ".join(licences), "average_of": parts}
