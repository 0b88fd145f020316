"""Questions without answers, from a user's seat: checked with a warning, predicted, and refused where it matters."""

import pytest
from tests.data.writing import qved, write, write_clip
from tests.models.tiny import make_tiny_folder


@pytest.fixture
def questions(tmp_path):
    """Three questions; the answer to one of them is known."""
    for name in "abc":
        write_clip(tmp_path / f"{name}.mp4", grey=40 + 40 * "abc".index(name))
    return write(tmp_path / "ask.json", [qved("a.mp4"), qved("b.mp4", ""), qved("c.mp4", "")])


def test_check_warns_and_exits_0(vidtune, questions):
    status, out, _ = vidtune("data", "check", questions)

    assert status == 0
    assert "2 of 3 samples have no answer: fit for predict, not for train or evaluate: b; c" in " ".join(out.split())


def test_a_report_of_questions_without_answers_is_refused_before_the_model_is_looked_for(vidtune, questions, tmp_path):
    arguments = ["--data", questions, "--videos", questions.parent, "--out", tmp_path / "run", "--report"]

    status, out, error = vidtune("predict", "--model", "no-such/model", *arguments)

    assert (status, out) == (65, "")
    assert "2 of 3 samples have no reference answer, so --report has nothing to compare with them: b, c" in error
    assert not (tmp_path / "run").exists()


def test_they_are_predicted_and_then_not_evaluated(vidtune, questions, tmp_path):
    model = make_tiny_folder(tmp_path / "model")
    arguments = ["--data", questions, "--videos", questions.parent, "--out", tmp_path / "run"]

    status, out, _ = vidtune("predict", "--model", model, *arguments, "--max-new-tokens", 2, "--num-frames", 2)
    assert status == 0
    assert "note: 2 of 3 samples have no reference answer: they cannot be evaluated." in out

    status, _, error = vidtune("evaluate", tmp_path / "run", "--no-bert")
    assert status == 65
    assert "2 of 3 samples have no reference answer, so nothing can be compared with them: b, c" in error
