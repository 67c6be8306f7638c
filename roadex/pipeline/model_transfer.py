"""How a model comes to workers that do not share a disk with the client."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from roadex.errors import ModelError
from roadex.models.modelfile import model_path, packaged_models, read_sha256

_RECEIVED: dict[str, Path] = {}
"""Models that were sent to this process, by their sha256."""


@dataclass(frozen=True, slots=True)
class SharedModel:
    """A model as the client knows it."""

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path, sha256: str) -> SharedModel:
        """Describe the model file of a run."""
        return cls(str(path.absolute()), sha256)

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
            if candidate.is_file() and read_sha256(candidate) == self.sha256:
                return candidate
        msg = (
            f"this worker ({platform.node()}) has no model with sha256 {self.sha256[:12]}...: "
            f"{self.path} is not there or differs. Install the same roadex on all workers"
        )
        raise ModelError(msg)


def keep_received(sha256: str, content: bytes, folder: Path) -> None:
    """Write a model that was sent to this process into a folder and remember where it is."""
    path = folder / f"{sha256}.safetensors"
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
    _RECEIVED[sha256] = path


def is_packaged(model: SharedModel) -> bool:
    """Return whether a model comes with roadex, so that every worker has it."""
    return model.sha256 in {read_sha256(name) for name in packaged_models()}
