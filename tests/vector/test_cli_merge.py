import shutil

import geopandas as gpd
import pytest
from click.testing import CliRunner

from roadex.cli.merge import merge
from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network


@pytest.fixture
def network_file(draw_roads, make_source, tmp_path):
    image = draw_roads([[(20, 100), (180, 100)]], (200, 200))
    network = vectorize(make_source(image), config=VectorConfig(min_component_m=20))
    return write_network(network, tmp_path / "roads.gpkg", provenance={})


def test_merge_writes_one_network(network_file, tmp_path):
    output = tmp_path / "all.gpkg"
    command = [str(network_file), str(network_file), "-o", str(output)]
    result = CliRunner().invoke(merge, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "from 2 networks" in result.output
    assert len(gpd.read_file(output, layer="road_edges")) == 1


def test_merge_refuses_to_replace_before_it_works(network_file):
    there = shutil.copy(network_file, network_file.with_name("there.gpkg"))
    result = CliRunner().invoke(merge, [str(network_file), "no.gpkg", "-o", str(there)])
    assert "exists already" in str(result.exception)


def test_merge_never_replaces_its_input(network_file):
    before = network_file.read_bytes()
    words = [str(network_file), str(network_file), "-o", str(network_file), "--overwrite"]
    result = CliRunner().invoke(merge, words)
    assert "is an input of this command" in str(result.exception)
    assert network_file.read_bytes() == before
