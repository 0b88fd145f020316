"""Heads on the text model's hidden states at the clip's own tokens: what moves, and how far. Thrown away afterwards.

The vision tower sees one pair of frames at a time; whatever a clip tells by its course, the text model must put
together. Answers in words tell it little each; these heads say much at once: after every pair the body as it is, and
after the last one how every joint has moved, which part made which movement, how fast and how large.
"""

from __future__ import annotations

import augment
import numpy as np
import torch
import torch.nn.functional as F
import warm_vision
from torch import nn

from vidtune.packs.generic._language import ACTIONS
from vidtune.packs.generic._truth import BENDS, EXTENTS, POSTURES, SPREADS, TEMPOS, TRUNKS, VIEWS

MOVERS = ("left arm", "right arm", "left leg", "right leg", "trunk", "head", "whole body")
PATTERNS = ("together", "alternating", "single")
NUM_JOINTS, NUM_ANGLES = warm_vision.NUM_JOINTS, warm_vision.NUM_ANGLES
_KINDS = ["still", *ACTIONS]
SIDES = ("left", "right", "neither")
FACTS = (
    ("posture", POSTURES), ("view", VIEWS), ("trunk", TRUNKS), ("feet", SPREADS), ("hands", SPREADS),
    ("facing", ("left", "right", "towards the camera", "away from the camera")),
    ("left_knee", BENDS), ("right_knee", BENDS), ("left_elbow", BENDS), ("right_elbow", BENDS),
    ("more_bent_knee", SIDES), ("more_bent_elbow", SIDES), ("higher_hand", SIDES),
)  # fmt: skip
MANNERS = (("tempo", TEMPOS), ("extent", EXTENTS), ("pattern", PATTERNS))


class MotionHeads(nn.Module):
    """Reads (b, 4, width) states after each pair and (b, width) after the clip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pair = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * NUM_JOINTS * 3 + 2 * NUM_ANGLES))
        self.sizes = [
            2 * NUM_ANGLES, NUM_JOINTS * 3, *[len(_KINDS)] * len(MOVERS), *[len(names) for _, names in MANNERS],
            *[len(names) for _, names in FACTS],
        ]  # fmt: skip
        self.clip = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sum(self.sizes)))

    def loss(
        self, pairs_b4d: torch.Tensor, clip_bd: torch.Tensor, examples: list[augment.Example]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the summed loss, and its parts with the share of movers named rightly among those that move."""
        body = torch.from_numpy(np.stack([e.joints_body_tj3 for e in examples])) / 0.4
        angles = torch.from_numpy(np.stack([e.angles_ta for e in examples])) / 45
        b = len(examples)
        now = torch.cat([body.reshape(b, 4, -1), angles.reshape(b, 4, -1) - 1], dim=-1)
        mean, span = angles.mean(1) - 1, angles.amax(1) - angles.amin(1)
        reach = (body.amax(1) - body.amin(1)).flatten(1) * 2
        movers, manners, facts = (torch.tensor(rows) for rows in zip(*(_classes(e) for e in examples), strict=True))
        outs = self.clip(clip_bd).float().split(self.sizes, dim=1)
        kinds, ways, others = (
            outs[first:last]
            for first, last in ((2, 2 + len(MOVERS)), (2 + len(MOVERS), -len(FACTS)), (-len(FACTS), None))
        )
        parts = {
            "now": 3 * F.smooth_l1_loss(self.pair(pairs_b4d).float(), now, beta=0.2),
            "span": 2 * F.smooth_l1_loss(outs[0], torch.cat([mean, span * 2], dim=1), beta=0.2),
            "reach": 2 * F.smooth_l1_loss(outs[1], reach, beta=0.2),
            "movers": 0.5 * sum(F.cross_entropy(o, movers[:, i]) for i, o in enumerate(kinds)),
            "manners": 0.2 * sum(warm_vision.cross_entropy(o, manners[:, i]) for i, o in enumerate(ways)),
            "facts": 0.1 * sum(F.cross_entropy(o, facts[:, i]) for i, o in enumerate(others)),
        }
        named = torch.stack([o.argmax(1) for o in kinds], dim=1) == movers
        moving = movers > 0
        figures = {name: float(value.detach()) for name, value in parts.items()}
        figures["movers_named"] = float((named & moving).sum() / moving.sum().clamp_min(1))
        return sum(parts.values()), figures


def _classes(example: augment.Example) -> tuple[list[int], list[int], list[int]]:
    """Return each mover's movement, the manners of the clip's one movement (-100 where there are two), and facts."""
    facts = [names.index(getattr(example.truth, field)) for field, names in FACTS]
    movers = [0] * len(MOVERS)
    for fact in example.truth.motions:
        names = [fact.part] if not fact.part.startswith("both") else [
            f"{side} {fact.part.split()[1].removesuffix('s')}" for side in ("left", "right")
        ]  # fmt: skip
        for name in names:
            movers[MOVERS.index(name)] = _KINDS.index(fact.action)
    if len(example.truth.motions) != 1:
        return movers, [-100] * len(MANNERS), facts
    return movers, [names.index(getattr(example.truth.motions[0], field)) for field, names in MANNERS], facts
