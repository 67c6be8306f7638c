"""Encoders, with weights from local files only.

MobileNetV2, EfficientNet-Lite0 and the ResNets are roadex's own, all others those of
segmentation-models-pytorch and timm: these libraries take two seconds to import, so only who names
such an encoder waits for them.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from roadex.errors import ModelError
from roadex.models.efficientnet_lite import EfficientNetLite0
from roadex.models.mobilenet_v2 import MobileNetV2
from roadex.models.pickled import load_pickled
from roadex.models.resnet import LAYERS, ResNet

CLASSIFIER_KEYS = ("classifier.", "fc.", "head.", "last_linear.", "conv_head.", "bn2.")
"""Prefixes of an ImageNet classifier's last layers: in weight files, not in all encoders."""


def build_encoder(
    name: str, *, in_channels: int, depth: int = 5, weights: str | Path | None = None
) -> tuple[nn.Module, str]:
    """Build an encoder and say how its weights were fitted to the band count.

    Parameters
    ----------
    name
        ``mobilenet_v2``, ``efficientnet_lite0``, ``resnet18`` to ``resnet152``, another encoder of
        segmentation-models-pytorch (``mit_b2``) or, with ``tu-`` in front, one of timm
        (``tu-convnext_tiny``).
    in_channels
        Bands of the input.
    depth
        Number of halvings: 5 ends at stride 32, 4 at stride 16.
    weights
        A local ``.safetensors``, ``.pt`` or ``.pth`` file with the encoder's own keys (the last
        layers of a classifier may be in it). Nothing is ever downloaded; ``None`` is random.

    Returns
    -------
    encoder, adaptation
        The encoder gives one feature map per halving, the input first. ``adaptation`` says what
        happened to the first convolution; ``""`` where it was loaded as it is or is random.

    Raises
    ------
    ModelError
        If there is no such encoder, or the weights do not fit it.
    """
    encoder = _own_encoder(name, in_channels, depth)
    if encoder is None:
        encoder = _library_encoder(name, in_channels, depth)
    return encoder, "" if weights is None else load_encoder_weights(encoder, Path(weights))


def _own_encoder(name: str, in_channels: int, depth: int) -> nn.Module | None:
    """Return an encoder of roadex, or None where it has none of that name and depth."""
    if name == "mobilenet_v2" and depth == 5:
        return MobileNetV2(in_channels)
    if name == "efficientnet_lite0" and depth == 5:
        return EfficientNetLite0(in_channels)
    if name in LAYERS and 2 <= depth <= 5:
        return ResNet(name, in_channels, depth)
    return None


def check_library_encoder(name: str) -> None:
    """Refuse what is no plain name of an encoder: the libraries also take hubs and folders.

    Raises
    ------
    ModelError
        If it is none of segmentation-models-pytorch and, after ``tu-``, of timm.
    """
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_]+)?", name):
        from segmentation_models_pytorch.encoders import encoders
        from timm import is_model

        known = is_model(name.removeprefix("tu-")) if name.startswith("tu-") else name in encoders
        if known:
            return
    msg = (
        f"unknown encoder {name!r}. Use one of segmentation-models-pytorch (resnet34, "
        "mobilenet_v2, ...) or 'tu-' and one of timm; models of hubs and folders are not loaded"
    )
    raise ModelError(msg)


def _library_encoder(name: str, in_channels: int, depth: int) -> nn.Module:
    check_library_encoder(name)
    from segmentation_models_pytorch.encoders import get_encoder

    try:
        encoder: nn.Module = get_encoder(name, in_channels=in_channels, depth=depth, weights=None)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        msg = (
            f"cannot build encoder {name!r} with depth {depth}: {error}. Name one of "
            "segmentation-models-pytorch (resnet34, mobilenet_v2, ...) or 'tu-' + one of timm"
        )
        raise ModelError(msg) from error
    if depth < 5 and not name.startswith("tu-"):
        _drop_unused_stages(encoder, name, depth)
    return encoder


def _drop_unused_stages(encoder: nn.Module, name: str, depth: int) -> None:
    # smp 0.6 keeps stages that a smaller depth never runs: parameters without a gradient, and
    # keys no published file has.
    if not hasattr(encoder, "layer4"):
        msg = f"encoder {name!r} has no shallow form; use a resnet or a 'tu-' encoder"
        raise ModelError(msg)
    for stage in range(depth, 5):
        delattr(encoder, f"layer{stage}")


def load_encoder_weights(encoder: nn.Module, path: Path) -> str:
    """Load ``path`` into ``encoder`` and return how the first convolution was adapted.

    See :func:`build_encoder` for ``path``, the result and the errors.
    """
    expected = encoder.state_dict()
    tensors = {
        key: tensor.float() if tensor.is_floating_point() else tensor
        for key, tensor in read_tensors(path).items()
        if key in expected or not key.startswith(CLASSIFIER_KEYS)
    }
    adaptation = ""
    first = next((key for key, tensor in tensors.items() if tensor.ndim == 4), None)
    if first in expected and first is not None:
        wanted = expected[first].shape[1]
        if tensors[first].shape[1] == 3 != wanted:
            tensors[first], adaptation = adapt_first_convolution(tensors[first], wanted)
    wrong = _first_difference(expected, tensors)
    if wrong:
        msg = f"{path} does not fit this encoder: {wrong}. Give a file made for the same encoder"
        raise ModelError(msg)
    encoder.load_state_dict(tensors, strict=False)
    return adaptation


def adapt_first_convolution(weight: Tensor, in_channels: int) -> tuple[Tensor, str]:
    """Fit RGB weights of a first convolution ``(out, 3, k, k)`` to another band count.

    One or two bands share the sum of the three, so a grey scene answers as the same grey in RGB
    did. With more than three bands the first three keep their weights and the others start at
    zero: until it is trained, the network is the RGB network.

    Returns
    -------
    weight, adaptation
        The new weight ``(out, in_channels, k, k)``, and what was done in words.
    """
    if in_channels < 3:
        shared = weight.sum(dim=1, keepdim=True) / in_channels
        words = f"first convolution: sum of the RGB weights over {in_channels} band(s)"
        return shared.repeat(1, in_channels, 1, 1), words
    extra = torch.zeros_like(weight[:, :1]).repeat(1, in_channels - 3, 1, 1)
    words = f"first convolution: RGB weights for bands 1-3, zero for bands 4-{in_channels}"
    return torch.cat([weight, extra], dim=1), words


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read name -> tensor from ``.safetensors`` or a PyTorch file, never running code in it."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = load_pickled(path)
    except Exception as error:  # the readers raise a dozen kinds, none of them documented
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f"cannot read weights from {path}: {reason}"
        raise ModelError(msg) from error
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        msg = f"{path} is not a plain state dict (name -> tensor); save model.state_dict()"
        raise ModelError(msg)
    return content


def _first_difference(expected: dict[str, Tensor], found: dict[str, Tensor]) -> str:
    for key, tensor in expected.items():
        if key.endswith("num_batches_tracked"):
            continue
        if key not in found:
            return f"{key} is missing"
        if found[key].shape != tensor.shape:
            return f"{key} is {tuple(found[key].shape)}, expected {tuple(tensor.shape)}"
    extra = sorted(set(found) - set(expected))
    return f"{extra[0]} is unknown" if extra else ""
