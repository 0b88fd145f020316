"""From the runs of the study to ``results.json``, and by ``page`` and ``figure`` to ``results.md`` and ``results.png``.

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

import figure
import yaml
from page import MIB, to_markdown
from plan import METRICS, Run, Study, all_runs

from vidtune.core.durable import RecordLog, read_json, write_atomic, write_json
from vidtune.core.environment import describe_environment
from vidtune.evaluation import read_predictions
from vidtune.metrics import mean_interval, paired_difference
from vidtune.training import TrainSummary, read_history

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
    """Write the record, the page and the picture of what is finished, and return the page."""
    found: dict[str, dict[int, Measured]] = {name: {} for name in study.arms}
    for run in all_runs(study, out):
        if all(run.asked(task).predictions_compat.exists() for task in ("form", "time")):
            found[run.name][run.seed] = measure(run)
    steps = read_json(out / "cost.json")["arms"] if (out / "cost.json").exists() else {}
    arms = {name: summarise(by_seed) for name, by_seed in found.items() if by_seed}
    for name in arms.keys() & steps.keys():
        arms[name]["cost"]["step_cpu_s"] = steps[name]["median_s"]
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
        "missing": missing_seeds(study, found),
        "arms": arms,
        "differences": differences,
    }
    write_json(out / "results.json", record)
    text = to_markdown(study, record)
    write_atomic(out / "results.md", text)
    figure.draw(record, out / "results.png")
    return text


def missing_seeds(study: Study, found: Mapping[str, Mapping[int, Measured]]) -> dict[str, list[int]]:
    """Return, for every arm that is not finished, the seeds that it lacks."""
    lacking = {name: [seed for seed in study.seeds if seed not in found[name]] for name in study.arms}
    return {name: seeds for name, seeds in lacking.items() if seeds}


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
    # What is trained is float32, as its gradient is; all else is frozen.
    frozen = {name: tower["weights"] - tower["gradients"] for name, tower in summary.tower_bytes.items()}
    return {
        "trained_parameters": sum(summary.num_trained.values()),
        "weights_mib": sum(tower["weights"] for tower in summary.tower_bytes.values()) / MIB,
        "frozen_mib": sum(frozen.values()) / MIB,
        "frozen_language_mib": frozen["language"] / MIB,
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
