import itertools

import numpy as np
import pytest

from vidtune.metrics import average_precisions, best_ranks, dual_softmax, retrieval_report


def slow_rank(row, own):
    """Mean place of the first right item over every order of tied items: what a tie is worth when nothing decides."""
    places = []
    for order in itertools.permutations(range(len(row))):
        ordered = sorted(order, key=lambda index: -row[index])
        places.append(next(place for place, index in enumerate(ordered, start=1) if index in own))
    return sum(places) / len(places)


def test_ranks_with_ties_are_the_mean_over_all_orders():
    rng = np.random.default_rng(0)
    for _ in range(40):
        row = rng.integers(0, 3, 5).astype(float)
        own = sorted({int(index) for index in rng.integers(0, 5, 2)})

        assert best_ranks(row[None], [own])[0] == pytest.approx(slow_rank(list(row), set(own)))


def test_a_constant_table_is_chance_and_not_perfect():
    table = np.ones((100, 100))
    report = retrieval_report(table, [[index] for index in range(100)])

    assert report.recall_at[1] == 0.0
    assert report.median_rank == 50.5
    assert best_ranks(table, [[index] for index in range(100)], "pessimistic")[0] == 100


def test_both_directions_and_several_captions_a_video():
    # Three captions: two of the first video, one of the second.
    table = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])

    by_text = retrieval_report(table, [[0], [0], [1]])
    by_video = retrieval_report(table.T, [[0, 1], [2]])

    assert by_text.recall_at[1] == pytest.approx(2 / 3)
    assert by_video.recall_at[1] == 0.5
    assert by_video.mean_rank == 1.5


def test_average_precision_is_that_of_scikit_learn():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(1)
    table = rng.random((20, 30))
    positives = [sorted(rng.choice(30, 4, replace=False).tolist()) for _ in range(20)]

    expected = [
        average_precision_score(np.isin(np.arange(30), own), row) for row, own in zip(table, positives, strict=True)
    ]

    assert average_precisions(table, positives) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("table", "positives", "message"),
    [
        (np.array([[np.nan, 1.0]]), [[0]], "finite"),
        (np.ones((2, 2)), [[0]], "row for each"),
        (np.ones((1, 2)), [[]], "belongs"),
    ],
)
def test_what_has_no_rank_is_refused(table, positives, message):
    with pytest.raises(ValueError, match=message):
        best_ranks(table, positives)


def test_dual_softmax_uses_the_other_queries():
    table = np.array([[0.5, 0.4], [0.6, 0.1]])

    assert dual_softmax(table)[0].argmax() == 1
