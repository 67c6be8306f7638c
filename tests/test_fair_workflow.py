"""The base model for fAIr: its contract, and what it does with tiles on disk.

The platform's own packages (ZenML, MLflow, an AGPL package) are not needed: stand-ins take the
place of what the pipeline imports of them. Where ``fair-py-ops`` is installed its validator
judges the folder, else a test of the rules it has.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

import roadex
from roadex.config import RunConfig
from roadex.models.modelfile import load_model
from roadex.synthetic import generate_scene, write_scene
from tests.fair_tiles import tile_bounds, write_dataset

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "workflows" / "fair" / "models" / "roadex"


STAND_INS = {
    "zenml.py": """
def step(function=None, **options):
    if function is None:
        return step
    function.entrypoint = function
    return function

pipeline = step

def log_metadata(metadata, **options):
    pass
""",
    "fair/__init__.py": "",
    "fair/utils/__init__.py": "",
    "fair/utils/data.py": """
from pathlib import Path as resolve_path

def resolve_directory(href, pattern):
    return resolve_path(href)
""",
    "fair/zenml/__init__.py": "",
    "fair/zenml/materializers.py": "CheckpointBytesMaterializer = ONNXMaterializer = object",
    "fair/zenml/metrics.py": "def log_fair_metrics(metrics): pass",
}
"""What the pipeline imports of the platform, by file."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """Return a folder with the stand-ins."""
    folder = tmp_path_factory.mktemp("platform")
    for name, text in STAND_INS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def steps(platform):
    """Return the pipeline as a module; a step is the function itself."""
    before = dict(sys.modules)
    for name in [name for name in before if name.split(".")[0] in ("fair", "zenml")]:
        del sys.modules[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(platform))
        spec = importlib.util.spec_from_file_location("fair_pipeline", MODEL / "pipeline.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    for name in [name for name in sys.modules if name.split(".")[0] in ("fair", "zenml")]:
        del sys.modules[name]
    sys.modules.update({k: v for k, v in before.items() if k.split(".")[0] in ("fair", "zenml")})
    return module


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    scene = generate_scene(shape=(480, 480), gsd_m=1.0, seed=7, style="suburban")
    return write_scene(scene, tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def dataset(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fair") / "dataset"
    return write_dataset(source["scene"], source["roads"], folder)


@pytest.fixture(scope="module")
def chips(dataset):
    return str(dataset / "chips" / "chips")


@pytest.fixture(scope="module")
def onnx_file(platform, tmp_path_factory):
    """Return what the documented command writes."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("weights")
    command = [sys.executable, "workflows/fair/write_weights.py", "roadex-light", str(folder)]
    path = os.pathsep.join(map(str, (platform, ROOT)))
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": path})
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def session(onnx_file):
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def predicted(steps, session, chips):
    return steps.predict(session, chips, {"confidence_threshold": 0.35})


def as_frame(found):
    return gpd.GeoDataFrame.from_features(found["features"], crs=4326)


@pytest.mark.slow
def test_network_is_that_of_a_run_over_the_same_place(predicted, source, chips, tmp_path):
    found = as_frame(predicted)
    assert set(found.geom_type) == {"LineString"}
    assert (found["label"] == 1).all()
    truth = gpd.read_file(source["roads"])
    lines = found.to_crs(truth.crs)
    near = lines.geometry.intersection(truth.union_all().buffer(5)).length.sum()
    assert near / lines.length.sum() > 0.85
    config = RunConfig.from_dict(
        {"predict": {"tta": "none"}, "cluster": {"workers": 0, "gpus": "none"}}
    )
    run = roadex.run(source["scene"], tmp_path / "out", config=config)
    tiles = [p.stem.split("-")[1:3] for p in Path(chips).glob("*.tif")]
    seen = gpd.GeoSeries(
        [shapely.box(*tile_bounds(int(x), int(y))) for x, y in tiles], crs=3857
    ).to_crs(truth.crs).union_all().buffer(-15)  # fmt: skip
    whole = gpd.read_file(run.paths.network, layer="road_edges").to_crs(truth.crs).clip(seen)
    shared = whole.intersection(lines.union_all().buffer(5)).length.sum()
    assert shared / whole.length.sum() > 0.85


@pytest.mark.slow
def test_both_forms_of_the_folder_and_a_bbox(steps, session, chips, predicted):
    params = {"confidence_threshold": 0.35}
    whole = as_frame(predicted)
    left, bottom, right, top = whole.total_bounds
    half = [left, bottom, (left + right) / 2, top]
    found = as_frame(steps.predict(session, {"image": chips}, params, bbox=half))
    assert found.total_bounds[2] <= half[2] + 1e-12
    cut = shapely.length(whole.clip_by_rect(*half).to_numpy()).sum()
    assert 0 < cut < shapely.length(whole.geometry.to_numpy()).sum()
    assert shapely.length(found.geometry.to_numpy()).sum() == pytest.approx(cut)


@pytest.mark.parametrize("threshold", [None, 0, 1])
def test_threshold_must_be_given(steps, threshold):
    with pytest.raises(ValueError, match="confidence_threshold"):
        steps.predict(None, "nowhere", {"confidence_threshold": threshold})


def test_folder_without_tiles_is_said(steps, tmp_path):
    with pytest.raises(FileNotFoundError, match="no tiles"):
        steps.predict(None, str(tmp_path), {"confidence_threshold": 0.5})


@pytest.mark.slow
def test_file_is_what_the_contract_asks_for(onnx_file):
    onnx = pytest.importorskip("onnx")
    proto = onnx.load(onnx_file)
    assert [i.name for i in proto.graph.input] == ["input"]
    assert [o.name for o in proto.graph.output] == ["output"]
    assert proto.opset_import[0].version == 18
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    names = sorted(path.name for path in onnx_file.parent.iterdir())
    assert names == ["checkpoint.pt", "model.onnx"]  # no weights beside the graph


@pytest.mark.slow
def test_published_checkpoint_is_the_model(steps, onnx_file):
    network, metadata = steps.load_checkpoint(onnx_file.with_name("checkpoint.pt").read_bytes())
    base = load_model("roadex-light")
    assert metadata == base.metadata
    pairs = zip(network.state_dict().values(), base.network.state_dict().values(), strict=True)
    assert all((a == b).all() for a, b in pairs)


@pytest.mark.slow
def test_steps_pass_the_tests_that_the_folder_brings(platform, tmp_path):
    places = [platform, MODEL.parents[1], ROOT]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
         "--rootdir", str(MODEL), "--basetemp", str(tmp_path / "own"), str(MODEL / "tests")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert "6 passed" in done.stdout, done.stdout + done.stderr


def functions(file, decorator=None):
    """Return the functions of a file, at its top level, that have a decorator."""
    tree = ast.parse((MODEL / file).read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and (decorator is None or any(decorator in ast.dump(d) for d in node.decorator_list))
    }


def test_folder_has_what_the_platform_looks_for():
    assert {"training_pipeline", "inference_pipeline"} <= functions("pipeline.py", "pipeline")
    needed = {"split_dataset", "train_model", "evaluate_model", "export_onnx"}
    assert needed <= functions("pipeline.py", "step")
    assert {"preprocess", "postprocess", "predict"} <= functions("pipeline.py")
    assert {f"test_{name}" for name in needed} <= functions("tests/test_steps.py")
    assert {"generate_toy_dataset", "create_toy_data"} <= functions("tests/conftest.py")
    item = json.loads((MODEL / "stac-item.json").read_text())
    properties = item["properties"]
    keys = {key.split(".")[1] for key in properties["mlm:hyperparameters"]}
    assert keys == {spec["key"] for spec in properties["fair:hyperparameters_spec"]}
    assert properties["mlm:input"][0]["name"] == "image"
    for name in ("checkpoint", "model"):
        assert item["assets"][name]["href"].startswith("https://")
    for side, key in (("input", "pre_processing_function"), ("output", "post_processing_function")):
        function = properties[f"mlm:{side}"][0][key]["expression"]
        assert function.split(":")[1] in functions("pipeline.py")


def test_validator_of_the_platform_finds_nothing():
    validator = pytest.importorskip(
        "fair.utils.model_validator", reason="needs fair-py-ops (pip install --no-deps)"
    )
    assert validator.validate_model(MODEL) == []


@pytest.mark.parametrize("version", ["v1.0.0", "v1.1.0"])
def test_item_fits_the_schemas_of_the_platform(version):
    fair = pytest.importorskip("fair", reason="needs fair-py-ops (pip install --no-deps)")
    jsonschema = pytest.importorskip("jsonschema")
    file = Path(fair.__file__).parent / "schemas" / version / "base-model" / "schema.json"
    text = (MODEL / "stac-item.json").read_text()
    item = json.loads(text.replace("schemas/v1.0.0/base-model", f"schemas/{version}/base-model"))
    jsonschema.Draft7Validator(json.loads(file.read_text())).validate(item)
