"""``vidtune data``: make, check, split and describe data sets."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._cache import cache
from vidtune.cli._convert import balance, convert, sound_notes, subset, write_new
from vidtune.cli._degrade import degrade
from vidtune.cli._shell import emit, json_option, progress_bar, set_option
from vidtune.core.wording import counted

if TYPE_CHECKING:
    from vidtune.data import CheckReport, Dataset, DatasetStats, SoundsKept, SplitConfig, SplitResult

_BAD_DATA = 65
_MAX_ROWS = 30
_MAX_QUESTION = 70

_format_option = click.option(
    "--format", "format_name", default="auto", show_default=True, help="Format of DATA; auto knows it by its keys."
)


@click.group()
def data() -> None:
    """Make, check, split and describe data sets."""


for _command in (balance, cache, convert, degrade, subset):
    data.add_command(_command)


@data.command()
@click.argument("pack")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write the data set into.")
@set_option
@json_option
def synth(pack: str, out: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Generate the data set PACK, such as physio, captions or longvideo, with known truth.

    Same settings, same bytes. An unfinished data set in --out is continued.
    """
    from vidtune.config import load_recipe
    from vidtune.packs import packs

    if pack not in packs.names():
        raise click.UsageError(f"no pack {pack!r}; known: {', '.join(packs.names())}.")
    part = packs.get(pack)
    config = load_recipe(part.config_class, None, overrides)
    with progress_bar() as progress:
        summary = part.synthesize(Path(out), config, progress)
    record = _as_record(summary)
    rows = [(name, _in_words(value)) for name, value in record.items()]
    emit({"pack": pack, "out": out, **record}, as_json, _table(pack, rows or [("folder", out)]))


@data.command()
@click.argument("paths", metavar="DATA...", nargs=-1, required=True, type=click.Path())
@click.option("--videos", type=click.Path(), help="Folder of the videos; default: the folder of each DATA.")
@click.option(
    "--timeout-s", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="For opening one video."
)
@_format_option
@json_option
def check(paths: tuple[str, ...], videos: str | None, timeout_s: float, format_name: str, as_json: bool) -> None:
    """Check annotation files, their videos and sound files, and what the files share with each other.

    Give the training, validation and test file together to have leakage between them found. Exits 65
    when something is wrong; a warning alone does not.
    """
    from vidtune.data import check_dataset

    datasets = _read_all(paths, format_name)
    reports = []
    with progress_bar() as progress:
        for index, dataset in enumerate(datasets):
            # Each pair of files is compared once: a later file against those before it.
            earlier = {str(other.path): other for other in datasets[:index]}
            root = videos or dataset.path.parent
            reports.append(
                check_dataset(dataset, root, against=earlier, timeout_s=timeout_s, progress=_named(progress, dataset))
            )
    has_errors = any(report.level == "error" for report in reports)
    record = {"is_fit": not has_errors, "reports": [report.to_record() for report in reports]}
    emit(record, as_json, "\n\n".join(_report_text(report) for report in reports))
    if has_errors:
        sys.exit(_BAD_DATA)


@data.command()
@click.argument("path", metavar="DATA", type=click.Path())
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder for the files of the parts.")
@set_option
@_format_option
@json_option
def split(path: str, out: str, overrides: tuple[str, ...], format_name: str, as_json: bool) -> None:
    """Cut DATA into parts that share no person and no clip, with the same mix of classes.

    Writes OUT/<name>_train.json and so on, in the format of DATA. Settings: by=subject|video|time|none,
    ratios.train=0.8 and ratios.test=0.2 (all parts), seed=42, stratify=true, guard=0 (by time: the gap
    between parts); or compat=qved-1.0 for the published split.
    """
    from vidtune.config import load_recipe
    from vidtune.data import SplitConfig, read_dataset, split_dataset

    dataset = read_dataset(path, format=format_name)
    config = load_recipe(SplitConfig, None, overrides)
    result = split_dataset(dataset.samples, config)
    files, sounds = _write_parts(dataset, result, Path(out))
    record = {
        **result.to_record(),
        "files": {name: str(file) for name, file in files.items()},
        "sounds": {name: kept.to_record() for name, kept in sounds.items()},
    }
    emit(record, as_json, "\n".join([_split_text(record, result, config), *sound_notes(list(sounds.values()))]))


@data.command()
@click.argument("path", metavar="DATA", type=click.Path())
@click.option("--videos", type=click.Path(), help="Folder of the videos; with it their lengths are measured too.")
@_format_option
@json_option
def stats(path: str, videos: str | None, format_name: str, as_json: bool) -> None:
    """Describe DATA in numbers: classes, people, lengths, questions, answers and their types, licence."""
    from vidtune.data import describe_dataset, probe_videos, read_dataset

    dataset = read_dataset(path, format=format_name)
    durations_s: dict[str, float] = {}
    if videos is not None:
        with progress_bar() as progress:
            probed = probe_videos(dataset.samples, videos, progress=progress)
        durations_s = {item.video: item.info.duration_s for item in probed if item.info is not None}
        num_unread = sum(item.info is None for item in probed)
        if num_unread:
            click.echo(
                f"{num_unread} of {len(probed)} videos could not be read; `vidtune data check` says why.", err=True
            )
    described = describe_dataset(dataset.samples, durations_s=durations_s)
    licence = _licence_beside(dataset.path)
    record = {
        "path": path,
        "format": dataset.format,
        "sha256": dataset.sha256,
        "licence": licence,
        **described.to_record(),
    }
    emit(record, as_json, _stats_text(dataset, described) + f"\nLicence: {licence or 'nothing says it'}.")


def _licence_beside(path: Path) -> str | None:
    """Return what a pack.json, or the first line of a licence file, says beside the annotations or above them."""
    import json

    for folder in (path.parent, path.parent.parent):
        if (folder / "pack.json").is_file():
            described = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
            return str(described.get("licence", "")).rstrip(".") or None
        for file in sorted(folder.glob("LICEN[CS]E*")):
            first = next((line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()), "")
            return f"{first.rstrip('.')} ({file.name})" if first else file.name
    return None


def _read_all(paths: Sequence[str], format_name: str) -> list[Dataset]:
    """Read every file; when some do not hold, all of their findings are told together."""
    from vidtune.core.errors import DataInvalid
    from vidtune.data import read_dataset

    datasets, failures = [], []
    for path in paths:
        try:
            datasets.append(read_dataset(path, format=format_name))
        except DataInvalid as exc:
            failures.append(exc)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        findings = [line for exc in failures for line in (exc.findings or (exc.problem,))]
        raise DataInvalid(f"{len(failures)} of {len(paths)} files do not hold.", failures[0].remedy, findings)
    return datasets


def _write_parts(dataset: Dataset, result: SplitResult, out: Path) -> tuple[dict[str, Path], dict[str, SoundsKept]]:
    """Write a file per part."""
    from vidtune.data import suffix_of, target_of

    target = target_of(dataset)
    files = {name: out / f"{dataset.path.stem}_{name}{suffix_of(target)}" for name in result.parts}
    sounds = write_new(dataset, {file: result.parts[name] for name, file in files.items()}, target)
    return files, dict(zip(files, sounds, strict=True))


def _named(progress: Any, dataset: Dataset) -> Any:
    """Draw one bar a file: two files with the same stage name would share one."""

    def draw(stage: str, done: int, total: int, note: str = "") -> None:
        progress(f"{stage} of {dataset.path.name}", done, total, note)

    return draw


def _report_text(report: CheckReport) -> str:
    width = max(len(finding.check) for finding in report.findings)
    lines = [f"{finding.level:5}  {finding.check:{width}}  {finding.message}" for finding in report.findings]
    verdict = {"ok": "fit to use", "warn": "fit to use, with the warnings above", "error": "not fit to use"}
    return "\n".join([f"{report.path}: {report.stats.num_samples} samples", *lines, verdict[report.level]])


def _split_text(record: dict[str, Any], result: SplitResult, config: SplitConfig) -> str:
    rows = [
        (
            name,
            part["num_samples"],
            part["num_videos"],
            part["num_subjects"] or "-",
            len(set(part["labels"]) - {"None"}) or "-",
            record["files"][name],
        )
        for name, part in record["parts"].items()
    ]
    text = _table("", rows, headers=("part", "samples", "videos", "subjects", "classes", "file"))
    if result.left_out:
        text += f"\n{len(result.left_out)} windows lie too near to another part and are left out."
    if not result.leaks:
        return f"{text}\nNo clip, copy or known subject is in more than one part."
    kinds = Counter(leak.kind for leak in result.leaks)
    if set(kinds) == {"recording"}:
        return (
            f"{text}\nBy time, recordings and their people are in several parts: scores speak for these recordings and "
            "not for new ones."
        )
    found = ", ".join(f"{count} by {kind}" for kind, count in kinds.items())
    return f"{text}\nLeaks: {found}. First: {result.leaks[0].to_text()}. Scores on this split measure memory too."


def _stats_text(dataset: Dataset, described: DatasetStats) -> str:
    words = described.answer_words
    imbalance = f", largest {described.imbalance:.1f} x the smallest" if described.imbalance else ""
    rows: list[tuple[object, object]] = [
        ("format", dataset.format),
        ("samples", described.num_samples),
        ("videos", described.num_videos),
        ("subjects", described.num_subjects or "not named"),
        ("splits", ", ".join(f"{name} {count}" for name, count in described.splits.items()) or "not named"),
        ("classes", f"{len(described.labels)}{imbalance}"),
        ("questions", counted(len(described.questions), "wording")),
        (
            "answers",
            f"{described.num_answers} different, {words.min:.0f} to {words.max:.0f} words, mean {words.mean:.1f}",
        ),
    ]
    if described.duration_s is not None:
        spread = described.duration_s
        total = f"{(described.total_duration_s or 0) / 60:.1f} min"
        rows.append(("length", f"{spread.min:.1f} to {spread.max:.1f} s, median {spread.median:.1f} s, {total} in all"))
    parts = [_table("", rows)]
    if described.types:
        told = [
            (_shorten(name), one.num_samples, one.num_answers, f"{one.commonest_share:.0%}")
            for name, one in list(described.types.items())[:_MAX_ROWS]
        ]
        parts.append(_table("", told, headers=("type of question", "samples", "answers", "commonest")))
    for title, counts in (("class", described.labels), ("error", described.errors), ("question", described.questions)):
        if counts:
            shown = [(_shorten(name), count) for name, count in list(counts.items())[:_MAX_ROWS]]
            more = f"\n... and {len(counts) - _MAX_ROWS} more" if len(counts) > _MAX_ROWS else ""
            parts.append(_table("", shown, headers=(title, "samples")) + more)
    return "\n".join(parts)


def _in_words(value: object) -> str:
    """Return counts by name as ``train 42, val 14``; anything else as it prints."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    return str(value)


def _shorten(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _MAX_QUESTION else one_line[: _MAX_QUESTION - 3] + "..."


def _as_record(summary: Any) -> dict[str, Any]:
    """Return what a pack says about what it wrote as JSON values."""
    from dataclasses import asdict, is_dataclass

    if hasattr(summary, "to_record"):
        return dict(summary.to_record())
    return asdict(summary) if is_dataclass(summary) and not isinstance(summary, type) else {}


def _table(title: str, rows: Iterable[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """Return rows as a table; plain text when stdout is no terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title or None, show_header=bool(headers), box=SIMPLE_HEAD if headers else None, title_justify="left"
    )
    rows = [tuple(row) for row in rows]
    for index in range(max((len(row) for row in rows), default=len(headers))):
        # A path or a name is copied from here: it is wrapped rather than cut off.
        table.add_column(headers[index] if headers else "", overflow="fold")
    for row in rows:
        # Text and not markup: a label such as "[red]" is data.
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(no_color=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 120)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()
