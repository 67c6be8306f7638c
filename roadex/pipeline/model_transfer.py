"""How a model comes to workers that do not share a disk with the client."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from roadex.config import FLOAT32
from roadex.errors import ModelError
from roadex.models.int8 import int8_sha256
from roadex.models.modelfile import model_path, packaged_models, read_sha256

_RECEIVED: dict[str, Path] = {}
"""Models that were sent to this process, by their sha256."""


@dataclass(frozen=True, slots=True)
class SharedModel:
    """A model as the client knows it."""

    path: str
    sha256: str
    int8_sha256: str | None = None
    """The 8-bit form to compute with; None is floating point."""

    precision: str = FLOAT32
    """Numbers to compute with: ``float32``, ``float16`` or ``int8``."""

    @classmethod
    def of(cls, path: Path, sha256: str, int8_sha256: str | None, precision: str) -> SharedModel:
        """Describe the model file of a run."""
        return cls(str(path.absolute()), sha256, int8_sha256, precision)

    def locate(self) -> Path:
        """Return the file of this model on this machine.

        Raises
        ------
        ModelError
            If there is none with the same content.
        """
        candidates = [Path(self.path), *(model_path(name) for name in packaged_models())]
        if self.sha256 in _RECEIVED:
            candidates.insert(0, _RECEIVED[self.sha256])
        for candidate in candidates:
            if candidate.is_file() and self.is_in(candidate):
                return candidate
        msg = (
            f"this worker ({platform.node()}) has no model with sha256 {self.sha256[:12]}...: "
            f"{self.path} is not there or differs. Install the same roadex on all workers"
        )
        raise ModelError(msg)

    def is_in(self, file: Path | str) -> bool:
        """Return whether a model file, or the packaged model of a name, holds it."""
        if read_sha256(file) != self.sha256:
            return False
        return self.int8_sha256 is None or int8_sha256(file) == self.int8_sha256


def keep_received(sha256: str, content: bytes, folder: Path) -> None:
    """Write a model that was sent to this process into a folder and remember where it is."""
    path = folder / f"{sha256}.safetensors"
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
    _RECEIVED[sha256] = path


def is_packaged(model: SharedModel) -> bool:
    """Return whether a model comes with roadex, so that every worker has it."""
    return any(model.is_in(name) for name in packaged_models())
