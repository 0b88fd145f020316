"""Questions about the physio pack that no single frame answers: direction, phase of a mistake, tempo.

Their truth is known from the programs that moved the people, so none of it is a guess and none of it is in the pack's
own annotations. Answers are two words of equal frequency, or nearly, within each question of each split:

- ``start``, ``end``: does the person go into the movement or out of it, at that end of the clip? Frames shown backwards
  turn the answer round.
- ``onset``: does the mistake show at once, or only later in the clip? Asked of mistakes that show in the depth of a
  movement, so that which mistake it is does not give the answer away.
- ``tempo``: is the movement too fast? As many clips that are as ones that are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidtune.config import build_config
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import DataInvalid
from vidtune.packs.physio._clip import Take, plan_take
from vidtune.packs.physio._config import SPLITS, PhysioConfig
from vidtune.packs.physio._plan import ClipPlan, plan_clips
from vidtune.packs.physio._program import TOO_FAST

QUESTIONS = {
    "start": "At the start of the clip, does the person go into the movement or come out of it?",
    "end": "At the end of the clip, does the person go into the movement or come out of it?",
    "onset": "Does the mistake show at once or only later in the clip?",
    "tempo": "Is the movement done too fast or at a steady pace?",
}

_STREAM = 4
_SIXTEENTHS = {"start": (1, 3), "end": (13, 15)}
"""The first and the last two of eight frames in the middles of equal segments: what a model is likely to be shown."""

_CLEAR_CHANGE = 0.15
"""Least change of depth between the two, of 1: less is rest, and has no direction."""

_AT_ONCE, _LATER = 1 / 16, 3 / 16
"""A mistake that shows before the first of eight frames shows at once, one that does not before the second, later."""


@dataclass(frozen=True)
class TimingQuestion:
    """One question about one clip."""

    kind: str
    plan: ClipPlan
    answer: str

    def to_record(self) -> dict[str, Any]:
        """Return it as a sample in QVED's schema."""
        return {
            "id": f"{self.plan.clip_id}-{self.kind}",
            "video": self.plan.video,
            "conversations": [
                {"from": "human", "value": QUESTIONS[self.kind]},
                {"from": "gpt", "value": self.answer},
            ],
            "split": self.plan.split,
            "question_kind": self.kind,
        }


def write_timing_questions(folder: Path) -> dict[str, int]:
    """Write ``timing_train.json``, ``timing_val.json`` and ``timing_test.json`` into a physio pack.

    The same pack gives the same files. They lie beside the pack's own, and read as any QVED file does.

    Args:
        folder: A finished pack.

    Returns:
        How many questions each split has.

    Raises:
        DataInvalid: If the folder holds no physio pack, or one too small to ask about.
    """
    record = read_json(folder / "pack.json")
    if record.get("pack") != "physio":
        raise DataInvalid(f"{folder} holds a {record.get('pack')!r} pack.", "Name the folder of a physio pack.")
    config = build_config(PhysioConfig, record["config"], source=str(folder / "pack.json"))
    questions = timing_questions(config)
    counts = {}
    for split in SPLITS:
        of_split = [question.to_record() for question in questions if question.plan.split == split]
        if not of_split:
            raise DataInvalid(
                f"the {split} split of {folder} has no two clips that one question about time would tell apart.",
                "Draw a pack of more clips.",
            )
        write_json(folder / f"timing_{split}.json", of_split)
        counts[split] = len(of_split)
    return counts


def timing_questions(config: PhysioConfig) -> list[TimingQuestion]:
    """Return all questions about the clips of a pack, in the order of the clips; nothing is drawn."""
    rng = np.random.default_rng([config.seed, _STREAM])
    plans = plan_clips(config)
    found = [question for plan in plans for question in _of_clip(config, plan)]
    found += _of_tempo(plans, rng)
    return sorted(_evened(found, rng), key=lambda question: (question.plan.index, question.kind))


def _of_clip(config: PhysioConfig, plan: ClipPlan) -> Iterable[TimingQuestion]:
    if plan.fault == TOO_FAST:
        return  # from one frame to the next it goes by half a repetition: a direction cannot be seen
    take = plan_take(config, plan)
    for kind in _SIXTEENTHS:
        change = _change_of_depth(config, take, kind)
        if abs(change) >= _CLEAR_CHANGE:
            yield TimingQuestion(kind, plan, "into it" if change > 0 else "out of it")
    if take.fault_span is not None and plan.fault and take.exercise.faults[plan.fault].from_depth > 0:
        onset = take.fault_span.start_s * config.fps / len(take.times_s)
        if onset <= _AT_ONCE or onset >= _LATER:
            yield TimingQuestion("onset", plan, "at once" if onset <= _AT_ONCE else "later")


def _change_of_depth(config: PhysioConfig, take: Take, kind: str) -> float:
    duration_s = len(take.times_s) / config.fps
    before, after = (
        take.exercise.depth(take.performance, duration_s * sixteenth / 16) for sixteenth in _SIXTEENTHS[kind]
    )
    return float(after - before)


def _of_tempo(plans: list[ClipPlan], rng: np.random.Generator) -> list[TimingQuestion]:
    """Ask about every clip that is too fast, and about as many others of the same exercise and split."""
    found: list[TimingQuestion] = []
    for fast in (plan for plan in plans if plan.fault == TOO_FAST):
        taken = {question.plan.index for question in found}
        others = [
            plan
            for plan in plans
            if (plan.split, plan.exercise) == (fast.split, fast.exercise)
            and plan.fault != TOO_FAST
            and plan.index not in taken
        ]
        if others:
            steady = others[int(rng.integers(len(others)))]
            found += [TimingQuestion("tempo", fast, "too fast"), TimingQuestion("tempo", steady, "at a steady pace")]
    return found


def _evened(questions: list[TimingQuestion], rng: np.random.Generator) -> list[TimingQuestion]:
    """Leave some out, drawn by chance, so that both answers of a question are as frequent in each split."""
    kept = []
    groups: dict[tuple[str, str], dict[str, list[TimingQuestion]]] = {}
    for question in questions:
        by_answer = groups.setdefault((question.plan.split, question.kind), {})
        by_answer.setdefault(question.answer, []).append(question)
    for by_answer in groups.values():
        if len(by_answer) < 2:
            continue  # a question with one answer asks nothing
        fewest = min(len(group) for group in by_answer.values())
        for group in by_answer.values():
            kept += [group[place] for place in sorted(rng.permutation(len(group))[:fewest].tolist())]
    return kept
