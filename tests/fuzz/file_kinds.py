"""Models, checkpoints of trainings, and files of settings."""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import corpus
from tests.fuzz.cases import Bench, Case, Kind, Words, here, plan_words, predict_words, put
from tests.fuzz.laws import run_command
from tests.fuzz.mutations import Mutated, mutate_bytes, mutate_often, mutate_value, odd_value

# Models


def _model(rng: Random, bench: Bench, healthy: Path) -> Case:
    content = (healthy / "tiny.safetensors").read_bytes()
    action = rng.choice(("bytes", "header", "description", "description", "weights"))
    match action:
        case "bytes":
            # The header is small beside the weights, which the hash covers.
            start = content[:1024]
            changed, note = mutate_often(rng, start, mutate_bytes)
            content = changed + content[1024:]
        case "header":
            content, note = _with_other_header(rng, content)
        case "description":
            content, note = _with_other_description(rng, content)
        case _:
            content, note = _with_other_weights(rng, content)
    path = str(put(bench, "model.safetensors", content))
    commands = [["models", "show", path], plan_words(bench, bench.scene, model=path)]
    if rng.random() < 0.5:
        commands.append(predict_words(bench, bench.scene, model=path))
    return Case(f"{action}: {note}", iter(commands))


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _joined(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _with_other_header(rng: Random, content: bytes) -> Mutated:
    header, body = _split(content)
    header, note = mutate_value(rng, header)
    return _joined(header, body), note


def _with_other_description(rng: Random, content: bytes) -> Mutated:
    """Change what the model says of itself, under a hash that is right."""
    header, _ = _split(content)
    described, note = json.loads(header["__metadata__"]["roadex"]), ""
    for _ in range(rng.randint(1, 2)):
        described, more = mutate_value(rng, described)
        note += f"{more}; "
    return _sealed(json.dumps(described), _tensors(content)), note


def _with_other_weights(rng: Random, content: bytes) -> Mutated:
    """Change a weight, or the shape of a tensor, under a hash that is right."""
    header, _ = _split(content)
    tensors = _tensors(content)
    name = rng.choice(sorted(tensors))
    odd = rng.choice((math.nan, math.inf, 6e4, -6e4, 0.0))
    if rng.random() < 0.7:
        tensors[name].view(-1)[rng.randrange(tensors[name].numel())] = odd
        note = f"{odd} in {name}"
    else:
        tensors[name] = tensors[name].reshape(1, -1)
        note = f"{name} in one row"
    return _sealed(header["__metadata__"]["roadex"], tensors), note


def _tensors(content: bytes) -> dict[str, Any]:
    from safetensors.torch import load

    return load(content)


def _sealed(text: str, tensors: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    from roadex.models.modelfile import _sha256

    header = {"roadex": text, "sha256": _sha256(text, tensors), "format": "1"}
    return save(dict(tensors), metadata=header)


# Checkpoints


def _train_words(healthy: Path, output: Path, run_folder: Path) -> Words:
    name, arguments = corpus.NETWORK
    settings = {
        "network": name, "arguments": json.dumps(arguments).replace(":", " ="), "steps": 2,
        "batch_size": 1, "chip_size": 32, "loader_processes": 0, "tta": "none",
    }  # fmt: skip
    data = healthy / "data"
    toml = healthy / "train.toml"
    toml.write_text(
        "".join(f"{k} = {v if k == 'arguments' else json.dumps(v)}\n" for k, v in settings.items())
    )
    return [
        "train", f"lines:{data / 'scene.tif'}+{data / 'roads.geojson'}", "-o", str(output),
        "--run-folder", str(run_folder), "--config", str(toml), "--processes", "1", "-q",
    ]  # fmt: skip


def _prepare_checkpoint(folder: Path) -> None:
    """Train for two steps; the run folder is what is broken."""
    data = folder / "data"
    data.mkdir()
    corpus.write_raster(data / "scene.tif", corpus.pixels(), photometric="rgb")
    lines = [
        [[500_000, 5_399_969], [500_080, 5_399_969]],
        [[500_043, 5_399_936], [500_043, 5_400_000]],
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": c}}
        for c in lines
    ]
    collection = {"type": "FeatureCollection", "crs": crs, "features": features}
    (data / "roads.geojson").write_text(json.dumps(collection))
    ending = run_command(_train_words(folder, folder / "first.safetensors", folder / "run"))
    if ending.verdict != "accepted":
        raise RuntimeError(ending.text)


def _checkpoint(rng: Random, bench: Bench, healthy: Path) -> Case:
    run = bench.work / "run"
    run.mkdir()
    broken = rng.choice(
        ("checkpoint.pt", "checkpoint.pt", "checkpoint.pt", "config.json", "data.json")
    )
    note = ""
    for source in corpus.files_below(healthy / "run"):
        content = source.read_bytes()
        if source.name == broken:
            content, note = _broken_file(rng, content, source.suffix)
        (run / source.name).write_bytes(content)
    words = _train_words(healthy, bench.outputs / "model.safetensors", run)
    return Case(f"{broken}: {note}", iter([words]))


def _broken_file(rng: Random, content: bytes, suffix: str) -> Mutated:
    if rng.random() < 0.4:
        return mutate_often(rng, content, mutate_bytes)
    if suffix == ".json":
        value, note = mutate_value(rng, json.loads(content))
        return json.dumps(value).encode(), note
    import torch

    saved = torch.load(io.BytesIO(content), weights_only=True)
    value, note = mutate_value(rng, dict(saved))
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue(), note


# Settings


def _settings(rng: Random, bench: Bench, healthy: Path) -> Case:
    from roadex.config.describe import describe
    from roadex.config.verbs import PLAN, VECTORIZE

    verb = rng.choice((PLAN, VECTORIZE))
    # Workers and stores are other machines, and other processes.
    known = [s for s in describe(verb.kind, verb.uses) if not s.path.startswith("cluster.")]
    chosen = {rng.choice(known).path: odd_value(rng) for _ in range(rng.randint(1, 3))}
    content, note = _toml(chosen), repr(chosen)
    if rng.random() < 0.2:
        content, more = mutate_bytes(rng, content)
        note += f"; {more}"
    path = str(put(bench, "settings.toml", content))
    return Case(f"{verb.verb} {note}", _settings_commands(rng, bench, verb.verb, path, chosen))


def _settings_commands(
    rng: Random, bench: Bench, verb: str, path: str, chosen: Mapping[str, object]
) -> Iterator[Words]:
    given = ["--config", path]
    if rng.random() < 0.3:
        given = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
    if any("\0" in word for word in given):  # no shell can pass it
        given = ["--config", path]
    if verb == "plan":
        yield plan_words(bench, bench.scene, *given)
        return
    mask = str(bench.healthy / "probability" / "fraction.tif")
    output = str(bench.outputs / "roads.geojson")
    yield ["vectorize", mask, "-o", output, "-q", *here(has_gpus=False), *given]


def _nothing(folder: Path) -> None:
    """Settings are made from their description."""


def _toml(values: Mapping[str, object]) -> bytes:
    return "".join(f"{name} = {_toml_value(v)}\n" for name, v in values.items()).encode()


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k} = {_toml_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps("" if value is None else value)


FILE_KINDS = (
    Kind("model", "model file: models show, plan, predict", corpus.write_model, _model, 3),
    Kind("checkpoint", "run folder: train goes on", _prepare_checkpoint, _checkpoint),
    Kind("settings", "settings: plan, vectorize", _nothing, _settings, 3),
)
