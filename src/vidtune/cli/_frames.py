"""``vidtune frames``: choose frames of one video, show which and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._shell import emit, json_option, progress_bar, set_option
from vidtune.core.wording import counted

if TYPE_CHECKING:
    from vidtune.media import Choice, SamplingConfig

_SHEET_SIDE_PX = 480
_PICTURES = (".png", ".jpg", ".jpeg")


@click.command()
@click.argument("video", type=click.Path())
@click.option("--select", "kind", default=None, metavar="SELECTOR", help="How to choose.  [default: hybrid]")
@click.option("--compare", default=None, metavar="A,B,…", help="Several selectors instead, one block of frames each.")
@click.option("--query", default=None, help="What the frames are needed for; selectors that can go by it do.")
@click.option("--num-frames", default=16, show_default=True, type=click.IntRange(1, 1024), help="How many.")
@click.option("--fps", type=click.FloatRange(0.001, 60), help="Rate of the fps selector.")
@click.option(
    "--out", type=click.Path(dir_okay=False), help="Contact sheet to write, png or jpg, with a json beside it."
)
@set_option
@json_option
def frames(
    video: str,
    kind: str | None,
    compare: str | None,
    query: str | None,
    num_frames: int,
    fps: float | None,
    out: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Choose frames of VIDEO and show which, when and why.

    Selectors: uniform, fps, keyframe, entropy, scene, motion; by what frames look like: farthest, dpp, maxvol,
    medoids, representative, equicontour; by a query: topk, aks, bolt; quantization; and hybrid, which covers the
    clip and goes by the query. --set embedder=contrastive:MODEL (CLIP or SigLIP) or vision_tower:MODEL sets what
    judges likeness and relevance; other settings of a selector are set in the same way.
    """
    if kind is not None and compare is not None:
        raise click.UsageError("--select and --compare exclude each other; name all selectors in --compare.")
    if out is not None and Path(out).suffix.lower() not in _PICTURES:
        raise click.UsageError(f"--out {out}: the contact sheet is a picture; let its name end in .png or .jpg.")
    samplings = _samplings([kind or "hybrid"] if compare is None else compare.split(","), num_frames, fps, overrides)

    from vidtune.media import ClipView, choices_record, clip_curves, probe_video, write_sheet

    path = Path(video)
    view = ClipView.of_source(path, probe_video(path), query=query)
    with progress_bar() as progress:
        choices = []
        for number, sampling in enumerate(samplings):
            progress("choose", number, len(samplings), sampling.kind)
            choices.append(_choose(view, sampling))
        progress("choose", len(samplings), len(samplings))
    curves = clip_curves(view, num_frames, [choice.selection for choice in choices]) if out else {}
    record = choices_record(view, choices, curves)
    if out is not None:
        from vidtune.core.durable import write_json

        write_sheet(Path(out), view.info, choices, curves, query=query)
        write_json(Path(out).with_suffix(".json"), record)
        record = {**record, "sheet": out, "record": str(Path(out).with_suffix(".json"))}
    emit(record, as_json, _text(record))


def _samplings(
    kinds: list[str], num_frames: int, fps: float | None, overrides: tuple[str, ...]
) -> list[SamplingConfig]:
    from vidtune.config import apply_overrides, build_config
    from vidtune.media import SamplingConfig, selectors

    options = apply_overrides({}, overrides)
    samplings = []
    for kind in (name.strip() for name in kinds):
        values: dict[str, Any] = {"kind": kind, "num_frames": num_frames}
        if kind in selectors.names():
            known = selectors.get(kind).options_class.model_fields
            # In a comparison a setting belongs to the selectors that have it.
            values["options"] = {key: value for key, value in options.items() if len(kinds) == 1 or key in known}
            values["fps"] = fps if selectors.get(kind).needs_fps or len(kinds) == 1 else None
        samplings.append(build_config(SamplingConfig, values, source="the command line"))
    unused = {key for key in options if not any(key in sampling.options for sampling in samplings)}
    if unused:
        raise click.UsageError(f"--set {', '.join(sorted(unused))}: none of {', '.join(kinds)} has such a setting.")
    return samplings


def _choose(view: Any, sampling: SamplingConfig) -> Choice:
    from vidtune.media import Choice, decode_at, timed_selection

    selection, select_s = timed_selection(view, sampling)
    frames = decode_at(view.info.path, selection.times_s, max_side_px=_SHEET_SIDE_PX)
    return Choice(sampling, selection, frames, select_s)


def _text(record: dict[str, Any]) -> str:
    lines = [f"{record['video']}: {record['duration_s']:.2f} s, {record['fps']:.4g} frames/s"]
    for choice in record["choices"]:
        lines.append(
            f"\n{choice['selector']}: {counted(choice['delivered'], 'frame')}, covers {choice['coverage']:.0%}, "
            f"chosen in {choice['select_s']:.2f} s"
        )
        lines += [
            f"  {frame['time_s']:>10.3f} s  frame {frame['index']:>7}  {frame['reason']}" for frame in choice["frames"]
        ]
    if "sheet" in record:
        lines.append(f"\nSheet: {record['sheet']}, record: {record['record']}")
    return "\n".join(lines)
