"""Who does what, with which mistake, in which clip: the whole data set before a pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidtune.packs.figure import Subject, sample_subject
from vidtune.packs.physio._config import SPLITS, PhysioConfig
from vidtune.packs.physio.exercises import exercises as known_exercises

_PLAN_STREAM, _SUBJECT_STREAM, CLIP_STREAM = 1, 2, 3
_MAX_CLIP_ID = 99_999


@dataclass(frozen=True)
class ClipPlan:
    """One clip of the data set."""

    index: int
    clip_id: str
    """Eight digits, as QVED names its files."""
    exercise: str
    fault: str | None
    wording: str
    """The feedback, without the exercise's name."""
    subject_id: str
    split: str

    @property
    def video(self) -> str:
        """The path inside the data set."""
        return f"{self.exercise}/{self.clip_id}.mp4"


def plan_clips(config: PhysioConfig) -> list[ClipPlan]:
    """Return all clips, in the order of their index.

    Every exercise is in every split, every mistake of an exercise is as frequent as the others
    (to within one clip a split), and people take turns.
    """
    rng = np.random.default_rng([config.seed, _PLAN_STREAM])
    ids = np.sort(rng.choice(max(_MAX_CLIP_ID, 10 * config.num_clips), size=config.num_clips, replace=False)) + 1
    rng.shuffle(ids)
    plans: list[ClipPlan] = []
    next_subject = 0
    for split, num_clips, num_people in zip(SPLITS, config.clips_per_split(), config.subjects_per_split(), strict=True):
        people = [subject_id(next_subject + offset) for offset in range(num_people)]
        next_subject += num_people
        turn = 0
        for name, count in _clips_per_exercise(config, num_clips).items():
            faults = _faults_in_turn(name, count, config.correct_share, rng)
            for fault in faults:
                index = len(plans)
                wordings = known_exercises.get(name).praise
                if fault is not None:
                    wordings = known_exercises.get(name).faults[fault].wordings
                plans.append(
                    ClipPlan(
                        index=index,
                        clip_id=f"{ids[index]:08d}",
                        exercise=name,
                        fault=fault,
                        wording=wordings[int(rng.integers(len(wordings)))],
                        subject_id=people[turn % len(people)],
                        split=split,
                    )
                )
                turn += 1
    return plans


def subject_id(number: int) -> str:
    """Return how the person of that number is called."""
    return f"subject_{number:03d}"


def make_subject(config: PhysioConfig, name: str) -> Subject:
    """Return the person of that id: looks the same in every clip of the data set."""
    number = int(name.rpartition("_")[2])
    return sample_subject(np.random.default_rng([config.seed, _SUBJECT_STREAM, number]), name)


def _clips_per_exercise(config: PhysioConfig, num_clips: int) -> dict[str, int]:
    """Return how many clips of each exercise one split holds: at least one, the rest by weight."""
    names = config.exercises
    steps = np.arange(len(names)) / max(1, len(names) - 1)
    weights = config.imbalance**-steps
    wanted = weights / weights.sum() * num_clips
    counts = np.maximum(1, np.floor(wanted)).astype(int)
    while counts.sum() > num_clips:
        counts[int(np.argmax(counts - wanted))] -= 1
    while counts.sum() < num_clips:
        counts[int(np.argmax(wanted - counts))] += 1
    return dict(zip(names, counts.tolist(), strict=True))


def _faults_in_turn(name: str, count: int, correct_share: float, rng: np.random.Generator) -> list[str | None]:
    faults: list[str] = list(known_exercises.get(name).faults)
    # Floor plus a draw keeps the share right on average also where a split has one or two clips of a class.
    num_correct = min(count, int(count * correct_share + rng.random()))
    start = int(rng.integers(len(faults)))
    made: list[str | None] = [faults[(start + turn) % len(faults)] for turn in range(count - num_correct)]
    made += [None] * num_correct
    return [made[place] for place in rng.permutation(count)]
