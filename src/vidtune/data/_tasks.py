"""What a sample is asked and how its answer is to be judged: the keys of ``Sample.meta`` that protocols understand.

Every reader of a benchmark writes these, so that scoring knows one vocabulary and not twenty schemas:

    protocol         name of the protocol that scores it, e.g. ``video_mme``
    question_text    the question without options, subtitles and instruction
    question_type    the benchmark's own type, task or category
    options          texts of the options of a multiple-choice question
    correct_option   which of them is right, from 0; absent where the answers are kept back
    answer_kept_back true where the benchmark publishes the answers of other questions of the file and not of this one
    references       all reference answers or captions, the first being the sample's answer
    short_answer     the keyword of a long answer
    events           things with a time: ``{"start_s", "end_s", "text"}``; ``end_s`` may be absent
    evidence_frames  native frame numbers at which the evidence is
    subtitle_path    the file of its subtitles, as the benchmark names it
    subtitle_start_s when the clip begins, on the clock of its subtitles; absent for 0
    subtitle_place   ``between`` where the benchmark puts subtitles between the frames; absent: before the question
    video_start_s, video_end_s
                     the part of its clip that is meant, and shown; absent for all of it
    audio            the sound file that goes with the clip, e.g. the question as it is spoken
    audio_start_s, audio_end_s
                     the part of it that is meant; absent for all of it
    frames           names of the images that make up the clip, in a folder of frames
    duration_s, duration_group, domain
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidtune.core.durable import read_json
from vidtune.data._conversation import check_path
from vidtune.data._findings import ABSENT, Place
from vidtune.data._samples import Sample, Turn

PROTOCOL = "protocol"
LETTERS = "ABCDEFGHIJ"
CHOICE_INSTRUCTION = "Answer with the letter of the right option and nothing else."
CAPTION_QUESTION = "Describe in one sentence what happens in this video."
SHORT_INSTRUCTION = "Answer with a word or a short phrase."

_LEADING_LETTER = re.compile(r"^\s*\(?([A-J])[.):]\)?\s+")


def choice_question(question: str, options: Sequence[str]) -> str:
    r"""Return question, lettered options and instruction, one below the other.

    Example:
        >>> print(choice_question("What is thrown?", ["a ball", "a hat"]))
        What is thrown?
        A. a ball
        B. a hat
        Answer with the letter of the right option and nothing else.
    """
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([question.strip(), *lines, CHOICE_INSTRUCTION])


def without_letter(option: str, index: int) -> str:
    """Return an option without the letter that some data sets write before it.

    Example:
        >>> without_letter("B. a hat", 1)
        'a hat'
    """
    found = _LEADING_LETTER.match(option)
    return option[found.end() :].strip() if found and found.group(1) == LETTERS[index] else option.strip()


def choice_sample(
    place: Place,
    *,
    sample_id: str,
    video: str | None,
    question: str | None,
    options: Sequence[str] | None,
    correct: int | None,
    meta: Mapping[str, Any],
    split: str | None = None,
    subject: str | None = None,
) -> Sample | None:
    """Put together a multiple-choice sample; None when a part is missing, which has been reported by then.

    Args:
        place: Where a wrong ``correct`` is reported.
        sample_id: As the benchmark names the question; empty to have it derived.
        video: Of ``video_of``.
        question: Of ``text_of``.
        options: Of ``options_of``.
        correct: Which option is right; None where the answers are kept back.
        meta: Protocol and whatever else is known.
        split: As the benchmark names it.
        subject: Who or what films share, where known.
    """
    if video is None or question is None or options is None:
        return None
    if correct is not None and not 0 <= correct < len(options):
        place.report_text("answer", f"option {correct + 1} of {len(options)}", "one of the options")
        return None
    turns = [Turn("user", choice_question(question, options))]
    known: dict[str, Any] = {**meta, "question_text": question.strip(), "options": list(options)}
    if correct is not None:
        turns.append(Turn("assistant", LETTERS[correct]))
        known["correct_option"] = correct
    return Sample(sample_id, video, tuple(turns), split=split, subject=subject, meta=known)


def asked_sample(
    *,
    sample_id: str,
    video: str | None,
    question: str | None,
    answer: str | None,
    meta: Mapping[str, Any],
    split: str | None = None,
    subject: str | None = None,
    label: str | None = None,
) -> Sample | None:
    """Put together a sample with a free answer; None when a part is missing. An empty answer is none."""
    if video is None or question is None:
        return None
    turns = [Turn("user", question)]
    if answer and answer.strip():
        turns.append(Turn("assistant", answer.strip()))
    return Sample(sample_id, video, tuple(turns), split=split, subject=subject, label=label, meta=dict(meta))


def text_of(record: Mapping[str, Any], key: str, place: Place) -> str | None:
    """Return a text that must be there; else report it and return None."""
    value = record.get(key, ABSENT)
    if isinstance(value, str) and value.strip():
        return value
    place.report(key, value, "text")
    return None


def texts_of(record: Mapping[str, Any], key: str, place: Place) -> list[str] | None:
    """Return a list of texts that must be there, empty ones left out; else report it and return None."""
    value = record.get(key, ABSENT)
    if isinstance(value, list) and all(isinstance(item, str) for item in value) and any(map(str.strip, value)):
        return [item.strip() for item in value if item.strip()]
    place.report(key, value, "a list of texts")
    return None


def options_of(value: Any, field: str, place: Place) -> list[str] | None:
    """Return the options of a question without their letters; else report it and return None."""
    if isinstance(value, list) and 2 <= len(value) <= len(LETTERS) and all(isinstance(item, str) for item in value):
        return [without_letter(item, index) for index, item in enumerate(value)]
    place.report(field, value, f"a list of 2 to {len(LETTERS)} texts")
    return None


def option_named(value: Any, options: Sequence[str] | None, field: str, place: Place) -> int | None:
    """Return which option an answer is: written as its letter, its number or its text. None is reported as such.

    An answer that is absent or null is kept back: it is None without a report.
    """
    if value is None or value is ABSENT or options is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(options):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text in options:
            return options.index(text)
        if len(text) == 1 and text.upper() in LETTERS[: len(options)]:
            return LETTERS.index(text.upper())
        if text.isdigit() and int(text) < len(options):
            return int(text)
        for index, option in enumerate(options):
            if without_letter(text, index) == option:
                return index
    place.report(field, value, f"one of the {len(options)} options")
    return None


def video_of(record: Mapping[str, Any], key: str, place: Place) -> str | None:
    """Return the path or id of the clip; else report it and return None."""
    value = record.get(key, ABSENT)
    if isinstance(value, str) and value.strip():
        return check_path(value.strip(), key, place)
    place.report(key, value, "the path or the id of a video")
    return None


def number_of(record: Mapping[str, Any], key: str, place: Place) -> float | None:
    """Return a number that may be absent; a text that is one is taken too. Anything else is reported."""
    value = record.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        place.report(key, value, "a number")
        return None


def events_of(
    starts_ends: Sequence[Any], texts: Sequence[Any], field: str, place: Place
) -> list[dict[str, Any]] | None:
    """Return events from spans ``[start, end]`` and texts in step; problems are reported and give None."""
    if len(starts_ends) != len(texts):
        place.report_text(field, f"{len(starts_ends)} times and {len(texts)} texts", "as many of one as of the other")
        return None
    events = []
    for index, (span, text) in enumerate(zip(starts_ends, texts, strict=True)):
        is_span = isinstance(span, list) and len(span) == 2 and all(_is_number(value) for value in span)
        if not is_span:
            place.report(f"{field}[{index}]", span, "start and end in seconds")
        elif not isinstance(text, str) or not text.strip():
            place.report(f"{field}[{index}]", text, "text")
        else:
            # Some official files have a start after the end; which of them was meant is clear.
            start_s, end_s = sorted(float(value) for value in span)
            events.append({"start_s": start_s, "end_s": end_s, "text": text.strip()})
    return events if len(events) == len(texts) else None


def read_beside(path: Path) -> Any:
    """Return the JSON value of a file beside an annotation file, parsed once while it stays the same; None if none is.

    Raises:
        DataInvalid: If it is no JSON.
    """
    return _read_json(path, path.stat().st_mtime_ns) if path.is_file() else None


def known_of(**values: Any) -> dict[str, Any]:
    """Return the values that are known: None is left out."""
    return {key: value for key, value in values.items() if value is not None}


def rest_of(record: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
    """Return what else a record says, under ``official``, so that nothing of it is lost."""
    rest = {key: value for key, value in record.items() if key not in used}
    return {"official": rest} if rest else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=4)
def _read_json(path: Path, changed_ns: int) -> Any:
    return read_json(path)
