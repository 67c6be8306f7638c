"""Networks by name, and models: networks with weights and a description of themselves.

Adding a network is one file and one entry of :data:`REGISTRY`; the contract tests run on it by
themselves. Importing this package imports no torch: a network's module is imported when it is
built.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from roadex.errors import ModelError
from roadex.extensions import Family, find_extension, names_with_extensions

if TYPE_CHECKING:
    from roadex.models.base import SegmentationNetwork

__all__ = [
    "REGISTRY",
    "NetworkEntry",
    "create_network",
    "has_network",
    "network_arguments",
    "network_entry",
    "network_names",
    "require_torch",
]

SMP_PREFIX = "smp:"
SMP_PATTERN = "smp:ARCH/ENCODER"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEntry:
    """One name under which a network is built."""

    factory: str
    """``"module:callable"`` below :mod:`roadex.models`, or anywhere of an extension; takes
    ``in_channels`` and keywords."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What this name fixes; given arguments win over them."""

    summary: str
    """One line for ``roadex models list``."""

    source: str
    """Where the definition is published."""

    published: str = ""
    """Road or scene figure published for it, with what it was measured on; ``""``: none found."""


_DLINKNET_SOURCE = "Zhou et al., CVPRW 2018; authors' code @ 7354f87"
_LINKNET_SOURCE = "Chaurasia & Culurciello 2017, arXiv 1707.03718"
_UNET_SOURCE = "Ronneberger et al. 2015, arXiv 1505.04597"
_SKIPS_SOURCE = "Drozdzal et al. 2016, arXiv 1608.04117"
_PUBLISHED_RATES = (1, 2, 4, 8, 16)

REGISTRY: Mapping[str, NetworkEntry] = MappingProxyType(
    {
        "dlinknet": NetworkEntry(
            factory="dlinknet:DLinkNet",
            summary="D-LinkNet over any smp or timm encoder, bottleneck where it is wide",
            source=_DLINKNET_SOURCE,
        ),
        "dlinknet34": NetworkEntry(
            factory="dlinknet:DLinkNet",
            arguments={"encoder": "resnet34", "bottleneck": None},
            summary="D-LinkNet as published, ResNet-34",
            source=_DLINKNET_SOURCE,
            published="DeepGlobe val IoU 0.6412 (TTA)",
        ),
        "dlinknet50": NetworkEntry(
            factory="dlinknet:DLinkNet",
            arguments={"encoder": "resnet50", "bottleneck": None, "dilations": _PUBLISHED_RATES},
            summary="D-LinkNet as published, ResNet-50",
            source=_DLINKNET_SOURCE,
            published="DeepGlobe test IoU 0.6342 (TTA)",
        ),
        "dlinknet101": NetworkEntry(
            factory="dlinknet:DLinkNet",
            arguments={"encoder": "resnet101", "bottleneck": None, "dilations": _PUBLISHED_RATES},
            summary="D-LinkNet as published, ResNet-101",
            source=_DLINKNET_SOURCE,
            published="DeepGlobe test IoU 0.6237 (TTA, not converged)",
        ),
        "dlinknet34-lesspool": NetworkEntry(
            factory="dlinknet:DLinkNet",
            arguments={"encoder": "resnet34", "bottleneck": None, "encoder_depth": 4},
            summary="D-LinkNet34 with one pooling less",
            source=_DLINKNET_SOURCE,
        ),
        "linknet34": NetworkEntry(
            factory="dlinknet:DLinkNet",
            arguments={
                "encoder": "resnet34",
                "bottleneck": None,
                "dilations": (),
                "head": "linknet34",
            },
            summary="LinkNet of the D-LinkNet authors, ResNet-34",
            source=_DLINKNET_SOURCE,
            published="DeepGlobe val IoU 0.6300 (TTA)",
        ),
        "unet-dlinknet": NetworkEntry(
            factory="unet_dlinknet:UNetDLinkNet",
            summary="U-Net of the D-LinkNet authors, seven poolings",
            source=_DLINKNET_SOURCE,
            published="DeepGlobe val IoU 0.5829; 0.6176 TTA; 0.6294 TTA and augmentation",
        ),
        "linknet": NetworkEntry(
            factory="linknet:LinkNet",
            summary="LinkNet of the paper, ResNet-18",
            source=_LINKNET_SOURCE,
            published="Cityscapes val IoU 76.44 %, CamVid IoU 69.10 %",
        ),
        "linknet-nobypass": NetworkEntry(
            factory="linknet:LinkNet",
            arguments={"bypass": False},
            summary="LinkNet of the paper without its bypasses",
            source=_LINKNET_SOURCE,
        ),
        "unet": NetworkEntry(
            factory="unet:UNet", summary="U-Net, padded, first stage 64", source=_UNET_SOURCE
        ),
        "unet-half": NetworkEntry(
            factory="unet:UNet",
            arguments={"width": 0.5},
            summary="U-Net at half its width",
            source=_UNET_SOURCE,
        ),
        "unet-quarter": NetworkEntry(
            factory="unet:UNet",
            arguments={"width": 0.25},
            summary="U-Net at a quarter of its width",
            source=_UNET_SOURCE,
        ),
        "fcn-skips": NetworkEntry(
            factory="fcn_skips:FCNSkips",
            summary="Deep residual network with long and short skips",
            source=_SKIPS_SOURCE,
        ),
        "fcn-skips-long": NetworkEntry(
            factory="fcn_skips:FCNSkips",
            arguments={"short_skip": False},
            summary="The same with long skips only",
            source=_SKIPS_SOURCE,
        ),
        "fcn-skips-short": NetworkEntry(
            factory="fcn_skips:FCNSkips",
            arguments={"long_skip": False},
            summary="The same with short skips only",
            source=_SKIPS_SOURCE,
        ),
        "ensemble": NetworkEntry(
            factory="ensemble:Ensemble",
            summary="Several networks side by side, their mean probability",
            source="Hansen & Salamon 1990, PAMI 12(10)",
        ),
    }
)
"""Name -> entry, in the order of the lineage."""


def require_torch() -> None:
    """See that networks can be computed here: the vector half is also installed without torch.

    Raises
    ------
    ModelError
        If torch is not installed.
    """
    if "torch" not in sys.modules and importlib.util.find_spec("torch") is None:
        msg = (
            "networks need torch, which is not installed here: `pip install torch torchvision`. "
            "vectorize, merge, score of networks and rasters, and plan do without"
        )
        raise ModelError(msg)


def network_names() -> tuple[str, ...]:
    """Return roadex's own names; besides them ``smp:ARCH/ENCODER`` and extensions are some."""
    return tuple(REGISTRY)


def network_entry(name: str) -> NetworkEntry:
    """Return what stands behind ``name``.

    Raises
    ------
    ModelError
        If no network has this name.
    """
    if name in REGISTRY:
        return REGISTRY[name]
    if name.startswith(SMP_PREFIX):
        return _smp_entry(name)
    extension = find_extension(Family.NETWORKS, name)
    if extension is not None:
        origin = f"{extension.package} {extension.version}"
        return NetworkEntry(
            factory=extension.entry_point.value, summary=f"extension of {origin}", source=origin
        )
    known = names_with_extensions(Family.NETWORKS, REGISTRY)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    msg = f"unknown network {name!r}; {hint}available: {', '.join(known)}, {SMP_PATTERN}"
    raise ModelError(msg)


def _smp_entry(name: str) -> NetworkEntry:
    arch, slash, encoder = name.removeprefix(SMP_PREFIX).partition("/")
    if not (arch and slash and encoder):
        msg = f"{name!r} is not a network; write {SMP_PATTERN}, such as smp:unetplusplus/resnet34"
        raise ModelError(msg)
    return NetworkEntry(
        factory="smp_network:SmpNetwork",
        arguments={"arch": arch, "encoder": encoder},
        summary=f"{arch} of segmentation-models-pytorch on {encoder}",
        source="https://github.com/qubvel-org/segmentation_models.pytorch",
    )


def has_network(name: str) -> bool:
    """Return whether roadex itself has a network of this name."""
    return name in REGISTRY or name.startswith(SMP_PREFIX)


def create_network(name: str, *, in_channels: int = 3, **arguments: Any) -> SegmentationNetwork:
    """Build a network with random weights (or with local encoder weights, where it takes them).

    Parameters
    ----------
    name
        One of :func:`network_names`.
    in_channels
        Bands of the input.
    arguments
        Options of the network, see ``roadex models show NAME``.

    Returns
    -------
    network
        Takes chips ``(N, C, H, W)`` of any size and returns logits ``(N, 1, H, W)``.

    Raises
    ------
    ModelError
        If the name or an argument is unknown.
    """
    factory = _factory(name)
    _check_arguments(name, factory, arguments)
    return factory(in_channels, **{**network_entry(name).arguments, **arguments})


def network_arguments(name: str) -> dict[str, Any]:
    """Return the options that :func:`create_network` takes for ``name``, with their defaults.

    Raises
    ------
    ModelError
        If no network has this name.
    """
    parameters = inspect.signature(_factory(name)).parameters.values()
    options = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return options | dict(network_entry(name).arguments)


def _factory(name: str) -> Callable[..., SegmentationNetwork]:
    require_torch()
    extension = None if has_network(name) else find_extension(Family.NETWORKS, name)
    if extension is not None:
        added: Callable[..., SegmentationNetwork] = extension.load()
        return added
    module_name, _, attribute = network_entry(name).factory.partition(":")
    module = importlib.import_module(f"roadex.models.{module_name}")
    factory: Callable[..., SegmentationNetwork] = getattr(module, attribute)
    return factory


def _check_arguments(name: str, factory: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    unknown = sorted(set(arguments) - set(parameters))
    if unknown:
        takes = ", ".join(option for option in parameters if option != "in_channels") or "none"
        msg = f"network {name!r} has no argument {unknown[0]!r}; it takes: {takes}"
        raise ModelError(msg)
