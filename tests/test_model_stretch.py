"""Percentiles in model files: measured where a model is trained, used wherever it sees 16 bits."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from roadex.config import TrainConfig
from roadex.imagery.percentiles import percentiles_of, restretched
from roadex.imagery.scene import open_scene
from roadex.models.modelfile import read_metadata
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.usual_values import measure_stretch
from roadex.training.job import run_training_job
from roadex.training.material import TrainingJob

TRAINED = ((30.0, 180.0), (40.0, 190.0), (50.0, 200.0))


def write_pair(folder, name, image):
    for part in ("sat", "mask"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    height, width = image.shape[1:]
    with rasterio.open(
        folder / "sat" / f"{name}.tif", "w", driver="GTiff", count=3, height=height, width=width,
        dtype=image.dtype, crs="EPSG:32633", transform=Affine(1, 0, 5e5, 0, -1, 54e5),
        photometric="rgb",
    ) as raster:  # fmt: skip
        raster.write(image)
    road = np.zeros((height, width), np.uint8)
    road[20:28] = 1
    Image.fromarray(road).save(folder / "mask" / f"{name}.png")


@pytest.fixture
def ramp():
    """Return every value from 20 to 220 equally often, in each band."""
    row = np.linspace(20, 220, 96).astype(np.uint8)
    return np.broadcast_to(row, (3, 96, 96))


def test_percentiles_are_those_of_the_imagery_by_its_share(tmp_path, ramp):
    write_pair(tmp_path / "a", "0", ramp)
    write_pair(tmp_path / "b", "0", ramp // 2)
    a, b = (find_labelled_scenes(f"pairs:{tmp_path / name}") for name in "ab")
    alone = measure_stretch([WeightedScenes(a, 1.0)])
    np.testing.assert_allclose(alone, [(22, 218)] * 3, atol=2)
    both = measure_stretch([WeightedScenes(a, 3.0), WeightedScenes(b, 1.0)])
    np.testing.assert_allclose(both, [(0.875 * 22, 0.875 * 218)] * 3, atol=2)


def test_imagery_of_16_bits_has_no_percentiles_to_be_brought_to(tmp_path, ramp):
    write_pair(tmp_path / "a", "0", ramp)
    write_pair(tmp_path / "a", "1", ramp.astype(np.uint16) * 8)
    assert measure_stretch([WeightedScenes(find_labelled_scenes(str(tmp_path / "a")), 1.0)]) == ()


def test_a_scene_opened_and_restretched_is_one_opened_with_the_stretch(tmp_path, ramp):
    write_pair(tmp_path, "0", ramp.astype(np.uint16) * 8)
    write_pair(tmp_path, "1", ramp)
    wide, narrow = (tmp_path / "sat" / f"{name}.tif" for name in "01")
    opened = open_scene([wide], stretch=TRAINED)
    assert restretched(open_scene([wide]), TRAINED).radiometry == opened.radiometry
    assert restretched(opened, ()).radiometry == open_scene([wide]).radiometry
    assert restretched(open_scene([narrow]), TRAINED) == open_scene([narrow])
    found, expected = (percentiles_of(open_scene([path])) for path in (wide, narrow))
    np.testing.assert_allclose(found / 8, expected, atol=3)


@pytest.mark.parametrize("layout", ["pairs", "lines"])
def test_labelled_16_bit_imagery_is_seen_as_in_a_run_of_the_model(tmp_path, ramp, layout):
    write_pair(tmp_path, "0", ramp.astype(np.uint16) * 8)
    scene = tmp_path / "sat" / "0.tif"
    dataset = f"pairs:{tmp_path}"
    if layout == "lines":
        import geopandas
        import shapely

        roads = geopandas.GeoDataFrame(
            geometry=[shapely.LineString([(500_010, 5_399_976), (500_080, 5_399_976)])],
            crs="EPSG:32633",
        )
        roads.to_file(tmp_path / "roads.gpkg")
        dataset = f"lines:{scene}+{tmp_path / 'roads.gpkg'}"
    (labelled,) = find_labelled_scenes(dataset, stretch=TRAINED)
    assert labelled.scene.radiometry == open_scene([scene], stretch=TRAINED).radiometry
    low, high = np.percentile(labelled.read().image.reshape(3, -1), (1, 99), axis=1)
    np.testing.assert_allclose(np.stack([low, high], axis=1), TRAINED, atol=3)


def test_a_trained_model_says_the_percentiles_of_its_imagery(tmp_path, ramp):
    write_pair(tmp_path / "a", "0", ramp)
    config = TrainConfig.from_dict(
        {
            "network": "unet-quarter", "arguments": {}, "steps": 1, "batch_size": 1,
            "chip_size": 64, "loader_processes": 0,
        }
    )  # fmt: skip
    job = TrainingJob(
        data=[str(tmp_path / "a")], output=tmp_path / "m.safetensors", config=config,
        run_folder=tmp_path / "run", processes=1,
    )  # fmt: skip
    run_training_job(job)
    np.testing.assert_allclose(read_metadata(job.output).stretch, [(22, 218)] * 3, atol=2)
