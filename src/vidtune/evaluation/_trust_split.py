"""Checks of the data: how much of it is independent, and whether training has seen it."""

from __future__ import annotations

from vidtune.data import Sample, find_leaks
from vidtune.evaluation._evidence import Evidence, Finding
from vidtune.evaluation._predictions import Prediction
from vidtune.metrics import min_clusters, smallest_p_value

_MIN_CLUSTERS_SURE = 10
_LEAKS = (
    ("video", "evaluated clips are"),
    ("augmentation", "evaluated clips have altered copies"),
    ("subject", "evaluated subjects are"),
)


def check_clusters(evidence: Evidence) -> Finding:
    """Count what is independent: people, else videos."""
    number, unit = evidence.num_clusters, "person" if evidence.cluster == "subject" else evidence.cluster
    units = "people" if evidence.cluster == "subject" else f"{unit}s"
    if number < 2:
        message = (
            f"All samples come from one {unit}: no interval and no test is possible, however many samples there are."
        )
        return Finding("clusters", "fail", message)
    if number < min_clusters():
        floor = smallest_p_value(number)
        message = (
            f"Only {number} {units}, however many clips: too few for an interval, and no test can go below "
            f"p = {floor:.3g}."
        )
        return Finding("clusters", "warn", message)
    if number < _MIN_CLUSTERS_SURE:
        message = f"{number} {units}: intervals are widened for so few and still approximate."
        return Finding("clusters", "warn", message)
    return Finding("clusters", "ok", f"Intervals are over {number:,} {units}, not over single clips.")


def check_condition(evidence: Evidence) -> Finding | None:
    """Tell where the model was shown something else than the clips."""
    names = sorted({str(one.record["condition"]) for one in evidence.samples if one.record.get("condition")})
    if not names:
        return None
    message = f"The model was not shown the clips: these are answers under the condition {', '.join(names)}."
    return Finding("condition", "fail", message)


def check_leakage(evidence: Evidence) -> Finding | None:
    """Look for evaluated clips, altered or near copies of them, and people in the training data."""
    if not evidence.reference.is_training:
        message = "The training data is not known: leakage was not checked, and priors use the evaluated answers."
        return Finding("leakage", "warn", message)
    leaks = find_leaks(
        {"training": _as_samples(evidence.reference.samples), "evaluated": _as_samples(evidence.samples)}
    )
    told = []
    for kind, words in _LEAKS:
        found = [leak for leak in leaks if leak.kind == kind]
        if found:
            told.append(f"{len(found)} {words} also in the training data, e.g. {found[0].key}.")
    pairs = evidence.near_copies.pairs if evidence.near_copies is not None else ()
    if pairs:
        first, num_clips = pairs[0], len({pair.evaluated for pair in pairs})
        told.append(
            f"{num_clips} evaluated clips show the same as clips of the training data under another name, e.g. "
            f"{first.evaluated} and {first.training}."
        )
    if told:
        return Finding("leakage", "fail", " ".join(told))
    recordings = [leak.key for leak in leaks if leak.kind == "recording"]
    if recordings:
        message = (
            f"{len(recordings)} evaluated recordings are also in the training data, at other times, e.g. "
            f"{recordings[0]}: scores speak for these recordings and not for new ones."
        )
        return Finding("leakage", "warn", message)
    looked = _describe_look(evidence)
    if not any(sample.subject for sample in evidence.samples):
        message = f"No clip is shared with training; whether people are shared is not known (no subject ids).{looked}"
        return Finding("leakage", "warn", message)
    subjects = {sample.subject for sample in evidence.samples if sample.subject}
    message = f"{_none_of(len(subjects))} in the training data.{looked}"
    return Finding("leakage", "ok", message)


def _describe_look(evidence: Evidence) -> str:
    """Return whether the pictures were compared too, and not only names."""
    if evidence.near_copies is None:
        return f" Near-duplicates were not looked for: {evidence.not_looked}." if evidence.not_looked else ""
    unread = evidence.near_copies.num_unread
    rest = f" ({unread} could not be looked at)" if unread else ""
    return f" No near-duplicates among {evidence.near_copies.num_clips:,} clips that were looked at{rest}."


def _as_samples(predictions: tuple[Prediction, ...]) -> list[Sample]:
    return [
        Sample(one.sample_id, one.video, (), subject=one.subject, meta=one.meta) for one in predictions if one.video
    ]


def _none_of(num_subjects: int) -> str:
    if num_subjects == 1:
        return "Neither the one evaluated subject nor any clip is"
    return f"None of the {num_subjects} evaluated subjects and no clip is"
