"""Agreement equals scikit-learn, krippendorff, pingouin and scipy, and the worked examples of its papers."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from vidtune.metrics import (
    bland_altman,
    bootstrap_statistic,
    cohen_kappa,
    intraclass_correlations,
    kendall_tau,
    krippendorff_alpha,
    spearman,
)

ROUNDS = json.loads(Path(__file__).with_name("agreement.json").read_text())

# Krippendorff (2011), section C: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Shrout and Fleiss (1979), table 2: six targets, four judges.
TARGETS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Bland and Altman (1986): peak flow by two meters, in l/min.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


@pytest.mark.parametrize("one", ROUNDS)
def test_measures_are_those_of_the_reference_programs(one):
    first, second = one["ratings"][0], one["ratings"][1]

    assert cohen_kappa(first, second) == pytest.approx(one["kappa"]["None"], abs=1e-12)
    for weights in ("linear", "quadratic"):
        assert cohen_kappa(first, second, weights=weights) == pytest.approx(one["kappa"][weights], abs=1e-12)
    for level, expected in one["alpha"].items():
        assert krippendorff_alpha(one["with_gaps"], level) == pytest.approx(expected, abs=1e-12)
    assert spearman(first, second) == pytest.approx(one["spearman"], abs=1e-12)
    assert kendall_tau(first, second) == pytest.approx(one["kendall"], abs=1e-12)
    forms = intraclass_correlations(list(zip(*one["ratings"], strict=True)))
    for form, (value, low, high) in one["icc"].items():
        assert forms[form].value == pytest.approx(value, abs=1e-10)
        # pingouin rounds its bounds to two digits.
        assert [forms[form].low, forms[form].high] == pytest.approx([low, high], abs=0.0051)


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level, expected):
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(expected, abs=5e-4)


def test_intraclass_correlations_of_the_published_example():
    found = intraclass_correlations(TARGETS)

    values = {form: round(one.value, 2) for form, one in found.items()}
    assert values == {"1,1": 0.17, "2,1": 0.29, "3,1": 0.71, "1,k": 0.44, "2,k": 0.62, "3,k": 0.91}


def test_limits_of_agreement_of_the_published_example():
    found = bland_altman(LARGE, MINI)

    assert [round(one, 1) for one in (found.bias, found.std)] == [-2.1, 38.8]
    assert [found.bias_low, found.bias_high] == pytest.approx([-22.0, 17.8], abs=0.1)
    # The paper takes two standard deviations for the limits (-79.7 and 75.5), we take 1.96.
    narrower = (2 - 1.96) * found.std
    assert [found.lower - narrower, found.upper + narrower] == pytest.approx([-79.7, 75.5], abs=0.1)
    assert found.lower_high - found.lower_low == pytest.approx(114.3 - 45.1, abs=0.5)


def test_the_weighted_kappa_knows_the_order_of_categories_that_nobody_used():
    near = cohen_kappa([1, 1, 5, 5], [1, 2, 5, 4], weights="quadratic", categories=(1, 2, 3, 4, 5))
    far = cohen_kappa([1, 1, 5, 5], [1, 5, 5, 1], weights="quadratic", categories=(1, 2, 3, 4, 5))

    # Squared distances: 1 + 1 of four pairs, against 26 of four pairs by chance.
    assert near == pytest.approx(1 - 2 / 26)
    assert far == pytest.approx(0.0)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_what_does_not_vary_has_no_agreement(level):
    assert krippendorff_alpha([[3, 3, 3], [3, 3, 3]], level) is None
    assert krippendorff_alpha([[1, None], [None, 2]], level) is None
    assert cohen_kappa([3, 3, 3], [3, 3, 3]) is None
    assert spearman([3, 3, 3], [1, 2, 3]) is None
    assert kendall_tau([3, 3, 3], [1, 2, 3]) is None
    assert intraclass_correlations([[3, 3], [3, 3], [3, 3]]) is None


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="found 2 and 1"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="every rater"):
        krippendorff_alpha([[1, 2], [1]], "nominal")
    with pytest.raises(ValueError, match="not among"):
        cohen_kappa([1, 9], [1, 2], categories=(1, 2))


def test_the_interval_holds_the_true_value_about_as_often_as_it_says():
    rng = random.Random(5)
    truth = 0.6  # two raters who agree on 80 % of two equally likely categories
    hits = 0
    for seed in range(60):
        first = [rng.randrange(2) for _ in range(80)]
        second = [value if rng.random() < 0.8 else 1 - value for value in first]
        a, b = np.asarray(first), np.asarray(second)

        interval = bootstrap_statistic(
            lambda at, a=a, b=b: cohen_kappa(a[at].tolist(), b[at].tolist()), range(80), num_resamples=200, seed=seed
        )

        hits += interval.low <= truth <= interval.high
    assert 52 <= hits <= 60


def test_whole_clusters_are_drawn():
    values = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 20)
    clusters = np.repeat(np.arange(6), 20).tolist()

    together = bootstrap_statistic(lambda at: float(values[at].mean()), clusters)
    apart = bootstrap_statistic(lambda at: float(values[at].mean()), range(120))

    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert bootstrap_statistic(lambda at: 1.0, [0, 0, 1]).low is None
