from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training import LossConfig, train
from vidtune.training._balance import draw_balanced, sample_weights

GROUPS = ["squats"] * 40 + ["lunges"] * 8 + ["planks"] * 2


def test_weights_by_frequency_make_all_classes_count_alike():
    weights = sample_weights(GROUPS, LossConfig(class_weights="inverse_frequency"))

    totals = Counter()
    for group, weight in zip(GROUPS, weights, strict=True):
        totals[group] += weight
    assert list(totals.values()) == pytest.approx([50 / 3] * 3)
    assert np.mean(weights) == pytest.approx(1.0)


def test_weights_by_effective_number_lie_between_none_and_frequency():
    """(1 - beta) / (1 - beta^n): at 0 all count alike, towards 1 it is the inverse frequency."""

    def ratio(beta):
        weights = sample_weights(GROUPS, LossConfig(class_weights="effective_number", effective_beta=beta))
        return weights[-1] / weights[0]

    assert ratio(0.0) == pytest.approx(1.0)
    assert ratio(0.9) == pytest.approx((1 - 0.9**40) / (1 - 0.9**2))
    assert ratio(0.9999999) == pytest.approx(20.0, rel=1e-4)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    seed=st.integers(0, 5),
)
def test_a_balanced_epoch_has_as_many_of_each_group(sizes, seed):
    groups = [str(name) for name, size in enumerate(sizes) for _ in range(size)]
    drawn = draw_balanced(groups, np.random.default_rng(seed))

    counts = Counter(groups[index] for index in drawn)
    assert len(drawn) == len(groups)
    if len(groups) >= len(sizes):
        assert max(counts.values()) - min(counts[str(name)] for name in range(len(sizes))) <= 1
    repeats = Counter(drawn)
    for name in counts:
        times = [repeats[index] for index, group in enumerate(groups) if group == name]
        assert max(times) - min(times) <= 1, "a group is gone through whole before any of it comes again"


def test_samples_without_a_label_are_named_before_weights_load(recipe, tmp_path):
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(DataInvalid) as caught:
        train(recipe(loop={"balance_by": "subject"}, model={"source": "no/such-model"}), run)

    assert "loop.balance_by needs the subject of every sample" in str(caught.value)
