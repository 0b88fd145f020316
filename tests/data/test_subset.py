from collections import Counter
from dataclasses import replace

import pytest
from tests.data.writing import qved, write

from vidtune.core.errors import BadUsage, ConfigInvalid, DataInvalid
from vidtune.data import (
    Sample,
    SplitConfig,
    Turn,
    balance_classes,
    describe_dataset,
    find_leaks,
    read_dataset,
    split_dataset,
    take_subsets,
)

CLASSES = {"squats": 40, "lunges": 20, "heel lift": 3}


@pytest.fixture
def samples(tmp_path):
    records = [qved(f"{name}/{n}.mp4", f"{name} - ok {n}") for name, count in CLASSES.items() for n in range(count)]
    return read_dataset(write(tmp_path / "a.json", records)).samples


def names(subset):
    return {sample.sample_id for sample in subset}


def test_subsets_are_nested_and_keep_the_mix_of_classes(samples):
    found = take_subsets(samples, [1.0, 0.25, 0.5, 0.1])

    assert list(found) == [0.1, 0.25, 0.5, 1.0]
    for smaller, larger in zip(list(found.values()), list(found.values())[1:], strict=False):
        assert names(smaller) < names(larger)
    assert Counter(sample.label for sample in found[0.25]) == {"squats": 10, "lunges": 5, "heel lift": 1}
    assert found[1.0] == list(samples)


def test_subsets_depend_on_the_seed_alone(samples):
    assert names(take_subsets(samples, [0.3], seed=1)[0.3]) == names(take_subsets(samples, [0.3, 0.9], seed=1)[0.3])
    assert names(take_subsets(samples, [0.3], seed=1)[0.3]) != names(take_subsets(samples, [0.3], seed=2)[0.3])


@pytest.mark.parametrize("ratios", [[], [0.0], [1.5], [-0.1, 0.5]])
def test_what_is_no_share_is_refused(samples, ratios):
    with pytest.raises(BadUsage, match="more than 0 and at most 1"):
        take_subsets(samples, ratios)


def test_balance_makes_classes_equal_by_leaving_out_or_taking_again(samples):
    under, over = balance_classes(samples), balance_classes(samples, method="over")

    assert set(Counter(sample.label for sample in under).values()) == {3}
    assert set(Counter(sample.label for sample in over).values()) == {40}
    assert len(names(over)) == len(over)
    assert any(sample.sample_id.endswith("#again2") for sample in over)


def test_more_than_a_class_has_is_refused_when_samples_are_left_out(samples):
    with pytest.raises(DataInvalid, match="heel lift"):
        balance_classes(samples, per_class=10)


def window(recording, number, kind="moving"):
    frames = [f"{recording}_{number * 32 + 4 * k}" for k in range(8)]
    meta = {"frames": frames, "question_type": kind, "protocol": "surgvivqa"}
    return Sample(
        f"{recording}/{number}", f"frames/{recording}", (Turn("user", "?"), Turn("assistant", "yes")), meta=meta
    )


def test_a_split_by_time_leaves_a_gap_between_parts():
    windows = [window(recording, n) for recording in ("a", "b") for n in range(20)]
    config = SplitConfig(by="time", ratios={"train": 0.5, "test": 0.5}, guard=60)

    result = split_dataset(windows, config)

    for recording in ("a", "b"):
        last = max(int(s.meta["frames"][-1].split("_")[1]) for s in result.parts["train"] if recording in s.video)
        first = min(int(s.meta["frames"][0].split("_")[1]) for s in result.parts["test"] if recording in s.video)
        assert first - last > 60
    assert len(result.left_out) == 2 * 2
    assert sum(map(len, result.parts.values())) + len(result.left_out) == 40


def test_times_of_one_recording_are_no_leak_but_are_told():
    windows = [window("a", n) for n in range(10)]
    people = [replace(one, subject="p1") for one in windows]

    (leak,) = find_leaks({"train": people[:5], "test": people[6:]})

    assert (leak.kind, leak.key) == ("recording", "frames/a"), "and its person is not told once more"
    assert leak.to_text() == "other times of recording frames/a in test and train"
    for train, test in ((windows[:6], windows[5:]), (windows[:5], windows[5:]), (windows[::4], windows[2::4])):
        kinds = [leak.kind for leak in find_leaks({"train": train, "test": test})]
        assert kinds == ["video"], "one in both, neighbours, in turn"
    nested = [replace(windows[0], meta={"frames": ["a_0", "a_300"]}), *windows[1:]]
    assert [leak.kind for leak in find_leaks({"train": nested[:1], "test": nested[1:]})] == ["video"]


def test_a_recording_whose_times_are_not_all_known_may_be_a_leak():
    windows = [window("a", n) for n in range(4)]
    in_seconds = replace(windows[3], meta={"video_start_s": 900.0})
    named = [replace(one, meta={"start_s": 9.0 * n, "end_s": 9.0 * n + 1}) for n, one in enumerate(windows)]
    elsewhere = replace(window("b", 0), subject="p1")

    assert [leak.kind for leak in find_leaks({"train": windows[:3], "test": [in_seconds]})] == ["video"]
    assert [leak.kind for leak in find_leaks({"train": windows[:3], "test": [replace(windows[3], meta={})]})] == [
        "video"
    ]
    assert [leak.kind for leak in find_leaks({"train": named[:2], "test": named[2:]})] == ["video"], "all is shown"
    people = [replace(one, subject="p1") for one in windows]
    kinds = [leak.kind for leak in find_leaks({"train": people[:2], "test": [*people[3:], elsewhere]})]
    assert kinds == ["recording", "subject"], "who is in another recording too is somebody known"


def test_windows_of_a_table_have_a_place_in_time(tmp_path):
    """Its cells are texts, numbers too."""
    rows = [f"rec.mp4,{start_s}.0,{start_s + 2}.0,How?,Well.\n" for start_s in range(0, 16, 2)]
    (tmp_path / "a.csv").write_text("video,start_s,end_s,question,answer\n" + "".join(rows))
    config = SplitConfig(by="time", ratios={"train": 0.5, "test": 0.5}, guard=1.0)

    result = split_dataset(read_dataset(tmp_path / "a.csv").samples, config)

    assert [one.meta["start_s"] for one in result.parts["test"]] == ["10.0", "12.0", "14.0"]
    assert [one.meta["start_s"] for one in result.left_out] == ["8.0"]


def test_a_guard_without_time_and_windows_without_a_place_are_refused(samples):
    with pytest.raises((ConfigInvalid, ValueError), match="no effect with by='video'"):
        SplitConfig(by="video", guard=3)
    with pytest.raises(DataInvalid, match="no place in their recording"):
        split_dataset(samples, SplitConfig(by="time"))


def test_types_of_questions_tell_what_is_right_without_looking():
    windows = [window("a", n, "dye") for n in range(4)] + [window("b", n, "motion") for n in range(2)]

    types = describe_dataset(windows).types

    assert types["dye"].num_samples == 4
    assert (types["dye"].num_answers, types["dye"].commonest_share) == (1, 1.0)


def test_lengths_that_the_data_tells_are_taken_where_none_were_measured():
    told = [Sample("a", "a.mp4", (Turn("user", "?"),), meta={"duration_s": 12.0})]

    assert describe_dataset(told).total_duration_s == 12.0
    assert describe_dataset(told, durations_s={"a.mp4": 10.0}).total_duration_s == 10.0
