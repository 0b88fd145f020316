"""Each rule on candidates written by hand."""

import pytest

from vidtune.evaluation.ensembles import Candidate, ensemble_rules


def candidates(*entries):
    return [
        Candidate(number, f"text {number}", key, confidence, probabilities[0] if probabilities else {})
        for number, (key, confidence, *probabilities) in enumerate(entries)
    ]


def decide(rule, given, likeness=None):
    decision = ensemble_rules.get(rule).decide(given, likeness)
    return decision.index, decision.support


def test_a_vote_is_won_by_the_most_then_by_the_surer_then_by_the_first():
    assert decide("vote", candidates(("a", 0.2), ("b", 0.9), ("a", 0.3))) == (2, pytest.approx(2 / 3))
    assert decide("vote", candidates(("a", 0.2), ("b", 0.9))) == (1, 0.5)
    assert decide("vote", candidates(("a", None), ("b", None))) == (0, 0.5)


def test_probabilities_are_averaged_over_members():
    assert decide("probability", candidates(("a", 0.5), ("b", 0.9), ("a", 0.3))) == (1, pytest.approx(0.3))
    assert decide("probability", candidates(("a", 0.6), ("b", 0.9), ("a", 0.6))) == (0, pytest.approx(0.4))
    # A member that is an ensemble tells of all its answers.
    inside = candidates(("a", 1.0, {"a": 0.6, "b": 0.4}), ("b", 0.9, {"b": 0.9, "a": 0.1}), ("a", 0.5))
    assert decide("probability", inside) == (1, pytest.approx(1.3 / 3))


def test_the_surest_member_answers():
    assert decide("confidence", candidates(("a", 0.2), ("b", 0.9), ("a", 0.3))) == (1, 0.9)
    assert decide("confidence", candidates(("a", 0.4), ("b", 0.4))) == (0, 0.4)


def test_the_text_of_least_risk_is_most_like_the_others():
    alike = [[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]]

    assert decide("minimum_risk", candidates(("a", 0.9), ("b", 0.1), ("c", 0.9)), alike) == (1, pytest.approx(0.45))
    assert decide("minimum_risk", candidates(("a", 0.9)), [[1.0]]) == (0, 1.0)


@pytest.mark.parametrize("rule", ensemble_rules.names())
def test_one_candidate_is_the_answer_whatever_the_rule(rule):
    assert decide(rule, candidates(("a", 0.3)), [[1.0]])[0] == 0
