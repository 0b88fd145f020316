"""Ratings by people, and how far a judge agrees with them and they with each other."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid
from vidtune.core.hashing import sha256_file
from vidtune.core.wording import counted
from vidtune.evaluation.judging._reading import points
from vidtune.metrics import (
    IccForm,
    bland_altman,
    bootstrap_statistic,
    cohen_kappa,
    intraclass_correlations,
    kendall_tau,
    krippendorff_alpha,
    spearman,
)

_MIN_ITEMS = 5
_POINTS = (1, 2, 3, 4, 5)
_MAX_FINDINGS = 20
_DELIMITERS = ",;\t"
_BEYOND = "cells beyond the header"


@dataclass(frozen=True)
class ExpertRatings:
    """Who rated what, in points from 1 to 5."""

    name: str
    sha256: str
    ratings: Mapping[str, Mapping[str, Mapping[str, float]]]
    """By field (``overall``, ``clinical_accuracy``, …), rater and sample id."""

    @property
    def raters(self) -> list[str]:
        """All raters, sorted."""
        return sorted({rater for by_rater in self.ratings.values() for rater in by_rater})


def read_experts(path: Path) -> ExpertRatings:
    """Read ratings: a CSV file with a header, or a JSON list of objects.

    Each row has ``sample_id``, ``rater`` (left out: one rater) and one column for each field that was rated, 1 to 5; an
    empty cell is no rating. Cells of a CSV file may be divided by semicolons or tabs, as spreadsheets of many
    countries do, and 4,5 is 4.5.

    Raises:
        DataInvalid: If the file cannot be read, or rows cannot be understood; all of them are named.
    """
    rows = _read_rows(path)
    findings = []
    if rows and not any("sample_id" in row for row in rows):
        findings.append(f"no column sample_id; the columns are {', '.join(map(str, rows[0]))}")
        rows = []
    ratings: dict[str, dict[str, dict[str, float]]] = {}
    for number, row in enumerate(rows, start=1):
        sample_id, rater = str(row.get("sample_id") or ""), str(row.get("rater") or "expert")
        if not sample_id:
            findings.append(f"row {number}: no sample_id")
            continue
        for name, value in row.items():
            if name == _BEYOND:
                if any(value):
                    findings.append(f"row {number}: more cells than the header has columns: {', '.join(value)}")
                continue
            if name in ("sample_id", "rater", "comment") or value is None or value == "":
                continue
            score = points(_number(value))
            if score is None:
                findings.append(f"row {number}: {name} is {value!r}, expected a number from 1 to 5")
            elif sample_id in ratings.setdefault(str(name), {}).setdefault(rater, {}):
                findings.append(f"row {number}: {rater} has rated {sample_id} before")
                break
            else:
                ratings[str(name)][rater][sample_id] = score
    if findings or not ratings:
        raise DataInvalid(
            f"{path} has {counted(len(findings), 'problem')}." if findings else f"{path} holds no ratings.",
            "Mend the file: columns sample_id, rater and one for each field that was rated, 1 to 5.",
            findings[:_MAX_FINDINGS],
        )
    return ExpertRatings(path.name, sha256_file(path), ratings)


def require_known(experts: ExpertRatings, sample_ids: Set[str]) -> None:
    """Refuse ratings of another run.

    Raises:
        DataInvalid: If not one rated sample is among ``sample_ids``.
    """
    rated = _rated(experts)
    if rated.isdisjoint(sample_ids):
        raise DataInvalid(
            f"{experts.name} rates {counted(len(rated), 'sample')} such as {min(rated)!r}, and the run has none of "
            f"them: it has such as {min(sample_ids, default='')!r}.",
            "Give ratings of this run, with sample_id as predictions.jsonl has it.",
        )


def agreement_block(
    judged: Mapping[str, Mapping[str, float]], experts: ExpertRatings, sample_ids: Set[str]
) -> dict[str, Any]:
    """Return agreement of the judge with the mean expert, and of experts with each other, by field.

    Args:
        judged: The judge's scores by field and sample id.
        experts: The people's.
        sample_ids: All of the run; ratings of others are counted and left out.
    """
    fields = {}
    for name, by_rater in experts.ratings.items():
        if name not in judged:
            continue
        mean = _mean_rating(by_rater)
        items = sorted(judged[name].keys() & mean.keys())
        pairs = ([judged[name][item] for item in items], [mean[item] for item in items])
        fields[name] = {
            "num_items": len(items),
            "judge": _between_two(*pairs) if len(items) >= _MIN_ITEMS else None,
            "experts": _among(by_rater) if len(by_rater) > 1 else None,
        }
    return {
        "ratings": experts.name,
        "ratings_sha256": experts.sha256,
        "raters": experts.raters,
        "fields": fields,
        "num_not_in_run": len(_rated(experts) - sample_ids),
        "not_judged": sorted(experts.ratings.keys() - judged.keys()),
    }


def _rated(experts: ExpertRatings) -> set[str]:
    return {item for by_rater in experts.ratings.values() for rated in by_rater.values() for item in rated}


def _between_two(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Return agreement of the judge with the experts' mean; kappa compares whole points."""
    a, b = np.asarray(first), np.asarray(second)
    measures: dict[str, Callable[[NDArray[np.intp]], float | None]] = {
        "kappa": lambda at: cohen_kappa(_whole(a[at]), _whole(b[at]), categories=_POINTS),
        "weighted_kappa": lambda at: cohen_kappa(_whole(a[at]), _whole(b[at]), weights="quadratic", categories=_POINTS),
        "krippendorff_alpha": lambda at: krippendorff_alpha([a[at].tolist(), b[at].tolist()], "ordinal"),
        "spearman": lambda at: spearman(a[at].tolist(), b[at].tolist()),
        "kendall_tau": lambda at: kendall_tau(a[at].tolist(), b[at].tolist()),
    }
    found: dict[str, Any] = {name: _with_interval(measure, len(a)) for name, measure in measures.items()}
    found |= _icc(np.stack([a, b], axis=1))
    return {**found, "bland_altman": asdict(bland_altman(first, second))}


def _among(by_rater: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return agreement among raters; ICC over what all of them rated."""
    items = sorted({item for rated in by_rater.values() for item in rated})
    table = [[rated.get(item) for item in items] for rated in by_rater.values()]

    def alpha(at: NDArray[np.intp]) -> float | None:
        return krippendorff_alpha([[row[place] for place in at] for row in table], "ordinal")

    complete = [item for item in items if all(item in rated for rated in by_rater.values())]
    rows = [[rated[item] for rated in by_rater.values()] for item in complete]
    return {
        "num_items": len(items),
        "num_rated_by_all": len(complete),
        "krippendorff_alpha": _with_interval(alpha, len(items)),
        **(_icc(np.asarray(rows)) if rows else {}),
    }


def _with_interval(measure: Callable[[NDArray[np.intp]], float | None], num_items: int) -> dict[str, Any]:
    interval = bootstrap_statistic(measure, range(num_items))
    return {
        "value": measure(np.arange(num_items)),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "confidence": interval.confidence,
        "interval_method": interval.method,
    }


def _icc(table_uk: NDArray[np.float64]) -> dict[str, Any]:
    forms = intraclass_correlations(table_uk.tolist())
    found = {}
    reported: tuple[IccForm, ...] = ("2,1", "2,k", "3,1")
    for form in reported:
        one = forms[form] if forms else None
        found[f"icc_{form.replace(',', '_')}"] = {
            "value": one.value if one else None,
            "ci_low": one.low if one else None,
            "ci_high": one.high if one else None,
            "confidence": one.confidence if one else None,
            "interval_method": "McGraw and Wong (1996)" if one else "none: nothing varies",
        }
    return found


def _whole(values: NDArray[np.float64]) -> list[int]:
    """Return whole points, halves upwards: Python's rounding would send 2.5 down and 3.5 up."""
    return [int(value) for value in np.floor(values + 0.5)]


def _mean_rating(by_rater: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    items = {item for rated in by_rater.values() for item in rated}
    return {item: fmean(rated[item] for rated in by_rater.values() if item in rated) for item in items}


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value.strip().replace(",", "."))
    except ValueError:
        return None


def _read_rows(path: Path) -> list[Mapping[str, Any]]:
    if path.suffix.lower() == ".json":
        rows = read_json(path)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise DataInvalid(f"{path} is not a list of objects.", "Give one object for each rated sample and rater.")
        return rows
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataInvalid(f"{path} cannot be read: {exc}.", "Give a CSV file in UTF-8, or a JSON list.") from exc
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    return list(csv.DictReader(StringIO(text), restkey=_BEYOND, delimiter=delimiter))
