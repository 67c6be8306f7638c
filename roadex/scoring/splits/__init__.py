"""Published splits of datasets, as lists of identifiers.

DeepGlobe's own validation (1243) and test (1101) images have no public masks, so papers split its
6226 training images. The split most use has 4696 to train and 1530 to validate.

References
----------
.. [1] A. Batra et al., "Improved road connectivity by joint learning of orientation and
   segmentation", CVPR 2019 (the 4696 / 1530 split, github.com/anilbatra2185/road_connectivity).
.. [2] J. Mei et al., "CoANet", IEEE TIP 2021 (the same lists, github.com/mj129/CoANet).
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from roadex.errors import DatasetError

SPLITS = {
    "batra-train": ("deepglobe_train_4696.txt",),
    "batra-val": ("deepglobe_val_1530.txt",),
    "official-train": ("deepglobe_train_4696.txt", "deepglobe_val_1530.txt"),
}
"""Split name to the lists it consists of."""


def split_ids(name: str) -> list[str]:
    """Return the identifiers of a split, sorted as text.

    Parameters
    ----------
    name
        A name of :data:`SPLITS`, or the path of a text file with one identifier per line.

    Raises
    ------
    DatasetError
        If there is neither, or the file is empty.
    """
    if name in SPLITS:
        folder = files(__package__)
        texts = [folder.joinpath(list_name).read_text("utf-8") for list_name in SPLITS[name]]
    else:
        path = Path(name)
        if not path.is_file():
            known = ", ".join(SPLITS)
            msg = f"unknown split {name!r}; available: {known}, or a file with one id per line"
            raise DatasetError(msg)
        texts = [path.read_text("utf-8")]
    ids = sorted({line.strip() for text in texts for line in text.splitlines() if line.strip()})
    if not ids:
        msg = f"split {name} is empty"
        raise DatasetError(msg)
    return ids
