"""What is written down of a prediction: our record, and the one of the QVED pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from vidtune.core.errors import OutOfMemory, VideoTimeout, VidtuneError
from vidtune.core.hashing import hash_json

if TYPE_CHECKING:
    from vidtune.data import Sample
    from vidtune.inference._reading import Clip
    from vidtune.inference._request import Generation
    from vidtune.media import FrameSet

TEMPORARY_CODES = frozenset({OutOfMemory.code, VideoTimeout.code})
"""Errors that another attempt may not meet again."""


def answer_record(clip: Clip, answer: Generation, strip: str | None) -> dict[str, Any]:
    """Return the record of an answered sample."""
    return {
        **_about(clip.sample),
        "status": "ok",
        "prediction": answer.text,
        "error": None,
        "frames": clip.frames.to_record() if clip.frames is not None else None,
        **_heard(clip),
        "strip": strip,
        "num_prompt_tokens": answer.num_prompt_tokens,
        "num_visual_tokens": answer.num_visual_tokens,
        "num_new_tokens": answer.num_new_tokens,
        "mean_logprob": round(answer.mean_logprob, 6),
        "mean_entropy": round(answer.mean_entropy, 6),
        "mean_margin": round(answer.mean_margin, 6),
        "finish_reason": answer.finish_reason,
        "timings_s": _timings(clip.read_s, answer.preprocess_s, answer.generate_s),
        "batch_size": answer.batch_size,
        **({} if clip.subtitles is None else {"subtitles": asdict(clip.subtitles)}),
        "meta": dict(clip.sample.meta),
    }


def error_record(clip: Clip, error: VidtuneError) -> dict[str, Any]:
    """Return the record of a sample that has an error in place of an answer."""
    return {
        **_about(clip.sample),
        "status": "error",
        "prediction": None,
        "error": error.to_record(),
        "frames": clip.frames.to_record() if clip.frames is not None else None,
        **_heard(clip),
        "strip": None,
        "timings_s": _timings(clip.read_s, 0.0, 0.0),
        "meta": dict(clip.sample.meta),
    }


def strip_name(video: str, frames: FrameSet) -> str:
    """Return a file name for the strip of ``frames``: same clip and same frames, same name; safe on any disk."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(video).stem)[:40] or "clip"
    return f"{stem}-{hash_json([frames.source_sha256, list(frames.indices)])[:12]}.jpg"


def qved_predictions(samples: Iterable[Sample], records: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return predictions in the layout of the QVED pipeline, in the order of the data file.

    Its two published variants name the question ``prompt`` and ``question``; both are written, so readers of either
    find theirs. ``tokens_per_second`` counts new tokens only, and only the time of generating them.
    """
    return [_qved_prediction(records[sample.sample_id]) for sample in samples if sample.sample_id in records]


def _qved_prediction(record: dict[str, Any]) -> dict[str, Any]:
    is_ok = record["status"] == "ok"
    num_tokens = record.get("num_new_tokens") or 0
    generate_s = record["timings_s"]["generate"]
    return {
        "video_path": record["video"],
        "question": record["question"],
        "prompt": record["question"],
        "ground_truth": record["answer"] or "",
        "prediction": record["prediction"] if is_ok else "",
        "generated_tokens": num_tokens,
        "generation_time": generate_s,
        "tokens_per_second": round(num_tokens / generate_s, 3) if generate_s else 0.0,
        "status": "success" if is_ok else "error",
        "error": "" if is_ok else f"{record['error']['code']}: {record['error']['problem']}",
    }


def _about(sample: Sample) -> dict[str, Any]:
    return {
        "sample_id": sample.sample_id,
        "video": sample.video,
        "subject": sample.subject,
        "label": sample.label,
        "split": sample.split,
        "question": sample.question,
        "answer": sample.answer if sample.is_answered else None,
    }


def _heard(clip: Clip) -> dict[str, Any]:
    """Return what a record adds where the model heard something."""
    sound = None if clip.frames is None else clip.frames.sound
    return {} if sound is None else {"sound": sound.to_record()}


def _timings(read_s: float, preprocess_s: float, generate_s: float) -> dict[str, float]:
    """Times of one sample; those spent on a batch are shared evenly among its samples."""
    times_s = {"read": read_s, "preprocess": preprocess_s, "generate": generate_s}
    return {name: round(value, 6) for name, value in {**times_s, "total": sum(times_s.values())}.items()}
