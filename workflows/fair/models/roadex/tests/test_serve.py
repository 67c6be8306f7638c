"""What the server calls, with a session that finds one road."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from models.roadex import pipeline


class _Session:
    """Finds a road from west to east in every chip."""

    def get_modelmeta(self) -> SimpleNamespace:
        """Return the description that the export writes."""
        about = {
            "bands": ["red", "green", "blue"], "gsd_m": 0.85, "gsd_range_m": [0.5, 2], "stride": 32,
        }  # fmt: skip
        return SimpleNamespace(custom_metadata_map={"roadex": json.dumps(about)})

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return logits with a road of 8 pixels across the middle."""
        assert names == ["output"]
        chips = feeds["input"]
        assert chips.dtype == np.float32
        assert not any(size % 32 for size in chips.shape[-2:])
        logits = np.full((len(chips), 1, *chips.shape[-2:]), -9.0, np.float32)
        middle = 128 + 100  # the halo, and a row inside the tiles
        logits[:, :, middle : middle + 8] = 9
        return [logits]


@pytest.mark.parametrize("named", [False, True])
def test_predict(generate_toy_dataset: dict[str, str], named: bool) -> None:
    """Lines in degrees, as wide as the road."""
    chips = generate_toy_dataset["chips"]
    images = {"image": chips} if named else chips
    found = pipeline.predict(_Session(), images, {"confidence_threshold": 0.5})
    assert found["type"] == "FeatureCollection"
    (road,) = found["features"]
    assert road["geometry"]["type"] == "LineString"
    longitude, latitude = np.transpose(road["geometry"]["coordinates"])
    assert 85 < longitude.min() < longitude.max() < 86
    assert 27 < latitude.min() < latitude.max() < 28
    assert road["properties"]["width_m"] == pytest.approx(8 * 0.85, rel=0.2)
