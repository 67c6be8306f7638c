"""The one door to files that ``torch.save`` wrote: tensors come out, code in them never runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

_LONGEST_REASON = 200


def load_pickled(path: str | Path) -> Any:
    """Return what a file holds, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, or holds more than tensors and plain values; the text is the reason alone.
    """
    import torch

    try:
        with warnings.catch_warnings():
            # About the reader's own insides, on the way to refusing a file (as of torch 2.15).
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # the reader raises many kinds, none of them documented
        sentence = str(error).strip().partition("\n")[0].partition(". ")[0]
        raise ValueError(sentence[:_LONGEST_REASON] or repr(error)) from error
