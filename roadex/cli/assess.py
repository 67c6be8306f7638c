"""``roadex assess``: how good a network is, told from windows a person has marked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config import SampleConfig, ScoreConfig
from roadex.config.verbs import ASSESS

if TYPE_CHECKING:
    from roadex.scoring.assessment import Assessment

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path))
@opt.output("assessment.gpkg", help="GeoPackage to write, with the windows to mark.")
@opt.setting("--windows", path="n_windows", kind=SampleConfig)
@opt.setting("--size", path="size_m", kind=SampleConfig)
@opt.setting("--seed", path="seed", kind=ScoreConfig)
@click.option("--marked", type=_FILE, metavar="FILE", help="The windows, marked by a person.")
@opt.setting("--tolerance", path="line_buffer_m", kind=ScoreConfig)
@click.option("--json", "json_path", type=_FILE, help="Write the result as JSON.")
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def assess(
    folder: Path,
    output: Path,
    marked: Path | None,
    json_path: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Estimate from a sample how complete and how correct a network is.

    OUT is the folder of a run. First, windows are drawn at random: some where the network has
    roads, some where it has none. In QGIS, draw all roads of a window into the layer truth and set
    the window's state to done, or to unclear where the imagery does not show it. Then give the file
    with --marked: windows that are done count.

    \b
    Examples:
      roadex assess out -o assessment.gpkg
      roadex assess out --marked assessment.gpkg --json assessment.json
    """
    context = click.get_current_context()
    given = {
        name
        for name in ("output", "n_windows", "size_m", "overwrite", "json_path")
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    config = opt.read_settings(ASSESS, options)
    if marked is None:
        _refuse(given & {"json_path"}, "has no effect without --marked")
        sample = opt.read_options(SampleConfig, options)
        _draw(folder, output, sample, config, overwrite=overwrite)
        return
    _refuse(given - {"json_path"}, "has no effect with --marked")
    _show(_assess(folder, marked, config), json_path)


def _refuse(names: set[str], why: str) -> None:
    for parameter in click.get_current_context().command.params:
        if parameter.name in names:
            msg = f"{parameter.opts[-1]} {why}"
            raise click.UsageError(msg)


def _draw(
    folder: Path, output: Path, sample: SampleConfig, config: ScoreConfig, *, overwrite: bool
) -> None:
    """Write the windows, and say what to do with them."""
    from roadex.cli.display import plain_console
    from roadex.network.road_network import RoadNetwork
    from roadex.outputs.assessment import write_assessment
    from roadex.outputs.whole import check_place
    from roadex.pipeline.result import ResultPaths
    from roadex.probability.source import RasterSource
    from roadex.scoring.sample_windows import WITH_ROADS, draw_windows, squares_of

    check_place(output, overwrite=overwrite)
    edges = RoadNetwork.read(folder).edges
    source = RasterSource.open(ResultPaths(folder).probability, reading="roadex")
    squares = squares_of(source, sample.size_m)
    windows = draw_windows(squares, edges.geometry, n_windows=sample.n_windows, seed=config.seed)
    provenance = {"assessed": folder.resolve().name, "size_m": sample.size_m, "seed": config.seed}
    write_assessment(windows, output, provenance=provenance, overwrite=overwrite)
    n_with = int((windows["stratum"] == WITH_ROADS).sum())
    plain_console().print(
        f"{len(windows)} of {len(squares):,} squares drawn, {n_with} where the network has roads, "
        f"{len(windows) - n_with} where it has none\n"
        "  draw their roads in the layer truth, set state to done in the layer windows, then\n"
        f"  roadex assess {folder} --marked {output}",
        highlight=False,
        soft_wrap=True,
    )


def _assess(folder: Path, marked: Path, config: ScoreConfig) -> Assessment:
    from roadex.network.line_reader import read_line_table
    from roadex.network.road_network import RoadNetwork
    from roadex.network.vector_files import read_geometries
    from roadex.outputs.assessment import TRUTH_LAYER, WINDOW_LAYER
    from roadex.scoring.assessment import assess as assess_network

    edges = RoadNetwork.read(folder).edges
    truth = read_line_table(str(marked), layer=TRUTH_LAYER)
    windows = read_geometries(marked, layer=WINDOW_LAYER)
    return assess_network(edges.geometry, windows, truth.geometry, config)


def _show(found: Assessment, json_path: Path | None) -> None:
    """Print the estimates, and write them where that is asked for."""
    from rich.table import Table

    from roadex.cli.display import plain_console
    from roadex.scoring.report import write_plain_json

    table = Table("", "estimate", f"{found.confidence:.0%} interval")
    for name, title, digits in (
        ("completeness", "completeness", 3), ("correctness", "correctness", 3),
        ("true_km", "true roads, km", 2),
    ):  # fmt: skip
        estimate = getattr(found, name)
        if estimate.value is None:
            table.add_row(title, "no roads in the windows", "")
            continue
        table.add_row(
            title, f"{estimate.value:.{digits}f}",
            f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}",
        )  # fmt: skip
    console = plain_console()
    console.print(table)
    text = (
        f"{found.done} of {found.windows} windows done, {found.unclear} unclear; "
        f"roads match within {found.tolerance_m:g} m"
    )
    console.print(text, highlight=False, soft_wrap=True)
    for note in found.notes:
        console.print(f"- {note}", highlight=False, soft_wrap=True)
    if json_path is not None:
        write_plain_json(found.to_dict(), json_path)
