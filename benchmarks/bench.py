"""roadex side by side with what one would use instead, stage by stage, in one run.

    python benchmarks/bench.py bench                           # also by `make bench`
    python benchmarks/bench.py bench --scene ortho.tif --geodeep other-env/bin/geodeep

Without ``--scene`` a generated one of 3072 x 3072 px is used. Each candidate is a process of its
own on one thread, from file to file, imports included; candidates take turns, and the best of all
rounds counts: other load on the machine only ever makes it slower. Writes ``bench.json`` and
``bench.md`` into the folder.

- *plain loop*: what a tutorial says: rasterio windows of 1024 px, ``network(tile)`` of torch, a
  compressed GeoTIFF. No context around tiles, no resampling, no resume, no overviews.
- *GeoDeep*: ``geodeep`` on our ONNX export (512 px tiles); it ends with a median filter and a sieve
  and writes a mask. Not a dependency: give the program of an environment that has it.
- *skimage + sknw*: thins the mask in memory and writes the raw pixel graph as lines, uncleaned.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import rasterio

import roadex

SIDE, GSD_M, TILE = 3072, 0.7, 1024
THRESHOLD = 0.35
ROADEX = sys.executable, "-c", "from roadex.cli import main; main()"
ONE_THREAD = {
    f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "GDAL", "OPENCV")
}


@dataclass(frozen=True)
class Candidate:
    """One way to do a stage."""

    stage: str
    name: str
    command: tuple[str, ...]


def candidates(scene: Path, folder: Path, geodeep: str | None) -> list[Candidate]:
    """Return all candidates; those of a stage beside each other."""
    me = sys.executable, __file__
    here = "--workers", "0", "--tta", "none", "--overwrite", "--quiet"
    probability = folder / "probability.tif"

    def job(name: str, *files: Path) -> tuple[str, ...]:
        return *me, "--job", name, *map(str, files)

    def predict(precision: str) -> tuple[str, ...]:
        output = str(folder / f"{precision}.tif")
        return *ROADEX, "predict", str(scene), "-o", output, "--precision", precision, *here

    found = [
        Candidate("tiles", "roadex", job("free_network", scene, folder / "free.tif")),
        Candidate("tiles", "plain loop", job("free_loop", scene, folder / "loop-free.tif")),
        Candidate("probability", "roadex, int8", predict("int8")),
        Candidate("probability", "roadex, float32", predict("float32")),
        Candidate("probability", "plain loop", job("loop", scene, folder / "loop.tif")),
        Candidate(
            "lines",
            "roadex",
            (*ROADEX, "vectorize", str(probability), "-o", str(folder / "lines.gpkg"),
             "--workers", "0", "--overwrite", "--quiet"),
        ),
        Candidate("lines", "skimage + sknw", job("graph", probability, folder / "graph.gpkg")),
        Candidate(
            "scene to lines",
            "roadex",
            (*ROADEX, "run", str(scene), "-o", str(folder / "run"), *here),
        ),
        Candidate(
            "scene to lines",
            "plain loop, skimage + sknw",
            job("loop_and_graph", scene, folder / "both.gpkg"),
        ),
    ]  # fmt: skip
    if geodeep:
        model, mask = str(folder / "roads.onnx"), str(folder / "geodeep.tif")
        command = geodeep, str(scene), model, "-t", "mask", "-o", mask, "--max-threads", "1"
        found.insert(5, Candidate("probability", "GeoDeep", command))
    return found


def prepare(scene: Path | None, folder: Path, *, with_onnx: bool) -> Path:
    """Write what candidates start from: scene, probability, ONNX export.

    In processes apart: a process counts the memory of the one that started it as its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if scene is None:
        scene = folder / "generated.tif"
        command = [sys.executable, __file__, "--job", "generate", str(scene)]
        subprocess.run(command, check=True)
    probability = str(folder / "probability.tif")
    made = [("predict", str(scene), "-o", probability, "--tta", "none", "--quiet")]
    if with_onnx:
        made.append(("models", "export", "roadex-light", "-o", str(folder / "roads.onnx")))
    for command in made:
        subprocess.run([*ROADEX, *command, "--overwrite"], check=True)
    return scene


def generate(scene: str) -> None:
    """Write the generated scene."""
    from roadex.synthetic import generate_scene, write_scene

    place = generate_scene(shape=(SIDE, SIDE), gsd_m=GSD_M, seed=1, style="mixed")
    write_scene(place, Path(scene).parent)["scene"].replace(scene)


def measure(candidate: Candidate) -> dict[str, float]:
    """Run a candidate and return its CPU and wall seconds and the most memory of its process."""
    began = time.perf_counter()
    environment = os.environ | ONE_THREAD
    with subprocess.Popen(
        candidate.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        message = process.stderr.read().decode() if process.stderr else ""
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{candidate.stage}, {candidate.name}: {message}")
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def free_network(scene: str, output: str) -> None:
    """Predict by roadex with a network that costs nothing: reading, tiles, stitching, COG."""
    import numpy as np

    from roadex.inference.engine import Predictor

    class Brightness:
        n_bands = 3

        def probability(self, image: np.ndarray, tta: str) -> tuple[np.ndarray, int]:
            return image[0] / 255 if tta else image[0], 1

    Predictor.load = lambda *_, **__: Predictor(Brightness())  # type: ignore[method-assign]
    settings = {"predict": {"tta": "none", "native_gsd": True}, "cluster": {"workers": 0}}
    config = roadex.RunConfig.from_dict(settings)
    roadex.predict(scene, output, config=config, overwrite=True).close()


def free_loop(scene: str, output: str) -> None:
    """Predict by the plain loop with a network that costs nothing."""
    import torch

    _loop(scene, output, lambda tile: tile[:, :1] / 255 * torch.ones(1, 1, 1, 1))


def loop(scene: str, output: str) -> None:
    """Predict by the plain loop."""
    import torch

    from roadex.models.modelfile import load_model

    network = load_model("roadex-light").network.eval()
    _loop(scene, output, lambda tile: torch.sigmoid(network(tile / 127.5 - 1)))


def _loop(scene: str, output: str, network: Callable) -> None:
    import numpy as np
    import torch
    from rasterio.windows import Window

    with rasterio.open(scene) as source:
        profile = dict(source.profile, count=1, dtype="uint8", compress="deflate", tiled=True)
        profile |= {"blockxsize": 512, "blockysize": 512, "nodata": None}
        profile.pop("photometric", None)
        with rasterio.open(output, "w", **profile) as target, torch.inference_mode():
            for row in range(0, source.height, TILE):
                for col in range(0, source.width, TILE):
                    size = min(TILE, source.width - col), min(TILE, source.height - row)
                    window = Window(col, row, *size)
                    tile = np.zeros((3, TILE, TILE), np.float32)
                    tile[:, : size[1], : size[0]] = source.read((1, 2, 3), window=window)
                    found = network(torch.from_numpy(tile)[None])[0, 0, : size[1], : size[0]]
                    target.write((found * 254).round().byte().numpy(), 1, window=window)


def graph(probability: str, output: str) -> None:
    """Write the pixel graph of the thinned mask as lines."""
    import geopandas as gpd
    import numpy as np
    import sknw
    from shapely import LineString
    from skimage.morphology import skeletonize

    with rasterio.open(probability) as raster:
        values = raster.read(1)
        mask = (values >= THRESHOLD * 254) & (values != 255)
        transform, crs = raster.transform, raster.crs
    found = sknw.build_sknw(skeletonize(mask).astype(np.uint16), multi=True)
    lines = [
        LineString([transform @ (col + 0.5, row + 0.5) for row, col in edge["pts"]])
        for *_, edge in found.edges(data=True)
        if len(edge["pts"]) > 1
    ]
    gpd.GeoDataFrame(geometry=lines, crs=crs).to_file(output, layer="roads")


def loop_and_graph(scene: str, output: str) -> None:
    """Predict by the plain loop and write its pixel graph."""
    probability = str(Path(output).with_suffix(".tif"))
    loop(scene, probability)
    graph(probability, output)


JOBS = {
    job.__name__: job for job in (generate, free_network, free_loop, loop, graph, loop_and_graph)
}


def table(rows: list[dict]) -> str:
    """Return the rows as Markdown; ratios are to the first candidate of the stage."""
    lines = ["| stage | candidate | CPU s | Mpx per CPU s | times as long | peak MB |"]
    lines.append("|---|---|--:|--:|--:|--:|")
    lines += [
        f"| {r['stage']} | {r['name']} | {r['cpu_s']:.1f} | {r['mpx_per_cpu_s']:.2f} "
        f"| {r['times_as_long']:.2f} | {r['peak_mb']} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Prepare, let all candidates take turns, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for everything that is written")
    parser.add_argument("--scene", type=Path, help="three bands of 8 bits, near 0.7 m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--geodeep", help="the program `geodeep` of an environment that has it")
    options = parser.parse_args()
    scene = prepare(options.scene, options.folder, with_onnx=bool(options.geodeep))
    with rasterio.open(scene) as raster:
        megapixels = raster.width * raster.height / 1e6
    everyone = candidates(scene.absolute(), options.folder.absolute(), options.geodeep)
    taken: dict[Candidate, list[dict[str, float]]] = {one: [] for one in everyone}
    for _ in range(options.rounds):
        for one in everyone:
            taken[one].append(measure(one))
            print(one.stage, "|", one.name, taken[one][-1], flush=True)
    rows: list[dict] = []
    for one, found in taken.items():
        best = min(found, key=lambda row: row["cpu_s"])
        first = next((row for row in rows if row["stage"] == one.stage), best)
        rows.append(
            {"stage": one.stage, "name": one.name, **best}
            | {"mpx_per_cpu_s": round(megapixels / best["cpu_s"], 3)}
            | {"times_as_long": round(best["cpu_s"] / first["cpu_s"], 3)}
        )
    machine = {"roadex": roadex.__version__, "python": platform.python_version()}
    machine |= {"machine": platform.platform(), "megapixels": round(megapixels, 1)}
    content = {"machine": machine, "rounds": options.rounds, "rows": rows}
    (options.folder / "bench.json").write_text(json.dumps(content, indent=1) + "\n")
    (options.folder / "bench.md").write_text(table(rows) + "\n")
    print(table(rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        JOBS[sys.argv[2]](*sys.argv[3:])
    else:
        main()
