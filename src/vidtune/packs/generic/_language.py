"""Captions, questions and answers about a generated clip, in several wordings, from its truth alone.

No word here names a training exercise or gives advice: the base model that learns from this text
must meet both for the first time when somebody fine-tunes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.packs.generic._truth import BENDS, EXTENTS, POSTURES, TEMPOS, TRUNKS, ClipTruth, MotionFact

ACTIONS: dict[str, tuple[str, str]] = {
    "arm_front": ("swings", "to the front"),
    "arm_side": ("lifts", "out to the side"),
    "arm_back": ("swings", "to the back"),
    "arm_up": ("reaches", "overhead"),
    "arm_cross": ("crosses", "over the chest"),
    "arm_circle": ("circles", "round the shoulder"),
    "elbow_bend": ("folds", "at the elbow"),
    "leg_front": ("swings", "to the front"),
    "leg_side": ("lifts", "out to the side"),
    "leg_back": ("swings", "to the back"),
    "knee_bend": ("folds", "at the knee"),
    "knee_up": ("folds", "up at the hip"),
    "foot_point": ("points", "at the ankle"),
    "leg_spread": ("moves", "apart and together"),
    "trunk_forward": ("tips", "forward"),
    "trunk_back": ("tips", "backward"),
    "trunk_side": ("tips", "to the side"),
    "trunk_turn": ("turns", "round"),
    "spine_wave": ("curls", "up and down"),
    "head_nod": ("nods", "up and down"),
    "head_turn": ("turns", "left and right"),
    "body_sink": ("moves", "down and up"),
    "body_shift": ("shifts", "forward and back"),
    "body_sway": ("sways", "from side to side"),
}
"""Action -> (verb, direction); "the left arm swings to the front"."""

PARTS = (
    "left arm", "right arm", "both arms", "left leg", "right leg", "both legs", "trunk", "head", "whole body",
)  # fmt: skip

_VIEW_WORDS = {
    "front": ("the front",),
    "front corner": ("the front corner", "the front at an angle"),
    "side": ("the side",),
    "back corner": ("the back corner", "behind at an angle"),
    "back": ("the back", "behind"),
    "head end": ("the head end",),
    "foot end": ("the foot end",),
}


@dataclass(frozen=True)
class QuestionAnswer:
    """One question about a clip. ``kind`` groups wordings that ask the same thing."""

    kind: str
    question: str
    answer: str


def describe_motion(fact: MotionFact, *, rng: np.random.Generator | None = None) -> str:
    """Return such as "the left arm swings to the front, slow and large"."""
    verb, direction = ACTIONS[fact.action]
    plural = fact.part.startswith("both")
    subject = fact.part if plural else f"the {fact.part}"
    verb = _plural(verb) if plural else verb
    sentence = f"{subject} {verb} {direction}"
    if plural and fact.pattern == "alternating":
        sentence += " in turn"
    manner = f"{fact.tempo} and {fact.extent}"
    if rng is None or rng.random() < 0.7:
        sentence += f", {manner}"
    return sentence


def write_caption(truth: ClipTruth, rng: np.random.Generator) -> str:
    """Return one caption of one to three sentences, its wording and its choice of facts drawn from ``rng``."""
    view = _pick(rng, _VIEW_WORDS[truth.view])
    openings = (
        f"A person in {_a(truth.top)} top and {truth.trousers} trousers is {truth.posture}, seen from {view}.",
        f"Seen from {view}: a person {truth.posture}, wearing {_a(truth.top)} top with {truth.trousers} trousers.",
        f"The person is {truth.posture} and faces {_facing(truth)}. "
        f"The top is {truth.top}, the trousers {truth.trousers}.",
        f"Someone is {truth.posture} on {_a(truth.floor)} floor before {_a(truth.wall)} wall, seen from {view}.",
        f"The body is {truth.posture}. The view is from {view}.",
    )
    parts = [_pick(rng, openings), _motion_sentence(truth, rng)]
    if rng.random() < 0.5:
        parts.append(_pick(rng, _details(truth)))
    return " ".join(parts)


CAPTION_REQUESTS = (
    "Describe the video.",
    "What happens in this clip?",
    "Describe the person and the movement.",
    "Tell me what you see.",
    "Write a caption.",
)


def ask(truth: ClipTruth, rng: np.random.Generator, num_questions: int) -> list[QuestionAnswer]:
    """Return that many questions of different kinds, each with its true answer."""
    kinds = [kind for kind in QUESTIONS if QUESTIONS[kind](truth, np.random.default_rng(0)) is not None]
    order = rng.permutation(len(kinds))[:num_questions]
    asked = []
    for index in order:
        pair = QUESTIONS[kinds[index]](truth, rng)
        if pair is not None:
            asked.append(QuestionAnswer(kinds[index], pair[0], pair[1]))
    return asked


def _motion_sentence(truth: ClipTruth, rng: np.random.Generator) -> str:
    if not truth.motions:
        return _pick(rng, ("The body keeps still.", "Nothing moves.", "The person does not move."))
    first = describe_motion(truth.motions[0], rng=rng)
    if len(truth.motions) == 1:
        return _capital(first) + "."
    second = describe_motion(truth.motions[1], rng=rng)
    if truth.is_sequence:
        return f"First {first}, then {second}."
    return f"{_capital(first)}, while {second}."


def _details(truth: ClipTruth) -> tuple[str, ...]:
    return (
        f"The left knee is {truth.left_knee} and the right knee {truth.right_knee}.",
        f"The left elbow is {truth.left_elbow} and the right elbow {truth.right_elbow}.",
        f"The trunk is {truth.trunk} and the feet are {truth.feet}.",
        f"The hair is {truth.hair}, the wall {truth.wall} and the floor {truth.floor}.",
        f"The hands are {truth.hands}; the higher hand is {_side_words(truth.higher_hand)}.",
    )


Asker = Callable[[ClipTruth, np.random.Generator], tuple[str, str] | None]


def _colour(field: str, wordings: Sequence[str]) -> Asker:
    def asker(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
        return _pick(rng, wordings), str(getattr(truth, field))

    return asker


def _posture_check(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    is_true = rng.random() < 0.5
    others = [posture for posture in POSTURES if posture != truth.posture]
    named = truth.posture if is_true else _pick(rng, others)
    question = _pick(rng, ("Is the person {}?", "Is the body {}?", "Do you see someone {}?")).format(named)
    return question, "yes" if is_true else "no"


def _movement_check(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    wanted = _pick(rng, ("arm", "leg", "trunk", "head", "whole body"))
    moving = any(wanted in fact.part for fact in truth.motions)
    if not moving and any(fact.part == "whole body" for fact in truth.motions):
        return None
    name = {"arm": "an arm", "leg": "a leg", "trunk": "the trunk", "head": "the head", "whole body": "the whole body"}
    return _pick(rng, ("Does {} move?", "Is {} moving?")).format(name[wanted]), "yes" if moving else "no"


def _still(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    return _pick(rng, ("Is the person moving or still?", "Does anything move?")), "moving" if truth.motions else "still"


def _moving_part(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    if not truth.motions:
        return None
    if truth.is_sequence and len(truth.motions) == 2:
        return "Which part moves first?", truth.motions[0].part
    answer = " and ".join(dict.fromkeys(fact.part for fact in truth.motions))
    return _pick(rng, ("Which part of the body moves?", "What moves?", "Name the moving part.")), answer


def _last_part(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    if len(truth.motions) < 2 or not truth.is_sequence:
        return None
    return _pick(rng, ("Which part moves last?", "What moves at the end?")), truth.motions[1].part


def _action(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    if not truth.motions:
        return None
    fact = truth.motions[0]
    verb, direction = ACTIONS[fact.action]
    subject = fact.part if fact.part.startswith("both") else f"the {fact.part}"
    answer = f"{_plural(verb) if fact.part.startswith('both') else verb} {direction}"
    plural = fact.part.startswith("both")
    return _pick(
        rng, (f"What {'do' if plural else 'does'} {subject} do?", f"How {'do' if plural else 'does'} {subject} move?")
    ), answer


def _motion_field(field: str, wordings: Sequence[str]) -> Asker:
    def asker(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
        if len(truth.motions) != 1:
            return None
        return _pick(rng, wordings), str(getattr(truth.motions[0], field))

    return asker


def _pattern(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    if len(truth.motions) != 1 or not ("arm" in truth.motions[0].part or "leg" in truth.motions[0].part):
        return None
    fact = truth.motions[0]
    answer = {"together": "both at once", "alternating": "one after the other"}.get(fact.pattern)
    answer = answer or ("only the left" if "left" in fact.part else "only the right")
    return _pick(rng, ("Which side moves?", "Do both sides move?", "One side or both?")), answer


def _count(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    if len(truth.motions) != 1:
        return None
    cycles = truth.motions[0].num_cycles
    answer = (
        "less than once" if cycles < 0.75 else "once" if cycles < 1.5 else "twice" if cycles < 2.5 else "many times"
    )
    return _pick(rng, ("How many times is the movement made?", "How often does it repeat?")), answer


def _joint(field: str, joint: str) -> Asker:
    def asker(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
        return _pick(rng, (f"How bent is the {joint}?", f"How far does the {joint} bend?")), str(getattr(truth, field))

    return asker


def _compare(field: str, wordings: Sequence[str]) -> Asker:
    def asker(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
        return _pick(rng, wordings), _side_words(str(getattr(truth, field)))

    return asker


def _facing_question(truth: ClipTruth, rng: np.random.Generator) -> tuple[str, str] | None:
    return _pick(rng, ("Which way does the person face?", "Where does the body point?")), _facing(truth)


QUESTIONS: dict[str, Asker] = {
    "top": _colour("top", ("What colour is the top?", "Which colour is the shirt?", "Name the colour of the top.")),
    "trousers": _colour("trousers", ("What colour are the trousers?", "Which colour do the legs wear?")),
    "hair": _colour("hair", ("What colour is the hair?",)),
    "wall": _colour("wall", ("What colour is the wall?", "Name the colour behind the person.")),
    "floor": _colour("floor", ("What colour is the floor?", "What colour is the ground or mat?")),
    "posture": _colour(
        "posture", ("What is the posture?", "How is the body placed?", "What position is the person in?")
    ),
    "posture_check": _posture_check,
    "view": _colour("view", ("From where is the person seen?", "What is the view?", "Where is the camera?")),
    "facing": _facing_question,
    "still": _still,
    "moving_part": _moving_part,
    "last_part": _last_part,
    "movement_check": _movement_check,
    "action": _action,
    "tempo": _motion_field(
        "tempo", ("How fast is the movement?", "What is the tempo?", "Is it slow, steady or quick?")
    ),
    "extent": _motion_field("extent", ("How large is the movement?", "Is it small, medium or large?")),
    "pattern": _pattern,
    "count": _count,
    "left_knee": _joint("left_knee", "left knee"),
    "right_knee": _joint("right_knee", "right knee"),
    "left_elbow": _joint("left_elbow", "left elbow"),
    "right_elbow": _joint("right_elbow", "right elbow"),
    "more_bent_knee": _compare("more_bent_knee", ("Which knee is bent more?", "Which knee bends further?")),
    "more_bent_elbow": _compare("more_bent_elbow", ("Which elbow is bent more?", "Which elbow bends further?")),
    "higher_hand": _compare("higher_hand", ("Which hand is higher?", "Which hand is further up?")),
    "trunk": _colour("trunk", ("How is the trunk held?", "Is the trunk upright, leaning or level?")),
    "feet": _colour("feet", ("How far apart are the feet?", "Are the feet close together or apart?")),
    "hands": _colour("hands", ("How far apart are the hands?", "Are the hands close together or apart?")),
}
"""Kind -> the function that asks; it returns None where the clip has no such fact."""

CLOSED_ANSWERS = (*POSTURES, *BENDS, *TEMPOS, *EXTENTS, *TRUNKS, "yes", "no", "moving", "still")


def _facing(truth: ClipTruth) -> str:
    return truth.facing if "camera" in truth.facing else f"to the {truth.facing}"


def _side_words(side: str) -> str:
    return "neither" if side == "neither" else f"the {side}"


def _plural(verb: str) -> str:
    if verb.endswith(("ches", "sses")):
        return verb[:-2]
    return verb[:-1]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
