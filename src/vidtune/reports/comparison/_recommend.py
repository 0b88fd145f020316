"""Which run to take, by a rule that is written in the report, so that a reader can disagree with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidtune.reports._trust import check_name
from vidtune.reports.comparison._cost import Cost
from vidtune.reports.comparison._read import Compared

RULE = (
    "1. A run that is unfinished or in which a trust check failed is set aside, unless that is all of them. "
    "2. Of the others, the one with the highest mean of the leading score, on the samples that all runs answered, "
    "leads; every run that is not clearly below it (the 95 % interval of the paired difference reaches 0, or there is "
    "none and p is above 0.05) is taken as its equal. "
    "3. Of equals the cheapest is recommended: by mean time of a sample where the runs were timed on one kind of "
    "device, else by parameters, else the first one named. "
    "Equal here means that no difference was shown; with few groups that is easily so."
)


@dataclass(frozen=True)
class Recommendation:
    """What the rule comes to."""

    name: str
    """The run; empty where the rule cannot tell."""

    headline: str
    reasons: tuple[str, ...]


def recommend(compared: Compared) -> Recommendation:
    """Apply the rule."""
    metric = compared.leading
    if not metric:
        return Recommendation("", "The runs share no score: nothing can be recommended.", ())
    reasons = []
    doubts = [_doubt(compared, at) for at in range(len(compared.names))]
    reasons += [f"{name} is set aside: {doubt}." for name, doubt in zip(compared.names, doubts, strict=True) if doubt]
    sound = [at for at, doubt in enumerate(doubts) if not doubt]
    if not sound:
        reasons.append("That would be all of them, so the rule goes on with all; none can be relied on yet.")
        sound = list(range(len(compared.names)))
    label = compared.metrics[metric]["label"]
    best = max(sound, key=lambda at: _lead(compared, at, sound, metric))
    equals = [at for at in sound if at == best or _is_equal(compared, at, best, metric)]
    if len(equals) == 1:
        below = len(sound) - 1
        others = f"the other{'s are' if below > 1 else ' is'} clearly below it" if below else "nothing else is left"
        reasons.append(f"{compared.names[best]} has the highest {label}{_where(compared)}, and {others}.")
        chosen = best
    else:
        names = ", ".join(compared.names[at] for at in equals)
        reasons.append(f"No clear difference of {label} was shown among {names}.")
        chosen, why = _cheapest(compared, equals)
        reasons.append(why)
    name = compared.names[chosen]
    weak = f"None of the runs can be relied on yet. If it must be one: {name}."
    return Recommendation(name, weak if all(doubts) else f"Take {name}.", tuple(reasons))


def _doubt(compared: Compared, at: int) -> str:
    view = compared.views[at]
    if view.unfinished:
        return f"unfinished, {view.unfinished}"
    failed = [check_name(check) for check in view.metrics["trust"] if check["status"] == "fail"]
    return f"failed trust checks ({', '.join(failed)})" if failed else ""


def _where(compared: Compared) -> str:
    """Return on which samples runs are held against each other, where some of them answered others too."""
    num_shared = len(compared.shared)
    is_all = all(view.metrics["num_scored"] == num_shared for view in compared.views)
    return "" if is_all else f" on the {num_shared:,} samples that all runs answered"


def _lead(compared: Compared, at: int, others: Sequence[int], metric: str) -> float:
    """Return by how much a run is above all others together, in pairs: its own mean may be of easier samples."""
    pairs = (compared.pair(compared.names[other], compared.names[at], metric) for other in others if other != at)
    return sum(pair.difference for pair in pairs if pair is not None)


def _is_equal(compared: Compared, at: int, best: int, metric: str) -> bool:
    pair = compared.pair(compared.names[at], compared.names[best], metric)
    return pair is None or not pair.is_clear


def _cheapest(compared: Compared, equals: list[int]) -> tuple[int, str]:
    kinds: tuple[tuple[str, Callable[[Cost], float | None]], ...] = (
        ("needs the least time a sample", lambda cost: cost.latency_s),
        ("has the fewest parameters", lambda cost: cost.num_parameters),
    )
    for words, value_of in kinds:
        values = {at: value for at in equals if (value := value_of(compared.costs[at])) is not None}
        is_timed_alike = len({compared.costs[at].device for at in equals}) == 1
        if len(values) == len(equals) and (is_timed_alike or "time" not in words):
            chosen = min(values, key=lambda at: values[at])
            return chosen, f"Of these, {compared.names[chosen]} {words}."
    return equals[0], f"What they cost is not known for all of them; {compared.names[equals[0]]} was named first."
