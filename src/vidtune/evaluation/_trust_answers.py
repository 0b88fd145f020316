"""Checks of the answers themselves: empty, cut off, unreadable, always the same, or no answers at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vidtune.core.wording import counted
from vidtune.evaluation._evidence import Evidence, Finding, Status

_MANY_FAILED = 0.1
_COLLAPSE_WARN, _COLLAPSE_FAIL = 0.5, 0.9
_MAX_FEW, _FEW_SHARE, _FEW_ABOVE_TRUE, _MIN_FEW_SAMPLES = 3, 0.9, 0.25, 10
_MAX_NAMED = 3
_LOOKS_LIKE_ERROR = re.compile(r"^\W*(error|exception|traceback|could not|cannot|failed to|unable to)\b", re.IGNORECASE)


def check_error_sentences(evidence: Evidence) -> Finding | None:
    """Find answers that read like messages about a video that could not be read."""
    suspicious = [sample.text or "" for sample in evidence.answered if _LOOKS_LIKE_ERROR.match(sample.text or "")]
    if not suspicious:
        return None
    shown = _quoted(suspicious[0], 80)
    message = f"{len(suspicious)} answers read like error messages and were scored as answers: {shown}."
    return Finding("error_sentences", "fail", message)


def check_collapse(evidence: Evidence) -> Finding | None:
    """Find one prediction in place of most."""
    answered = evidence.answered
    if len(answered) < 2:
        return None
    texts = Counter((sample.text or "").strip() for sample in answered)
    answers = Counter(sample.answer.strip() for sample in answered)
    text, count = texts.most_common(1)[0]
    share, true_share = count / len(answered), answers.most_common(1)[0][1] / len(answered)
    message = (
        f"{len(texts):,} distinct predictions for {len(answers):,} distinct answers; "
        f"the commonest, {_quoted(text, 60)}, is {share:.0%} of all (the commonest answer: {true_share:.0%})."
    )
    if len(answers) > 1 and share >= max(_COLLAPSE_FAIL, true_share + 0.05):
        return Finding("collapse", "fail", "The model says nearly the same for every clip. " + message)
    if len(answers) > 1 and share >= max(_COLLAPSE_WARN, true_share + 0.2):
        return Finding("collapse", "warn", "One prediction dominates. " + message)
    return Finding("collapse", "ok", message)


def check_empty(evidence: Evidence) -> Finding | None:
    """Count empty predictions."""
    num_empty = sum(not (sample.text or "").strip() for sample in evidence.answered)
    if not num_empty:
        return None
    status: Status = "fail" if num_empty > _MANY_FAILED * len(evidence.answered) else "warn"
    return Finding("empty", status, f"{num_empty} of {len(evidence.answered):,} predictions are empty; each scores 0.")


def check_unparsed(evidence: Evidence) -> Finding | None:
    """Count answers that cannot be read as one to their question."""
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


def check_truncated(evidence: Evidence) -> Finding | None:
    """Count predictions that were cut off."""
    reasons = [sample.record.get("finish_reason") for sample in evidence.answered]
    if not any(reasons):
        return None
    num_cut = reasons.count("length")
    if not num_cut:
        return Finding("truncated", "ok", "Every prediction ended by itself.")
    status: Status = "fail" if num_cut > _MANY_FAILED * len(reasons) else "warn"
    were = "was" if num_cut == 1 else "were"
    message = f"{num_cut:,} of {counted(len(reasons), 'prediction')} {were} cut off at the token limit; "
    message += "raise max_new_tokens."
    return Finding("truncated", status, message)


def check_few_answers(evidence: Evidence) -> Finding | None:
    """Find a few classes in place of many, within each kind of question: "up" and "down" of five directions."""
    found = []
    prefixes = [name.removesuffix("_predicted") for name in _fields(evidence) if name.endswith("_predicted")]
    for prefix in prefixes:
        by_kind: dict[str, list[tuple[str, str]]] = {}
        for sample, record in zip(evidence.samples, evidence.scores, strict=True):
            truth, said = record.get(f"{prefix}_true"), record.get(f"{prefix}_predicted")
            if truth is not None and said is not None:
                by_kind.setdefault(sample.question_kind, []).append((str(truth), str(said)))
        found += [told for kind, pairs in by_kind.items() if (told := _describe_few(prefix, kind, pairs))]
    if not prefixes:
        return None
    if not found:
        return Finding("few_answers", "ok", "No few answers stand for many, in any kind of question.")
    more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
    return Finding("few_answers", "warn", "Few answers stand for many: " + "; ".join(found[:_MAX_NAMED]) + more + ".")


def _fields(evidence: Evidence) -> list[str]:
    return list(dict.fromkeys(name for record in evidence.scores for name in record))


def _describe_few(prefix: str, kind: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return which few classes nearly all predictions are, where the truth has more; else ""."""
    truths, said = Counter(truth for truth, _ in pairs), Counter(name for _, name in pairs)
    if len(pairs) < _MIN_FEW_SAMPLES:
        return ""
    for count in range(1, min(_MAX_FEW, len(truths) - 1) + 1):
        share = sum(number for _, number in said.most_common(count)) / len(pairs)
        true_share = sum(number for _, number in truths.most_common(count)) / len(pairs)
        if share >= _FEW_SHARE and true_share <= share - _FEW_ABOVE_TRUE:
            names = " and ".join(repr(name) for name, _ in said.most_common(count))
            told = f"{prefix.replace('_', ' ')}s for {kind!r:.60} are {names}, of {len(truths)} true ones"
            return f"{share:.0%} of the {told}"
    return ""


def _quoted(text: str, max_length: int) -> str:
    """Return an answer as it is named in a sentence, cut visibly where it is long."""
    return repr(text if len(text) <= max_length else text[: max_length - 1] + "…")
