"""``vidtune data convert``, ``subset`` and ``balance``: annotation files from annotation files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidtune.cli._shell import emit, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidtune.data import Dataset, Sample

_BY_SUFFIX = {".json": "qved", ".jsonl": "messages", ".csv": "table"}
_SUFFIXES = {"qved": ".json", "sharegpt": ".json", "messages": ".jsonl", "table": ".csv"}

_format_option = click.option(
    "--format", "format_name", default="auto", show_default=True, help="Format of DATA; auto knows it by its keys."
)


@click.command()
@click.argument("path", metavar="DATA", type=click.Path())
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="File to write.")
@click.option(
    "--to", "target", help="Format to write: qved, messages, sharegpt or table. [default: by the suffix of --out]"
)
@click.option("--split", help="Only samples of this split, as DATA names it.")
@_format_option
@json_option
def convert(path: str, out: str, target: str | None, split: str | None, format_name: str, as_json: bool) -> None:
    """Write DATA, a file of any known format or a folder of clips, in another format.

    Nothing is lost: options, references, events and whatever else is known go along.
    """
    from vidtune.core.errors import BadUsage
    from vidtune.data import read_dataset

    dataset = read_dataset(path, format=format_name)
    samples = [sample for sample in dataset.samples if split is None or sample.split == split]
    if not samples:
        known = sorted({sample.split for sample in dataset.samples if sample.split})
        raise BadUsage(
            f"{path} has no split {split!r}; it has {', '.join(known) or 'none'}.", "Name one of its splits."
        )
    target = target or _BY_SUFFIX.get(Path(out).suffix.lower())
    if target is None:
        raise BadUsage(f"--out {out} does not say which format to write.", "Say it with --to, e.g. --to messages.")
    write_new(samples, Path(out), target)
    record = {"from": dataset.format, "to": target, "num_samples": len(samples), "file": out}
    emit(record, as_json, f"{len(samples):,} samples of {path} ({dataset.format}) written to {out} ({target}).")


@click.command()
@click.argument("path", metavar="DATA", type=click.Path())
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder for the files.")
@click.option("--ratio", "ratios", multiple=True, required=True, type=float, help="Share to keep; give several.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(min=0), help="Same seed, same samples.")
@_format_option
@json_option
def subset(path: str, out: str, ratios: tuple[float, ...], seed: int, format_name: str, as_json: bool) -> None:
    """Write smaller versions of DATA, each inside the next, with the same mix of classes.

    For learning curves: --ratio 0.25 --ratio 0.5 --ratio 1 writes OUT/<name>_25.json, _50 and _100.
    """
    from vidtune.data import read_dataset, take_subsets

    dataset = read_dataset(path, format=format_name)
    target = target_of(dataset)
    files = {}
    for ratio, samples in take_subsets(dataset.samples, ratios, seed=seed).items():
        file = Path(out) / f"{dataset.path.stem}_{100 * ratio:g}{suffix_of(target)}"
        write_new(samples, file, target)
        files[f"{ratio:g}"] = {"file": str(file), "num_samples": len(samples)}
    text = "\n".join(f"{ratio:>6}  {one['num_samples']:>8,}  {one['file']}" for ratio, one in files.items())
    emit({"path": path, "seed": seed, "subsets": files}, as_json, text)


@click.command()
@click.argument("path", metavar="DATA", type=click.Path())
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="File to write.")
@click.option("--method", default="under", show_default=True, help="under: leave samples out; over: take some again.")
@click.option("--per-class", type=click.IntRange(min=1), help="Samples of each class. [default: smallest or largest]")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(min=0), help="Same seed, same samples.")
@_format_option
@json_option
def balance(
    path: str, out: str, method: str, per_class: int | None, seed: int, format_name: str, as_json: bool
) -> None:
    """Write DATA with as many samples of every class: for training, not for testing."""
    from vidtune.data import balance_classes, describe_dataset, read_dataset

    if method not in ("under", "over"):
        raise click.UsageError(f"--method {method!r}: expected under or over.")
    dataset = read_dataset(path, format=format_name)
    samples = balance_classes(
        dataset.samples, method="under" if method == "under" else "over", per_class=per_class, seed=seed
    )
    write_new(samples, Path(out), _BY_SUFFIX.get(Path(out).suffix.lower(), target_of(dataset)))
    before, after = describe_dataset(dataset.samples), describe_dataset(samples)
    record = {"path": path, "file": out, "before": dict(before.labels), "after": dict(after.labels)}
    rows = [f"{name:32}{count:>8,}{after.labels.get(name, 0):>8,}" for name, count in before.labels.items()]
    emit(record, as_json, "\n".join([f"{'class':32}{'before':>8}{'after':>8}", *rows, f"Written to {out}."]))


def suffix_of(target: str) -> str:
    """Return the suffix that files of a format have."""
    return _SUFFIXES.get(target, ".json")


def target_of(dataset: Dataset) -> str:
    """Return the data set's own format, or the one that holds anything where its own is only read."""
    from vidtune.data import writable_formats

    return dataset.format if dataset.format in writable_formats() else "qved"


def write_new(samples: Sequence[Sample], file: Path, target: str) -> None:
    """Write a file; one that is there and says something else is not replaced."""
    from vidtune.core.errors import BadUsage
    from vidtune.data import encode_dataset, readers, write_dataset

    if target not in readers.names():
        raise BadUsage(f"no format {target!r}; known: {', '.join(readers.names())}.", "Name one of them.")
    if file.exists() and file.read_text(encoding="utf-8") != encode_dataset(samples, format=target):
        raise BadUsage(f"{file} is there already with other content.", "Choose another --out, or move it away.")
    write_dataset(samples, file, format=target)
