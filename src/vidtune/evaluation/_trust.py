"""Can these scores be believed? One function a check: a finding, or None where there is nothing to look at.

Here are the order of the checks and those of the run itself; ``_trust_answers`` looks at the answers, ``_trust_scores``
at what the scores are worth, ``_trust_split`` at the data.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from vidtune.core.wording import counted
from vidtune.evaluation._evidence import Evidence, Finding
from vidtune.evaluation._predictions import Prediction, describe_unfinished
from vidtune.evaluation._trust_answers import (
    check_collapse,
    check_empty,
    check_error_sentences,
    check_few_answers,
    check_truncated,
    check_unparsed,
)
from vidtune.evaluation._trust_scores import (
    check_blind_prior,
    check_exercise_rules,
    check_likeness,
    check_nearest_training,
    check_scorers,
    check_single_class,
    check_video_use,
)
from vidtune.evaluation._trust_split import check_clusters, check_condition, check_leakage

_MANY_FAILED = 0.1
_LOW_COVERAGE = 0.75


def run_checks(evidence: Evidence) -> list[dict[str, str]]:
    """Return the findings of all checks that apply, worst first."""
    findings = [finding for check in _CHECKS if (finding := check(evidence)) is not None]
    order = {"fail": 0, "warn": 1, "ok": 2}
    return [asdict(finding) for finding in sorted(findings, key=lambda finding: order[finding.status])]


def _check_finished(evidence: Evidence) -> Finding | None:
    if evidence.num_expected is None:
        return None
    told = describe_unfinished(len(evidence.samples), evidence.num_expected)
    if not told:
        return Finding(
            "finished", "ok", f"{_all(evidence.num_expected)} of the run {_were(evidence.num_expected)} predicted."
        )
    message = f"{told}: what is missing may be easier or harder. The same `vidtune predict` command goes on with it."
    return Finding("finished", "fail", message)


def _all(num_samples: int) -> str:
    return "The one sample" if num_samples == 1 else f"All {num_samples:,} samples"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _check_errors(evidence: Evidence) -> Finding:
    num_failed = len(evidence.samples) - len(evidence.answered)
    if not num_failed:
        return Finding("errors", "ok", f"{_all(len(evidence.samples))} {_were(len(evidence.samples))} answered.")
    codes = Counter(sample.error_code for sample in evidence.samples if not sample.is_ok)
    listed = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    share = num_failed / len(evidence.samples)
    message = f"{num_failed} of {len(evidence.samples):,} samples failed ({listed}); they are in no mean."
    if share > _MANY_FAILED:
        return Finding("errors", "fail", message + f" {share:.0%} missing can hide the hardest clips.")
    return Finding("errors", "warn", message)


def _check_frames(evidence: Evidence) -> Finding | None:
    num_unseen = sum(_was_answered_unseen(sample) for sample in evidence.answered)
    if num_unseen:
        message = f"{num_unseen} of {len(evidence.answered):,} answers were given without one frame of their video."
        return Finding("frames", "fail", message)
    frames = [sample.frames for sample in evidence.answered if sample.frames]
    if not frames:
        return None
    num_short = sum(frame.get("delivered", 0) < frame.get("requested", 0) for frame in frames)
    num_padded = sum(frame.get("padded", 0) > 0 for frame in frames)
    coverages = [frame["coverage"] for frame in frames if frame.get("coverage") is not None]
    covered = f" Lowest coverage of a clip: {min(coverages):.0%}." if coverages else ""
    num_low = sum(coverage < _LOW_COVERAGE for coverage in coverages)
    num_damaged = sum(frame.get("damaged", 0) > 0 or frame.get("lost", 0) > 0 for frame in frames)
    if num_short:
        message = f"{num_short} of {len(frames):,} clips gave the model fewer frames than requested.{covered}"
        return Finding("frames", "fail", message)
    if num_padded:
        message = f"{num_padded} of {len(frames):,} clips are too short; frames were repeated.{covered}"
        return Finding("frames", "warn", message)
    if num_low:
        message = f"{num_low} of {len(frames):,} clips were seen to less than {_LOW_COVERAGE:.0%}.{covered}"
        return Finding("frames", "warn", message)
    if num_damaged:
        message = f"{num_damaged} of {len(frames):,} clips have damaged or missing frames.{covered}"
        return Finding("frames", "warn", message)
    return Finding(
        "frames", "ok", f"All requested frames reached the model in {counted(len(frames), 'clip')}.{covered}"
    )


def _was_answered_unseen(sample: Prediction) -> bool:
    """Whether a record says that an answer about a video was given without it, and nobody asked for that."""
    record = sample.record
    return bool(sample.video) and "frames" in record and not record["frames"] and not record.get("condition")


_CHECKS = (
    _check_finished,
    _check_errors,
    check_error_sentences,
    check_condition,
    check_blind_prior,
    check_nearest_training,
    check_video_use,
    check_leakage,
    check_collapse,
    check_few_answers,
    check_empty,
    check_unparsed,
    check_truncated,
    check_clusters,
    check_single_class,
    _check_frames,
    check_exercise_rules,
    check_scorers,
    check_likeness,
)
