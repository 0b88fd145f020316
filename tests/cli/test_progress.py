"""The lines of progress in a log."""

import time

from vidtune.cli._shell import progress_bar


def test_what_a_killed_run_did_before_does_not_make_the_rest_look_fast(monkeypatch, capsys):
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    with progress_bar() as progress:
        for step in (320, 330, 340):  # ten steps in ten seconds, after 320 of an earlier process
            progress("train", step, 640)
            now_s += 10.0

    assert capsys.readouterr().err.splitlines() == [
        "train: 330/640 in 10 s, ETA 310 s",
        "train: 340/640 in 20 s, ETA 300 s",
    ]


def test_a_short_stage_that_begins_again_is_told_once(monkeypatch, capsys):
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    with progress_bar() as progress:
        for duration_s in (0.5, 0.5, 3.0, 0.5):  # texts are embedded a few at a time
            progress("embed", 1, 2)
            now_s += duration_s
            progress("embed", 2, 2)

    assert capsys.readouterr().err.splitlines() == ["embed: 2/2 in 0 s", "embed: 2/2 in 3 s"]


def test_a_stage_that_begins_again_is_told_again_with_an_eta_of_its_own(monkeypatch, capsys):
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    with progress_bar() as progress:
        for _ in range(2):  # a training measures again and again
            for done in (10, 20, 30):
                progress("measure", done, 30)
                now_s += 20.0

    assert (
        capsys.readouterr().err.splitlines()
        == [
            "measure: 20/30 in 20 s, ETA 20 s",
            "measure: 30/30 in 40 s",
        ]
        * 2
    )
