"""The part of ``vidtune doctor`` that looks at data: examine every clip, say on one screen what was found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidtune.cli._shell import emit, progress_bar

if TYPE_CHECKING:
    from vidtune.data import Diagnosis

_BAD_DATA = 65
_MAX_CLIPS = 8
_MAX_LEAKS = 6
_MAX_PLACES = 5
_MAX_REASON = 110
_TOLD = {
    "video": "clips in two splits",
    "recording": "recordings cut by time between splits, so that scores say nothing about new ones",
    "augmentation": "altered copies in two splits",
    "subject": "people in two splits",
    "copy": "equal files in two splits",
    "near-duplicate": "look-alikes in two splits",
}


def examine_data(
    paths: Sequence[Path],
    *,
    videos_root: Path | None,
    out: Path,
    thresholds_name: str,
    is_quick: bool,
    is_fresh: bool,
    num_workers: int | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Examine, print the summary, and exit 65 when something stands in the way of a run."""
    from vidtune.data import collect_clips, diagnose, thresholds_named

    thresholds = thresholds_named(thresholds_name)
    collection = collect_clips(paths, videos_root)
    with progress_bar() as progress:
        diagnosis = diagnose(
            collection,
            out / paths[0].resolve().stem,
            thresholds=thresholds,
            timeout_s=timeout_s,
            num_workers=num_workers,
            is_quick=is_quick,
            is_fresh=is_fresh,
            progress=progress,
        )
    emit(diagnosis.to_record(), as_json, summary_text(diagnosis, thresholds_name))
    if not diagnosis.is_healthy:
        sys.exit(_BAD_DATA)


def summary_text(diagnosis: Diagnosis, thresholds_name: str) -> str:
    """Return what was found, on one screen: counts first, then what is wrong, then where the rest is."""
    reused = f", {diagnosis.num_reused} known from before" if diagnosis.num_reused else ""
    told = ", ".join(f"{count} {status}" for status, count in diagnosis.counts.items())
    lines = [
        *(f"data      {source}" for source in diagnosis.sources),
        f"clips     {len(diagnosis.records)}: {told}{reused}",
        *_clip_lines(diagnosis),
        *(line for problem in diagnosis.problems[:_MAX_CLIPS] for line in _problem_lines(problem)),
        *(_leak_lines(diagnosis) if diagnosis.records else []),
        *(_quality_lines(diagnosis, thresholds_name) if diagnosis.records else []),
        f"ledger    {diagnosis.out / 'ledger.csv'}",
    ]
    verdict = "healthy" if diagnosis.is_healthy else "not healthy: see the lines marked error"
    return "\n".join([*lines, "", verdict])


def _clip_lines(diagnosis: Diagnosis) -> list[str]:
    not_ok = sorted(
        (record for record in diagnosis.records if record["status"] != "ok"),
        key=lambda record: (record["is_usable"], record["status"] != "bad"),
    )
    lines = [
        f"{'warn ' if record['is_usable'] else 'error'}     {record['status']:7} {record['video']}: "
        f"[{record['code']}] {_shorten(record['reason'])}"
        for record in not_ok[:_MAX_CLIPS]
    ]
    if len(not_ok) > _MAX_CLIPS:
        lines.append(f"          ... and {len(not_ok) - _MAX_CLIPS} more")
    return lines


def _problem_lines(problem: str) -> list[str]:
    """Return what is wrong with a file and the first places of it, one line each."""
    first, *places = problem.splitlines()
    lines = [f"error     {first}", *(f"          {place.strip()}" for place in places[:_MAX_PLACES])]
    if len(places) > _MAX_PLACES:
        lines.append(f"          ... and {len(places) - _MAX_PLACES} more")
    return lines


def _leak_lines(diagnosis: Diagnosis) -> list[str]:
    splits = sorted({split for record in diagnosis.records for split in record["splits"]})
    if len(splits) < 2:
        return ["splits    one only: leaks between splits were not looked for"]
    if not diagnosis.shared:
        how = "by name and content" if diagnosis.is_quick else "by name, content and looks"
        return [f"splits    {', '.join(splits)}: share no clip and no known subject ({how})"]
    lines = []
    for kind, title in _TOLD.items():
        found = [item for item in diagnosis.shared if item.kind == kind]
        if found:
            names = "; ".join(f"{item.what} ({', '.join(item.splits)})" for item in found[:_MAX_LEAKS])
            more = f"; and {len(found) - _MAX_LEAKS} more" if len(found) > _MAX_LEAKS else ""
            level = "error" if found[0].is_leak else "warn "
            lines.append(f"{level}     {title} ({len(found)}): {names}{more}")
    return lines


def _quality_lines(diagnosis: Diagnosis, thresholds_name: str) -> list[str]:
    if diagnosis.is_quick:
        return ["quality   not looked at (--quick)"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in diagnosis.rejected.items())
    what = f"{diagnosis.num_rejected} of {len(diagnosis.records)} fall short of {thresholds_name!r}: {reasons}"
    lines = [f"quality   {what}" if diagnosis.num_rejected else f"quality   all reach {thresholds_name!r}"]
    notes = {
        "turned": sum(bool(record.get("rotation_deg")) for record in diagnosis.records),
        "of variable rate": sum(bool(record.get("is_variable_rate")) for record in diagnosis.records),
        "looking like another of their split": len({name for pair in diagnosis.alike_within for name in pair}),
    }
    told = [f"{count} {note}" for note, count in notes.items() if count]
    return [*lines, f"note      {', '.join(told)}"] if told else lines


def _shorten(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _MAX_REASON else f"{one_line[: _MAX_REASON - 3]}..."
