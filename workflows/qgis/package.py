# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the plugin as a ZIP file that the plugin manager of QGIS installs.

    make qgis-plugin
    python workflows/qgis/package.py --repository URL --email ADDRESS    # to publish it

The public directory of plugins wants to know where the code is and how to reach its authors.
"""

from __future__ import annotations

import argparse
import configparser
import zipfile
from pathlib import Path

PLUGIN = Path(__file__).with_name("roadex_provider")

_SUFFIXES = {".py", ".svg", ".txt", ""}
_DATE = (2020, 1, 1, 0, 0, 0)
"""Date of every member: equal code makes an equal file."""


def write_plugin(folder: Path, *, repository: str = "", email: str = "") -> Path:
    """Write ``roadex_provider-VERSION.zip`` into a folder and return its path.

    Parameters
    ----------
    folder
        Made if it is not there.
    repository
        Address of the repository, for the public directory of plugins.
    email
        Address of the authors, for the same.
    """
    metadata = (PLUGIN / "metadata.txt").read_text(encoding="utf-8")
    path = folder / f"{PLUGIN.name}-{version_of(metadata)}.zip"
    metadata += _addresses(repository, email)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(PLUGIN.iterdir()):
            if not file.is_file() or file.suffix not in _SUFFIXES:
                continue
            content = metadata.encode() if file.name == "metadata.txt" else file.read_bytes()
            member = zipfile.ZipInfo(f"{PLUGIN.name}/{file.name}", _DATE)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


def version_of(metadata: str) -> str:
    """Return the version that a ``metadata.txt`` names."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(metadata)
    return parser["general"]["version"]


def _addresses(repository: str, email: str) -> str:
    """Return the lines of ``metadata.txt`` that depend on where the plugin is published."""
    lines = [f"email={email}"] if email else []
    if repository:
        address = repository.rstrip("/")
        lines += [
            f"repository={address}", f"homepage={address}", f"tracker={address}/issues",
        ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write the QGIS plugin of roadex as a ZIP file.")
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), help="folder [dist]")
    parser.add_argument("--repository", default="", help="address of the repository")
    parser.add_argument("--email", default="", help="address of the authors")
    arguments = parser.parse_args()
    print(write_plugin(arguments.output, repository=arguments.repository, email=arguments.email))


if __name__ == "__main__":
    main()
