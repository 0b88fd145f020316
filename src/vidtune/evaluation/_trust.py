"""Can these scores be believed? One function a check: a finding, or None where there is nothing to look at."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vidtune.data import Sample, find_leaks
from vidtune.evaluation._aggregate import is_clearly_above
from vidtune.evaluation._predictions import Prediction, describe_unfinished
from vidtune.evaluation._reference import ReferenceSet
from vidtune.metrics import smallest_p_value

Status = Literal["ok", "warn", "fail"]
_MANY_FAILED = 0.1
_MIN_CLUSTERS = 5
_LARGE_SPREAD = 0.05
_MIN_CLUSTERS_SURE = 10
_COLLAPSE_WARN, _COLLAPSE_FAIL = 0.5, 0.9
_LOOKS_LIKE_ERROR = re.compile(r"^\W*(error|exception|traceback|could not|cannot|failed to|unable to)\b", re.IGNORECASE)
_LEAKS = (
    ("video", "evaluated clips are"),
    ("augmentation", "evaluated clips have altered copies"),
    ("subject", "evaluated subjects are"),
)


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    message: str


@dataclass(frozen=True)
class Evidence:
    """What the checks look at."""

    samples: tuple[Prediction, ...]
    reference: ReferenceSet
    cluster: str
    num_clusters: int
    rows: dict[str, dict[str, Any]]
    """Rows of ``metrics.json`` by metric."""
    scores: tuple[dict[str, Any], ...]
    """Records of ``scores.jsonl``."""
    num_expected: int | None = None
    """Samples that the prediction run was asked for."""

    @property
    def answered(self) -> list[Prediction]:
        """Samples with an answer."""
        return [sample for sample in self.samples if sample.is_ok]


def run_checks(evidence: Evidence) -> list[dict[str, str]]:
    """Return the findings of all checks that apply, worst first."""
    findings = [finding for check in _CHECKS if (finding := check(evidence)) is not None]
    order = {"fail": 0, "warn": 1, "ok": 2}
    return [asdict(finding) for finding in sorted(findings, key=lambda finding: order[finding.status])]


def _check_errors(evidence: Evidence) -> Finding:
    num_failed = len(evidence.samples) - len(evidence.answered)
    if not num_failed:
        return Finding("errors", "ok", f"All {len(evidence.samples):,} samples were answered.")
    codes = Counter(sample.error_code for sample in evidence.samples if not sample.is_ok)
    listed = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    share = num_failed / len(evidence.samples)
    message = f"{num_failed} of {len(evidence.samples):,} samples failed ({listed}); they are in no mean."
    if share > _MANY_FAILED:
        return Finding("errors", "fail", message + f" {share:.0%} missing can hide the hardest clips.")
    return Finding("errors", "warn", message)


def _check_finished(evidence: Evidence) -> Finding | None:
    if evidence.num_expected is None:
        return None
    told = describe_unfinished(len(evidence.samples), evidence.num_expected)
    if not told:
        return Finding("finished", "ok", f"All {evidence.num_expected:,} samples of the run were predicted.")
    message = f"{told}: what is missing may be easier or harder. The same `vidtune predict` command goes on with it."
    return Finding("finished", "fail", message)


def _check_error_sentences(evidence: Evidence) -> Finding | None:
    suspicious = [sample.text or "" for sample in evidence.answered if _LOOKS_LIKE_ERROR.match(sample.text or "")]
    if not suspicious:
        return None
    message = f"{len(suspicious)} answers read like error messages and were scored as answers: {suspicious[0]!r:.80}."
    return Finding("error_sentences", "fail", message)


def _check_collapse(evidence: Evidence) -> Finding | None:
    answered = evidence.answered
    if len(answered) < 2:
        return None
    texts = Counter((sample.text or "").strip() for sample in answered)
    answers = Counter(sample.answer.strip() for sample in answered)
    text, count = texts.most_common(1)[0]
    share, true_share = count / len(answered), answers.most_common(1)[0][1] / len(answered)
    message = (
        f"{len(texts):,} distinct predictions for {len(answers):,} distinct answers; "
        f"the commonest, {text!r:.60}, is {share:.0%} of all (the commonest answer: {true_share:.0%})."
    )
    if len(answers) > 1 and share >= max(_COLLAPSE_FAIL, true_share + 0.05):
        return Finding("collapse", "fail", "The model says nearly the same for every clip. " + message)
    if len(answers) > 1 and share >= max(_COLLAPSE_WARN, true_share + 0.2):
        return Finding("collapse", "warn", "One prediction dominates. " + message)
    return Finding("collapse", "ok", message)


def _check_empty(evidence: Evidence) -> Finding | None:
    num_empty = sum(not (sample.text or "").strip() for sample in evidence.answered)
    if not num_empty:
        return None
    status: Status = "fail" if num_empty > _MANY_FAILED * len(evidence.answered) else "warn"
    return Finding("empty", status, f"{num_empty} of {len(evidence.answered):,} predictions are empty; each scores 0.")


def _check_unparsed(evidence: Evidence) -> Finding | None:
    flags = [record["is_parsed"] for record in evidence.scores if record.get("is_parsed") is not None]
    if not flags:
        return None
    num_unparsed = flags.count(False)
    if not num_unparsed:
        return Finding("unparsed", "ok", f"All {len(flags):,} answers could be read as an answer to their question.")
    message = (
        f"{num_unparsed} of {len(flags):,} answers cannot be read as an answer to their question (no option or "
        "several, none of the known answers, or no line with a time); each is wrong."
    )
    return Finding("unparsed", "fail" if num_unparsed > _MANY_FAILED * len(flags) else "warn", message)


def _check_scorers(evidence: Evidence) -> Finding | None:
    """Tell how far rules that all say right or wrong of the same answers are apart."""
    rules = {row["field"]: row for row in evidence.rows.values() if row["kind"] == "proportion"}
    fields = [field for field in rules if field not in ("exercise_correct", "exercise_correct_compat")]
    if len(fields) < 2 or "feedback_error_correct" in fields:
        return None
    told = ", ".join(f"{rules[field]['label']} {100 * rules[field]['mean']:.1f} %" for field in fields)
    marks = [
        [bool(record[field]) for field in fields]
        for record in evidence.scores
        if all(record.get(field) is not None for field in fields)
    ]
    num_differing = sum(len(set(one)) > 1 for one in marks)
    spread = max(rules[field]["mean"] for field in fields) - min(rules[field]["mean"] for field in fields)
    message = (
        f"{len(fields)} rules judge the same answers: {told}. They agree on {len(marks) - num_differing:,} of "
        f"{len(marks):,}; a score means little without its rule."
    )
    return Finding("scorers", "warn" if spread > _LARGE_SPREAD else "ok", message)


def _check_truncated(evidence: Evidence) -> Finding | None:
    reasons = [sample.record.get("finish_reason") for sample in evidence.answered]
    if not any(reasons):
        return None
    num_cut = reasons.count("length")
    if not num_cut:
        return Finding("truncated", "ok", "Every prediction ended by itself.")
    status: Status = "fail" if num_cut > _MANY_FAILED * len(reasons) else "warn"
    message = f"{num_cut} of {len(reasons):,} predictions were cut off at the token limit; raise max_new_tokens."
    return Finding("truncated", status, message)


def _check_clusters(evidence: Evidence) -> Finding:
    number, unit = evidence.num_clusters, "person" if evidence.cluster == "subject" else evidence.cluster
    units = "people" if evidence.cluster == "subject" else f"{unit}s"
    if number < 2:
        message = (
            f"All samples come from one {unit}: no interval and no test is possible, however many samples there are."
        )
        return Finding("clusters", "fail", message)
    if number < _MIN_CLUSTERS:
        floor = smallest_p_value(number)
        message = (
            f"Only {number} {units}, however many clips: intervals are rough, and no test can go below p = {floor:.3g}."
        )
        return Finding("clusters", "warn", message)
    if number < _MIN_CLUSTERS_SURE:
        message = f"{number} {units}: intervals are widened for so few and still approximate."
        return Finding("clusters", "warn", message)
    return Finding("clusters", "ok", f"Intervals are over {number:,} {units}, not over single clips.")


def _check_blind_prior(evidence: Evidence) -> Finding | None:
    below, unclear, compared = [], [], 0
    for name, row in evidence.rows.items():
        prior = row["baselines"].get("blind_prior")
        if prior is None or name.endswith("_compat"):
            continue
        compared += 1
        scale, form = (100, ".1f") if row["kind"] == "proportion" else (1, ".3f")
        unit = " %" if row["kind"] == "proportion" else ""
        described = f"{row['label']} {row['mean'] * scale:{form}} against {prior['mean'] * scale:{form}}{unit}"
        if row["mean"] <= prior["mean"]:
            below.append(described)
        elif not is_clearly_above(prior):
            unclear.append(described)
    if not compared:
        return None
    if below:
        message = "Not above the best fixed answer, which looks at no video: " + "; ".join(below) + "."
        return Finding("blind_prior", "fail", message)
    if unclear:
        message = "Above the best fixed answer without looking, but it could be chance: " + "; ".join(unclear) + "."
        return Finding("blind_prior", "warn", message)
    return Finding("blind_prior", "ok", "Every score is clearly above the best fixed answer, which looks at no video.")


def _check_single_class(evidence: Evidence) -> Finding | None:
    by_question: dict[str, set[str]] = {}
    num_samples: Counter[str] = Counter()
    for sample in evidence.answered:
        by_question.setdefault(sample.question, set()).add(sample.answer.strip().lower())
        num_samples[sample.question] += 1
    single = [question for question, answers in by_question.items() if len(answers) == 1 and num_samples[question] > 1]
    if not single:
        return None
    affected = sum(num_samples[question] for question in single)
    message = (
        f"{affected} of {len(evidence.answered):,} samples belong to questions that always have the same answer "
        f"(e.g. {single[0]!r:.80}): they cannot show that the video is read."
    )
    return Finding("single_class", "fail" if affected == len(evidence.answered) else "warn", message)


def _check_leakage(evidence: Evidence) -> Finding | None:
    if not evidence.reference.is_training:
        message = "The training data is not known: leakage was not checked, and priors use the evaluated answers."
        return Finding("leakage", "warn", message)
    leaks = find_leaks(
        {"training": _as_samples(evidence.reference.samples), "evaluated": _as_samples(evidence.samples)}
    )
    for kind, words in _LEAKS:
        found = [leak for leak in leaks if leak.kind == kind]
        if found:
            return Finding("leakage", "fail", f"{len(found)} {words} also in the training data, e.g. {found[0].key}.")
    if not any(sample.subject for sample in evidence.samples):
        message = "No clip is shared with training; whether people are shared is not known (no subject ids)."
        return Finding("leakage", "warn", message)
    subjects = {sample.subject for sample in evidence.samples if sample.subject}
    message = f"None of the {len(subjects)} evaluated subjects and no clip is in the training data."
    return Finding("leakage", "ok", message)


def _as_samples(predictions: tuple[Prediction, ...]) -> list[Sample]:
    return [Sample(one.sample_id, one.video, (), subject=one.subject) for one in predictions if one.video]


def _check_frames(evidence: Evidence) -> Finding | None:
    frames = [sample.record["frames"] for sample in evidence.answered if sample.record.get("frames")]
    if not frames:
        return None
    num_short = sum(frame.get("delivered", 0) < frame.get("requested", 0) for frame in frames)
    num_padded = sum(frame.get("padded", 0) > 0 for frame in frames)
    lowest = min((frame["coverage"] for frame in frames if frame.get("coverage") is not None), default=None)
    covered = "" if lowest is None else f" Lowest coverage of a clip: {lowest:.0%}."
    if num_short:
        message = f"{num_short} of {len(frames):,} clips gave the model fewer frames than requested.{covered}"
        return Finding("frames", "fail", message)
    if num_padded:
        message = f"{num_padded} of {len(frames):,} clips are too short; frames were repeated.{covered}"
        return Finding("frames", "warn", message)
    return Finding("frames", "ok", f"All requested frames reached the model in {len(frames):,} clips.{covered}")


def _check_compat(evidence: Evidence) -> Finding | None:
    pairs = [
        (record["exercise_correct"], record["exercise_correct_compat"])
        for record in evidence.scores
        if record.get("exercise_correct") is not None and record.get("exercise_correct_compat") is not None
    ]
    if not pairs:
        return None
    ours, theirs = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    differing = sum(first != second for first, second in pairs)
    message = (
        f"Two rules for the exercise agree on {len(pairs) - differing:,} of {len(pairs):,} answers: "
        f"ours finds {ours} right, the published rule (text before the first hyphen) {theirs}."
    )
    return Finding("exercise_rules", "warn" if differing > 0.05 * len(pairs) else "ok", message)


_CHECKS = (
    _check_finished,
    _check_errors,
    _check_error_sentences,
    _check_blind_prior,
    _check_leakage,
    _check_collapse,
    _check_empty,
    _check_unparsed,
    _check_truncated,
    _check_clusters,
    _check_single_class,
    _check_frames,
    _check_compat,
    _check_scorers,
)
