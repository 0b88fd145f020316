"""What a training run leaves behind besides its checkpoints: the result, its summary, the list of what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from vidtune.adapters import save_adapter, trainable_table
from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import RunCorrupt
from vidtune.core.rundir import RunDirectory
from vidtune.models import LoadedModel
from vidtune.training._checkpoint import verify_folder
from vidtune.training._examples import Dropped
from vidtune.training._summary import TrainSummary

SUMMARY = "training_summary.json"
"""The name of the summary inside the result's folder."""


def write_result(loaded: LoadedModel, folder: Path) -> None:
    """Write what others load: an adapter folder, or a whole model folder with its processor."""
    save_adapter(loaded.model, folder, processor={"max_pixels": loaded.max_pixels})
    if (folder / "config.json").exists():
        loaded.processor.save_pretrained(folder)


def result_bytes(loaded: LoadedModel) -> int:
    """About what the result takes on disk: what is trained, or everything when most of it is."""
    table = trainable_table(loaded.model, loaded.family.modality_of)
    trained_bytes = sum(row.gradient_bytes for row in table)  # of the type of the weights, as they are saved
    weight_bytes = sum(row.weight_bytes for row in table)
    return weight_bytes if trained_bytes > weight_bytes // 2 else trained_bytes


def read_finished(run: RunDirectory) -> TrainSummary | None:
    """Return the summary of a run that has its result; None while it has none.

    Raises:
        RunCorrupt: If the result is damaged.
    """
    if not run.best.exists():
        return None
    verify_folder(run.best)
    record = read_json(run.best / SUMMARY)
    try:
        return TrainSummary.from_record(record)
    except (KeyError, TypeError) as exc:
        raise RunCorrupt(f"{run.best / SUMMARY} is not a summary that this vidtune wrote.") from exc


def write_ledger(run: RunDirectory, train: Sequence[Dropped], held_out: Sequence[Dropped]) -> None:
    """List the samples that were left out; written anew, since what can be read may have changed."""
    path = run.path / "dropped.jsonl"
    path.unlink(missing_ok=True)
    entries = [("data", entry) for entry in train] + [("eval_data", entry) for entry in held_out]
    with RecordLog(path) as log:
        log.append_many({"from": source, **asdict(entry)} for source, entry in entries)
