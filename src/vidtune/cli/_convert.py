"""``vidtune data convert``, ``subset`` and ``balance``: annotation files from annotation files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidtune.cli._shell import emit, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidtune.data import Dataset, Sample, SoundsKept

_BY_SUFFIX = {".json": "qved", ".jsonl": "messages", ".csv": "table"}

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

    Nothing is lost: options, references, events and whatever else is known go along. Sound files stay where they are,
    and their paths hold from the new file.
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
    [sounds] = write_new(dataset, {Path(out): samples}, target)
    record = {
        "from": dataset.format,
        "to": target,
        "num_samples": len(samples),
        "file": out,
        "sounds": sounds.to_record(),
    }
    text = f"{len(samples):,} samples of {path} ({dataset.format}) written to {out} ({target})."
    emit(record, as_json, "\n".join([text, *sound_notes([sounds])]))


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
    from vidtune.data import read_dataset, suffix_of, take_subsets, target_of

    dataset = read_dataset(path, format=format_name)
    target = target_of(dataset)
    subsets = take_subsets(dataset.samples, ratios, seed=seed)
    parts = {
        Path(out) / f"{dataset.path.stem}_{100 * ratio:g}{suffix_of(target)}": samples
        for ratio, samples in subsets.items()
    }
    sounds = write_new(dataset, parts, target)
    files = {
        f"{ratio:g}": {"file": str(file), "num_samples": len(samples), "sounds": kept.to_record()}
        for ratio, (file, samples), kept in zip(subsets, parts.items(), sounds, strict=True)
    }
    rows = [f"{ratio:>6}  {one['num_samples']:>8,}  {one['file']}" for ratio, one in files.items()]
    emit({"path": path, "seed": seed, "subsets": files}, as_json, "\n".join([*rows, *sound_notes(sounds)]))


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
    """Write DATA with as many samples of every class: for training, not for testing.

    Where the data have no classes, the types of question stand for them.
    """
    from collections import Counter

    from vidtune.data import balance_classes, class_of, read_dataset, target_of

    if method not in ("under", "over"):
        raise click.UsageError(f"--method {method!r}: expected under or over.")
    dataset = read_dataset(path, format=format_name)
    samples = balance_classes(
        dataset.samples, method="under" if method == "under" else "over", per_class=per_class, seed=seed
    )
    [sounds] = write_new(dataset, {Path(out): samples}, _BY_SUFFIX.get(Path(out).suffix.lower(), target_of(dataset)))
    before, after = Counter(map(class_of, dataset.samples)), Counter(map(class_of, samples))
    record = {
        "path": path,
        "file": out,
        "before": dict(before.most_common()),
        "after": dict(after.most_common()),
        "sounds": sounds.to_record(),
    }
    rows = [f"{name:32}{count:>8,}{after[name]:>8,}" for name, count in before.most_common()]
    head = f"{'class':32}{'before':>8}{'after':>8}"
    emit(record, as_json, "\n".join([head, *rows, f"Written to {out}.", *sound_notes([sounds])]))


def write_new(dataset: Dataset, parts: Mapping[Path, Sequence[Sample]], target: str) -> list[SoundsKept]:
    """Write samples of a data set to files of their own, all or none.

    A file that is there and says something else is not replaced.
    """
    from vidtune.core.durable import write_atomic
    from vidtune.core.errors import BadUsage
    from vidtune.data import encode_dataset, keep_sounds, readers

    if target not in readers.names():
        raise BadUsage(f"no format {target!r}; known: {', '.join(readers.names())}.", "Name one of them.")
    texts, sounds = {}, []
    for file, samples in parts.items():
        kept, kept_sounds = keep_sounds(samples, dataset.path.parent, file.parent)
        texts[file] = encode_dataset(kept, format=target)
        sounds.append(kept_sounds)
    for file, text in texts.items():
        if file.exists() and file.read_bytes() != text.encode():
            raise BadUsage(f"{file} is there already with other content.", "Choose another --out, or move it away.")
    for file, text in texts.items():
        write_atomic(file, text)
    return sounds


def sound_notes(sounds: Sequence[SoundsKept]) -> list[str]:
    """Return in sentences what became of the sound files of what was written; nothing where there are none."""
    num_rewritten = sum(one.num_rewritten for one in sounds)
    num_not_beside = sum(one.num_not_beside for one in sounds)
    notes = []
    if num_rewritten:
        notes.append(f"Sound files stay where they are: the paths of {num_rewritten:,} samples are written anew.")
    if num_not_beside:
        notes.append(
            f"The sound files of {num_not_beside:,} samples are not beside DATA: their paths stay as they are, "
            "for the folder of the videos."
        )
    return notes
