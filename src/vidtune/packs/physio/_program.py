"""What an exercise is, and one performance of it: rhythm, personal traits and at most one mistake."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vidtune.packs.figure import Dimensions, Motion

TOO_FAST = "too_fast"
"""The one mistake that is made by the clock and not by the body's program."""

_RAMP_S = 0.35


@dataclass(frozen=True)
class Fault:
    """A mistake in form: what a coach sees, what they would say to correct it."""

    seen: tuple[str, ...]
    """Sentences that say what is wrong."""
    fix: tuple[str, ...]
    """Sentences that say what to do instead. Feedback is one of ``seen`` and one of ``fix``."""
    label: str
    """The mistake in a few words, as in short labels."""
    from_depth: float = 0.0
    """It shows only where the movement is at least this deep (0 to 1)."""
    views_deg: tuple[tuple[float, float], ...] = ()
    """Ranges of the camera's azimuth from which it shows; empty means all views of the exercise."""

    @property
    def wordings(self) -> tuple[str, ...]:
        """All ways to say it."""
        return tuple(f"{seen} {fix}" for seen in self.seen for fix in self.fix)


@dataclass(frozen=True)
class Performance:
    """One person doing one exercise once: everything a program needs to know."""

    dims: Dimensions
    seed: int
    """Decides the personal traits."""
    period_s: float
    phase: float = 0.0
    """Where in the cycle the clip begins, in cycles."""
    amplitude: float = 1.0
    fault_name: str | None = None
    fault_start_s: float = 0.0
    fault_end_s: float = math.inf

    def trait(self, name: str, low: float, high: float) -> float:
        """Return this person's own value of something, the same whenever asked."""
        return float(np.random.default_rng([self.seed, zlib.crc32(name.encode())]).uniform(low, high))

    def cycle(self, time_s: float) -> float:
        """Return how many repetitions have passed since the first began."""
        return time_s / self.period_s + self.phase

    def depth(self, time_s: float) -> float:
        """Return 0 at the start of a repetition, 1 in its middle, with a short rest at both."""
        return rise_and_fall(self.cycle(time_s))

    def fault(self, name: str, time_s: float) -> float:
        """Return how strongly the mistake ``name`` is made now, 0 to 1."""
        if name != self.fault_name:
            return 0.0
        inward_s = min(time_s - self.fault_start_s, self.fault_end_s - time_s)
        return smooth_step((inward_s + _RAMP_S) / _RAMP_S)

    def range_now(self, time_s: float, *, kept: float = 0.3) -> float:
        """Return the part of the full range that is used: less when the range is incomplete."""
        return self.amplitude * (1.0 - (1.0 - kept) * self.fault("incomplete_range", time_s))

    def sway(self, name: str, time_s: float, size: float) -> float:
        """Return a slow, small, personal wandering in -size..size: nobody holds quite still."""
        rate_hz, start = self._sway_clock(name)
        return size * math.sin(2.0 * math.pi * (rate_hz * time_s + start))

    def _sway_clock(self, name: str) -> tuple[float, float]:
        return 0.2 + 0.25 * _unit_hash(self.seed, name), _unit_hash(self.seed + 1, name)


Program = Callable[[Performance], Motion]


@dataclass(frozen=True)
class Exercise:
    """One class of the data set."""

    name: str
    """As folders and manifests spell it: QVED's class name."""
    title: str
    """As answers spell it."""
    program: Program
    faults: Mapping[str, Fault]
    praise: tuple[str, ...]
    """Feedback when nothing is wrong."""
    views_deg: tuple[tuple[float, float], ...]
    """Ranges of the camera's azimuth; the mirror image of each is used as often."""
    elevation_deg: tuple[float, float] = (4.0, 18.0)
    period_s: tuple[float, float] = (1.5, 2.3)
    fast_period_s: tuple[float, float] = (0.55, 0.85)
    """Seconds of a repetition that is done too fast."""
    is_sided: bool = True
    """Whether a mirror image is another performance (other arm, other leg)."""
    depth: Callable[[Performance, float], float] = field(default=Performance.depth)
    """How deep the movement is at a time, 0 to 1; decides where a mistake shows."""


def rise_and_fall(cycle: float) -> float:
    """Return 0, 1, 0 over each whole cycle, smoothly and with a rest at both ends."""
    wave = 0.5 - 0.5 * math.cos(2.0 * math.pi * cycle)
    return 0.5 * wave + 0.5 * smooth_step(wave)


def smooth_step(share: float) -> float:
    """Return a smooth rise from 0 at ``share`` 0 to 1 at ``share`` 1, flat outside."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)


def mix(start: float, end: float, share: float) -> float:
    """Return the value ``share`` of the way from ``start`` to ``end``."""
    return start + (end - start) * share


def _unit_hash(seed: int, name: str) -> float:
    return zlib.crc32(f"{seed}:{name}".encode()) / 2**32
