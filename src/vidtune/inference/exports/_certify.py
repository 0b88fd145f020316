"""``certify``: ask two pipelines the same questions and compare them stage by stage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.adapters import find_stages
from vidtune.core.progress import Progress, silent
from vidtune.inference._options import settings_of_checkpoint
from vidtune.inference.exports._causes import Evidence, find_causes
from vidtune.inference.exports._certificate import Certificate, Side
from vidtune.inference.exports._compare import first_difference
from vidtune.inference.exports._config import Tolerance
from vidtune.inference.exports._pipeline import Pipeline
from vidtune.inference.exports._probes import Probe
from vidtune.inference.exports._rows import Pair, measure_pair, stage_rows, worst_logits
from vidtune.inference.exports._trace import BatchTrace, Trace, trace_batch, trace_one

_STAGE = "certify"


@dataclass(frozen=True)
class _Kept:
    """The question that is looked at for causes: the first whose pixels or prompt differ, or else the first."""

    probe: Probe
    reference: Trace
    candidate: Trace
    is_suspect: bool


def certify(
    reference: Pipeline,
    candidate: Pipeline,
    probes: Sequence[Probe],
    tolerance: Tolerance,
    *,
    max_new_tokens: int = 32,
    sizes_bytes: tuple[int | None, int | None] = (None, None),
    notes: Sequence[str] = (),
    progress: Progress = silent,
) -> Certificate:
    """Compare ``candidate`` with ``reference`` from pixels to greedy answers.

    Both answer the questions in batches. Then each question goes through both alone, followed by the reference's
    answer, and every stage is compared.

    Args:
        reference: What is right by definition.
        candidate: What is to be as good.
        probes: What both are asked; at least one.
        tolerance: How far apart they may be.
        max_new_tokens: Longest greedy answer.
        sizes_bytes: Of reference and candidate on disk, where known.
        notes: Kept in the certificate.
        progress: Told about every question.
    """
    batches = (
        trace_batch(reference, probes, max_new_tokens),
        trace_batch(candidate, probes, max_new_tokens),
    )
    with tempfile.TemporaryDirectory(prefix="vidtune-certify-") as folder:
        pairs, kept = _measure_all(reference, candidate, probes, batches[0], tolerance, Path(folder), progress)
        stages = find_stages(reference.model, reference.modality_of)
        rows = stage_rows(stages, pairs, batches, tolerance)
        evidence = Evidence(reference, candidate, kept.probe, kept.reference, kept.candidate, *batches)
        causes = find_causes(evidence, has_pixel_fault=not rows[0].is_within)
    shares = [_same_share(*answers) for answers in zip(batches[0].answers, batches[1].answers, strict=True)]
    logits, same_best_token = worst_logits(pairs)
    return Certificate(
        reference=_side(reference, sizes_bytes[0]),
        candidate=_side(candidate, sizes_bytes[1]),
        samples=tuple(probe.name for probe in probes),
        frames_per_sample=tuple(0 if probe.frames is None else len(probe.frames.frames_thwc) for probe in probes),
        tolerance=tolerance,
        stages=tuple(rows),
        max_logit_difference=logits.max_abs,
        mean_logit_difference=logits.mean_abs,
        same_best_token=same_best_token,
        num_same_answers=sum(share == 1.0 for share in shares),
        mean_same_tokens=sum(shares) / len(shares),
        causes=tuple(causes),
        notes=(*notes, *_note_on_settings(candidate.model)),
    )


def _measure_all(
    reference: Pipeline,
    candidate: Pipeline,
    probes: Sequence[Probe],
    batch: BatchTrace,
    tolerance: Tolerance,
    folder: Path,
    progress: Progress,
) -> tuple[list[Pair], _Kept]:
    """Return the distances of every question; of what the stages put out, only one question's stays on disk."""
    pairs: list[Pair] = []
    kept: _Kept | None = None
    for index, probe in enumerate(probes):
        progress(_STAGE, index, len(probes), probe.name)
        answer = batch.answers[index]
        traces = (
            trace_one(reference, probe, answer, folder / f"{index}-reference"),
            trace_one(candidate, probe, answer, folder / f"{index}-candidate"),
        )
        pair = measure_pair(*traces)
        pairs.append(pair)
        is_suspect = pair.prompt_place is not None or pair.pixels.relative > tolerance.stage_relative
        if kept is None or (is_suspect and not kept.is_suspect):
            if kept is not None:
                _drop(kept.reference, kept.candidate)
            kept = _Kept(probe, *traces, is_suspect)
        else:
            _drop(*traces)
    progress(_STAGE, len(probes), len(probes))
    if kept is None:
        raise ValueError("a certificate needs at least one question.")
    return pairs, kept


def _note_on_settings(model: Any) -> list[str]:
    """Say so when a checkpoint asks ``generate`` for other tokens than the likeliest ones."""
    asked = ", ".join(f"{name}={value}" for name, value in settings_of_checkpoint(model).items())
    told = "which generate of transformers applies and vidtune does not: the answers were compared without"
    return [f"generation_config.json asks for {asked}, {told}"] if asked else []


def _drop(*traces: Trace) -> None:
    for trace in traces:
        shutil.rmtree(trace.folder)


def _same_share(reference: Sequence[int], candidate: Sequence[int]) -> float:
    """Return the share of the longer answer's tokens before the first that differs; 1 for two empty answers."""
    place = first_difference(reference, candidate)
    return 1.0 if place is None else place / max(len(reference), len(candidate))


def _side(pipeline: Pipeline, size_bytes: int | None) -> Side:
    return Side(pipeline.name, str(pipeline.model.dtype).removeprefix("torch."), size_bytes)
