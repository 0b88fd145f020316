"""What is allowed by default is what the page says, and a change is a change of one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidtune.inference.exports import Tolerance, ToleranceChange
from vidtune.inference.exports._config import _TOLERANCES, tolerance_for

PAGE = Path(__file__).parents[3] / "docs" / "certificates.md"


@pytest.mark.parametrize(("stored_as", "tolerance"), _TOLERANCES.items(), ids=_TOLERANCES)
def test_the_page_says_what_is_allowed(stored_as: str, tolerance: Tolerance) -> None:
    row = (
        f"| `{stored_as}` | {tolerance.stage_relative:g} | {tolerance.max_logit_difference:g} "
        f"| {tolerance.mean_logit_difference:g} | {tolerance.min_same_best_token * 100:g} % "
        f"| {tolerance.min_same_answers * 100:g} % |"
    )

    assert row in PAGE.read_text(encoding="utf-8")


def test_what_is_changed_is_changed_and_the_rest_stays() -> None:
    changed = tolerance_for("nf4", ToleranceChange(min_same_answers=0.9))

    assert changed.min_same_answers == 0.9
    assert changed.stage_relative == _TOLERANCES["nf4"].stage_relative


def test_what_nobody_knows_is_held_to_the_strictest() -> None:
    assert tolerance_for("int7", ToleranceChange()) == _TOLERANCES["float32"]
