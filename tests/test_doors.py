"""The same pixels reach the network through every door: run, benchmark, training, align, sheets.

Each kind of scene is a case of its own: bands in another order, a fourth band, 16 bits, darkness,
pixels without imagery. What reaches the network is caught at its forward pass and compared with
what the reader of a run gives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window

from roadex.config import AlignConfig, AugmentConfig, TilingConfig, TrainConfig
from roadex.imagery.containers import without_georeference_warning
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import open_scene
from roadex.imagery.tiling import plan_chips
from roadex.imagery.work_grid import plan_grid
from roadex.inference.engine import Predictor
from roadex.models import create_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model
from roadex.models.scaling import Scaling
from roadex.training.align.comparison import compare_labels
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.chips import ChipDataset
from roadex.training.evaluation import evaluate
from roadex.training.validation_sheet import write_validation_sheet

SIDE = 64
GSD_M = 1.0
RGB, BGR = ("red", "green", "blue"), ("blue", "green", "red")
RGBN = (*RGB, "nir")
UNTOUCHED = AugmentConfig(
    scale_jitter=0, colour_probability=0, grey_probability=0, shadow_probability=0,
    blur_probability=0, noise_probability=0, jpeg_probability=0,
)  # fmt: skip


def _values(n_bands: int = 3, low: int = 60, high: int = 230, dtype: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(n_bands)
    return rng.integers(low, high, (n_bands, SIDE, SIDE)).astype(dtype)


def _with_hole() -> np.ndarray:
    values = _values()
    values[:, :20, :30] = 0
    return values


CASES = {
    "plain": (_values(), RGB, {}),
    "bgr model": (_values(), BGR, {}),
    "four bands": (_values(4), RGBN, {}),
    "sixteen bits": (_values(3, 300, 2000, "uint16"), RGB, {}),
    "dark": (_values(3, 5, 45), RGB, {}),
    "nodata": (_with_hole(), RGB, {"nodata": 0}),
}
"""Name to pixels, bands of the model, and profile of the file."""


@pytest.fixture(params=CASES, ids=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path):
    """Return a dataset of one scene, the bands of the model, and a way to catch its input."""
    values, bands, profile = CASES[request.param]
    folder = tmp_path / "data"
    for name, pixels, extra in (
        ("sat", values, profile),
        ("mask", np.eye(SIDE, dtype=np.uint8)[None], {}),
    ):
        (folder / name).mkdir(parents=True)
        with rasterio.open(
            folder / name / "scene.tif", "w", driver="GTiff", count=len(pixels), height=SIDE,
            width=SIDE, dtype=pixels.dtype, crs="EPSG:32633",
            transform=Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_400_000), **extra,
        ) as raster:  # fmt: skip
            raster.write(pixels)
            if name == "sat":
                raster.descriptions = ("red", "green", "blue", "nir")[: len(pixels)]
    return folder, bands


class Caught:
    """A network that keeps what it is given."""

    def __init__(self, n_bands: int) -> None:
        torch.manual_seed(0)
        self.network = create_network(
            "dlinknet", in_channels=n_bands, encoder="tu-mobilenetv3_small_050", bottleneck=32
        ).eval()
        self.seen: list[torch.Tensor] = []
        self.network.register_forward_pre_hook(lambda _, given: self.seen.append(given[0].clone()))

    def last(self) -> torch.Tensor:
        """Return the last input, ``(C, h, w)``."""
        return self.seen[-1][-1]


@pytest.fixture
def run_input(case):
    """Return what the reader of a run gives the network, scaled, and where there is imagery."""
    folder, bands = case
    scene = open_scene([folder / "sat" / "scene.tif"], wanted=bands)
    grid = plan_grid(scene, gsd_m=GSD_M, gsd_range_m=(0.5, 2.0))
    with open_grid(scene, grid) as reader:
        image, valid = reader.read(Window(0, 0, SIDE, SIDE))
    scaled = _scaling(bands).apply(torch.from_numpy(image))
    return scaled, valid


def _scaling(bands) -> Scaling:
    return Scaling((1 / 127.5,) * len(bands), (-1.0,) * len(bands))


def _middle(tensor: torch.Tensor, halo: int) -> torch.Tensor:
    return tensor[:, halo : halo + SIDE, halo : halo + SIDE]


@pytest.fixture
def caught(case, monkeypatch: pytest.MonkeyPatch):
    """Return a network whose inputs are kept; folding would copy it without them."""
    _, bands = case
    monkeypatch.setattr("roadex.inference.float_form.ready_for_inference", lambda network: network)
    return Caught(len(bands))


def test_run_gives_the_network_what_its_reader_reads(case, caught, run_input):
    folder, bands = case
    scene = open_scene([folder / "sat" / "scene.tif"], wanted=bands)
    grid = plan_grid(scene, gsd_m=GSD_M, gsd_range_m=(0.5, 2.0))
    chips = plan_chips(grid.shape, TilingConfig(chip_size=64, halo=32))
    predictor = Predictor.of(caught.network, _scaling(bands))
    with open_grid(scene, grid) as reader:
        predictor.predict_window(reader, chips[0].core, chips)
    assert torch.equal(_middle(caught.last(), 32), run_input[0])


def test_evaluation_sees_what_a_run_sees(case, caught, run_input):
    folder, bands = case
    scenes = find_labelled_scenes(str(folder), bands=bands)
    evaluate(caught.network, scenes, scaling=_scaling(bands), gsd_m=GSD_M)
    assert torch.equal(_middle(caught.last(), TilingConfig().halo), run_input[0])


def test_training_learns_from_what_a_run_sees(case, run_input):
    folder, bands = case
    config = TrainConfig(chip_size=SIDE, gsd_m=GSD_M, augment=UNTOUCHED, bands=bands)
    source = WeightedScenes(find_labelled_scenes(str(folder), bands=bands), 1.0)
    image, target, valid = ChipDataset([source], config)[0]
    # A chip is turned: which of the eight ways it was, the label tells.
    scaled, seen = run_input
    ways = [
        turned.flip(2) if flipped else turned
        for n in range(4)
        for turned in [torch.rot90(scaled, n, (1, 2))]
        for flipped in (False, True)
    ]
    assert any(torch.equal(_scaling(bands).apply(image), way) for way in ways)
    assert int(valid.sum()) == int(seen.sum())
    assert target.sum() == SIDE


def test_alignment_sees_what_a_run_sees(case, caught, run_input):
    folder, bands = case
    metadata = ModelMetadata(
        name="x", network="dlinknet", bands=bands, gsd_m=GSD_M, gsd_range_m=(0.5, 2.0),
        scale=_scaling(bands).scale, offset=_scaling(bands).offset,
    )  # fmt: skip
    (scene,) = find_labelled_scenes(str(folder), bands=bands)
    compare_labels(scene, Model(metadata, caught.network, "", Path("x")), AlignConfig(tta="none"))
    assert torch.equal(_middle(caught.last(), TilingConfig().halo), run_input[0])


def test_pictures_of_a_training_show_what_a_run_sees(case, caught, run_input, tmp_path):
    folder, bands = case
    scenes = find_labelled_scenes(str(folder), bands=bands)
    write_validation_sheet(
        caught.network, scenes, tmp_path / "sheet.png", scaling=_scaling(bands), gsd_m=GSD_M,
        title="",
    )  # fmt: skip
    assert torch.equal(_middle(caught.last(), TilingConfig().halo), run_input[0])


def test_benchmark_images_are_read_as_scenes(tmp_path, monkeypatch: pytest.MonkeyPatch):
    from roadex.pipeline.model_transfer import SharedModel
    from roadex.pipeline.predict_images import ImageJob, predict_image

    with (
        without_georeference_warning(),
        rasterio.open(
            tmp_path / "7_sat.jpg",
            "w",
            driver="JPEG",
            count=3,
            height=SIDE,
            width=SIDE,
            dtype="uint8",
        ) as image,
    ):
        image.write(_values(3, 5, 45))
    monkeypatch.setattr("roadex.inference.float_form.ready_for_inference", lambda network: network)
    caught = Caught(3)
    predictor = Predictor.of(caught.network, _scaling(BGR))
    monkeypatch.setattr("roadex.pipeline.predict_images.predictor_of", lambda *_: predictor)
    job = ImageJob(
        folder=tmp_path, output=tmp_path, model=SharedModel("", ""), tta="none", threshold=0.5,
        gsd_m=0.5, bands=BGR, device=None, with_probability=False,
    )  # fmt: skip
    predict_image("7", job=job)
    scene = open_scene([tmp_path / "7_sat.jpg"], wanted=BGR, unplaced_gsd_m=0.5)
    grid = plan_grid(scene, gsd_m=0.5, gsd_range_m=(0, 9))
    with open_grid(scene, grid) as reader:
        expected, _ = reader.read(Window(0, 0, SIDE, SIDE))
    given = _middle(caught.last(), TilingConfig().halo)
    assert torch.equal(given, _scaling(BGR).apply(torch.from_numpy(expected)))
    assert scene.radiometry.gamma < 1  # a dark image is brightened, as in a run


def test_networks_of_four_bands_can_be_trained(case, tmp_path):
    from roadex.training.loop import train

    folder, bands = case
    config = TrainConfig(
        steps=1, batch_size=2, chip_size=SIDE, gsd_m=GSD_M, bands=bands, loader_processes=0,
        arguments={"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32, "head_width": 8},
    )  # fmt: skip
    source = WeightedScenes(find_labelled_scenes(str(folder), bands=bands), 1.0)
    state = train([source], config, folder=tmp_path, scaling=_scaling(bands))
    assert state.averaged_network.in_channels == len(bands)


def test_pixel_size_of_web_mercator_is_that_on_the_ground(tmp_path):
    for name in ("sat", "mask"):
        (tmp_path / name).mkdir()
        with rasterio.open(
            tmp_path / name / "a.tif", "w", driver="GTiff", count=3 if name == "sat" else 1,
            height=8, width=8, dtype="uint8", crs="EPSG:3857",
            transform=Affine(1, 0, 0, 0, -1, 8_399_738),
        ) as raster:  # fmt: skip
            raster.write(np.ones((raster.count, 8, 8), dtype=np.uint8))
    (scene,) = find_labelled_scenes(f"pairs:{tmp_path}")
    assert scene.gsd_m == pytest.approx(0.5, abs=0.003)  # at 60 degrees north
