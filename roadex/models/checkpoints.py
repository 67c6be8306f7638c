"""Published checkpoints of the D-LinkNet code become models of roadex.

The files are pickles. They are read by PyTorch's restricted reader, which knows tensors and plain
containers and refuses everything else: a hostile file is an error, never executed.

References
----------
.. [1] https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge (MIT), ``networks/`` and
       ``data.py`` at commit 7354f87: names of the modules, ``x / 255 * 3.2 - 1.6`` on BGR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from roadex.errors import ModelError
from roadex.models import create_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import save_model
from roadex.models.pickled import load_pickled

if TYPE_CHECKING:
    from torch import Tensor

    from roadex.models.base import SegmentationNetwork

WRAPPERS = ("state_dict", "model", "net", "model_state_dict")
"""Keys under which training scripts put the state dict beside other things."""

DEEPGLOBE_GSD_M = 0.5
DEEPGLOBE_GSD_RANGE_M = (0.45, 0.55)
"""DeepGlobe's ground sample distance and the published scale augmentation of 10 % around it."""


def convert_checkpoint(
    path: str | Path, output: Path, *, name: str | None = None, is_float32: bool = False
) -> ModelMetadata:
    """Read a published checkpoint and write it as a model file; errors as below."""
    import torch

    network, metadata = import_checkpoint(path, name=name)
    save_model(network, metadata, output, dtype=torch.float32 if is_float32 else torch.float16)
    return metadata


def import_checkpoint(
    path: str | Path, *, name: str | None = None
) -> tuple[SegmentationNetwork, ModelMetadata]:
    """Read a published D-LinkNet, LinkNet34 or U-Net checkpoint.

    Parameters
    ----------
    path
        ``.th``, ``.pth`` or ``.pt`` file, in the present or the legacy container, with or without
        ``module.`` in front of the keys, with or without ``num_batches_tracked``.
    name
        Name of the model; default is that of the file.

    Returns
    -------
    network, metadata
        The network in evaluation mode, and a description with the published preprocessing. Both
        go into :func:`roadex.models.modelfile.save_model`.

    Raises
    ------
    ModelError
        If the file cannot be read, holds more than tensors, or is of no known network.
    """
    path = Path(path)
    original = _without_prefix(_read(path))
    try:
        network_name = recognise(original)
    except ModelError as error:
        msg = f"{path}: {error}"
        raise ModelError(msg) from error
    network = create_network(network_name, in_channels=_n_bands(original))
    _load(network, rename(original, network_name), path)
    return network.eval(), _metadata(path, name or path.stem, network_name, network.in_channels)


def recognise(keys: Iterable[str]) -> str:
    """Return the registered name of the network that original ``keys`` belong to.

    Raises
    ------
    ModelError
        If they are of no network of the D-LinkNet code that roadex builds.
    """
    keys = set(keys)
    modules = {key.split(".")[0] for key in keys}
    if {"down7", "trans7", "conv_last"} <= modules:
        return "unet-dlinknet"
    if not {"firstconv", "encoder3", "finaldeconv1"} <= modules:
        example = min(keys, default="none")
        msg = (
            "not a checkpoint of the D-LinkNet code (expected keys such as firstconv.weight, "
            f"found {example}). Roadex imports D-LinkNet34/50/101, LinkNet34 and its U-Net"
        )
        raise ModelError(msg)
    if "dblock" not in modules:
        return "linknet34"
    if "encoder4" not in modules:
        return "dlinknet34-lesspool"
    if "encoder1.0.conv3.weight" not in keys:
        return "dlinknet34"
    return "dlinknet101" if "encoder3.22.conv1.weight" in keys else "dlinknet50"


def rename(original: Mapping[str, Tensor], network_name: str) -> dict[str, Tensor]:
    """Return the tensors under the names of our network; values are not touched."""
    if network_name == "unet-dlinknet":
        return {
            re.sub(r"^(down|trans|up)(\d)", _number_from_zero, k): t for k, t in original.items()
        }
    n_decoders = len({key.split(".")[0] for key in original if key.startswith("decoder")})
    return {_dlinknet_key(key, n_decoders): tensor for key, tensor in original.items()}


def _number_from_zero(match: re.Match[str]) -> str:
    return f"{match[1]}s.{int(match[2]) - 1}"


def _dlinknet_key(key: str, n_decoders: int) -> str:
    module, _, rest = key.partition(".")
    number = int(module[-1]) if module[-1].isdigit() else 0
    if module == "dblock":
        dilate, _, leaf = rest.partition(".")
        return f"decoder.center.convs.{int(dilate.removeprefix('dilate')) - 1}.{leaf}"
    renamed = {
        "firstconv": "encoder.conv1",
        "firstbn": "encoder.bn1",
        f"encoder{number}": f"encoder.layer{number}",
        f"decoder{number}": f"decoder.blocks.{n_decoders - number}",
        "finaldeconv1": "segmentation_head.deconv1",
        f"finalconv{number}": f"segmentation_head.conv{number}",
    }
    return f"{renamed.get(module, module)}.{rest}"


def _read(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        content = load_pickled(path)
    except FileNotFoundError as error:
        msg = f"{path} does not exist"
        raise ModelError(msg) from error
    except (OSError, ValueError) as error:
        msg = (
            f"{path} is refused: it is damaged or holds more than tensors, and code in a "
            f"checkpoint is never run ({error}). Ask its author for a plain state dict"
        )
        raise ModelError(msg) from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        msg = f"{path} is not a state dict (name -> tensor)"
        raise ModelError(msg)
    # A plain dict: the version numbers that PyTorch keeps beside it would make files of 2018
    # incomplete, which lack num_batches_tracked.
    tensors = {str(key): value for key, value in content.items()}
    odd = next((key for key, value in tensors.items() if not isinstance(value, torch.Tensor)), None)
    if odd is not None:
        msg = f"{path} is not a state dict: {odd} is a {type(tensors[odd]).__name__}, not a tensor"
        raise ModelError(msg)
    return tensors


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix("module."): tensor for key, tensor in tensors.items()}


def _n_bands(original: Mapping[str, Tensor]) -> int:
    key = "firstconv.weight" if "firstconv.weight" in original else "down1.0.weight"
    # Where the key is missing, the comparison with our own keys says so.
    return int(original[key].shape[1]) if key in original else 3


def _load(network: SegmentationNetwork, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    for key in [*expected, *tensors]:
        if key.endswith("num_batches_tracked"):
            continue
        wanted = tuple(expected[key].shape) if key in expected else "absent"
        found = tuple(tensors[key].shape) if key in tensors else "absent"
        if wanted != found:
            msg = f"{path} is a changed network: {key} is {found}, the published one has {wanted}"
            raise ModelError(msg)
    network.load_state_dict(tensors, strict=False)


def _metadata(path: Path, name: str, network_name: str, n_bands: int) -> ModelMetadata:
    if n_bands != 3:
        msg = f"{path} takes {n_bands} bands; the published preprocessing is for 3 (BGR)"
        raise ModelError(msg)
    return ModelMetadata(
        name=name,
        network=network_name,
        bands=("blue", "green", "red"),
        scale=(3.2 / 255,) * 3,
        offset=(-1.6,) * 3,
        gsd_m=DEEPGLOBE_GSD_M,
        gsd_range_m=DEEPGLOBE_GSD_RANGE_M,
        tta="d4",
        training={
            "data": "as its publisher says; the D-LinkNet code trains on DeepGlobe Roads 2018",
            "licence": "as its publisher says",
            "imported_from": path.name,
        },
    )
