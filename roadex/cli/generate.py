"""``roadex generate``: generated scenes to train on."""

from __future__ import annotations

from pathlib import Path

import click

from roadex.cli.options import OVERWRITE
from roadex.config import GenerateConfig
from roadex.errors import OutputError

_DEFAULTS = GenerateConfig()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--scenes", type=int, default=_DEFAULTS.scenes, show_default=True, help="How many.")
@click.option(
    "--size",
    type=int,
    default=_DEFAULTS.size,
    show_default=True,
    metavar="PIXELS",
    help="Rows and columns of each.",
)
@click.option(
    "--gsd", type=float, default=_DEFAULTS.gsd_m, show_default=True, help="Metres per pixel."
)
@click.option(
    "--seed",
    type=int,
    default=_DEFAULTS.seed,
    show_default=True,
    help="Of the first scene; the next ones count up.",
)
@OVERWRITE
def generate(folder: Path, scenes: int, size: int, gsd: float, seed: int, overwrite: bool) -> None:
    """Write generated scenes with known roads, to train on beside real ones.

    Places that do not exist, of all styles: rural, suburban, urban, desert. Mixed into a training
    they make a model better in places it has never seen (docs/ablation.md).

    \b
    Examples:
      roadex generate generated
      roadex train my/data@0.85 pairs:generated@0.15 -o mine.safetensors
    """
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        msg = f"{folder} is not empty; choose another folder or add --overwrite"
        raise OutputError(msg)
    config = GenerateConfig(scenes=scenes, size=size, gsd_m=gsd, seed=seed)
    from roadex.cli.display import open_display
    from roadex.progress import Stopwatch
    from roadex.synthetic import STYLES, generate_scene, write_pairs

    styles = list(STYLES)
    made = (
        generate_scene(
            shape=(config.size, config.size), gsd_m=config.gsd_m, seed=config.seed + i,
            style=styles[i % len(styles)],
        )
        for i in range(config.scenes)
    )  # fmt: skip
    written = write_pairs(made, folder)
    with open_display() as display:
        watch = Stopwatch(display)
        with watch.stage("generate", config.scenes):
            for _ in written:
                watch.advance("generate")
    click.echo(f"wrote {config.scenes} scenes to {folder}; train on pairs:{folder}")
