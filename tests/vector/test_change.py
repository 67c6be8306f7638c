"""Networks of two dates of which is known what was built, what was taken away and what was hidden.

Both dates are drawn as road probability and vectorized, with another shift, brightness and noise
for each.
"""

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from rasterio.features import rasterize
from scipy.ndimage import gaussian_filter
from shapely.affinity import translate

from roadex.config import ChangeConfig, VectorConfig
from roadex.errors import NetworkError
from roadex.network.change import Survey, find_changes
from roadex.network.change_pieces import LITTLE_CERTAIN, POOR_IMAGERY, SHOWN_TOO
from roadex.network.vectorize import vectorize
from roadex.probability.points import probability_at
from roadex.probability.source import ArraySource

UTM = CRS.from_epsg(32633)
BLOCK = 100.0
N = 11
SIZE = int((N + 1) * BLOCK)
WEST, NORTH = 400_000.0, 5_600_000.0


def town():
    """Return streets from crossing to crossing, slightly bent, in metres from the south west."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(N), np.arange(N), indexing="ij")
    points = np.stack([x, y], axis=-1) * BLOCK + BLOCK + rng.normal(0, 9, (N, N, 2))
    pairs = [((i, j), (i + 1, j)) for i in range(N - 1) for j in range(N)]
    pairs += [((i, j), (i, j + 1)) for i in range(N) for j in range(N - 1)]
    return np.array([shapely.LineString([points[a], points[b]]) for a, b in pairs], dtype=object)


def on_the_ground(lines, shift=(0, 0)):
    x, y = WEST + shift[0], NORTH - SIZE + shift[1]
    return np.array([translate(line, x, y) for line in lines], dtype=object)


def photograph(lines, *, seed, shift=(0, 0), road=0.9, faint=(), faint_as=0.2, nodata=None):
    """Return the road probability that a model might give: blurred, uneven, with some noise."""
    rng = np.random.default_rng(seed)
    transform = Affine(1, 0, WEST, 0, -1, NORTH)
    value = np.zeros((SIZE, SIZE), dtype=np.float32)
    for some, level in ((faint, faint_as), (lines, road)):
        shapes = [(line.buffer(3.5), level) for line in on_the_ground(some, shift)]
        if shapes:
            drawn = rasterize(shapes, (SIZE, SIZE), transform=transform, dtype=np.float32)
            value = np.maximum(value, drawn)
    uneven = gaussian_filter(rng.normal(size=value.shape), 6) * 6
    value = gaussian_filter(value, 1) * (1 + 0.12 * uneven) + 0.03 * rng.random(value.shape)
    stored = np.rint(254 * value.clip(0, 1)).astype(np.uint8)
    if nodata is not None:
        stored[nodata] = 255
    return ArraySource(stored, transform, UTM)


def survey(source):
    return Survey(vectorize(source, config=VectorConfig()).edges, source)


def precision_and_recall(layer, truth):
    """Return both by length, with 3 m of tolerance."""
    found, wanted = shapely.union_all(layer.geometry), shapely.union_all(truth)
    right = found.intersection(wanted.buffer(3)).length
    return right / found.length, wanted.intersection(found.buffer(3)).length / wanted.length


@pytest.fixture(scope="module")
def planted():
    """Return changes and truth: the newer date is shifted by 10 m, darker, and has a cloud."""
    lines = town()
    rng = np.random.default_rng(1)
    order = rng.permutation(len(lines))
    built, gone, half = np.split(order[:70], [30, 55])
    stays = np.setdiff1d(np.arange(len(lines)), order[:70])
    cloud = np.zeros((SIZE, SIZE), dtype=bool)
    cloud[:250, :500] = True
    shift = (8.0, -6.0)
    old = photograph(lines[[*stays, *gone, *half]], seed=2)
    new = photograph(
        lines[[*stays, *built]], seed=3, shift=shift, road=0.65, faint=lines[half],
        nodata=cloud,
    )  # fmt: skip
    changes = find_changes(survey(old), survey(new))
    sky = shapely.box(WEST, NORTH - 250, WEST + 500, NORTH)
    now = {
        name: shapely.union_all(on_the_ground(lines[some], shift))
        for name, some in (("built", built), ("gone", gone), ("half", half), ("stays", stays))
    }
    truth = {
        "appeared": now["built"].difference(sky),
        "vanished": now["gone"].difference(sky),
        "unsure": now["half"].difference(sky),
        "same": now["stays"].difference(sky),
        "not_seen": shapely.union_all([now["stays"], now["gone"], now["half"]]).intersection(sky),
    }
    return changes, truth


@pytest.mark.parametrize("name", ["appeared", "vanished", "unsure", "same", "not_seen"])
def test_planted_changes_are_found(planted, name):
    changes, truth = planted
    precision, recall = precision_and_recall(changes.layers[name], [truth[name]])
    assert precision >= 0.9
    assert recall >= 0.9


def total(layers, *names, date):
    return sum(
        layers[name].length_m[layers[name].date == date].sum() / 1000
        for name in names
        if len(layers[name])
    )


def test_every_metre_of_both_networks_has_one_class(planted):
    changes, _ = planted
    layers, summary = changes.layers, changes.summary
    assert total(layers, "appeared", "unsure", "not_seen", "same", date="new") == pytest.approx(
        summary["new_km"], abs=0.01
    )
    left = total(layers, "vanished", "unsure", "not_seen", date="old")
    assert summary["old_km"] - summary["km"]["same"] == pytest.approx(left, rel=0.05)
    assert set(layers["appeared"].date) == set(layers["same"].date) == {"new"}
    assert set(layers["vanished"].date) == {"old"}


def test_the_shift_between_the_dates_is_found(planted):
    changes, _ = planted
    assert changes.summary["old_lies_m"] == pytest.approx([-8, 6], abs=0.4)


def test_each_road_says_what_both_dates_show(planted):
    layers = planted[0].layers
    assert planted[0].summary["probability_ratio"] == pytest.approx(0.65 / 0.9, abs=0.03)
    for name, old, new in (("appeared", 0, 0.65), ("vanished", 0.9, 0), ("same", 0.9, 0.65)):
        assert layers[name].prob_old.median() == pytest.approx(old, abs=0.1)
        assert layers[name].prob_new.median() == pytest.approx(new, abs=0.1)
    assert "prob_new" not in layers["not_seen"]  # nothing is known of it
    assert set(layers["unsure"].reason) == {SHOWN_TOO}
    assert layers["same"].other_id.notna().all()


@pytest.fixture(scope="module")
def before():
    return survey(photograph(town(), seed=4))


def test_nothing_changes_between_two_pictures_of_one_town(before):
    changes = find_changes(before, survey(photograph(town(), seed=5, shift=(-4, 9))))
    km = changes.summary["km"]
    assert km["same"] == pytest.approx(changes.summary["new_km"], rel=0.01)
    assert km["appeared"] == km["vanished"] == km["not_seen"] == 0
    assert changes.summary["notes"] == []


def quarter():
    """Return which streets of the town lie in its south-west quarter."""
    box = shapely.box(0, 0, SIZE / 2, SIZE / 2)
    return np.array([box.covers(line) for line in town()])


def test_a_whole_quarter_that_is_missing_is_doubted_and_a_new_one_believed(before):
    lines, is_quarter = town(), quarter()
    without = survey(photograph(lines[~is_quarter], seed=6))
    gone = find_changes(before, without).layers
    built = find_changes(without, before).layers
    precision, recall = precision_and_recall(
        gone["unsure"][gone["unsure"].reason == POOR_IMAGERY], on_the_ground(lines[is_quarter])
    )
    assert precision > 0.9
    assert recall > 0.6  # at its edge, roads that stayed speak for the imagery
    precision, recall = precision_and_recall(built["appeared"], on_the_ground(lines[is_quarter]))
    assert min(precision, recall) > 0.9


def test_roads_that_are_little_certain_themselves_are_no_change(before):
    lines = [
        shapely.LineString([(150, 150), (250, 160)]),
        shapely.LineString([(640, 840), (660, 755)]),
    ]
    new = survey(photograph(town(), seed=7, faint=lines, faint_as=0.54))
    changes = find_changes(before, new, ChangeConfig(sure=0.45))
    assert len(changes.layers["appeared"]) == 0
    assert set(changes.layers["unsure"].reason) == {LITTLE_CERTAIN}
    believed = find_changes(before, new, ChangeConfig(sure=0)).layers["appeared"]
    assert precision_and_recall(believed, on_the_ground(lines))[1] > 0.8


def test_a_date_that_shows_roads_badly_is_said(before):
    dim = survey(photograph(town(), seed=8, road=0.55))
    (note,) = find_changes(before, dim).summary["notes"]
    assert note.startswith("The newer date shows")
    (note,) = find_changes(dim, before).summary["notes"]
    assert note.startswith("The older date shows")


def test_a_date_without_roads_and_another_crs(before):
    empty = photograph([], seed=9)
    nothing = Survey(before.edges.iloc[:0].to_crs(3857), empty)
    appeared = find_changes(nothing, before)
    assert appeared.summary["km"]["appeared"] == pytest.approx(appeared.summary["new_km"], rel=1e-3)
    assert appeared.layers["appeared"].crs == UTM
    vanished = find_changes(
        Survey(before.edges.to_crs(4326), before.probability), Survey(nothing.edges, empty)
    )
    km = vanished.summary["km"]
    assert km["vanished"] + km["unsure"] == pytest.approx(vanished.summary["old_km"], rel=1e-3)
    assert vanished.layers["vanished"].crs == 3857


def test_places_apart_are_refused(before):
    source = before.probability
    away = ArraySource(source.probability, source.transform @ Affine.translation(5000, 0), UTM)
    with pytest.raises(NetworkError, match="no place in common"):
        find_changes(before, Survey(before.edges, away))


def test_probability_is_that_of_the_pixel_and_unknown_elsewhere():
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 256, (1500, 2300)).astype(np.uint8)
    source = ArraySource(stored, Affine(0.5, 0, 100, 0, -0.5, 900), UTM)
    row, col = rng.uniform(-50, 1550, 4000), rng.uniform(-50, 2350, 4000)
    x, y = source.transform @ (col, row)
    x[0] = np.inf
    found = probability_at(source, x, y)
    inside = (row >= 0) & (row < 1500) & (col >= 0) & (col < 2300)
    inside[0] = False
    value = stored[row[inside].astype(int), col[inside].astype(int)]
    assert np.isnan(found[~inside]).all()
    assert np.array_equal(np.isnan(found[inside]), value == 255)
    known = value < 255
    assert found[inside][known] == pytest.approx(value[known] / 254)
