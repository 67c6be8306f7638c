"""``roadex generate``: synthetic scenes to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import GenerateConfig
from roadex.errors import OutputError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@opt.setting("--scenes", path="scenes", kind=GenerateConfig)
@opt.setting("--size", path="size", kind=GenerateConfig)
@opt.setting("--gsd", path="gsd_m", kind=GenerateConfig)
@opt.setting("--seed", path="seed", kind=GenerateConfig)
@opt.with_options(opt.OVERWRITE, opt.PROGRESS)
def generate(folder: Path, overwrite: bool, **options: Any) -> None:
    """Write synthetic scenes with known roads, to train on beside real ones.

    The places do not exist; they are of all styles: rural, suburban, urban, desert. Mixed into a
    training they improve a model in places it has never seen (docs/ablation.md).

    \b
    Examples:
      roadex generate generated
      roadex train my/data@0.85 pairs:generated@0.15 -o mine.safetensors
    """
    config = opt.read_options(GenerateConfig, options)
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        msg = f"{folder} is not empty; choose another folder or add --overwrite"
        raise OutputError(msg)
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
    with opt.show_progress(options) as display:
        watch = Stopwatch(display)
        with watch.stage("generate", config.scenes):
            for _ in written:
                watch.advance("generate")
    click.echo(f"wrote {config.scenes} scenes to {folder}; train on pairs:{folder}")
