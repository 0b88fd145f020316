"""``vidtune data degrade``: damaged copies of a data set, to measure what a model still makes of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._shell import emit, json_option, progress_bar

if TYPE_CHECKING:
    from vidtune.data import Dataset, DegradeSummary
    from vidtune.media.corruption import Corruption, NamedCorruption

_BAD_DATA = 65
_MAX_NAMED = 5
_SHEET_FRAMES = 64
_SHEET_SIDE_PX = 448


@click.command()
@click.argument("path", metavar="[DATA]", required=False, type=click.Path())
@click.option("--out", type=click.Path(file_okay=False), help="Folder to write into; an unfinished one is continued.")
@click.option(
    "--corrupt",
    "specs",
    multiple=True,
    metavar="NAME[:SEVERITY]",
    help="What to do, repeatable: jpeg:3, noise:1-5, all:2, qved-1.0, vidaug/5_GaussianBlur. See --list.",
)
@click.option("--videos", type=click.Path(), help="Folder of the videos; default: the folder of DATA.")
@click.option("--randomness", type=click.Choice(["clip", "frame"]), help="One draw for a clip, or one for each frame.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of all random numbers.")
@click.option("--max-side-px", type=click.IntRange(min=16), help="Scale clips down first, to what the model will see.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many samples.")
@click.option("--workers", type=click.IntRange(min=1), help="Clips at a time; default: one for each core.")
@click.option("--timeout-s", default=600.0, show_default=True, type=click.FloatRange(min=0.1), help="For one clip.")
@click.option("--sheet", type=click.Path(dir_okay=False), help="Also write a picture of the first clip's damages.")
@click.option("--format", "format_name", default="auto", show_default=True, help="Annotation format.")
@click.option("--list", "is_list", is_flag=True, help="Say what there is and write nothing.")
@json_option
def degrade(
    path: str | None,
    out: str | None,
    specs: tuple[str, ...],
    videos: str | None,
    randomness: str | None,
    seed: int,
    max_side_px: int | None,
    limit: int | None,
    workers: int | None,
    timeout_s: float,
    sheet: str | None,
    format_name: str,
    is_list: bool,
    as_json: bool,
) -> None:
    """Write damaged copies of the clips of DATA, and an annotation file for each damage.

    Severity 1 is mild, 5 severe; 0 copies the files as they are. Samples keep their ids. Exits 65 when a clip
    could not be damaged; its samples are then left out.
    """
    if is_list:
        emit(_catalogue(), as_json, _catalogue_text())
        return
    if path is None or out is None or not specs:
        raise click.UsageError("give DATA, --out and at least one --corrupt, or --list.")
    from dataclasses import replace

    from vidtune.data import degrade_dataset, read_dataset

    damages = _read_specs(specs, seed=seed, randomness=randomness)
    dataset = read_dataset(path, format=format_name)
    dataset = replace(dataset, samples=dataset.samples[:limit])
    root = Path(videos) if videos else dataset.path.parent
    if sheet is not None:
        _write_sheet(dataset, root, damages, Path(sheet))
    with progress_bar() as progress:
        summary = degrade_dataset(
            dataset,
            root,
            damages,
            out,
            max_side_px=max_side_px,
            timeout_s=timeout_s,
            num_workers=workers,
            progress=progress,
        )
    emit(summary.to_record(), as_json, _text(summary))
    if summary.failures:
        sys.exit(_BAD_DATA)


def _read_specs(specs: tuple[str, ...], *, seed: int, randomness: str | None) -> list[NamedCorruption]:
    """Return every damage once, in the order asked for."""
    from vidtune.media.corruption import read_corruptions

    named = [item for spec in specs for item in read_corruptions(spec, seed=seed, randomness=randomness)]
    return list({item.label: item for item in named}.values())


def _write_sheet(dataset: Dataset, root: Path, damages: list[NamedCorruption], path: Path) -> None:
    from vidtune.data import resolve_video
    from vidtune.media import SamplingConfig, read_frames
    from vidtune.media.corruption import write_corruption_sheet

    clip = resolve_video(dataset.samples[0], root)
    write_corruption_sheet(
        read_frames(clip, SamplingConfig(num_frames=_SHEET_FRAMES), max_side_px=_SHEET_SIDE_PX), damages, path
    )


def _catalogue() -> dict[str, Any]:
    from vidtune.media.corruption import corruption_names

    return {
        "corruptions": {
            name: {
                "family": part.family,
                "summary": part.summary,
                "levels": [dict(level) for level in part.levels],
                "randomness": part.scope,
                "source": part.source,
            }
            for name, part in _parts()
        },
        "names_from_elsewhere": corruption_names(),
    }


def _catalogue_text() -> str:
    from vidtune.media.corruption import corruption_names

    parts = _parts()
    lines: list[str] = []
    for family in dict.fromkeys(part.family for _, part in parts):
        lines.append(family)
        for name, part in parts:
            if part.family == family:
                draws = f" [{part.scope}]" if part.scope else ""
                source = f" ({part.source})" if part.source else ""
                lines.append(f"  {name:18} {part.summary}{draws}{source}")
    return "\n".join([*lines, "from elsewhere", *(f"  {name}" for name in corruption_names())])


def _parts() -> list[tuple[str, Corruption]]:
    from vidtune.media.corruption import corruptions

    return [(name, corruptions.get(name)) for name in corruptions.names()]


def _text(summary: DegradeSummary) -> str:
    lines = [f"{label:32} {path}" for label, path in summary.files.items()]
    lines.append(f"{summary.num_written} clips written, {summary.num_reused} were there already.")
    for failure in summary.failures[:_MAX_NAMED]:
        error = failure["error"]
        lines.append(f"failed: {failure['video']} ({failure['label']}): [{error['code']}] {error['problem']}")
    if len(summary.failures) > _MAX_NAMED:
        lines.append(f"... and {len(summary.failures) - _MAX_NAMED} more; all are in {summary.out / 'degrade.jsonl'}")
    return "\n".join(lines)
