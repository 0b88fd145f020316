"""``vidtune demo``: the main job on the embedded default, end to end."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar, set_option


@click.command()
@click.option(
    "--out", default="demo", show_default=True, type=click.Path(), help="Folder of everything the demo makes."
)
@click.option("--clips", default=800, show_default=True, type=click.IntRange(min=140), help="Clips to render.")
@set_option
@json_option
def demo(out: str, clips: int, overrides: tuple[str, ...], as_json: bool) -> None:
    """Render the physio pack, tune nano on it, and show what that was worth.

    Killed anywhere and started again, it continues. Under 5 minutes on 2 cores. --set changes the
    training recipe.
    """
    from vidtune.cli._demo_steps import run_demo

    with progress_bar() as progress:
        summary = run_demo(Path(out), num_clips=clips, overrides=overrides, progress=progress)
    emit(summary.to_record(), as_json, summary.to_text())
