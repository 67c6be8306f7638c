"""Labelled imagery: found, checked, cut into the same chips whatever the number of loaders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rasterio.windows import Window

from roadex.config import AugmentConfig, RunConfig, TrainConfig
from roadex.errors import DatasetError
from roadex.pipeline.predict_images import predict_deepglobe
from roadex.training.augment import augment_colour
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.chips import ChipDataset
from roadex.training.datasets.description import LAYOUTS

QUIET = AugmentConfig(
    scale_jitter=0, colour_probability=0, grey_probability=0, blur_probability=0,
    noise_probability=0, jpeg_probability=0,
)  # fmt: skip


@pytest.fixture
def pairs(tmp_path):
    """Return a folder of two image and mask pairs; road is where the first band is above 128."""
    rng = np.random.default_rng(0)
    for part in ("sat", "mask", "valid"):
        (tmp_path / part).mkdir()
    for name in ("a", "b"):
        image = rng.integers(0, 256, (100, 120, 3)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "sat" / f"{name}.png")
        Image.fromarray((image[..., 0] > 128).astype(np.uint8)).save(
            tmp_path / "mask" / f"{name}.png"
        )
        valid = np.ones((100, 120), np.uint8)
        valid[:, 100:] = 0
        Image.fromarray(valid).save(tmp_path / "valid" / f"{name}.png")
    return tmp_path


def chips(folder, *, augment=QUIET, seed=0, chip_size=64, gsd_m=1.0):
    config = TrainConfig(
        chip_size=chip_size, gsd_m=gsd_m, augment=augment, seed=seed, steps=10, batch_size=2
    )
    return ChipDataset([WeightedScenes(find_labelled_scenes(str(folder)), 1.0)], config)


def test_every_layout_is_explained_to_those_who_train():
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    for name in LAYOUTS:
        assert f"`{name}:" in page, name


def test_pairs_are_found_by_name(pairs):
    scenes = find_labelled_scenes(str(pairs))
    assert [scene.name for scene in scenes] == ["a", "b"]
    assert scenes[0].shape() == (100, 120)


def test_window_of_image_mask_and_validity_belongs_together(pairs):
    chip = find_labelled_scenes(str(pairs))[0].read(Window(70, 10, 50, 40))
    np.testing.assert_array_equal(chip.road, chip.image[0] > 128)
    assert chip.valid[:, :30].all()
    assert not chip.valid[:, 30:].any()


def test_layout_can_be_named(pairs):
    assert len(find_labelled_scenes(f"massachusetts:{pairs}")) == 2


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("{}/nope", "does not exist"),
        ("{}/no*", "does not exist"),
        ("nope:{}", "unknown dataset layout 'nope'; available: deepglobe"),
        ("{}/sat", "cannot recognise the layout"),
        ("{}/sat/a.png", "is not a folder"),
        ("s3://bucket/roads", "is a URL, but datasets are folders"),
        ("pairs:s3://bucket/roads", "is a URL, but datasets are folders"),
    ],
)
def test_wrong_dataset_is_said(pairs, specification, message):
    with pytest.raises(DatasetError, match=message):
        find_labelled_scenes(specification.format(pairs))


def test_home_folder_and_globs_name_datasets(pairs, monkeypatch):
    monkeypatch.setenv("HOME", str(pairs.parent))
    assert len(find_labelled_scenes(f"pairs:~/{pairs.name}")) == 2
    assert len(find_labelled_scenes(f"~/{pairs.name[:-1]}?")) == 2


def test_image_without_mask_is_said(pairs):
    (pairs / "mask" / "b.png").unlink()
    with pytest.raises(DatasetError, match=r"b\.png has no mask"):
        find_labelled_scenes(str(pairs))


def test_mask_of_another_size_is_said(pairs):
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(pairs / "mask" / "a.png")
    with pytest.raises(DatasetError, match="50 x 50"):
        find_labelled_scenes(str(pairs))[0].read()


def test_deepglobe_layout_is_recognised_and_binarised_at_128(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "7_sat.jpg")
    mask = np.zeros((8, 8), np.uint8)
    mask[:, :4], mask[:, 4:] = 127, 128
    Image.fromarray(mask).save(tmp_path / "7_mask.png")
    (scene,) = find_labelled_scenes(str(tmp_path))
    assert scene.gsd_m == 0.5
    np.testing.assert_array_equal(scene.read().road, mask == 128)


def test_chip_is_a_pure_function_of_seed_and_number(pairs):
    first, again, other = chips(pairs), chips(pairs), chips(pairs, seed=1)
    for index in (0, 7):
        for a, b in zip(first[index], again[index], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][0], first[1][0])


def test_chip_keeps_image_label_and_validity_together(pairs):
    for index in range(10):
        image, target, valid = chips(pairs)[index]
        assert image.shape == (3, 64, 64)
        assert torch.equal(target[0] > 0, image[0] > 128)
        assert valid.dtype == torch.bool


def test_chip_of_finer_imagery_covers_more_pixels(pairs):
    image, _, _ = chips(pairs, gsd_m=2.0, chip_size=32)[0]
    assert image.shape == (3, 32, 32)
    assert image.std() < 60  # averaged: single pixels have 74


def test_scene_smaller_than_a_chip_is_padded_as_invalid(pairs):
    image, _, valid = chips(pairs, chip_size=128)[0]
    assert image.shape == (3, 128, 128)
    assert valid.sum() == 100 * 100


def test_augmentation_changes_colours_within_range_and_nothing_without_strength():
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    changed = augment_colour(image, AugmentConfig(colour_probability=1), np.random.default_rng(0))
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert (changed - image).abs().mean() > 1
    assert torch.equal(augment_colour(image, QUIET, np.random.default_rng(0)), image.float())


def test_augmentation_takes_any_band_count():
    for bands in (1, 4):
        image = torch.randint(0, 256, (bands, 32, 32), dtype=torch.uint8)
        for seed in range(5):
            changed = augment_colour(
                image, AugmentConfig(colour_probability=1, grey_probability=1),
                np.random.default_rng(seed),
            )  # fmt: skip
            assert changed.shape == (bands, 32, 32)


def test_deepglobe_masks_have_the_submission_format(tmp_path, model, scheduler):
    rng = np.random.default_rng(0)
    for name in ("1", "2"):
        image = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / f"{name}_sat.jpg")
    config = RunConfig.from_dict(
        {
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"scheduler": scheduler},
        }
    )
    masks = predict_deepglobe(tmp_path, tmp_path / "masks", config=config, with_probability=True)
    assert [path.name for path in masks] == ["1_mask.png", "2_mask.png"]
    values = np.asarray(Image.open(masks[0]))
    assert values.shape == (96, 96, 3)
    assert set(np.unique(values)) <= {0, 255}
    probability = np.asarray(Image.open(tmp_path / "masks" / "1_probability.png"))
    assert probability.max() <= 254
    assert ((probability > 127) == (values[..., 0] == 255)).mean() > 0.99


def test_folder_without_images_is_said(tmp_path, scheduler, model):
    config = RunConfig.from_dict(
        {"predict": {"model": str(model)}, "cluster": {"scheduler": scheduler}}
    )
    with pytest.raises(DatasetError, match=r"_sat\.jpg"):
        predict_deepglobe(tmp_path, tmp_path / "masks", config=config)
