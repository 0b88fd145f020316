"""Settings that change scores, and in which of them compared runs differ: numbers are compared only with that said."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidtune.core.durable import read_json
from vidtune.core.hashing import hash_json
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import read_recipe

if TYPE_CHECKING:
    from vidtune.evaluation._corpus import CorpusMetric
    from vidtune.evaluation._scorer import SampleMetric, ScoringContext

_ASKING = ("sampling", "generation", "max_side_px", "augment", "condition", "quantization")
"""Parts of a prediction recipe that change answers and are not the model."""

_ASKING_WITHIN = {"data": ("subtitles", "subtitle_place"), "model": ("max_pixels", "dtype")}
_NUM_HASH = 6


def scored_with(metric: SampleMetric | CorpusMetric, context: ScoringContext) -> dict[str, str]:
    """Return what a metric's numbers depend on besides the texts: names are kept, and of lists their size and hash."""
    values = {name: getattr(context, name) for name in getattr(metric, "settings", ())}
    return {
        name: value if isinstance(value, str) else f"of {len(value):,} ({hash_json(_plain(value))[:_NUM_HASH]})"
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON has it, what has no order in order: other processes are to find the same hash."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(inside) for key, inside in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def differing_settings(
    runs: Sequence[RunDirectory], samples: Sequence[Mapping[str, Prediction]], shared: Sequence[str]
) -> dict[str, Any]:
    """Return in which settings runs differ that are to be compared, the values in the order of the runs.

    What a run does not tell, such as an older one, is not compared.

    Args:
        runs: Scored.
        samples: Of each run, its predictions by id.
        shared: The ids that all have.
    """
    metrics = [read_json(run.metrics) for run in runs]
    by_metric: dict[str, Any] = {}
    # The values of one corpus metric are scored alike, and are told of once.
    known = [one["metrics"] | {row["family"]: row for row in (one.get("corpus") or {}).values()} for one in metrics]
    for name, first in known[0].items():
        rows = [first, *(one.get(name) for one in known[1:])]
        if all(row is not None for row in rows):
            found = _differing([row.get("scored_with") or {} for row in rows])
            by_metric |= {name: found} if found else {}
    asked = [asked_with(run) for run in runs]
    return {
        "scoring": by_metric,
        "protocol": _differing([{key: one[key] for key in ("protocol", "vidtune") if key in one} for one in metrics]),
        "prediction": _differing(asked) if all(asked) else [],
        "num_other_question": sum(len({one[name].question for one in samples}) > 1 for name in shared),
        "num_other_frames": sum(len({_num_frames(one[name]) for one in samples} - {None}) > 1 for name in shared),
        "num_other_sound": sum(len({sound_of(one[name]) for one in samples}) > 1 for name in shared),
        "num_other_subtitles": sum(len({subtitles_of(one[name]) for one in samples}) > 1 for name in shared),
    }


def describe_settings(found: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """Return what to say of differing settings, the most serious first; nothing where there are none.

    Args:
        found: Of ``differing_settings``.
        labels: Of the metrics.
    """
    told = []
    for name, settings in found["scoring"].items():
        told.append(
            f"{labels.get(name, name)} was not scored alike ({_listed(settings)}): part of its difference may be "
            "that. Run `vidtune evaluate` on all runs with the same settings and the same --reference."
        )
    if found["protocol"]:
        told.append(f"The runs were scored by different rules: {_listed(found['protocol'])}.")
    if found["prediction"]:
        told.append(f"The runs were not asked alike: {_listed(found['prediction'])}.")
    for key, what in (
        ("num_other_question", "another question was put"),
        ("num_other_frames", "another number of frames was shown"),
        ("num_other_sound", "other sound, or none, was played"),
        ("num_other_subtitles", "subtitles were shown elsewhere or not at all"),
    ):
        if found.get(key):
            told.append(f"In {found[key]:,} shared sample{'s' * (found[key] != 1)} {what}.")
    return told


def asked_with(run: RunDirectory) -> dict[str, Any]:
    """Return the settings of a run's recipe that change answers and are not the model; empty where it has none."""
    recipe = read_recipe(run)
    kept = {name: recipe[name] for name in _ASKING if name in recipe}
    for section, names in _ASKING_WITHIN.items():
        inside = recipe.get(section)
        kept |= {f"{section}.{name}": inside[name] for name in names if isinstance(inside, dict) and name in inside}
    # Where the folder of subtitles lies is no difference.
    return {name: bool(value) if name == "data.subtitles" else value for name, value in _flatten(kept, "")}


def sound_of(sample: Prediction) -> float | None:
    """Return the seconds of sound that the model heard with a sample, as its record says; None for none."""
    heard = sample.record.get("sound")
    seconds = heard.get("delivered_s") if isinstance(heard, Mapping) else None
    return float(seconds) if isinstance(seconds, int | float) else None


def subtitles_of(sample: Prediction) -> Any:
    """Return where subtitles stood in the prompt of a sample; None where there were none."""
    shown = sample.record.get("subtitles")
    return shown.get("place") if isinstance(shown, Mapping) else None


def _differing(known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings that all of ``known`` have and that are not the same in all."""
    names = [name for name in known[0] if all(name in others for others in known[1:])]
    values = {name: [one[name] for one in known] for name in names}
    return [{"name": name, "values": of} for name, of in values.items() if any(one != of[0] for one in of[1:])]


def _flatten(values: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    flat = []
    for name, value in values.items():
        flat += _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return flat


def _num_frames(sample: Prediction) -> Any:
    return (sample.frames or {}).get("delivered")


def _listed(settings: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{one['name']} {' against '.join(map(_told, one['values']))}" for one in settings)


def _told(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
