import pytest

from vidtune.metrics import (
    TimedText,
    dense_caption_scores,
    format_events,
    hits_within,
    match_in_time,
    parse_events,
    temporal_f_score,
    temporal_iou,
)

TRUTH = [TimedText(0.0, 10.0, "a man sits"), TimedText(10.0, 20.0, "he stands up")]


def same(first, second):
    return float(first == second)


def test_what_is_written_is_read_back():
    events = [{"start_s": 0.0, "end_s": 12.5, "text": "A man sits."}, {"start_s": 61.2, "text": "Up: now!"}]

    assert parse_events(format_events(events)) == (
        [TimedText(0.0, 12.5, "A man sits."), TimedText(61.2, None, "Up: now!")],
        0,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[0.0, 12.5] A man", (0.0, 12.5)),
        ("- 12.5 s: Push", (12.5, None)),
        ("00:12 - 01:02 hello", (12.0, 62.0)),
        ("1:00:05: late", (3605.0, None)),
        ("2. 14 s: in a list", (14.0, None)),
        ("From 2 to 5 s: nothing", None),
        ("3. Lift your hips", None),
        ("12 people dance", None),
        ("Knees out", None),
    ],
)
def test_times_are_read_and_numbers_of_lists_are_not(line, expected):
    events, num_unread = parse_events(line)

    assert [(event.start_s, event.end_s) for event in events] == ([expected] if expected else [])
    assert num_unread == (0 if expected else 1)


def test_stretches_that_do_not_touch_share_nothing():
    assert temporal_iou((0.0, 5.0), (5.0, 9.0)) == 0.0
    assert temporal_iou((0.0, 5.0), (0.0, 5.0)) == 1.0
    assert temporal_iou((1.0, 1.0), (1.0, 1.0)) == 0.0


def test_dense_captions_by_hand():
    predicted = [
        TimedText(0.0, 9.0, "a man sits"),
        TimedText(9.0, 19.0, "wrong"),
        TimedText(30.0, 40.0, "nothing there"),
    ]

    found = dense_caption_scores(predicted, [TRUTH], 0.5, same)

    # Two of three predictions overlap an event, both events are found; the pairs are right, wrong and none.
    assert (found.precision, found.recall, found.text) == (pytest.approx(2 / 3), 1.0, pytest.approx(1 / 3))
    assert dense_caption_scores([], [TRUTH], 0.5, same).text == 0.0


def test_the_better_annotator_counts_for_place_and_both_for_words():
    other = [TimedText(0.0, 20.0, "all of it")]
    predicted = [TimedText(0.0, 20.0, "all of it")]

    found = dense_caption_scores(predicted, [TRUTH, other], 0.5, same)

    # It overlaps both events of the first set by exactly half, and the second set's one fully.
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert found.text == pytest.approx(1 / 3)


def test_feedback_matches_in_order_each_once_and_within_the_tolerance():
    found = match_in_time([1.0, 1.2, 9.0, 20.0], [1.4, 10.6])

    assert (found.num_predicted_matched, found.num_true_matched) == (1, 1)
    assert found.pairs == ((0, 0),)
    # 9.0 is 1.6 s away from 10.6: the tolerance is less than 1.5 s.
    assert temporal_f_score(4, 2, 1, 1) == pytest.approx(2 * 0.25 * 0.5 / 0.75)


def test_nothing_said_has_no_f_score_and_no_crash():
    assert temporal_f_score(0, 3, 0, 0) == 0.0
    assert match_in_time([], [1.0]).num_true_matched == 0


def test_localisation_counts_stretches_that_are_met():
    assert hits_within([2.0, 30.0], [(0.0, 1.0), (10.0, 12.0), (29.0, 31.0)], 1.0) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="at least one"):
        hits_within([1.0], [], 1.0)
