"""Make ``agreement.json``: ratings written here, with what the reference programs say of their agreement.

Run ``python tests/metrics/make_agreement.py`` where ``krippendorff`` 0.9, ``pingouin`` 0.7, ``scikit-learn`` and
``scipy`` are importable.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import cohen_kappa_score

FORMS = {
    "ICC(1,1)": "1,1",
    "ICC(A,1)": "2,1",
    "ICC(C,1)": "3,1",
    "ICC(1,k)": "1,k",
    "ICC(A,k)": "2,k",
    "ICC(C,k)": "3,k",
}


def main() -> None:
    rng = random.Random(11)
    rounds = []
    for number in range(8):
        num_raters, num_units = 2 + number % 3, 6 + 5 * number
        truth = [rng.randrange(1, 6) for _ in range(num_units)]
        table = [
            [min(5, max(1, value + rng.choice([-1, 0, 0, 0, 1, 2]) - (rater == 1))) for value in truth]
            for rater in range(num_raters)
        ]
        gaps = [[None if rng.random() < 0.2 else value for value in row] for row in table]
        rounds.append(_rate(table, gaps))
    Path(__file__).with_name("agreement.json").write_text(json.dumps(rounds, indent=1) + "\n")


def _rate(table: list[list[int]], gaps: list[list[int | None]]) -> dict[str, object]:
    first, second = table[0], table[1]
    matrix = np.array([[np.nan if value is None else value for value in row] for row in gaps], dtype=float)
    rows = [
        {"unit": unit, "rater": rater, "score": value}
        for rater, row in enumerate(table)
        for unit, value in enumerate(row)
    ]
    icc = pingouin.intraclass_corr(pd.DataFrame(rows), targets="unit", raters="rater", ratings="score").set_index(
        "Type"
    )
    bounds = next(name for name in icc.columns if name.startswith("CI95"))
    return {
        "ratings": table,
        "with_gaps": gaps,
        "kappa": {
            str(weights): cohen_kappa_score(first, second, weights=weights) for weights in (None, "linear", "quadratic")
        },
        "alpha": {
            level: krippendorff.alpha(reliability_data=matrix, level_of_measurement=level)
            for level in ("nominal", "ordinal", "interval")
        },
        "spearman": spearmanr(first, second).statistic,
        "kendall": kendalltau(first, second).statistic,
        "icc": {FORMS[name]: [float(row["ICC"]), *map(float, row[bounds])] for name, row in icc.iterrows()},
    }


if __name__ == "__main__":
    main()
