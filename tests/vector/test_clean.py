from typing import get_args

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from roadex.config import VectorConfig
from roadex.config.vector import CleaningStep
from roadex.errors import ConfigError
from roadex.imagery.geodesy import PixelSize
from roadex.network.cleaning import loops
from roadex.network.cleaning.borders import border_nodes, extend_to_border
from roadex.network.cleaning.loops import open_small_loops
from roadex.network.cleaning.spurs import prune_spurs
from roadex.network.cleaning.steps import all_steps
from roadex.network.faces import face_areas, find_faces
from roadex.network.graph import build_graph, dissolve, group, select_edges
from roadex.network.measures import measure_edges
from roadex.network.scene_lines import merge_fragments
from roadex.network.tile_frame import SkeletonSettings
from roadex.network.vectorize import trace_scene, vectorize

METRE = PixelSize(1.0, 1.0)


def kinds(network):
    return network.nodes.kind.value_counts().to_dict()


def test_crossing_is_one_node(draw_roads, network_of):
    image = draw_roads([[(10, 90), (190, 110)], [(80, 10), (120, 190)]], (200, 200), width=9)
    network = network_of(image)
    assert kinds(network) == {"end": 4, "junction": 1}
    assert network.nodes.degree.max() == 4


def test_two_offset_side_roads_are_two_junctions(draw_roads, network_of):
    lines = [[(10, 100), (190, 100)], [(70, 100), (70, 10)], [(100, 100), (100, 190)]]
    assert kinds(network_of(draw_roads(lines, (200, 200), width=9)))["junction"] == 2


@pytest.mark.parametrize(("crossing_to", "reaches_border"), [(50, True), (120, False)])
def test_a_road_that_ends_near_the_border_reaches_it_where_no_other_is_in_its_way(
    trace, crossing_to, reaches_border
):
    image = np.zeros((80, 120), dtype=np.uint8)
    image[3:60, 57:64] = image[1, :crossing_to] = 230
    settings = SkeletonSettings(threshold=128, max_half_width=12)
    graph = build_graph(merge_fragments(trace(image, 200, settings), 120), 80)
    ends = list(zip(graph.node_row.tolist(), graph.node_col.tolist(), strict=True))
    assert (6, 60) in ends
    longer = extend_to_border(graph)
    ends[ends.index((6, 60))] = (0, 60) if reaches_border else (6, 60)
    found = zip(longer.node_row.tolist(), longer.node_col.tolist(), strict=True)
    assert sorted(found) == sorted(ends)


def test_bumps_on_a_road_are_no_side_roads(draw_roads, network_of):
    image = draw_roads([[(10, 100), (190, 100)]], (200, 200), width=9)
    image[93:97, 60:64] = image[104:107, 120:125] = 230
    assert kinds(network_of(image)) == {"end": 2}


def test_short_side_road_stays_or_goes_by_its_length(draw_roads, network_of):
    lines = [[(10, 100), (190, 100)], [(100, 100), (100, 70)]]
    image = draw_roads(lines, (200, 200), width=7)
    assert kinds(network_of(image, min_spur_m=12)) == {"end": 3, "junction": 1}
    assert kinds(network_of(image, min_spur_m=40)) == {"end": 2}


def test_every_step_has_a_name_to_leave_it_out_by(draw_roads, make_source):
    # Also one that is off unless a setting asks for it.
    source = make_source(draw_roads([[(10, 50), (90, 50)]], (100, 100)))
    steps = [name for name, _, _ in all_steps(METRE, VectorConfig(), source)]
    assert steps == list(get_args(CleaningStep))


@pytest.mark.parametrize(("more_m", "n_edges"), [(0.0, 3), (1e-6, 1)])
def test_a_spur_of_just_the_least_length_stays(more_m, n_edges, trace):
    image = np.zeros((60, 70), dtype=np.uint8)
    image[20, 5:65] = image[20:40, 35] = 230
    settings = SkeletonSettings(threshold=128, max_half_width=12)
    graph = build_graph(merge_fragments(trace(image, 200, settings), 70), 60)
    length_m = measure_edges(graph, METRE).length_m.min()
    assert length_m == pytest.approx(20, abs=4)
    pruned = prune_spurs(
        graph, METRE, width_ratio=0.0, min_length_m=length_m + more_m,
        is_border=border_nodes(graph),
    )  # fmt: skip
    assert pruned.n_edges == n_edges


def test_the_only_spur_of_a_network_goes_too(trace):
    image = np.zeros((60, 70), dtype=np.uint8)
    image[[10, 40], 10:41] = image[10:41, [10, 40]] = image[25, 40:50] = 230
    settings = SkeletonSettings(threshold=128, max_half_width=12)
    graph = build_graph(merge_fragments(trace(image, 200, settings), 70), 60)
    assert graph.n_edges == 2
    pruned = prune_spurs(
        graph, METRE, width_ratio=0.0, min_length_m=25.0, is_border=border_nodes(graph)
    )
    assert pruned.n_edges == 1
    assert pruned.u[0] == pruned.v[0]


def test_each_step_is_left_out_by_its_name(draw_roads, make_source):
    image = draw_roads([[(10, 100), (190, 100)], [(100, 100), (100, 80)]], (200, 200), width=7)
    source = make_source(image, gsd=1.0)
    every = [step["step"] for step in vectorize(source, config=VectorConfig()).summary["steps"]]
    assert every == ["traced", *get_args(CleaningStep)]
    for name in get_args(CleaningStep):
        network = vectorize(source, config=VectorConfig(skip=(name,)))
        left = [step["step"] for step in network.summary["steps"]]
        assert left == [step for step in every if step != name]
    assert kinds(vectorize(source, config=VectorConfig(skip=("spurs",)))).get("junction") == 1
    assert "junction" not in kinds(vectorize(source, config=VectorConfig()))
    with pytest.raises(ConfigError, match="names out of sure, borders"):
        VectorConfig(skip=("lops",))


def test_fork_at_a_road_end_keeps_the_road_at_full_length(draw_roads, network_of):
    lines = [[(10, 100), (180, 100)], [(180, 100), (190, 92)], [(180, 100), (191, 108)]]
    network = network_of(draw_roads(lines, (200, 200), width=7), min_spur_m=20)
    assert kinds(network) == {"end": 2}
    assert network.edges.length_m.iloc[0] > 170


def test_hole_in_a_road_is_no_loop(draw_roads, network_of):
    image = draw_roads([[(10, 100), (190, 100)]], (200, 200), width=11)
    image[98:103, 90:96] = 0
    network = network_of(image)
    assert kinds(network) == {"end": 2}
    assert network.edges.length_m.iloc[0] == pytest.approx(172, abs=6)


def test_roundabout_stays_a_ring(draw_roads, network_of):
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = list(zip(100 + 18 * np.cos(angle), 100 + 18 * np.sin(angle), strict=True))
    arms = [[(118, 100), (180, 100)], [(82, 100), (20, 100)], [(100, 118), (100, 180)]]
    network = network_of(draw_roads([ring, *arms], (200, 200), width=7))
    assert kinds(network) == {"end": 3, "junction": 3}
    junctions = network.nodes.node_id[network.nodes.kind == "junction"]
    ring = network.edges[network.edges.u.isin(junctions) & network.edges.v.isin(junctions)]
    assert ring.length_m.sum() == pytest.approx(2 * np.pi * 18, rel=0.04)


def test_ring_without_junction_is_one_closed_line(draw_roads, network_of):
    angle = np.linspace(0, 2 * np.pi, 90)
    ring = list(zip(100 + 60 * np.cos(angle), 100 + 60 * np.sin(angle), strict=True))
    network = network_of(draw_roads([ring], (200, 200), width=7))
    assert kinds(network) == {"loop": 1}
    edge = network.edges.iloc[0]
    assert edge.u == edge.v
    assert edge.length_m == pytest.approx(2 * np.pi * 60, rel=0.01)
    assert np.isnan(edge.sinuosity)


def test_parallel_carriageways_stay_apart(draw_roads, network_of):
    lines = [[(10, 95), (190, 95)], [(10, 104), (190, 104)]]  # 3 px between them
    network = network_of(draw_roads(lines, (200, 200), width=6))
    assert kinds(network) == {"end": 4}
    assert sorted(network.edges.component_id) == [0, 1]


def test_parking_lot_at_the_end_of_a_road_is_cut_off(draw_roads, network_of):
    image = draw_roads([[(20, 150), (220, 150)]], (300, 400), width=8)
    image[90:210, 220:340] = 230
    network = network_of(image)
    assert kinds(network) == {"end": 2}
    assert network.edges.area.iloc[0] < 0.2


def test_plain_where_roads_meet_becomes_one_junction(draw_roads, network_of):
    lines = [[(20, 150), (380, 150)], [(200, 20), (200, 280)]]
    image = draw_roads(lines, (300, 400), width=8)
    image[125:180, 172:230] = 230
    network = network_of(image)
    assert kinds(network) == {"end": 4, "junction": 1}
    assert network.edges.geometry.is_simple.all()


def test_wide_region_with_many_roads_stays_a_way_around(draw_roads, network_of):
    lines = [[(20, 200), (580, 200)], [(300, 20), (300, 380)]]
    image = draw_roads(lines, (400, 600), width=8)
    image[60:340, 100:500] = 230
    network = network_of(image)
    assert network.edges.component_id.nunique() == 1
    assert kinds(network) == {"end": 4, "junction": 4}
    assert network.edges[network.edges.area > 0.9].width_m.isna().all()


def test_weak_roads_need_a_sure_part(draw_roads, network_of):
    weak = draw_roads([[(10, 50), (190, 50)]], (200, 200), value=100)
    assert len(network_of(weak).edges) == 0
    weak[46:54, 100:110] = 200
    assert len(network_of(weak).edges) == 1


def test_short_components_are_dropped(draw_roads, network_of):
    image = draw_roads([[(10, 50), (190, 50)], [(50, 120), (90, 120)]], (200, 200))
    assert len(network_of(image, min_component_m=60).edges) == 1
    assert len(network_of(image, min_component_m=20).edges) == 2


@pytest.mark.parametrize(("hole_px", "n_edges"), [(3, 1), (9, 4)])
def test_thin_hole_in_a_road_is_no_loop_but_a_median_strip_is(
    hole_px, n_edges, draw_roads, network_of
):
    image = draw_roads([[(-10, 50), (210, 50)]], (100, 200), width=18)
    image[50 - hole_px // 2 : 51 + hole_px // 2, 80:115] = 0
    assert len(network_of(image).edges) == n_edges


def test_areas_of_faces_add_up(draw_roads, make_source):
    ring = [(40, 40), (140, 40), (140, 100), (40, 100), (40, 37)]
    image = draw_roads([ring, [(90, 0), (90, 120)], [(10, 70), (40, 70)]], (150, 200), width=5)
    lines = trace_scene(make_source(image), METRE, VectorConfig())
    graph = dissolve(build_graph(lines, 150))
    areas = face_areas(graph, find_faces(graph))
    assert sorted(areas)[1:] == pytest.approx([50 * 60, 50 * 60], rel=0.02)
    assert areas.sum() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_the_connected_components_by_their_first_member(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    a, b = rng.integers(0, n, (2, int(rng.integers(0, 80))))
    n_found, label = connected_components(coo_array((np.ones(len(a)), (a, b)), (n, n)), False)
    groups = group(n, a, b)
    pairs = sorted(set(zip(groups.tolist(), label.tolist(), strict=True)))
    assert [number for number, _ in pairs] == list(range(n_found))  # one label each, none missing
    first = [groups.tolist().index(number) for number in range(n_found)]
    assert first == sorted(first)


def test_groups_of_a_long_chain_in_any_order():
    order = np.random.default_rng(0).permutation(100_000)
    assert not group(len(order), order[:-1], order[1:]).any()


def test_groups_of_a_star_take_few_rounds():
    leaves = np.arange(300_000)
    assert not group(len(leaves) + 1, leaves, np.full(len(leaves), len(leaves))).any()


def test_faces_obey_euler(draw_roads, make_source):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        lines = rng.uniform(-20, 320, (12, 2, 2)).tolist()
        source = make_source(draw_roads(lines, (300, 300), width=5))
        lines = trace_scene(source, METRE, VectorConfig(max_road_width_m=100))
        graph = dissolve(build_graph(lines, 300))
        n_components = len(set(group(graph.n_nodes, graph.u, graph.v)))
        n_faces = len(np.unique(find_faces(graph)))
        # Each component is drawn by itself here, with an outer face of its own.
        assert graph.n_nodes - graph.n_edges + n_faces == 2 * n_components


def test_holes_of_one_road_are_closed_together(draw_roads, make_source, monkeypatch):
    image = draw_roads([[(5, 30), (795, 30)]], (60, 800), width=15)
    for col in range(20, 780, 20):
        image[28:33, col : col + 6] = 0
    unfilled = VectorConfig(max_hole_m2=0)
    graph = dissolve(build_graph(trace_scene(make_source(image), METRE, unfilled), 60))
    assert len(np.unique(find_faces(graph))) > 30
    rounds = []
    monkeypatch.setattr(loops, "find_faces", lambda g: rounds.append(g) or find_faces(g))
    opened = open_small_loops(graph, METRE, min_length_m=60)
    assert len(np.unique(find_faces(opened))) == 1
    assert len(rounds) < 5  # each costs as much as the whole scene is large


def test_opening_loops_leaves_connected_what_was(make_blobs, make_source):
    n_opened = 0
    for seed in range(30):
        source = make_source(make_blobs(seed))
        unfilled = VectorConfig(max_hole_m2=0)
        graph = dissolve(build_graph(trace_scene(source, METRE, unfilled), source.shape[0]))
        is_ring = (graph.u == graph.v) & (graph.degree[graph.u] == 2)
        graph = select_edges(graph, ~is_ring)  # a small ring by itself goes as a whole
        opened = open_small_loops(graph, METRE, min_length_m=40)
        faces, before = find_faces(opened), len(set(group(graph.n_nodes, graph.u, graph.v)))
        used = np.unique(np.r_[opened.u, opened.v])
        label = group(opened.n_nodes, opened.u, opened.v)[used]
        assert len(set(label)) == before
        n_opened += opened.n_edges < graph.n_edges
        separates = np.repeat(faces[:, 0] != faces[:, 1], 2)
        length = np.repeat(loops.measure_edges(opened, METRE).length_m, 2)
        around = np.bincount(faces.ravel(), length)
        assert (around[faces.ravel()[separates]] >= 40).all()
    assert n_opened > 5
