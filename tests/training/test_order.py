from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidtune.training._order import Schedule, choose_subset


def make_schedule(
    num_samples=23, *, seed=0, epochs=3, max_steps=None, group=True, batch_size=4, accumulation=2, **others
):
    return Schedule(
        [10 + (index * 7) % 13 for index in range(num_samples)],
        batch_size=batch_size,
        accumulation=accumulation,
        epochs=epochs,
        max_steps=max_steps,
        group_by_length=group,
        seed=seed,
        **others,
    )


@given(
    num_samples=st.integers(1, 60),
    batch_size=st.integers(1, 9),
    accumulation=st.integers(1, 4),
    group=st.booleans(),
    seed=st.integers(0, 5),
    questions=st.integers(0, 5),
)
def test_every_epoch_sees_every_sample_exactly_once(num_samples, batch_size, accumulation, group, seed, questions):
    clips = [str(index // questions) for index in range(num_samples)] if questions else None
    schedule = make_schedule(
        num_samples, seed=seed, epochs=2, group=group, batch_size=batch_size, accumulation=accumulation, clips=clips
    )
    plans = [schedule.step(step) for step in range(1, schedule.num_steps + 1)]

    for epoch in (0, 1):
        seen = [index for plan in plans if plan.epoch == epoch for index in plan.indices]
        assert sorted(seen) == list(range(num_samples))
    assert all(len(batch) <= batch_size for plan in plans for batch in plan.batches)
    assert [schedule.is_epoch_end(plan.step) for plan in plans].count(True) == 2


def test_a_step_is_the_same_whatever_was_asked_before():
    walked = make_schedule()
    in_order = [walked.step(step) for step in range(1, walked.num_steps + 1)]
    jumped = make_schedule()

    assert [jumped.step(step) for step in reversed(range(1, jumped.num_steps + 1))] == in_order[::-1]


def test_epochs_and_seeds_differ_in_order():
    schedule = make_schedule()
    first = [schedule.step(step).indices for step in range(1, 4)]
    second = [schedule.step(step).indices for step in range(4, 7)]
    other = [make_schedule(seed=1).step(step).indices for step in range(1, 4)]

    assert first != second
    assert first != other


def test_grouping_puts_similar_lengths_into_a_batch():
    lengths = [10 + (index * 37) % 100 for index in range(64)]

    def padding(group):
        schedule = Schedule(
            lengths, batch_size=8, accumulation=1, epochs=1, max_steps=None, group_by_length=group, seed=0
        )
        batches = [schedule.step(step).batches[0] for step in range(1, schedule.num_steps + 1)]
        return sum(max(lengths[i] for i in batch) * len(batch) - sum(lengths[i] for i in batch) for batch in batches)

    assert padding(True) < padding(False) / 3


@pytest.mark.parametrize("group", [True, False])
def test_questions_about_one_clip_come_together_and_clips_in_another_order_each_epoch(group):
    clips = [str(index % 16) for index in range(64)]
    schedule = make_schedule(64, group=group, accumulation=1, epochs=2, clips=clips)
    steps = [schedule.step(step) for step in range(1, schedule.num_steps + 1)]

    assert all(len({clips[index] for index in step.indices}) == 1 for step in steps)
    orders = [[clips[step.indices[0]] for step in steps if step.epoch == epoch] for epoch in (0, 1)]
    assert orders[0] != orders[1]


def test_a_clip_with_more_questions_than_a_batch_holds_is_spread_over_the_epoch():
    clips = [str(index // 32) for index in range(128)]
    schedule = make_schedule(128, accumulation=1, epochs=1, clips=clips)
    order = [clips[schedule.step(step).indices[0]] for step in range(1, schedule.num_steps + 1)]

    assert sum(one != other for one, other in pairwise(order)) > 12, "not one clip after the other"


def test_balanced_sampling_decides_what_an_epoch_holds_before_clips_come_together():
    groups, clips = ["rare"] * 4 + ["usual"] * 28, [str(index // 4) for index in range(32)]
    schedule = make_schedule(32, accumulation=1, epochs=1, groups=groups, clips=clips)
    seen = [index for step in range(1, schedule.num_steps + 1) for index in schedule.step(step).indices]

    assert sum(groups[index] == "rare" for index in seen) == 16


def test_max_steps_may_end_within_an_epoch():
    schedule = make_schedule(epochs=None, max_steps=4)

    assert schedule.num_steps == 4
    assert schedule.step(4).epoch == 1
    with pytest.raises(ValueError, match=r"step must be in 1\.\.4, found 5"):
        schedule.step(5)


def test_a_subset_is_chosen_once_and_ascending():
    chosen = choose_subset(100, 10, seed=3)

    assert chosen == choose_subset(100, 10, seed=3) == sorted(set(chosen))
    assert chosen != choose_subset(100, 10, seed=4)
    assert choose_subset(5, None, 0) == choose_subset(5, 9, 0) == [0, 1, 2, 3, 4]
