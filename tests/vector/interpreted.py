"""Networks of small scenes, made with and without compiled kernels by ``test_kernel.py``."""

from __future__ import annotations

import json

import numpy as np
import shapely

from roadex.config import VectorConfig
from roadex.network.merge import merge
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from tests.vector.conftest import draw, random_probability, source_of


def networks() -> dict[str, dict[str, str]]:
    """Return the lines, nodes and values of each scene as text, to the last bit."""
    town = source_of(_town(), gsd=2.0)
    found = {"town": vectorize(town, config=VectorConfig(), tile_size=64)}
    found["raw"] = vectorize(town, config=VectorConfig(smoothing=0, simplify_px=0))
    found["spurs"] = vectorize(source_of(_spurs()), config=VectorConfig())
    found["merged"] = merge([found["town"], found["raw"]])
    for seed in range(4):
        blobs = source_of(random_probability(seed, 100), gsd=2.0)
        found[f"blobs {seed}"] = vectorize(blobs, config=VectorConfig(max_road_width_m=20.0))
    return {name: _text(network) for name, network in found.items()}


def _town() -> np.ndarray:
    """Return roads with what each cleaning step looks for."""
    turn = np.linspace(0, 2 * np.pi, 40)
    ring = np.stack([100 + 12 * np.cos(turn), 30 + 12 * np.sin(turn)], axis=1).tolist()
    roads = draw(
        [
            [(0, 30), (88, 30)], [(112, 30), (160, 34)], ring, [(100, 42), (100, 90)],
            [(30, 30), (30, 70)], [(30, 95), (30, 160)],  # a gap that is dark, and one that is not
            [(60, 30), (60, 37)], [(30, 130), (120, 120), (160, 150)], [(64, 30), (80, 158)],
            [(140, 90), (150, 92)],
            [(60, 44), (92, 44), (92, 88)], [(70, 88), (70, 110), (92, 110), (92, 88), (70, 88)],
            [(8, 52), (20, 52), (20, 84), (8, 84), (8, 52)],  # a block that no other road meets
            [(120, 60), (120, 74)], [(120, 66), (128, 66)], [(110, 60), (134, 60)],
        ],
        (160, 160), width=5,
    )  # fmt: skip
    roads[95:119, 108:140] = 210
    roads[29:32, 45:47] = 10
    faint = draw([[(30, 70), (30, 95)]], roads.shape, width=3, value=50)
    return np.maximum(roads, faint)


def _spurs() -> np.ndarray:
    """Return a right angle, a dead end with hairs of its own, and a ring with one."""
    turn = np.linspace(0, 2 * np.pi, 40)
    ring = np.stack([40 + 16 * np.cos(turn), 80 + 16 * np.sin(turn)], axis=1).tolist()
    return draw(
        [
            [(8, 10), (110, 10), (110, 112)], [(60, 10), (60, 32)], [(60, 18), (50, 18)],
            [(60, 25), (68, 25)], ring, [(40, 96), (40, 108)],
        ],
        (120, 120), width=3,
    )  # fmt: skip


def _text(network: RoadNetwork) -> dict[str, str]:
    parts = {"edges": network.edges, "nodes": network.nodes}
    lines = {f"{k} lines": "\n".join(shapely.to_wkt(f.geometry, -1)) for k, f in parts.items()}
    return lines | {k: frame.drop(columns="geometry").to_csv() for k, frame in parts.items()}


if __name__ == "__main__":
    print(json.dumps(networks()))
