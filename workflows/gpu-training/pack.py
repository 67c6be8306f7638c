"""Pack labelled places into one archive for ``train.py``; run where rasterio is installed.

    python workflows/gpu-training/pack.py DATA places.zip

Images finer than ``--finest-m`` are shrunk to it; sets to judge by are stored at ``--judge-m``.
``--only`` and ``--add`` choose sets: ``--add train/mine=FOLDER`` packs a folder with ``sat/`` and
``mask/``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kit.places import IGNORED, Place, at_gsd, write_archive
from kit.sources import TRAINING, VALIDATION, Source, read_source

MEBIBYTE = 1 << 20

THINNED = {"val/massachusetts": 4, "val/dubai": 3}
"""Sets to judge by that are larger than judging while training needs: only every n-th image."""


def prepared(
    root: Path, sources: Sequence[Source], *, finest_m: float, judge_m: float
) -> Iterator[Place]:
    """Yield all places at the pixel size they are stored at, and count them on the way."""
    counts: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    for source in sources:
        every = THINNED.get(source.set_name, source.every)
        for place in read_source(root, replace(source, every=every)):
            is_judge = source.set_name.startswith("val/")
            gsd_m = judge_m if is_judge else max(place.gsd_m, finest_m)
            stored = at_gsd(place, gsd_m)
            counts[source.set_name] += 1
            pixels[source.set_name] += int((stored.label != IGNORED).sum())
            yield stored
    for name, count in counts.items():
        print(f"{name}: {count} images, {pixels[name] / 1e6:.1f} Mpx with labels")


def main() -> None:
    """Pack what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("archive", type=Path, help="ZIP file to write")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of names of sets")
    parser.add_argument("--add", nargs="+", default=[], help="more sets: train/NAME=FOLDER")
    parser.add_argument("--finest-m", type=float, default=0.5, help="smallest stored pixel")
    parser.add_argument("--judge-m", type=float, default=0.8, help="pixel of sets to judge by")
    parser.add_argument("--quality", type=int, default=72, help="JPEG quality")
    parser.add_argument("--judge-quality", type=int, default=92)
    parser.add_argument("--limit-mib", type=float, default=64)
    options = parser.parse_args()
    more = [Source(*entry.split("=", 1)) for entry in options.add]
    sources = [
        source
        for source in [*TRAINING, *VALIDATION, *more]
        if source in more or source.set_name.startswith(tuple(options.only))
    ]
    places = prepared(options.root, sources, finest_m=options.finest_m, judge_m=options.judge_m)
    size = write_archive(
        options.archive, places, quality=options.quality, judge_quality=options.judge_quality
    )
    print(f"{options.archive}: {size / MEBIBYTE:.1f} MiB")
    if size > options.limit_mib * MEBIBYTE:
        msg = f"larger than {options.limit_mib:.0f} MiB: lower --quality or raise --finest-m"
        raise SystemExit(msg)


if __name__ == "__main__":
    main()
