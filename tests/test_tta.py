"""Test-time augmentation: the views are the symmetries of the grid, and undoing is exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from roadex.inference.tta import predict_with_tta, views

FIXED = ("none", "flip", "d4")
NAMES = (*FIXED, "adaptive")


def _chip(height=5, width=8, bands=3):
    generator = torch.Generator().manual_seed(1)
    return torch.rand((bands, height, width), generator=generator)


@pytest.mark.parametrize(("tta", "n_views"), [("none", 1), ("flip", 4), ("d4", 8)])
def test_views_are_all_different(tta, n_views):
    grid = torch.arange(9).view(3, 3)
    seen = {tuple(view.apply(grid).flatten().tolist()) for view in views(tta)}
    assert len(seen) == len(views(tta)) == n_views


def test_d4_is_closed():
    # The composition of two symmetries of the square is one of them.
    grid = torch.arange(9).view(3, 3)
    seen = {tuple(view.apply(grid).flatten().tolist()) for view in views("d4")}
    for first, second in itertools.product(views("d4"), repeat=2):
        assert tuple(second.apply(first.apply(grid)).flatten().tolist()) in seen


@pytest.mark.parametrize("view", views("d4"))
def test_undoing_a_view_is_exact_also_where_it_is_not_square(view):
    chip = _chip()
    assert torch.equal(view.undo(view.apply(chip)), chip)


@pytest.mark.parametrize("view", views("d4"))
def test_views_are_those_of_numpy(view):
    chip = _chip()
    expected = np.rot90(chip.numpy(), int(view.is_turned), (-2, -1))
    expected = expected[:, ::-1] if view.is_row_flipped else expected
    expected = expected[:, :, ::-1] if view.is_column_flipped else expected
    np.testing.assert_array_equal(view.apply(chip).numpy(), expected)


@pytest.mark.parametrize("tta", NAMES)
def test_a_network_that_treats_pixels_alone_gives_what_it_gives_untouched(tta):
    chip = _chip()
    probability = predict_with_tta(lambda chips: chips[:, :1], chip, tta)
    torch.testing.assert_close(probability, torch.sigmoid(chip[0]), rtol=0, atol=6e-8)


@pytest.mark.parametrize("shape", [(6, 6), (4, 7)])
def test_d4_is_the_published_sum_of_eight_above_four(shape):
    chip = _chip(*shape, bands=1) - 0.5
    weight = torch.randn((1, 1, 3, 3), generator=torch.Generator().manual_seed(2))

    def forward(chips):
        return torch.nn.functional.conv2d(chips, weight, padding=1)

    # test.py of the D-LinkNet code, on one image: the image and its quarter turn, each mirrored.
    image = chip[0].numpy()
    turned = np.rot90(image)
    stack = [[v, v[::-1], v[:, ::-1], v[::-1, ::-1]] for v in (image, turned)]
    masks = [
        [torch.sigmoid(forward(torch.from_numpy(v.copy())[None, None]))[0, 0].numpy() for v in four]
        for four in stack
    ]
    summed = [m[0] + m[1][::-1] + m[2][:, ::-1] + m[3][::-1, ::-1] for m in masks]
    total = summed[0] + np.rot90(summed[1])[::-1, ::-1]

    probability = predict_with_tta(forward, chip, "d4").numpy()
    np.testing.assert_allclose(8 * probability, total, rtol=1e-6)
    np.testing.assert_array_equal(probability > 0.5, total > 4.0)


@pytest.mark.parametrize("tta", FIXED)
@pytest.mark.parametrize(("shape", "n_passes"), [((6, 6), 1), ((4, 7), 2)])
def test_views_of_one_shape_together_give_what_they_give_one_by_one(tta, shape, n_passes):
    weight = torch.randn((1, 3, 3, 3), generator=torch.Generator().manual_seed(2))
    seen = []

    def forward(chips):
        seen.append(tuple(chips.shape))
        return torch.nn.functional.conv2d(chips, weight, padding=1)

    chips = torch.stack([_chip(*shape), 1 - _chip(*shape)])
    one_by_one = predict_with_tta(forward, chips, tta)
    assert len(seen) == len(views(tta))
    seen.clear()
    together = predict_with_tta(forward, chips, tta, is_batched=True)
    assert len(seen) == (n_passes if tta == "d4" else 1)
    assert sum(shape[0] for shape in seen) == 2 * len(views(tta))
    torch.testing.assert_close(together, one_by_one)
    assert not torch.equal(together[0], together[1])


def test_result_turns_with_the_chip():
    chip = _chip(bands=1) - 0.5
    weight = torch.randn((1, 1, 3, 3), generator=torch.Generator().manual_seed(2))

    def forward(chips):
        return torch.nn.functional.conv2d(chips, weight, padding=1)

    straight = predict_with_tta(forward, chip, "d4")
    turned = predict_with_tta(forward, torch.rot90(chip, 1, (-2, -1)), "d4")
    torch.testing.assert_close(torch.rot90(turned, -1, (-2, -1)), straight)


def test_batch_gives_each_chip_its_own_probability():
    chips = torch.stack([_chip(), 1 - _chip()])
    together = predict_with_tta(lambda c: c[:, :1], chips, "flip")
    assert together.shape == (2, 5, 8)
    assert torch.equal(together[1], predict_with_tta(lambda c: c[:, :1], chips[1], "flip"))


def test_half_precision_logits_are_summed_in_float32():
    probability = predict_with_tta(lambda chips: chips[:, :1].half(), _chip(), "d4")
    assert probability.dtype == torch.float32


def test_unknown_augmentation_is_refused():
    with pytest.raises(ValueError, match="tta must be one of none, flip, d4, adaptive, got 'd8'"):
        views("d8")


def _seeing_right_halves(passes):
    """Return a network whose answer depends on the view: it sees roads in right halves only."""

    def forward(chips):
        passes.append(len(chips))
        columns = torch.arange(chips.shape[-1]) >= chips.shape[-1] // 2
        return torch.where(columns, chips[:, :1], torch.full_like(chips[:, :1], -9.0))

    return forward


@pytest.mark.parametrize("is_batched", [False, True])
def test_adaptive_is_flip_where_the_first_view_shows_anything(is_batched):
    chips = torch.full((3, 1, 8, 12), -6.0)
    chips[0, :, 2:6, 7:11] = 3.0  # 16 pixels that the first view sees
    chips[1, :, 2:4, 7:11] = 3.0  # 8: too few
    passes = []
    found = predict_with_tta(_seeing_right_halves(passes), chips, "adaptive", is_batched=is_batched)
    assert sum(passes) == 3 + 3
    flipped = predict_with_tta(_seeing_right_halves([]), chips, "flip")
    torch.testing.assert_close(found[0], flipped[0], rtol=0, atol=1e-7)
    alone = predict_with_tta(_seeing_right_halves([]), chips, "none")
    assert torch.equal(found[1:], alone[1:])
    assert not torch.equal(found[1], flipped[1])


def test_adaptive_has_the_bytes_of_flip():
    generator = np.random.default_rng(5)
    chip = generator.normal(size=(3, 16, 16)).astype(np.float32)

    def forward(chips):
        return chips.mean(axis=1, keepdims=True) + np.cumsum(chips[:, :1], axis=-1)

    found = predict_with_tta(forward, chip, "adaptive")
    assert np.array_equal(found, predict_with_tta(forward, chip, "flip"))
