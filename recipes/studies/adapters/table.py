"""From the runs of the study to ``results.json`` and ``results.md``.

A sample's score is its mean over the seeds; means and differences then have intervals that resample whole people, by
the bootstrap of ``vidtune.metrics``. So they tell how sure a figure is for these seeds on other people; how far seeds
lie apart is told beside it. Differences are taken over the seeds that both arms have.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from plan import Run, Study, all_runs

from vidtune.core.durable import RecordLog, read_json, write_atomic, write_json
from vidtune.core.environment import describe_environment
from vidtune.evaluation import read_predictions
from vidtune.metrics import mean_interval, paired_difference
from vidtune.training import TrainSummary, read_history

METRICS = {"exercise": "exercise named", "error": "mistake named", "time": "questions about time"}
_FIELDS = {"exercise": "exercise_correct", "error": "feedback_error_correct"}


@dataclass(frozen=True)
class Measured:
    """One finished run."""

    values: Mapping[str, Mapping[str, float]]
    """By metric and sample, 1 where the answer is right."""

    people: Mapping[str, str]
    """Of each sample, who is seen."""

    num_errors: int
    """Samples without an answer; they are in no mean."""

    cost: Mapping[str, float]


def write(study: Study, out: Path) -> str:
    """Write both files of what is finished, and return the second."""
    found: dict[str, dict[int, Measured]] = {name: {} for name in study.arms}
    for run in all_runs(study, out):
        if all(run.asked(task).predictions_compat.exists() for task in ("form", "time")):
            found[run.name][run.seed] = measure(run)
    arms = {name: summarise(by_seed) for name, by_seed in found.items() if by_seed}
    differences = [
        compare(found[name], found[other], name, other, metric)
        for name, arm in study.arms.items()
        for other in arm.against
        for metric in METRICS
        if found[name].keys() & found[other].keys()
    ]
    record = {
        "study": study.model_dump(mode="json"),
        "environment": describe_environment(("vidtune", "torch", "transformers", "peft")),
        "arms": arms,
        "differences": differences,
    }
    write_json(out / "results.json", record)
    text = to_markdown(study, arms, differences)
    write_atomic(out / "results.md", text)
    return text


def measure(run: Run) -> Measured:
    form, time = read_predictions(run.asked("form").path), read_predictions(run.asked("time").path)
    scores = {record["sample_id"]: record for record in RecordLog(run.asked("form").scores).read()}
    values: dict[str, dict[str, float]] = {
        metric: {name: float(one[field]) for name, one in scores.items() if one.get(field) is not None}
        for metric, field in _FIELDS.items()
    }
    values["time"] = {one.sample_id: float(same_answer(one.text, one.answer)) for one in time.predictions if one.is_ok}
    answered = [*form.predictions, *time.predictions]
    return Measured(
        values,
        {one.sample_id: str(one.subject) for one in answered},
        sum(not one.is_ok for one in answered),
        cost_of(run),
    )


def same_answer(said: str | None, true: str) -> bool:
    """Whether a short answer is the true one, whatever its case and full stop."""
    return said is not None and said.strip().rstrip(".").casefold() == true.casefold()


def cost_of(run: Run) -> dict[str, float]:
    summary = TrainSummary.from_record(read_json(run.training.best / "training_summary.json"))
    steps = read_history(run.training.training_log).steps
    loop = yaml.safe_load(run.training.recipe.read_text(encoding="utf-8"))["loop"]
    samples_a_step = loop["batch_size"] * loop["accumulation"]
    return {
        "trained_parameters": sum(summary.num_trained.values()),
        "weights_mib": sum(tower["weights"] for tower in summary.tower_bytes.values()) / 2**20,
        # Of the steps alone, and of all of them, however often the run was taken up again.
        "training_s": summary.num_steps_done * statistics.fmean(samples_a_step / one["samples_per_s"] for one in steps),
        "peak_memory_mib": max(one["memory_mib"] for one in steps),
    }


def summarise(by_seed: Mapping[int, Measured]) -> dict[str, Any]:
    row: dict[str, Any] = {"seeds": sorted(by_seed), "num_errors": sum(one.num_errors for one in by_seed.values())}
    for metric in METRICS:
        values, people = over_seeds(by_seed, metric)
        interval = mean_interval(list(values.values()), [people[name] for name in values])
        row[metric] = {
            "mean": statistics.fmean(values.values()),
            "ci_low": interval.low,
            "ci_high": interval.high,
            "interval_method": interval.method,
            "of_seeds": [statistics.fmean(by_seed[seed].values[metric].values()) for seed in sorted(by_seed)],
            "num_samples": len(values),
            "num_people": len({people[name] for name in values}),
        }
    values, _ = over_seeds(by_seed, "time")
    kinds: dict[str, list[float]] = {}
    for name, value in values.items():
        kinds.setdefault(name.rpartition("-")[2], []).append(value)
    row["time_by_kind"] = {
        kind: {"mean": statistics.fmean(group), "num_samples": len(group)} for kind, group in sorted(kinds.items())
    }
    costs = [one.cost for one in by_seed.values()]
    row["cost"] = {name: round(statistics.fmean(cost[name] for cost in costs), 2) for name in costs[0]}
    return row


def over_seeds(by_seed: Mapping[int, Measured], metric: str) -> tuple[dict[str, float], dict[str, str]]:
    """Return the mean over seeds of every sample that was answered with all of them, and who is seen in it."""
    runs = list(by_seed.values())
    names = [name for name in runs[0].values[metric] if all(name in run.values[metric] for run in runs)]
    people = {name: person for run in runs for name, person in run.people.items()}
    return {name: statistics.fmean(run.values[metric][name] for run in runs) for name in names}, people


def compare(
    ours: Mapping[int, Measured], theirs: Mapping[int, Measured], name: str, other: str, metric: str
) -> dict[str, Any]:
    seeds = sorted(ours.keys() & theirs.keys())
    a, people = over_seeds({seed: theirs[seed] for seed in seeds}, metric)
    b, _ = over_seeds({seed: ours[seed] for seed in seeds}, metric)
    shared = [sample for sample in a if sample in b]
    found = paired_difference(
        [a[sample] for sample in shared], [b[sample] for sample in shared], [people[sample] for sample in shared]
    )
    return {
        "arm": name,
        "against": other,
        "metric": metric,
        "seeds": seeds,
        "difference": found.difference,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "p_value": found.p_value,
        "test": found.test,
        "num_pairs": found.num_pairs,
        "num_people": found.num_clusters,
    }


def to_markdown(study: Study, arms: Mapping[str, Any], differences: list[dict[str, Any]]) -> str:
    first = next(iter(arms.values()))
    num_seeds = sorted({len(row["seeds"]) for row in arms.values()})
    lines = [
        "# Ways of tuning nano, on generated clips",
        "",
        f"{study.pack.clips_per_split()[0]} clips to train on; asked about {first['exercise']['num_samples']} clips "
        f"and {first['time']['num_samples']} questions about time; people in them, none of them seen before: "
        f"{first['exercise']['num_people']}; seeds: {' to '.join(map(str, num_seeds))}. Shares that are right in %, "
        "with 95 % intervals that resample people, and in brackets the range of the seeds. Results on a pack, not on "
        "real people.",
        "",
        "| arm | " + " | ".join(METRICS.values()) + " | trained | weights MiB | training s | peak MiB |",
        "|---" * (len(METRICS) + 5) + "|",
    ]
    for name, row in arms.items():
        scores = " | ".join(_share(row[metric]) for metric in METRICS)
        cost = row["cost"]
        lines.append(
            f"| `{name}`: {study.arms[name].title} | {scores} | {cost['trained_parameters']:,.0f} "
            f"| {cost['weights_mib']:.1f} | {cost['training_s']:.0f} | {cost['peak_memory_mib']:.0f} |"
        )
    lines += ["", "Differences in points, on the same samples and seeds:", ""]
    lines += ["| arm | against | " + " | ".join(METRICS.values()) + " |", "|---" * (len(METRICS) + 2) + "|"]
    pairs = dict.fromkeys((one["arm"], one["against"]) for one in differences)
    for arm, other in pairs:
        by_metric = {one["metric"]: one for one in differences if (one["arm"], one["against"]) == (arm, other)}
        lines.append(f"| `{arm}` | `{other}` | " + " | ".join(_points(by_metric[metric]) for metric in METRICS) + " |")
    kinds = sorted({kind for row in arms.values() for kind in row["time_by_kind"]})
    lines += ["", "Questions about time by kind, share that is right in % (half of it is had by guessing):", ""]
    lines += ["| arm | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name, row in arms.items():
        told = (row["time_by_kind"].get(kind) for kind in kinds)
        cells = " | ".join("-" if one is None else f"{100 * one['mean']:.1f} (n {one['num_samples']})" for one in told)
        lines.append(f"| `{name}` | {cells} |")
    num_errors = sum(row["num_errors"] for row in arms.values())
    lines += ["", f"Samples without an answer, in no mean: {num_errors}.", ""]
    return "\n".join(lines)


def _share(row: Mapping[str, Any]) -> str:
    low, high = min(row["of_seeds"]), max(row["of_seeds"])
    bounds = "" if row["ci_low"] is None else f" ({100 * row['ci_low']:.1f} to {100 * row['ci_high']:.1f})"
    return f"{100 * row['mean']:.1f}{bounds} [{100 * low:.1f}..{100 * high:.1f}]"


def _points(row: Mapping[str, Any]) -> str:
    bounds = "no interval" if row["ci_low"] is None else f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}"
    return f"{100 * row['difference']:+.1f} ({bounds})"
