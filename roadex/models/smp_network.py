"""Any architecture of segmentation-models-pytorch: ``smp:ARCH/ENCODER``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from roadex.errors import ModelError
from roadex.models.base import SegmentationNetwork
from roadex.models.encoders import check_library_encoder, load_encoder_weights


class SmpNetwork(SegmentationNetwork):
    """A network of segmentation-models-pytorch with one class and no activation.

    Parameters
    ----------
    in_channels
        Bands.
    arch, encoder
        Names as ``segmentation_models_pytorch.create_model`` takes them.
    encoder_weights
        Local file, see :func:`roadex.models.encoders.build_encoder`; never downloaded.
    options
        Further arguments of the architecture, such as ``decoder_channels``.

    Raises
    ------
    ModelError
        If there is no such architecture or encoder, or they do not go together.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        arch: str,
        encoder: str,
        encoder_weights: str | Path | None = None,
        **options: Any,
    ) -> None:
        super().__init__(in_channels)
        check_library_encoder(encoder)
        from segmentation_models_pytorch import create_model

        try:
            self.network = create_model(
                arch,
                encoder,
                encoder_weights=None,
                in_channels=in_channels,
                classes=1,
                **options,
            )
        except (KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
            msg = f"cannot build smp:{arch}/{encoder} with {in_channels} bands: {error}"
            raise ModelError(msg) from error
        if encoder_weights is not None:
            self.adaptation = load_encoder_weights(self.network.encoder, Path(encoder_weights))

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        logits: Tensor = self.network(chips)
        return logits
