"""Roads end as borders where imagery does, and as dead ends where they do."""

import numpy as np
import pytest

from roadex.config import NODATA, VectorConfig
from roadex.network.vectorize import vectorize

CONFIG = VectorConfig(min_component_m=0)
LINES = [[(20, 60), (280, 90)], [(150, 20), (160, 75)], [(220, 85), (225, 130)]]


def kinds_at(network, places):
    """Return the kind of the node nearest to each place ``(col, row)``, and how far it is."""
    x, y = network.nodes.geometry.x.to_numpy(), network.nodes.geometry.y.to_numpy()
    left, top = network.summary["origin"]
    found = []
    for col, row in places:
        distance = np.hypot(x - left - col, top - y - row)
        found.append((network.nodes.kind.iloc[distance.argmin()], distance.min()))
    return found


@pytest.fixture
def network_of(make_source):
    def build(image, tile_size=2048):
        source = make_source(image)
        network = vectorize(source, config=CONFIG, tile_size=tile_size)
        network.summary["origin"] = (source.transform.c, source.transform.f)
        return network

    return build


def slanted(image, slope, offset):
    """Return an image with a collar of nodata to the left of a slanted line."""
    rows, cols = np.indices(image.shape)
    return np.where(cols < offset + slope * rows, NODATA, image).astype(np.uint8)


@pytest.mark.parametrize("slope", [-0.4, 0.0, 0.3])
@pytest.mark.parametrize("width", [3, 6, 12])
def test_road_that_runs_into_a_collar_ends_as_border(slope, width, draw_roads, network_of):
    image = slanted(draw_roads(LINES, (150, 300), width=width), slope, 80)
    network = network_of(image)
    row = 60 + 30 * (80 + slope * 65 - 20) / 260
    (left, near), (right, _) = kinds_at(network, [(80 + slope * row, row), (280, 90)])
    assert near <= 3 + width
    assert (left, right) == ("border", "end")
    assert (network.nodes.kind == "border").sum() == 1
    assert (network.nodes.kind == "end").sum() == 3


def test_road_that_ends_beside_nodata_is_a_dead_end(draw_roads, network_of):
    image = draw_roads([[(20, 60), (200, 60)], [(100, 60), (100, 110)]], (150, 300), width=6)
    image[70:, :90] = NODATA  # 7 px below the road, and 7 to the left of the lane
    assert set(network_of(image).nodes.kind) == {"end", "junction"}


def test_hole_ends_both_parts_of_a_road(draw_roads, network_of):
    image = draw_roads([[(20, 60), (280, 60)]], (120, 300), width=6)
    image[:, 130:190] = NODATA
    network = network_of(image)
    assert sorted(network.nodes.kind) == ["border", "border", "end", "end"]


@pytest.mark.parametrize("tile_size", [37, 64, 120])
def test_borders_do_not_depend_on_tiles(tile_size, draw_roads, network_of):
    image = slanted(draw_roads(LINES, (150, 300), width=6), 0.3, 80)
    whole, tiled = network_of(image), network_of(image, tile_size)
    assert tiled.nodes.kind.tolist() == whole.nodes.kind.tolist()
