"""roadex on fAIr: lines of roads from the tiles of a web map, and training on roads of OSM.

Annotations are no strings here (no ``from __future__ import annotations``): ZenML reads them.
"""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fair.utils.data import resolve_directory, resolve_path
from fair.zenml.materializers import CheckpointBytesMaterializer, ONNXMaterializer
from zenml import log_metadata, pipeline, step

TILES = "OAM-*.tif"


# --- Inference: the server calls predict, which needs no torch ------------------------------------


class OnnxForm:
    """The network in ONNX Runtime, for :class:`roadex.inference.engine.Predictor`."""

    n_bands = 3

    def __init__(self, session: Any, stride: int) -> None:
        self._session, self._stride = session, stride

    def probability(self, image: np.ndarray, tta: str) -> tuple[np.ndarray, int]:
        """Return road probability ``(h, w)`` of ``(3, h, w)`` in 0-255; it is always one part."""
        from roadex.inference.tta import predict_with_tta

        return predict_with_tta(self._logits, preprocess(image), tta), 1

    def _logits(self, chips: np.ndarray) -> np.ndarray:
        height, width = chips.shape[-2:]
        margins = ((0, 0), (0, 0), (0, -height % self._stride), (0, -width % self._stride))
        padded = np.pad(chips, margins, mode="edge")
        return self._session.run(["output"], {"input": padded})[0][..., :height, :width]


def preprocess(image: np.ndarray) -> np.ndarray:
    """Return RGB as the ONNX graph takes it: float32 in 0-255; the graph itself scales it."""
    return np.ascontiguousarray(image, dtype=np.float32)


def postprocess(
    probability: np.ndarray, transform: Any, crs: Any, threshold: float
) -> dict[str, Any]:
    """Return roads as a FeatureCollection of LineStrings in EPSG:4326.

    Parameters
    ----------
    probability
        Shape ``(H, W)``, in [0, 1]; NaN where there is no imagery.
    transform, crs
        Where it lies; the CRS is in metres.
    threshold
        Road is what is above it, and what is above 0.6 of it beside that.
    """
    import roadex

    config = roadex.RunConfig.from_dict(
        {
            "vector": {"high": threshold, "low": 0.6 * threshold},
            "cluster": {"workers": 0},
        }
    )
    edges = roadex.vectorize(probability, transform=transform, crs=crs, config=config).edges
    kept = edges[["length_m", "width_m", "confidence", "geometry"]].to_crs(4326)
    found = json.loads(kept.to_json(drop_id=True))
    for feature in found["features"]:
        feature["properties"]["label"] = 1
    return {"type": "FeatureCollection", "features": found["features"]}


def predict(
    session: Any,
    input_images: dict[str, str] | str,
    params: dict[str, Any],
    bbox: list[float] | None = None,
) -> dict[str, Any]:
    """Return the roads of a folder of tiles as a FeatureCollection of LineStrings, EPSG:4326.

    All tiles are one scene: a single one is narrower than a crossroads.

    Parameters
    ----------
    session
        ``onnxruntime.InferenceSession`` of the file that :func:`export_onnx` made.
    input_images
        Folder of the tiles, or ``{"image": folder}``.
    params
        ``confidence_threshold``, above 0 and below 1.
    bbox
        West, south, east, north in degrees: what lies outside is cut off. None is all.

    Raises
    ------
    ValueError
        If the threshold is missing or out of range.
    FileNotFoundError
        If the folder holds no tiles.
    """
    threshold = params.get("confidence_threshold")
    if threshold is None or not 0 < threshold < 1:
        msg = f"confidence_threshold must be above 0 and below 1, got {threshold!r}"
        raise ValueError(msg)
    folder = input_images["image"] if isinstance(input_images, dict) else input_images
    tiles = _tiles(folder)
    probability, grid = _probability(session, tiles)
    found = postprocess(probability, grid.transform, grid.crs.to_wkt(), float(threshold))
    return found if bbox is None else _clipped(found, bbox)


def _tiles(folder: str) -> list[Path]:
    local = Path(resolve_directory(folder, "OAM-*"))
    tiles = sorted(local.rglob(TILES))
    if not tiles:
        msg = f"no tiles {TILES} in {folder}"
        raise FileNotFoundError(msg)
    return tiles


def _probability(session: Any, tiles: list[Path]) -> tuple[np.ndarray, Any]:
    from rasterio.windows import Window

    from roadex.imagery.reader import open_grid
    from roadex.imagery.scene import open_scene
    from roadex.imagery.work_grid import plan_grid
    from roadex.inference.engine import Predictor

    about = json.loads(session.get_modelmeta().custom_metadata_map["roadex"])
    scene = open_scene(tiles, wanted=about["bands"], web_tiles=True)
    grid = plan_grid(scene, gsd_m=about["gsd_m"], gsd_range_m=tuple(about["gsd_range_m"]))
    predictor = Predictor(OnnxForm(session, about["stride"]), tta="none")
    with open_grid(scene, grid) as reader:
        found = predictor.predict_window(reader, Window(0, 0, grid.shape[1], grid.shape[0]))
    return np.where(found.valid, found.probability, np.float32(np.nan)), grid


def _clipped(found: dict[str, Any], bbox: list[float]) -> dict[str, Any]:
    import shapely

    features = []
    for feature in found["features"]:
        inside = shapely.clip_by_rect(shapely.geometry.shape(feature["geometry"]), *bbox)
        if not inside.is_empty:
            features.append({**feature, "geometry": shapely.geometry.mapping(inside)})
    return {"type": "FeatureCollection", "features": features}


# --- Training ------------------------------------------------------------------------------------


def save_checkpoint(network: Any, metadata: Any) -> bytes:
    """Return weights and description of a model in one file of ``torch.save``."""
    import torch

    buffer = io.BytesIO()
    torch.save({"roadex": metadata.to_json(), "state_dict": network.state_dict()}, buffer)
    return buffer.getvalue()


def load_checkpoint(content: bytes) -> tuple[Any, Any]:
    """Return network (evaluation mode) and description of what :func:`save_checkpoint` made."""
    import torch

    from roadex.models.metadata import ModelMetadata
    from roadex.models.modelfile import create_network_for

    found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    metadata = ModelMetadata.from_json(found["roadex"])
    network = create_network_for(metadata)
    network.load_state_dict(found["state_dict"])
    return network.float().eval(), metadata


def make_onnx(network: Any, metadata: Any) -> bytes:
    """Return an ONNX graph: RGB in 0-255 ``(N, 3, H, W)`` to logits ``(N, 1, H, W)``.

    Batch, height and width are free; height and width are multiples of the stride, which stands in
    the metadata of the file beside pixel size and bands.
    """
    import onnx
    import torch

    from roadex.models.scaling import Scaling

    scaling = Scaling.of(metadata)

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, chips: torch.Tensor) -> torch.Tensor:
            return self.network(scaling.apply(chips))

    free = torch.export.Dim.DYNAMIC
    program = torch.onnx.export(
        Scaled().eval(), (torch.zeros(2, 3, 512, 512),), input_names=["input"],
        output_names=["output"], dynamic_shapes=({0: free, 2: free, 3: free},), dynamo=True,
        opset_version=18, verbose=False,
    )  # fmt: skip
    proto = program.model_proto
    about = {
        "bands": metadata.bands, "gsd_m": metadata.gsd_m, "gsd_range_m": metadata.gsd_range_m,
        "stride": network.stride,
    }  # fmt: skip
    onnx.helper.set_model_props(proto, {"roadex": json.dumps(about)})
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def _split(tiles: list[Path], val_ratio: float) -> tuple[list[Path], list[Path]]:
    """Return tiles to train on and, in the east, tiles to judge by."""
    if len(tiles) < 2:
        msg = f"a dataset needs two tiles, one to train on and one to judge by; got {len(tiles)}"
        raise ValueError(msg)
    by_place = sorted(tiles, key=lambda path: [int(part) for part in path.stem.split("-")[1:3]])
    n_val = min(max(1, round(val_ratio * len(tiles))), len(tiles) - 1)
    return by_place[:-n_val], by_place[-n_val:]


@contextlib.contextmanager
def _dataset(chips: str, labels: str, val_ratio: float) -> Iterator[tuple[Path, Path]]:
    """Lay out both halves as datasets of layout ``fair``, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="roadex-fair-") as name:
        folders = Path(name) / "train", Path(name) / "val"
        given = Path(labels)
        files = sorted(given.glob("*.geojson")) if given.is_dir() else [Path(resolve_path(labels))]
        for folder, tiles in zip(folders, _split(_tiles(chips), val_ratio), strict=True):
            for part, paths in (("chips", tiles), ("labels", files)):
                (folder / part).mkdir(parents=True)
                for path in paths:
                    (folder / part / path.name).symlink_to(path.resolve())
                    aside = path.with_name(f"{path.name}.aux.xml")
                    if aside.exists():
                        shutil.copy(aside, folder / part / aside.name)
        yield folders


@step
def split_dataset(
    dataset_chips: str,
    dataset_labels: str,  # noqa: ARG001 - the platform gives it
    hyperparameters: dict[str, Any],
) -> Annotated[dict[str, Any], "split_info"]:
    """Say how tiles are split: those in the east are judged by."""
    val_ratio = hyperparameters.get("val_ratio", 0.2)
    train, val = _split(_tiles(dataset_chips), val_ratio)
    split_info = {
        "strategy": "spatial",
        "val_ratio": val_ratio,
        "seed": hyperparameters.get("split_seed", 0),
        "train_count": len(train),
        "val_count": len(val),
        "description": "The tiles in the east, a share of val_ratio, are for validation",
    }
    log_metadata(metadata={"fair/split": split_info})
    return split_info


@step(output_materializers={"trained_model_artifact": CheckpointBytesMaterializer})
def train_model(
    dataset_chips: str,
    dataset_labels: str,
    base_model_weights: str,
    hyperparameters: dict[str, Any],
    split_info: dict[str, Any],
) -> Annotated[bytes, "trained_model_artifact"]:
    """Train the base model on with roads of OpenStreetMap."""
    import roadex
    from roadex.models.modelfile import save_model

    network, metadata = load_checkpoint(Path(resolve_path(base_model_weights)).read_bytes())
    config = roadex.TrainConfig.from_dict(
        {
            "epochs": hyperparameters["epochs"],
            "batch_size": hyperparameters["batch_size"],
            "learning_rate": hyperparameters["learning_rate"],
            "chip_size": hyperparameters.get("chip_size", 384),
            "seed": split_info["seed"],
            "network": metadata.network,
            "arguments": dict(metadata.arguments),
            "gsd_m": metadata.gsd_m,
            "loader_processes": 0,
        }
    )
    with _dataset(dataset_chips, dataset_labels, split_info["val_ratio"]) as (train, val):
        here = train.parent
        initial = save_model(network, metadata, here / "base.safetensors")
        with contextlib.chdir(here):  # checkpoints of the training go there, and away with it
            model = roadex.train(
                f"fair:{train}", here / "trained.safetensors", initial=initial, config=config,
                validation=[f"fair:{val}"],
            )  # fmt: skip
        return save_checkpoint(model.network, model.metadata)


@step
def evaluate_model(
    trained_model: bytes,
    dataset_chips: str,
    dataset_labels: str,
    split_info: dict[str, Any],
) -> Annotated[dict[str, Any], "metrics"]:
    """Return IoU of road pixels on the tiles for validation, at the threshold of the model."""
    from fair.zenml.metrics import log_fair_metrics

    from roadex.models.scaling import Scaling
    from roadex.training.datasets import find_labelled_scenes
    from roadex.training.evaluation import evaluate, iou_at

    network, metadata = load_checkpoint(trained_model)
    with _dataset(dataset_chips, dataset_labels, split_info["val_ratio"]) as (_, val):
        scenes = find_labelled_scenes(f"fair:{val}", bands=metadata.bands)
        counts = evaluate(
            network, scenes, scaling=Scaling.of(metadata), gsd_m=metadata.gsd_m, tta="none"
        )
    metrics = {"road_iou": iou_at(counts, metadata.threshold_high)}
    log_fair_metrics(metrics)
    return metrics


@step(output_materializers={"onnx_model": ONNXMaterializer})
def export_onnx(trained_model: bytes) -> Annotated[bytes, "onnx_model"]:
    """Return the trained model as ONNX."""
    return make_onnx(*load_checkpoint(trained_model))


@step
def run_inference(
    model_uri: str, input_images: str, inference_params: dict[str, Any]
) -> Annotated[dict[str, Any], "predictions"]:
    """Predict a folder of tiles."""
    from onnxruntime import InferenceSession

    session = InferenceSession(str(resolve_path(model_uri)), providers=["CPUExecutionProvider"])
    return predict(session, input_images, inference_params)


@pipeline
def training_pipeline(
    base_model_weights: str,
    dataset_chips: str,
    dataset_labels: str,
    num_classes: int,  # noqa: ARG001 - the platform gives it
    hyperparameters: dict[str, Any],
) -> None:
    """Split, train, judge and export."""
    split_info = split_dataset(dataset_chips, dataset_labels, hyperparameters)
    trained = train_model(
        dataset_chips, dataset_labels, base_model_weights, hyperparameters, split_info
    )
    evaluate_model(trained, dataset_chips, dataset_labels, split_info)
    export_onnx(trained)


@pipeline
def inference_pipeline(
    model_uri: str, input_images: str, inference_params: dict[str, Any] | None = None
) -> None:
    """Predict a folder of tiles."""
    run_inference(model_uri, input_images, inference_params or {})
