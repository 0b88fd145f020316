"""Everything that is chance about a video: its scenes, its events, and the questions about them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vidtune.packs.longvideo._config import LongvideoConfig

COLOURS = {
    "red": (224, 36, 40),
    "orange": (250, 136, 20),
    "yellow": (246, 222, 36),
    "green": (42, 176, 60),
    "cyan": (36, 206, 214),
    "blue": (36, 84, 226),
    "purple": (122, 52, 200),
    "magenta": (226, 44, 196),
}
SHAPES = ("star", "triangle", "ring", "cross", "square", "diamond", "arrow", "disc")
REGIONS = {
    "in the upper left": (0.22, 0.26),
    "in the upper right": (0.78, 0.26),
    "in the middle": (0.5, 0.5),
    "in the lower left": (0.22, 0.74),
    "in the lower right": (0.78, 0.74),
}
PLACES = ("harbour", "market", "station", "garden", "workshop", "library", "beach", "kitchen", "street", "hall")
_KINDS = ("shape", "colour", "place", "order", "count", "place", "order", "count")
_VIDEO_STREAM = 31
_MIN_EVENT_S, _MAX_EVENT_S = 0.6, 3.0
_MIN_GAP_S = 4.0
_MAX_COUNT = 4


@dataclass(frozen=True)
class SceneSpan:
    """A stretch of the video in one place."""

    place: int
    """Index into ``PLACES``; a video comes back to places it has been at."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Event:
    """A thing that appears for a moment."""

    colour: str
    shape: str
    region: str
    start_s: float
    end_s: float
    size: float
    """In shares of the picture's height."""

    drift: tuple[float, float]
    """How far it moves from its first to its last moment, in shares of the height."""

    is_asked: bool

    @property
    def middle_s(self) -> float:
        """The time that stands for it."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class Question:
    """A multiple-choice question, and the events that one must see to answer it."""

    kind: str
    """shape, colour, place, order or count."""

    text: str
    candidates: tuple[str, ...]
    correct: int
    events: tuple[int, ...]
    """Indices into the events of the video."""


@dataclass(frozen=True)
class VideoPlan:
    """A video that is ready to be drawn."""

    index: int
    video_id: str
    duration_s: float
    num_frames: int
    scenes: tuple[SceneSpan, ...]
    events: tuple[Event, ...]
    """In the order of time."""

    questions: tuple[Question, ...]
    seed: int
    """Of how its places look."""


@dataclass(frozen=True)
class _Wanted:
    """An event without its time."""

    colour: str
    shape: str
    question: int | None
    """Number of the question about it; None for a distractor."""


def plan_video(config: LongvideoConfig, index: int) -> VideoPlan:
    """Return one video of the pack; it depends on the config's seed and ``index`` only."""
    rng = np.random.default_rng([config.seed, _VIDEO_STREAM, index])
    span = math.log(config.max_duration_s / config.min_duration_s)
    num_frames = round(config.min_duration_s * math.exp(span * float(rng.random())) * config.fps)
    duration_s = num_frames / config.fps
    scenes = _plan_scenes(config, duration_s, rng)
    kinds = [_KINDS[number] for number in range(config.questions_per_video)]
    wanted = _plan_wanted(kinds, round(config.distractors_per_minute * duration_s / 60), rng)
    events, asked = _place_in_time(wanted, duration_s, config.fps, rng)
    questions = tuple(_write_question(kind, tuple(asked[number]), events, rng) for number, kind in enumerate(kinds))
    return VideoPlan(
        index=index,
        video_id=f"lv{config.seed:03}{index:05}",
        duration_s=duration_s,
        num_frames=num_frames,
        scenes=scenes,
        events=events,
        questions=questions,
        seed=int(rng.integers(2**31)),
    )


def _plan_scenes(config: LongvideoConfig, duration_s: float, rng: np.random.Generator) -> tuple[SceneSpan, ...]:
    scenes: list[SceneSpan] = []
    start_s = 0.0
    while start_s < duration_s:
        length_s = config.mean_scene_s * 3.0 ** float(rng.uniform(-1, 1)) * 0.83
        end_s = round((start_s + length_s) * config.fps) / config.fps
        if duration_s - end_s < config.mean_scene_s / 3:
            end_s = duration_s
        others = [place for place in range(len(PLACES)) if not scenes or place != scenes[-1].place]
        scenes.append(SceneSpan(int(rng.choice(others)), start_s, end_s))
        start_s = end_s
    return tuple(scenes)


def _plan_wanted(kinds: list[str], num_distractors: int, rng: np.random.Generator) -> list[_Wanted]:
    """Return what is to appear: a question about the only thing of its shape or colour has that for itself."""
    shapes, colours = (
        [str(name) for name in rng.permutation(SHAPES)],
        [str(name) for name in rng.permutation([*COLOURS])],
    )
    wanted: list[_Wanted] = []
    own_shape = shapes.pop() if "colour" in kinds else None
    own_colour = colours.pop() if "shape" in kinds else None
    pairs = [
        (colours[pair % len(colours)], shapes[pair // len(colours)]) for pair in _shuffled_pairs(colours, shapes, rng)
    ]
    for number, kind in enumerate(kinds):
        if kind == "colour" and own_shape is not None:
            wanted.append(_Wanted(str(rng.choice(colours)), own_shape, number))
        elif kind == "shape" and own_colour is not None:
            wanted.append(_Wanted(own_colour, str(rng.choice(shapes)), number))
        elif kind == "place":
            wanted.append(_Wanted(*pairs.pop(), number))
        elif kind == "order":
            wanted += [_Wanted(*pairs.pop(), number), _Wanted(*pairs.pop(), number)]
        else:
            wanted += [_Wanted(*pairs.pop(), number)] * int(rng.integers(1, _MAX_COUNT + 1))
    for number in range(num_distractors):
        wanted.append(_Wanted(*pairs[number % len(pairs)], None))
    return wanted


def _shuffled_pairs(colours: list[str], shapes: list[str], rng: np.random.Generator) -> list[int]:
    return [int(pair) for pair in rng.permutation(len(colours) * len(shapes))]


def _place_in_time(
    wanted: list[_Wanted], duration_s: float, fps: int, rng: np.random.Generator
) -> tuple[tuple[Event, ...], dict[int, list[int]]]:
    """Return the events in a random order with random gaps, and of each question which are its own."""
    lengths_s = rng.uniform(_MIN_EVENT_S, _MAX_EVENT_S, len(wanted))
    lengths_s *= min(1.0, 0.5 * duration_s / lengths_s.sum())
    free_s = duration_s - float(lengths_s.sum())
    gap_s = min(_MIN_GAP_S, 0.5 * free_s / (len(wanted) + 1))
    gaps_s = gap_s + rng.dirichlet(np.ones(len(wanted) + 1)) * (free_s - gap_s * (len(wanted) + 1))
    events: list[Event] = []
    asked: dict[int, list[int]] = {}
    clock_s = 0.0
    for place, number in enumerate(rng.permutation(len(wanted))):
        item, length_s = wanted[number], max(float(lengths_s[number]), 2 / fps)
        clock_s += float(gaps_s[place])
        # On the grid of frames: the event is in exactly the frames from its start to before its end.
        start_s = math.floor(clock_s * fps) / fps
        end_s = min(duration_s, start_s + max(2, round(length_s * fps)) / fps)
        clock_s += length_s
        if item.question is not None:
            asked.setdefault(item.question, []).append(len(events))
        events.append(
            Event(
                colour=item.colour,
                shape=item.shape,
                region=str(rng.choice([*REGIONS])),
                start_s=start_s,
                end_s=end_s,
                size=float(rng.uniform(0.14, 0.30)),
                drift=(float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.1, 0.1))),
                is_asked=item.question is not None,
            )
        )
    return tuple(events), asked


def _write_question(kind: str, own: tuple[int, ...], events: tuple[Event, ...], rng: np.random.Generator) -> Question:
    first = events[own[0]]
    thing = f"the {first.colour} {first.shape}"
    if kind == "shape":
        text, right = f"Which {first.colour} thing appears for a moment?", f"a {first.shape}"
        wrong = [f"a {name}" for name in SHAPES if name != first.shape]
    elif kind == "colour":
        text, right = f"What colour is the {first.shape} that appears for a moment?", first.colour
        wrong = [name for name in COLOURS if name != first.colour]
    elif kind == "place":
        text, right = f"Where in the picture does {thing} appear?", first.region
        wrong = [name for name in REGIONS if name != first.region]
    elif kind == "order":
        other = f"the {events[own[1]].colour} {events[own[1]].shape}"
        named = [thing, other] if rng.random() < 0.5 else [other, thing]
        text, right = f"Which appears first, {named[0]} or {named[1]}?", thing
        wrong = [other, "both at the same time", "neither appears"]
    else:
        text, right = f"How many times does {thing} appear?", str(len(own))
        wrong = [str(count) for count in range(1, _MAX_COUNT + 2) if count != len(own)]
    candidates = [right, *(str(name) for name in rng.permutation(wrong)[:3])]
    order = [int(place) for place in rng.permutation(len(candidates))]
    return Question(kind, text, tuple(candidates[place] for place in order), order.index(0), own)
