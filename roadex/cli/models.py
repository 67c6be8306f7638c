"""``roadex models``: list, show, import, average, tune, quantize and export models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.cli.model_tables import (
    is_network,
    model_rows,
    network_counts,
    network_rows,
    print_table,
)
from roadex.config import TTA_NAMES
from roadex.errors import OutputError
from roadex.files import refuse_existing

EXPORTS = (".onnx", ".pt2")


_OUTPUT = opt.required_output(help="Model file to write.")
_VALIDATION = click.option(
    "--validation",
    multiple=True,
    required=True,
    help="Labelled dataset to tune on, as for 'roadex train'; repeatable.",
)
_TTA = click.option(
    "--tta",
    type=click.Choice(TTA_NAMES),
    help="Test-time augmentation.  [default: that of the model, or of the first one]",
)


@click.group()
def models() -> None:
    """List, show, import, average, tune, quantize and export models.

    A network is an architecture; a model is a network with weights and a description of itself.

    \b
    Examples:
      roadex models list
      roadex models show roadex-light
    """


@models.command("list")
@click.option("--counts", is_flag=True, help="Add parameters and multiply-adds (takes seconds).")
@click.option("--markdown", is_flag=True, help="Print the tables of the documentation.")
def list_(counts: bool, markdown: bool) -> None:
    """List the models that come with roadex, and all networks.

    \b
    Examples:
      roadex models list
      roadex models list --counts
    """
    from roadex.extensions import Family, names_with_extensions
    from roadex.models import REGISTRY, SMP_PATTERN, network_entry
    from roadex.models.modelfile import packaged_models, read_metadata

    if markdown:
        from roadex.models.counts import markdown_encoders, markdown_networks

        click.echo(f"{markdown_networks()}\n\n{markdown_encoders()}")
        return
    described = ((name, read_metadata(name)) for name in packaged_models())
    print_table(
        ("model", "network", "m/pixel", "bands", "licence"),
        (
            (name, m.network, f"{m.gsd_m:g}", m.channel_order, str(m.training.get("licence", "")))
            for name, m in described
        ),
    )
    columns = ("parameters", "GMAC at 1024 px") if counts else ()
    print_table(
        ("network", *columns, "what it is"),
        (
            (name, *(network_counts(name) if counts else ()), network_entry(name).summary)
            for name in names_with_extensions(Family.NETWORKS, REGISTRY)
        ),
    )
    click.echo(f"and {SMP_PATTERN}: any architecture of segmentation-models-pytorch")


@models.command()
@click.argument("name")
def show(name: str) -> None:
    """Describe a model or a network.

    NAME is a packaged model, a model file, or a network.

    \b
    Examples:
      roadex models show roadex-light
      roadex models show runs/delhi.safetensors
      roadex models show dlinknet
    """
    print_table((), network_rows(name) if is_network(name) else model_rows(name))


@models.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@_OUTPUT
@click.option("--name", help="Name of the model.  [default: name of the checkpoint]")
@click.option("--float32", is_flag=True, help="Store 32-bit weights instead of 16-bit ones.")
@opt.OVERWRITE
def import_(
    checkpoint: Path, output: Path, name: str | None, float32: bool, overwrite: bool
) -> None:
    """Turn a published D-LinkNet checkpoint into a model.

    Reads .th and .pth files of the D-LinkNet code: D-LinkNet34, 50, 101, its form with less
    pooling, LinkNet34 and the U-Net. Nothing in the file is executed.

    \b
    Example:
      roadex models import log01_dink34.th -o dlinknet34-deepglobe.safetensors
    """
    refuse_existing(output, overwrite=overwrite)
    from roadex.models.checkpoints import convert_checkpoint

    metadata = convert_checkpoint(checkpoint, output, name=name, is_float32=float32)
    click.echo(
        f"{output}: {metadata.network}, {metadata.channel_order}, {metadata.gsd_m:g} m/pixel"
    )


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
@_OUTPUT
@_VALIDATION
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    help="Weight of each MODEL, in order.  [default: equal]",
)
@click.option(
    "--of",
    type=click.Choice(["weights", "probability"]),
    default="weights",
    show_default=True,
    help="One network, or all side by side, which takes the time of all.",
)
@_TTA
@opt.OVERWRITE
def average(names: tuple[str, ...], output: Path, overwrite: bool, **options: Any) -> None:
    """Average models: the weights of those trained from one another, or what any find.

    \b
    Example:
      roadex models average first.safetensors second.safetensors -o both.safetensors \\
          --validation my/data
    """
    shares = options.pop("shares")
    if shares and len(shares) != len(names):
        msg = f"give --share once per model ({len(names)}), or leave it out"
        raise click.UsageError(msg)
    refuse_existing(output, overwrite=overwrite)
    from roadex.training.tuning import average_models

    figures = average_models(names, output, shares=shares or (1.0,) * len(names), **options)
    for name, value in figures.items():
        click.echo(f"{name} {value:.3f}")
    click.echo(f"wrote {output}")


@models.command()
@click.argument("name", metavar="MODEL")
@_OUTPUT
@_VALIDATION
@click.option(
    "--gsd",
    "gsds_m",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    help="Metres per pixel to try; repeatable.  [default: that of the model]",
)
@_TTA
@opt.OVERWRITE
def tune(
    name: str,
    output: Path,
    validation: tuple[str, ...],
    gsds_m: tuple[float, ...],
    tta: str | None,
    overwrite: bool,
) -> None:
    """Choose the pixel size and thresholds of a model on your own labelled imagery.

    The weights do not change: this takes seconds to minutes, where 'roadex train' takes hours.

    \b
    Example:
      roadex models tune roadex-light -o here.safetensors --validation my/data \\
          --gsd 0.65 --gsd 0.8 --gsd 1.0
    """
    refuse_existing(output, overwrite=overwrite)
    from roadex.training.tuning import tune_model

    tried = tune_model(name, output, validation=validation, gsds_m=gsds_m, tta=tta)
    print_table(
        ("m/pixel", *next(iter(tried.values()))),
        ((f"{g:g}", *(f"{v:.3f}" for v in figures.values())) for g, figures in tried.items()),
    )
    click.echo(f"wrote {output}")


@models.command()
@click.argument("name", metavar="MODEL")
@_OUTPUT
@click.option(
    "--calibration",
    multiple=True,
    required=True,
    help="Labelled dataset of the kind the model learned from, as for 'roadex train'; repeatable.",
)
@click.option(
    "--chips",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Chips of 512 px to calibrate on.  [default: 64]",
)
@click.option(
    "--keep-float",
    multiple=True,
    metavar="REGEX",
    help="Layers that stay in float32, by name; repeatable.",
)
@opt.OVERWRITE
def quantize(
    name: str,
    output: Path,
    calibration: tuple[str, ...],
    chips: int | None,
    keep_float: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Add the network in 8-bit integers to a model: several times as fast on a CPU.

    The weights stay in the file, so that the model can still compute in float32. Takes a minute.

    \b
    Example:
      roadex models quantize mine.safetensors -o mine-int8.safetensors --calibration my/data
    """
    refuse_existing(output, overwrite=overwrite)
    from roadex.training.quantizing import N_CHIPS, quantize_model

    done = quantize_model(
        name, output, calibration=calibration, n_chips=chips or N_CHIPS, keep_float=keep_float
    )
    click.echo(
        f"{done.n_chips} chips; road pixels agree with float32 to an IoU of "
        f"{done.iou_with_float32:.3f}"
    )
    click.echo(f"wrote {output}")


@models.command()
@click.argument("name")
@opt.required_output(help="File to write: .onnx for Deepness (QGIS) and GeoDeep, .pt2 for PyTorch.")
@click.option(
    "--tile-size",
    type=click.IntRange(min=32),
    metavar="PIXELS",
    help="Side of the exported input tile.  [default: 512]",
)
@opt.OVERWRITE
def export(name: str, output: Path, tile_size: int | None, overwrite: bool) -> None:
    """Write a model for other programs.

    NAME is a packaged model or a model file.

    \b
    Examples:
      roadex models export roadex-light -o roads.onnx
      roadex models export runs/delhi.safetensors -o delhi.pt2 --tile-size 1024
    """
    if output.suffix not in EXPORTS:
        msg = f"{output}: the name must end in {' or '.join(EXPORTS)}"
        raise OutputError(msg)
    refuse_existing(output, overwrite=overwrite)
    from roadex.models.export import VIEWER_TILE_SIZE, export_onnx, export_program
    from roadex.models.modelfile import load_model

    write = export_onnx if output.suffix == ".onnx" else export_program
    write(load_model(name), output, tile_size=tile_size or VIEWER_TILE_SIZE)
    click.echo(str(output))
