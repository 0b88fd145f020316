"""What was shown to the model, what it was asked with, and by what its answers were scored; said on the first screen.

These are the settings in which ``compare`` would tell two runs apart (``_settings``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._frames_seen import describe_frames
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._settings import asked_with, sound_of, subtitles_of

_PLACES = {"between": "between the frames", "before": "before the question"}


def setup_block(
    run: RunDirectory,
    samples: Sequence[Prediction],
    frames: Mapping[str, Any] | None,
    rows: Sequence[Mapping[str, Any]],
    rules: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return what scores depend on besides model and data.

    Args:
        run: Where the predictions lie; its recipe says what was asked for.
        samples: The answered ones; their records say what was delivered.
        frames: Of ``frames_block``.
        rows: Of all metrics, each with its ``scored_with``.
        rules: Protocol, version and precision of the evaluation; None where one does not apply.
    """
    heard = [sound for sample in samples if (sound := sound_of(sample)) is not None]
    places = Counter(place for sample in samples if (place := subtitles_of(sample)) is not None)
    scored = {name: value for row in rows for name, value in row["scored_with"].items()}
    return {
        "frames": frames,
        "num_answered": len(samples),
        "num_questions": len({sample.question for sample in samples}),
        "num_heard": len(heard),
        "heard_s": round(sum(heard), 3),
        "subtitles": dict(sorted(places.items())),
        "asked_with": asked_with(run),
        "scored_with": {name: value for name, value in rules.items() if value is not None} | scored,
    }


def describe_setup(block: Mapping[str, Any]) -> list[str]:
    """Return the block in sentences; what records and recipe do not tell is said to be unknown."""
    number = block["num_answered"]
    if not number:
        return []
    shown = [describe_frames(block["frames"]) or "frames: not told by the records"]
    if block["num_heard"]:
        shown.append(f"sound in {block['num_heard']:,} of {number:,} answers, {block['heard_s']:,.1f} s in all")
    elif block["frames"]:
        shown.append("no sound")
    for place, count in block["subtitles"].items():
        shown.append(f"subtitles {_PLACES.get(place, place)} in {count:,} of {number:,}")
    if block["frames"] and not block["subtitles"]:
        shown.append("no subtitles")
    asked = [f"{name} {value}" for name, value in block["asked_with"].items() if value not in (None, False)]
    questions = "one question" if block["num_questions"] == 1 else f"{block['num_questions']:,} different questions"
    with_what = f"with {', '.join(asked)}" if asked else "with settings that no recipe tells"
    scored = ", ".join(f"{name} {value}" for name, value in block["scored_with"].items())
    return [f"Shown: {'; '.join(shown)}.", f"Asked: {questions}, {with_what}.", f"Scored with: {scored}."]
