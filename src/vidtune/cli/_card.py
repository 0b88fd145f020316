"""``vidtune card``: what others should know of a tuned model before they use it."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option
from vidtune.core.durable import write_atomic
from vidtune.core.rundir import RunDirectory


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--scored", multiple=True, type=click.Path(), help="An evaluated prediction run of its result; repeatable."
)
@click.option("--license", "license_id", help="Licence of the weights, as an SPDX identifier, e.g. apache-2.0.")
@click.option("--out", type=click.Path(dir_okay=False), help="Where it goes. [default: RUN/model_card.md]")
@json_option
def card(run: str, scored: tuple[str, ...], license_id: str | None, out: str | None, as_json: bool) -> None:
    """Write the model card of the training RUN: data, recipe, scores with intervals, trust, limits.

    Everything in it is read from files; what there is no evidence for is said to be missing.
    """
    from vidtune.reports import render_card

    trained = RunDirectory(Path(run))
    path = Path(out) if out else trained.path / "model_card.md"
    text = render_card(trained, [RunDirectory(Path(each)) for each in scored], license_id=license_id)
    write_atomic(path, text)
    emit({"card": str(path)}, as_json, str(path))
