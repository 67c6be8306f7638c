"""Weights, input and logits of the published networks, without a weight file.

Every weight is a pure function of its key in the original state dict; `numpy.random.RandomState`
streams are frozen (NEP 19).
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent

NETWORKS = {
    "linknet34": "LinkNet34",
    "dlinknet34-lesspool": "DinkNet34_less_pool",
    "dlinknet34": "DinkNet34",
    "dlinknet50": "DinkNet50",
    "dlinknet101": "DinkNet101",
}
"""Our name -> name in the original code."""


def fill(key, shape, *, is_norm, is_deconv):
    """Return the array of one key; `is_norm`: of a batch norm, `is_deconv`: weight is in, out."""
    rng = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)
    leaf = key.rsplit(".", 1)[1]
    if leaf == "num_batches_tracked":
        return np.zeros((), np.int64)
    if leaf == "running_var":
        return (0.75 + 0.5 * rng.random_sample(shape)).astype(np.float32)
    if leaf in ("running_mean", "bias"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if is_norm:
        scale = 0.75 + 0.5 * rng.random_sample(shape)
        if key.startswith("encoder") and ".bn1." not in key:
            scale = 0.4 * scale  # keeps the residual sums from growing
        return scale.astype(np.float32)
    fan = (shape[0] if is_deconv else shape[1]) * shape[2] * shape[3]
    if is_deconv:
        fan /= 4.0  # stride 2: a quarter of the taps meet each output pixel
    if key.startswith(("dblock", "final")):
        gain = 1.0  # no batch norm follows
    elif key.startswith("decoder"):
        gain = 1.8
    else:
        gain = np.sqrt(2.0)
    return (gain / np.sqrt(fan) * rng.standard_normal(shape)).astype(np.float32)


def shapes(original_name):
    """Return original key -> shape."""
    return json.loads((HERE / "state_dict_shapes.json").read_text())[original_name]


def state_dict(original_name):
    """Return original key -> tensor."""
    keys = shapes(original_name)
    return {
        key: torch.from_numpy(
            np.asarray(
                fill(
                    key,
                    tuple(shape),
                    is_norm=f"{key.rsplit('.', 1)[0]}.running_mean" in keys,
                    is_deconv="deconv" in key.rsplit(".", 1)[0] or key.startswith("trans"),
                )
            )
        )
        for key, shape in keys.items()
    }


def chip(height=288, width=320):
    """Return the reference input: BGR, scaled as in the original, float32 `(1, 3, H, W)`."""
    rng = np.random.RandomState(2024)
    image = rng.randint(0, 256, (1, height, width, 3)).astype(np.uint8)
    x = image.astype(np.float32) / np.float32(255.0)
    x = x * np.float32(3.2) - np.float32(1.6)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


def stored_logits(original_name):
    """Return the stored sample `(72, 80)` and the statistics of all logits."""
    with np.load(HERE / "dlinknet_small_refs.npz") as stored:
        return stored[f"{original_name}_logits_s4"], stored[f"{original_name}_logits_stats"]
