"""Cut a data set into parts that share no person and no clip, with the same mix of classes in each.

``compat: qved-1.0`` repeats the published split instead: shuffle with seed 42, cut by count, blind to people,
classes and altered copies. Its leaks are reported like those of any other split.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.core.errors import DataInvalid
from vidtune.data._leakage import Leak, find_families, find_leaks
from vidtune.data._paths import clean_path
from vidtune.data._samples import Sample
from vidtune.data._split_time import cut_by_time

_MAX_GROUPS_TO_SWAP = 120
_MAX_ROUNDS = 20
_WHERE_GROUPS_ARE_FEW = {
    "subject": "Ask for fewer parts, or split by 'video' or 'none' and say so where you report the scores.",
    "video": "Ask for fewer parts, or split by 'none' and say so where you report the scores.",
    "none": "Ask for fewer parts.",
}


class SplitConfig(Config):
    """How a data set is cut."""

    by: Literal["subject", "video", "time", "none"] = "subject"
    """What stays in one part: all of a person, all of a clip with its altered copies, or nothing. `time` cuts every
    recording into stretches, one for each part: for windows of few long recordings."""

    guard: Annotated[float, Field(ge=0)] = 0.0
    """Only by time: windows nearer than this to a window of another part are left out. In frames where the data gives
    frame numbers, else in seconds."""

    ratios: dict[str, Annotated[float, Field(gt=0, le=1)]] = {"train": 0.6, "val": 0.2, "test": 0.2}
    """Share of the samples each part should get. They add up to 1."""

    seed: Annotated[int, Field(ge=0)] = 42
    """Same samples and same seed, same parts."""

    stratify: bool = True
    """Aim for the same mix of classes in every part."""

    compat: Literal["qved-1.0"] | None = None
    """Repeat the split of the QVED pipeline exactly: shuffled by seed 42, 60/20/20 by count, leaks and all."""

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if abs(sum(self.ratios.values()) - 1) > 1e-6:
            raise ValueError(f"ratios add up to {sum(self.ratios.values()):g}, expected 1")
        changed = self.model_fields_set - {"compat"}
        if self.compat is not None and changed:
            raise ValueError(f"{', '.join(sorted(changed))} has no effect with compat={self.compat!r}: leave it out")
        if self.guard and self.by != "time":
            raise ValueError(f"guard={self.guard:g} has no effect with by={self.by!r}: it is for by='time'")
        return self


@dataclass(frozen=True)
class SplitResult:
    """The parts, each sample marked with its own, and what they share."""

    parts: Mapping[str, tuple[Sample, ...]]
    leaks: tuple[Leak, ...]
    num_groups: int
    left_out: tuple[Sample, ...] = ()
    """Windows that lie too near to another part."""

    def to_record(self) -> dict[str, Any]:
        """Return sizes, classes per part and leaks as JSON values."""
        return {
            "parts": {
                name: {
                    "num_samples": len(samples),
                    "num_subjects": len({sample.subject for sample in samples if sample.subject is not None}),
                    "num_videos": len({sample.video for sample in samples}),
                    "labels": dict(sorted(Counter(str(sample.label) for sample in samples).items())),
                }
                for name, samples in self.parts.items()
            },
            "num_groups": self.num_groups,
            "num_left_out": len(self.left_out),
            "leaks": [asdict(leak) for leak in self.leaks],
        }


def split_dataset(samples: Sequence[Sample], config: SplitConfig | None = None) -> SplitResult:
    """Cut ``samples`` into parts.

    People, clips and copies that hang together (one person in two clips, two people in one) stay together,
    so no part shares any of them; ``by="none"`` alone gives that up.

    Raises:
        DataInvalid: If there are fewer groups than parts, ``by="subject"`` and no sample has one, or ``by="time"`` and
            windows have no place in time.
    """
    config = config or SplitConfig()
    if config.compat is not None:
        return _mark(_cut_as_qved(samples), num_groups=len(samples))
    if config.by == "time":
        by_part, left_out = cut_by_time(samples, config.ratios, config.guard)
        return replace(_mark(by_part, num_groups=len({sample.video for sample in samples})), left_out=left_out)
    groups = _group(samples, config.by)
    if len(groups) < len(config.ratios):
        raise DataInvalid(
            f"{len(samples)} samples fall into {len(groups)} group(s) by {config.by}, expected at least "
            f"{len(config.ratios)} for the parts {', '.join(config.ratios)}.",
            _WHERE_GROUPS_ARE_FEW[config.by],
        )
    random.Random(config.seed).shuffle(groups)  # noqa: S311 -- a repeatable shuffle, no secret
    part_of = _assign(groups, samples, config)
    parts: dict[str, list[int]] = {name: [] for name in config.ratios}
    for group, part in zip(groups, part_of, strict=True):
        parts[part].extend(group)
    in_file_order = {name: [samples[index] for index in sorted(indices)] for name, indices in parts.items()}
    return _mark(in_file_order, num_groups=len(groups))


def _cut_as_qved(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    shuffled = list(samples)
    random.Random(42).shuffle(shuffled)  # noqa: S311 -- the published shuffle
    train_end = int(len(shuffled) * 0.6)
    val_end = train_end + int(len(shuffled) * 0.2)
    return {"train": shuffled[:train_end], "val": shuffled[train_end:val_end], "test": shuffled[val_end:]}


def _mark(parts: Mapping[str, Sequence[Sample]], *, num_groups: int) -> SplitResult:
    marked = {name: tuple(replace(sample, split=name) for sample in samples) for name, samples in parts.items()}
    return SplitResult(marked, find_leaks(marked), num_groups)


def _group(samples: Sequence[Sample], by: str) -> list[list[int]]:
    """Return the indices that must stay together, joined through any chain of shared clips and people."""
    if by == "none":
        return [[index] for index in range(len(samples))]
    if by == "subject" and all(sample.subject is None for sample in samples):
        raise DataInvalid(
            "no sample names its subject, so the data cannot be split by subject.",
            "Put a subjects.json beside the annotation file ({video: subject}), or split by 'video'.",
        )
    families = find_families(sample.video for sample in samples)
    leader = list(range(len(samples)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first_with: dict[tuple[str, str], int] = {}
    for index, sample in enumerate(samples):
        ties = [("clip", families[clean_path(sample.video)])]
        if by == "subject" and sample.subject is not None:
            ties.append(("subject", sample.subject))
        for tie in ties:
            leader[find(index)] = find(first_with.setdefault(tie, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(samples)):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def _assign(groups: Sequence[Sequence[int]], samples: Sequence[Sample], config: SplitConfig) -> list[str]:
    """Return the part of each group: largest first to where it is missed most, then improved by moves and swaps."""
    strata = [Counter(samples[index].label if config.stratify else None for index in group) for group in groups]
    balance = _Balance(strata, config.ratios)
    part_of = [""] * len(groups)
    for index in sorted(range(len(groups)), key=lambda index: -len(groups[index])):
        part_of[index] = min(config.ratios, key=lambda part: balance.cost_of_adding(strata[index], part))
        balance.add(strata[index], part_of[index], 1)
    _fill_empty_parts(part_of, strata, balance, config.ratios)
    for _ in range(_MAX_ROUNDS):
        if not (_move_groups(part_of, strata, balance, config.ratios) or _swap_groups(part_of, strata, balance)):
            break
    return part_of


class _Balance:
    """How far the parts are from the wanted number of samples, in total and of every class."""

    def __init__(self, strata: Sequence[Counter[str | None]], ratios: Mapping[str, float]) -> None:
        totals: Counter[str | None] = sum(strata, Counter())
        num_samples = totals.total()
        self._want = {part: {label: ratio * n for label, n in totals.items()} for part, ratio in ratios.items()}
        self._want_total = {part: ratio * num_samples for part, ratio in ratios.items()}
        self._weight = {label: 1 / n for label, n in totals.items()}
        self._weight_total = len(totals) / num_samples
        self._have: dict[str, Counter[str | None]] = {part: Counter() for part in ratios}
        self._have_total = dict.fromkeys(ratios, 0)

    def add(self, group: Counter[str | None], part: str, sign: int) -> None:
        for label, count in group.items():
            self._have[part][label] += sign * count
        self._have_total[part] += sign * group.total()

    def cost_of_adding(self, group: Counter[str | None], part: str, sign: int = 1) -> float:
        """Return by how much the weighted squared distance grows."""
        have, want = self._have[part], self._want[part]
        cost = 0.0
        for label, count in group.items():
            off = have[label] - want[label]
            cost += self._weight[label] * ((off + sign * count) ** 2 - off**2)
        off = self._have_total[part] - self._want_total[part]
        return cost + self._weight_total * ((off + sign * group.total()) ** 2 - off**2)

    def try_change(self, moves: Sequence[tuple[Counter[str | None], str, str]]) -> bool:
        """Make the moves if together they bring the parts closer to what is wanted."""
        cost = 0.0
        for group, source, target in moves:
            cost += self.cost_of_adding(group, source, -1)
            self.add(group, source, -1)
            cost += self.cost_of_adding(group, target)
            self.add(group, target, 1)
        if cost < -1e-9:
            return True
        for group, source, target in moves:
            self.add(group, target, -1)
            self.add(group, source, 1)
        return False


def _fill_empty_parts(
    part_of: list[str], strata: Sequence[Counter[str | None]], balance: _Balance, ratios: Mapping[str, float]
) -> None:
    for part in ratios:
        if part in part_of:
            continue
        sizes = Counter(part_of)
        givers = [index for index, giver in enumerate(part_of) if sizes[giver] > 1]
        chosen = min(givers, key=lambda index: balance.cost_of_adding(strata[index], part))
        balance.add(strata[chosen], part_of[chosen], -1)
        balance.add(strata[chosen], part, 1)
        part_of[chosen] = part


def _move_groups(
    part_of: list[str], strata: Sequence[Counter[str | None]], balance: _Balance, ratios: Mapping[str, float]
) -> bool:
    sizes = Counter(part_of)
    has_moved = False
    for index, source in enumerate(part_of):
        for target in ratios:
            if target == source or sizes[source] == 1:
                continue
            if balance.try_change([(strata[index], source, target)]):
                part_of[index] = target
                sizes[source] -= 1
                sizes[target] += 1
                has_moved = True
                break
    return has_moved


def _swap_groups(part_of: list[str], strata: Sequence[Counter[str | None]], balance: _Balance) -> bool:
    if len(part_of) > _MAX_GROUPS_TO_SWAP:
        return False
    has_swapped = False
    for left in range(len(part_of)):
        for right in range(left + 1, len(part_of)):
            a, b = part_of[left], part_of[right]
            if a != b and balance.try_change([(strata[left], a, b), (strata[right], b, a)]):
                part_of[left], part_of[right] = b, a
                has_swapped = True
    return has_swapped
