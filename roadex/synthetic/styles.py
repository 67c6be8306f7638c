"""What kinds of country the generated scenes show.

A style says how far apart roads lie, how much they bend, what fills the land between them and
which colours it has. Colours are 8-bit RGB before the camera model; those of the temperate styles
were set so that the mean and spread of road and surrounding pixels match MassGIS aerial imagery of
Massachusetts at 1 m, those of the desert style so that they match satellite imagery of Dubai.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[float, float, float]

ZONES = ("verge", "residential", "suburb", "commercial", "farmland", "woods", "park", "bare")
"""What fills the land between main roads; the index is the value in zone rasters."""

ROAD_WIDTHS_M: Mapping[str, tuple[float, float]] = {
    "motorway": (9.0, 11.5),
    "primary": (9.0, 12.0),
    "secondary": (7.0, 9.0),
    "residential": (6.0, 8.0),
    "lane": (4.5, 6.0),
}
"""Range of paved widths by class; a motorway is one carriageway of two."""


@dataclass(frozen=True, slots=True)
class Trees:
    """How one kind of tree looks from above."""

    colour: Colour
    crown_m: float
    """Radius of the bumps its crowns make."""

    opacity: float
    """Share of the ground below that is hidden; low where the branches are bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Mean colours of the surfaces of one kind of country."""

    asphalt: Colour
    concrete: Colour
    ground: Mapping[str, tuple[Colour, Colour]]
    """Two colours per zone; smooth noise mixes them."""

    fields: tuple[Colour, ...]
    trees: tuple[Trees, ...]
    roofs: tuple[Colour, ...]
    water: Colour
    roughness: float = 1.0
    """Factor on the brightness variation of the land."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one kind of country is laid out and coloured."""

    arterial_spacing_m: tuple[float, float]
    bend_m: float
    """How far smooth bends displace main roads."""

    zones: Mapping[str, float]
    """Relative frequency of what fills the land between main roads."""

    palette: Palette
    missing_arterials: float = 0.0
    """Share of the pieces of main road that are left out."""

    highway: float = 0.0
    """Probability of a dual carriageway; likewise for the fields below."""

    roundabout: float = 0.3
    river: float = 0.2
    lake: float = 0.2
    railway: float = 0.1
    wooded: float = 0.0
    """Added to the tree cover of every zone, in standard deviations of its noise."""


TEMPERATE = Palette(
    asphalt=(116.0, 119.0, 120.0),
    concrete=(160.0, 158.0, 152.0),
    ground={
        "verge": ((88.0, 92.0, 68.0), (118.0, 112.0, 88.0)),
        "residential": ((76.0, 86.0, 58.0), (116.0, 106.0, 88.0)),
        "suburb": ((70.0, 82.0, 50.0), (110.0, 98.0, 78.0)),
        "commercial": ((80.0, 88.0, 62.0), (112.0, 106.0, 92.0)),
        "farmland": ((84.0, 92.0, 58.0), (116.0, 106.0, 78.0)),
        "woods": ((84.0, 72.0, 60.0), (112.0, 98.0, 80.0)),
        "park": ((62.0, 88.0, 46.0), (98.0, 100.0, 66.0)),
        "bare": ((150.0, 132.0, 106.0), (178.0, 164.0, 140.0)),
    },
    fields=(
        (64.0, 94.0, 48.0),
        (98.0, 108.0, 66.0),
        (130.0, 114.0, 88.0),
        (100.0, 82.0, 66.0),
        (148.0, 134.0, 104.0),
        (84.0, 86.0, 60.0),
    ),
    trees=(
        Trees((84.0, 69.0, 60.0), 0.6, 0.75),
        Trees((80.0, 71.0, 65.0), 0.6, 0.72),
        Trees((92.0, 77.0, 63.0), 0.6, 0.72),
        Trees((38.0, 52.0, 35.0), 1.25, 0.97),
        Trees((58.0, 74.0, 42.0), 1.25, 0.92),
    ),
    roofs=(
        (84.0, 84.0, 88.0),
        (106.0, 106.0, 108.0),
        (128.0, 128.0, 130.0),
        (152.0, 150.0, 148.0),
        (176.0, 174.0, 170.0),
        (214.0, 214.0, 212.0),
        (118.0, 102.0, 92.0),
        (132.0, 92.0, 80.0),
        (88.0, 98.0, 108.0),
    ),
    water=(36.0, 44.0, 42.0),
)

DESERT = Palette(
    asphalt=(102.0, 92.0, 89.0),
    concrete=(196.0, 190.0, 184.0),
    ground={
        "verge": ((157.0, 151.0, 148.0), (174.0, 169.0, 164.0)),
        "residential": ((139.0, 132.0, 127.0), (165.0, 157.0, 148.0)),
        "suburb": ((143.0, 134.0, 125.0), (169.0, 160.0, 150.0)),
        "commercial": ((128.0, 123.0, 120.0), (160.0, 155.0, 151.0)),
        "farmland": ((155.0, 144.0, 132.0), (172.0, 164.0, 151.0)),
        "woods": ((132.0, 128.0, 113.0), (160.0, 151.0, 139.0)),
        "park": ((84.0, 95.0, 70.0), (123.0, 120.0, 99.0)),
        "bare": ((162.0, 157.0, 155.0), (187.0, 180.0, 174.0)),
    },
    fields=((188.0, 176.0, 160.0), (170.0, 158.0, 144.0), (112.0, 116.0, 84.0)),
    trees=(Trees((70.0, 78.0, 62.0), 1.3, 0.9), Trees((60.0, 72.0, 54.0), 1.3, 0.95)),
    roofs=(
        (216.0, 212.0, 208.0),
        (196.0, 186.0, 176.0),
        (236.0, 234.0, 232.0),
        (164.0, 148.0, 136.0),
        (178.0, 118.0, 92.0),
        (150.0, 152.0, 158.0),
    ),
    water=(30.0, 50.0, 44.0),
    roughness=0.5,
)

STYLES: Mapping[str, Style] = {
    "rural": Style(
        arterial_spacing_m=(380.0, 700.0),
        bend_m=70.0,
        zones={"farmland": 5, "woods": 5, "suburb": 1.5, "park": 0.5, "bare": 0.4},
        palette=TEMPERATE,
        missing_arterials=0.2,
        highway=0.15,
        roundabout=0.15,
        river=0.3,
        lake=0.3,
        wooded=0.2,
    ),
    "suburban": Style(
        arterial_spacing_m=(330.0, 560.0),
        bend_m=45.0,
        zones={"suburb": 6, "residential": 2, "woods": 3, "park": 0.7, "commercial": 0.8},
        palette=TEMPERATE,
        missing_arterials=0.08,
        highway=0.25,
        wooded=0.2,
    ),
    "urban": Style(
        arterial_spacing_m=(300.0, 500.0),
        bend_m=12.0,
        zones={"residential": 6, "commercial": 3, "suburb": 1, "park": 0.6, "bare": 0.3},
        palette=TEMPERATE,
        highway=0.3,
        railway=0.3,
        wooded=-0.3,
    ),
    "desert": Style(
        arterial_spacing_m=(320.0, 600.0),
        bend_m=25.0,
        zones={"residential": 4, "suburb": 2, "commercial": 2, "bare": 4, "park": 0.4},
        palette=DESERT,
        missing_arterials=0.1,
        highway=0.4,
        wooded=-1.6,
    ),
    "mixed": Style(
        arterial_spacing_m=(330.0, 480.0),
        bend_m=35.0,
        zones={"suburb": 3, "residential": 3, "farmland": 2, "woods": 2, "commercial": 1.2},
        palette=TEMPERATE,
        highway=1.0,
        roundabout=1.0,
        river=1.0,
        lake=1.0,
        railway=0.3,
    ),
}
