"""Make the pictures of the pages.

    python docs/pictures docs/images                 # all that need nothing but roadex
    python docs/pictures docs/images qgis failures   # those of these modules
    python docs/pictures docs/images --list          # which module makes which picture

``pages`` needs Chromium, ``corrected`` trains for minutes, ``qgis`` needs QGIS, ``failures`` takes
minutes; the last two need the labelled imagery that ROADEX_TEST_DATA names. All others are made
from generated scenes and drawn roads: imagery is not committed. A test makes them again and
compares.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

ALONE = ("tiles", "cleaning", "demo", "tutorial")
MORE = ("pages", "corrected", "qgis", "failures")
"""Modules with ``NAMES``, the files they make, and ``make(folder)``."""


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Make the pictures of the pages.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*", default=ALONE, metavar="MODULE")
    parser.add_argument("--list", action="store_true", help="only say which module makes what")
    options = parser.parse_args()
    if options.list:
        for name in (*ALONE, *MORE):
            print(f"{name}:", *import_module(name).NAMES)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.modules:
        if name not in (*ALONE, *MORE):
            parser.error(f"no module {name}; there are {', '.join((*ALONE, *MORE))}")
        import_module(name).make(options.folder)


if __name__ == "__main__":
    main()
