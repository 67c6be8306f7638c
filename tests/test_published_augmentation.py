"""The augmentation of D-LinkNet: its colours, its geometry, its fault and the repair."""

import colorsys

import numpy as np
import pytest
import torch

from roadex.config import AugmentConfig
from roadex.training.augment import augment_colour, jitter_width
from roadex.training.augment_dlinknet import augment_as_published, shift_colours


def colour(hue_deg, saturation=0.8, value=0.7):
    rgb = colorsys.hsv_to_rgb(hue_deg / 360, saturation, value)
    return torch.tensor([round(255 * v) for v in rgb], dtype=torch.uint8)[:, None, None]


def hue_deg(image):
    return 360 * colorsys.rgb_to_hsv(*(float(v) / 255 for v in image[:, 0, 0]))[0]


@pytest.mark.parametrize(("start", "shift"), [(20, -30), (350, 15), (200, 30), (120, -1)])
def test_hue_is_shifted_around_the_circle(start, shift):
    shifted = shift_colours(colour(start), shift, 0, 0)
    assert hue_deg(shifted) == pytest.approx((start + 2 * shift) % 360, abs=2.5)


def test_original_fault_turns_red_to_green_and_leaves_positive_shifts_alone():
    # Hue 10 of 180 (20 degrees), shifted by -30: byte 236, read modulo 180 as 56.
    wrong = shift_colours(colour(20), -30, 0, 0, hue_wrap="original")
    assert hue_deg(wrong) == pytest.approx(112, abs=2.5)
    for hue in (20, 100, 340):
        right = shift_colours(colour(hue), 25, 0, 0)
        assert torch.equal(right, shift_colours(colour(hue), 25, 0, 0, hue_wrap="original"))


def test_no_shift_changes_colours_by_rounding_only():
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    shifted = shift_colours(image, 0, 0, 0)
    assert (shifted.int() - image.int()).abs().max() <= 5  # hues are whole numbers of 2 degrees


def test_value_and_saturation_stay_in_range():
    image = torch.tensor([[[255, 0]], [[255, 0]], [[255, 0]]], dtype=torch.uint8)
    brighter = shift_colours(image, 10, 5, 15)
    assert (brighter[:, 0, 0] >= 250).all()
    assert (brighter[:, 0, 1] <= 15).all()


def sample(size=64):
    image = torch.full((3, size, size), 200, dtype=torch.uint8)
    image[:, :, size // 2 - 4 : size // 2 + 4] = 100
    target = torch.zeros(1, size, size, dtype=torch.bool)
    target[..., size // 2 - 4 : size // 2 + 4] = True
    return image, target, torch.ones_like(target)


def test_image_and_label_move_together_and_black_comes_in():
    seen_black = False
    for seed in range(40):
        image, target, valid = augment_as_published(
            sample(), AugmentConfig(style="published"), np.random.default_rng(seed)
        )
        dark = (image.amax(dim=0) > 60) & (image.amax(dim=0) < 150)
        assert (dark ^ target[0]).float().mean() < 0.07  # half pixels along both edges
        assert valid.all()
        seen_black |= bool((image == 0).all(dim=0).any())
    assert seen_black


def test_half_of_the_chips_keep_their_geometry():
    rng = np.random.default_rng(0)
    config = AugmentConfig(style="published")
    kept = sum(
        torch.equal(augment_as_published(sample(), config, rng)[1], sample()[1])
        for _ in range(200)
    )  # fmt: skip
    assert 70 <= kept <= 130


def test_width_jitter_widens_and_narrows_but_loses_no_road():
    target = torch.zeros(1, 64, 64)
    target[:, 30:37] = 1
    target[:, :, 10] = 1
    widths = set()
    for seed in range(60):
        jittered = jitter_width(target, 2, np.random.default_rng(seed))
        widths.add(int(jittered[0, :, 50].sum()))
        assert jittered[0, 50, 8:13].any()
    assert widths == {3, 5, 7, 9, 11}


def test_shadow_darkens_stripes_and_only_when_asked_for():
    image = torch.full((3, 64, 64), 200, dtype=torch.uint8)
    quiet = {
        f"{name}_probability": 0.0 for name in ("colour", "grey", "blur", "noise", "jpeg")
    }  # fmt: skip
    shadowed = augment_colour(
        image, AugmentConfig(shadow_probability=1, **quiet), np.random.default_rng(1)
    )
    dark = shadowed.amax(dim=0) < 180
    assert 0.02 < dark.float().mean() < 0.9
    assert (shadowed[:, ~dark] > 100).all()
    plain = augment_colour(image, AugmentConfig(**quiet), np.random.default_rng(1))
    assert torch.equal(plain, image.float())
