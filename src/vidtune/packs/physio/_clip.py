"""One clip: from its plan to frames and to the truth about the mistake in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure import Motion, Pose, Scene, dimensions_of, render_frames, sample_scene
from vidtune.packs.physio._config import PhysioConfig
from vidtune.packs.physio._plan import CLIP_STREAM, ClipPlan, make_subject
from vidtune.packs.physio._program import TOO_FAST, Exercise, Performance
from vidtune.packs.physio.exercises import exercises as known_exercises

MIN_DURATION_S, MAX_DURATION_S = 2.0, 4.0
_T = TypeVar("_T")
_SHOWS_AT = 0.5
_COMMON_NUM_FRAMES = 8


@dataclass(frozen=True)
class FaultSpan:
    """When the mistake of a clip shows."""

    start_s: float
    end_s: float
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Take:
    """A clip that is ready to be drawn."""

    exercise: Exercise
    performance: Performance
    scene: Scene
    is_mirrored: bool
    times_s: tuple[float, ...]
    size_px: tuple[int, int]
    """Height and width."""
    fault_span: FaultSpan | None
    crf: int
    """Quality of the encoder: people's cameras differ."""


def plan_take(config: PhysioConfig, plan: ClipPlan) -> Take:
    """Return everything that is chance about a clip; depends on seed and clip index only."""
    rng = np.random.default_rng([config.seed, CLIP_STREAM, plan.index])
    exercise = known_exercises.get(plan.exercise)
    period_s, duration_s = _rhythm(exercise, plan.fault, rng)
    num_frames = round(duration_s * config.fps)
    times_s = tuple(index / config.fps for index in range(num_frames))
    lead_s, tail_s = (float(rng.uniform(0.0, 0.15)) * duration_s for _ in range(2))
    has_span = plan.fault is not None and plan.fault != TOO_FAST and rng.random() < 0.5
    performance = Performance(
        dims=dimensions_of(make_subject(config, plan.subject_id).build),
        seed=int(rng.integers(2**31)),
        period_s=period_s,
        phase=float(rng.random()),
        amplitude=float(rng.uniform(0.93, 1.03)),
        fault_name=plan.fault,
        fault_start_s=lead_s if has_span else -1.0,
        fault_end_s=duration_s - tail_s if has_span else duration_s + 1.0,
    )
    span = _fault_span(exercise, performance, times_s)
    if plan.fault is not None and span is None:
        # The chosen stretch missed every deep moment: make the mistake all along.
        performance = replace(performance, fault_start_s=-1.0, fault_end_s=duration_s + 1.0)
        span = _fault_span(exercise, performance, times_s)
    return Take(
        exercise=exercise,
        performance=performance,
        scene=_scene(exercise, plan.fault, rng),
        is_mirrored=exercise.is_sided and bool(rng.random() < 0.5),
        times_s=times_s,
        size_px=_frame_size(config, rng),
        fault_span=span,
        crf=int(rng.integers(20, 29)),
    )


def draw_take(config: PhysioConfig, plan: ClipPlan, take: Take) -> NDArray[np.uint8]:
    """Return the frames thwc of a clip."""
    motion = take.exercise.program(take.performance)
    if take.is_mirrored:
        motion = _mirrored(motion)
    subject = make_subject(config, plan.subject_id)
    return render_frames(motion, subject, take.scene, take.times_s, take.size_px).frames_thwc


def _mirrored(motion: Motion) -> Motion:
    def mirror(time_s: float) -> Pose:
        return motion(time_s).mirrored()

    return mirror


def _rhythm(exercise: Exercise, fault: str | None, rng: np.random.Generator) -> tuple[float, float]:
    """Return the seconds of a repetition and of the clip.

    A model looks at eight frames or so, and a fast movement must not look like a slow or a still
    one in them: between two of those a normal repetition goes on by a quarter at most, a fast one by
    clearly more but not by about a half, where up and down would fall on the same posture.
    """
    if fault == TOO_FAST:
        period_s = float(rng.uniform(*exercise.fast_period_s))
        low, high = ((0.34, 0.42), (0.58, 0.66))[int(rng.integers(2))]
        duration_s = _COMMON_NUM_FRAMES * period_s * float(rng.uniform(low, high))
    else:
        period_s = float(rng.uniform(*exercise.period_s))
        longest_s = max(1.15 * period_s, min(MAX_DURATION_S, 2.0 * period_s))
        duration_s = float(rng.uniform(max(MIN_DURATION_S, 1.1 * period_s), longest_s))
    return period_s, min(MAX_DURATION_S, max(MIN_DURATION_S, duration_s))


def _scene(exercise: Exercise, fault: str | None, rng: np.random.Generator) -> Scene:
    """Return a room and a camera from which the mistake, if there is one, can be seen.

    Clips without a mistake are seen from where those with one are, equally often, or the view would give it away.
    """
    shown = exercise.faults[fault] if fault is not None else _any_of(list(exercise.faults.values()), rng)
    low, high = _any_of(shown.views_deg or exercise.views_deg, rng)
    azimuth_deg = float(rng.uniform(low, high)) * (1.0 if rng.random() < 0.5 else -1.0)
    scene = sample_scene(rng, azimuth_deg=azimuth_deg, elevation_deg=float(rng.uniform(*exercise.elevation_deg)))
    return replace(
        scene,
        light=float(rng.uniform(0.82, 1.12)),
        fill=float(rng.uniform(0.74, 0.95)),
        offset_x=float(rng.uniform(-0.08, 0.08)),
        offset_y=float(rng.uniform(-0.08, 0.08)),
    )


def _any_of(choices: Sequence[_T], rng: np.random.Generator) -> _T:
    return choices[int(rng.integers(len(choices)))]


def _frame_size(config: PhysioConfig, rng: np.random.Generator) -> tuple[int, int]:
    short = config.size_px
    long = 2 * round(short * 4 / 3 / 2)
    shape = float(rng.random())
    if config.framing == "square" or shape < 0.4:
        return short, short
    return (long, short) if shape < 0.7 else (short, long)


def _fault_span(exercise: Exercise, performance: Performance, times_s: Sequence[float]) -> FaultSpan | None:
    name = performance.fault_name
    if name is None:
        return None
    from_depth = exercise.faults[name].from_depth
    shown = [
        index
        for index, time_s in enumerate(times_s)
        if performance.fault(name, time_s) > _SHOWS_AT and exercise.depth(performance, time_s) >= from_depth
    ]
    if not shown:
        return None
    frame_s = times_s[1] - times_s[0]
    start_s, end_s = times_s[shown[0]], min(times_s[shown[-1]] + frame_s, times_s[-1] + frame_s)
    return FaultSpan(round(start_s, 3), round(end_s, 3), tuple(shown))
