"""``roadex view``: a run in the browser, in full resolution, to look at and to review."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--scene",
    multiple=True,
    metavar="RASTER",
    help="The imagery, where it is no longer where it was at the time of the run; several are "
    "given one by one.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port to listen on.  [default: a free one]",
)
@click.option(
    "--open/--no-open",
    "opens",
    default=None,
    help="Open the browser.  [default: where there is a display]",
)
def view(folder: Path, scene: tuple[str, ...], port: int, opens: bool | None) -> None:
    """Look at a run in the browser, and review its roads.

    OUT is the output of 'roadex run'. Imagery, probability and roads are shown in full resolution,
    with a line to swipe between them. Accept (A) and Wrong (W) go into the column review of
    roads.gpkg at once; Next (N) goes to the least sure road that was not reviewed. Only this
    machine, and only with the address that is printed, gets to the pages. Ctrl-C ends it.

    \b
    Examples:
      roadex view out
      roadex view out --no-open --port 8765
    """
    from roadex.pipeline.view import ViewedRun
    from roadex.pipeline.view_server import ViewServer, has_display, open_browser

    run = ViewedRun.open(folder, scene=list(scene) or None)
    if run.note:
        click.echo(f"warning: {run.note}", err=True)
    with ViewServer(run, port=port) as server:
        click.echo(f"{server.address}\nCtrl-C ends it")
        with open_browser(server.address, opens=has_display() if opens is None else opens):
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                click.echo("ended")
