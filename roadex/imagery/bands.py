"""Bands: what each band of a raster shows, and which of them a model takes.

What a band shows is said by its description ("Red", "B04"), else by its colour interpretation. A
description counts more: programs mark the fourth band as alpha without being asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rasterio.enums import ColorInterp

from roadex.errors import SceneError
from roadex.imagery.containers import listed

ALPHA = "alpha"

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "red": "red", "r": "red", "rot": "red", "rouge": "red", "rojo": "red",
        "green": "green", "g": "green", "gruen": "green", "grün": "green", "vert": "green",
        "verde": "green", "greeni": "green i",
        "blue": "blue", "b": "blue", "blau": "blue", "bleu": "blue", "azul": "blue",
        "nir": "nir", "nir1": "nir", "nir08": "nir", "nearinfrared": "nir", "infrared": "nir",
        "ir": "nir", "cir": "nir",
        "nir2": "nir2", "nir09": "nir2",
        "rededge": "rededge", "coastal": "coastal", "aerosol": "coastal", "yellow": "yellow",
        "swir": "swir", "swir1": "swir", "swir2": "swir", "thermal": "thermal", "pan": "pan",
        "panchromatic": "pan", "alpha": ALPHA, "transparency": ALPHA, "opacity": ALPHA,
        "mask": "mask", "udm": "mask", "elevation": "elevation", "height": "elevation",
        "altitude": "elevation", "dem": "elevation", "dsm": "elevation", "dtm": "elevation",
        "class": "class", "classification": "class", "label": "class", "landcover": "class",
    }
)  # fmt: skip
"""Words in descriptions of bands, without case, and what the band then shows."""

_SENTINEL_2: Mapping[str, str] = MappingProxyType(
    {
        "b1": "coastal", "b2": "blue", "b3": "green", "b4": "red", "b5": "rededge",
        "b6": "rededge", "b7": "rededge", "b8": "nir", "b8a": "nir2", "b9": "vapour",
        "b10": "cirrus", "b11": "swir", "b12": "swir",
    }
)  # fmt: skip
_LANDSAT_8: Mapping[str, str] = MappingProxyType(
    {
        "b1": "coastal", "b2": "blue", "b3": "green", "b4": "red", "b5": "nir", "b6": "swir",
        "b7": "swir", "b8": "pan", "b9": "cirrus", "b10": "thermal", "b11": "thermal",
    }
)  # fmt: skip

_INTERPRETED: Mapping[ColorInterp, str] = MappingProxyType(
    {
        ColorInterp.red: "red",
        ColorInterp.green: "green",
        ColorInterp.blue: "blue",
        ColorInterp.alpha: ALPHA,
        ColorInterp.cyan: "cyan",
        ColorInterp.magenta: "magenta",
        ColorInterp.yellow: "yellow ink",
        ColorInterp.black: "black ink",
    }
)
_RGB = ("red", "green", "blue")
NOT_IMAGERY = ("elevation", "mask", "class")
"""What a band can show that is no imagery."""


def band_roles(
    interpretations: Sequence[ColorInterp], descriptions: Sequence[str | None]
) -> tuple[str | None, ...]:
    """Return what each band shows, such as ``"red"`` or ``"nir"``; None where nothing says it."""
    numbered = _numbered(descriptions)
    return tuple(
        numbered.get(i) or _role_of(text or "") or _INTERPRETED.get(colour)
        for i, (colour, text) in enumerate(zip(interpretations, descriptions, strict=True))
    )


def choose_bands(
    roles: Sequence[str | None], wanted: Sequence[str], path: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Choose the bands of a raster that a model takes.

    Parameters
    ----------
    roles
        What each band shows, see :func:`band_roles`.
    wanted
        Names of the model's bands, in its order.
    path
        The raster, for messages.

    Returns
    -------
    bands, notes
        Band numbers from 1 in the model's order, and what the user should know.

    Raises
    ------
    SceneError
        If the raster does not say which bands they are, or says that one is not there.
    """
    wanted = [name.lower() for name in wanted]
    if all(name in roles for name in wanted):
        return tuple(roles.index(name) + 1 for name in wanted), ()
    imagery = [i + 1 for i, role in enumerate(roles) if role not in (ALPHA, "mask")]
    if len(imagery) == 1:
        note = f"{path} has one band; it is used for all {len(wanted)} bands of the model"
        return (imagery[0],) * len(wanted), (note,)
    _refuse_without(wanted, roles, path)
    if len(imagery) == len(wanted):
        if not set(wanted) <= set(_RGB):
            return tuple(imagery), ()
        note = f"{path} does not say what its bands show; they are taken for {', '.join(_RGB)}"
        return tuple(imagery[_RGB.index(name)] for name in wanted), (note,)
    msg = (
        f"the model takes {len(wanted)} bands ({listed(wanted)}), {path} has {len(imagery)} and "
        "does not say which is which. "
    )
    if len(wanted) > len(imagery):
        msg += "Choose a model that takes as many, or name bands twice with --bands"
    else:
        msg += f"Choose them, such as with --bands {','.join(map(str, imagery[: len(wanted)]))}"
    raise SceneError(msg)


def _refuse_without(wanted: Sequence[str], roles: Sequence[str | None], path: str) -> None:
    """Refuse a raster that says what its bands show, where a band of the model is not among it."""
    named = [f"{i} {role}" for i, role in enumerate(roles, start=1) if role not in (None, ALPHA)]
    if not named or not set(wanted) <= set(_WORDS.values()):
        return
    if "cyan" in roles:
        msg = f"{path} is in CMYK; bring it to RGB first (`magick {path} -colorspace sRGB new.tif`)"
        raise SceneError(msg)
    missing = listed([f"no {name}" for name in wanted if name not in roles])
    msg = (
        f"{path} has {missing} band, which the model takes; its bands are {listed(named)}. If "
        f"others may stand in, choose {len(wanted)} bands with --bands"
    )
    raise SceneError(msg)


def check_bands(
    bands: Sequence[int], n_bands: int, wanted: Sequence[str], path: str
) -> tuple[int, ...]:
    """Return the bands the user chose, if they are there and as many as the model takes.

    Raises
    ------
    SceneError
        If not.
    """
    if len(bands) != len(wanted) or any(not 1 <= band <= n_bands for band in bands):
        msg = (
            f"--bands {','.join(map(str, bands))} does not fit: {path} has bands 1 to "
            f"{n_bands}, the model takes {len(wanted)}"
        )
        raise SceneError(msg)
    return tuple(bands)


def _role_of(description: str) -> str | None:
    """Return the first word of a description that says what the band shows."""
    plain = description.lower().replace("near infrared", "nir").replace("near-infrared", "nir")
    plain = plain.replace("red edge", "rededge").replace("red-edge", "rededge")
    plain = re.sub(r"deep[ _-]?blue", "coastal", plain)  # Pléiades Neo, beside its blue
    plain = plain.replace("green_i", "greeni")  # 531 nm of SuperDove, beside its green
    words = re.findall(r"[^\W_]+", plain)
    return next((_WORDS[word] for word in words if word in _WORDS), None)


def _numbered(descriptions: Sequence[str | None]) -> dict[int, str]:
    """Return the bands that carry numbers of Sentinel-2 or Landsat 8 (B02, SR_B4), by index."""
    found = {}
    landsat = False
    for i, text in enumerate(descriptions):
        match = re.match(r"(SR_|sur_refl_)?[Bb](?:and[ _]?)?0?(\d{1,2}[Aa]?)\b", text or "")
        if match and f"b{match[2]}".lower() in _SENTINEL_2:
            found[i] = f"b{match[2]}".lower()
            landsat |= match[1] is not None
    # "Band 1, Band 2, ..." is counting, not naming.
    counted = [f"b{i + 1}" for i in found]
    if list(found.values()) == counted and not any(
        re.match(r"[Bb]0", descriptions[i] or "") for i in found
    ):
        return {}
    table = _LANDSAT_8 if landsat else _SENTINEL_2
    return {i: table[key] for i, key in found.items() if key in table}
