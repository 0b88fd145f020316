import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid, DataInvalid
from vidtune.data import Sample, SplitConfig, Turn, find_leaks, split_dataset

TURNS = (Turn("user", "How?"), Turn("assistant", "fine"))


def make_sample(number, *, video=None, subject=None, label=None):
    return Sample(f"s{number}", video or f"{label}/{number}.mp4", TURNS, subject=subject, label=label)


def make_cohort(num_subjects, num_each, labels=("squats", "lunges", "planks")):
    return [
        make_sample(person * 1000 + clip, subject=f"p{person}", label=labels[clip % len(labels)])
        for person in range(num_subjects)
        for clip in range(num_each)
    ]


cohorts = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "c"]), st.integers(0, 30)), min_size=12, max_size=80
).map(
    lambda rows: [
        make_sample(number, video=f"{label}/{clip}.mp4", subject=f"p{person}", label=label)
        for number, (person, label, clip) in enumerate(rows)
    ]
)


@settings(max_examples=60, deadline=None)
@given(samples=cohorts, by=st.sampled_from(["subject", "video"]), seed=st.integers(0, 5))
def test_every_sample_is_in_one_part_and_no_group_in_two(samples, by, seed):
    try:
        result = split_dataset(samples, SplitConfig(by=by, seed=seed))
    except DataInvalid:
        return

    placed = [sample.sample_id for part in result.parts.values() for sample in part]
    assert sorted(placed) == sorted(sample.sample_id for sample in samples)
    assert all(result.parts.values())
    forbidden = {"video", "augmentation", *(["subject"] if by == "subject" else [])}
    assert not [leak for leak in result.leaks if leak.kind in forbidden]


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    samples = make_cohort(20, 6)

    first, again, other = (split_dataset(samples, SplitConfig(seed=seed)) for seed in (1, 1, 2))

    assert first.parts == again.parts
    assert first.parts != other.parts


def test_parts_have_the_wanted_sizes_and_the_same_mix_of_classes():
    samples = make_cohort(20, 9)

    result = split_dataset(samples)

    assert {name: len(part) for name, part in result.parts.items()} == {"train": 108, "val": 36, "test": 36}
    for part in result.parts.values():
        counts = Counter(sample.label for sample in part)
        assert max(counts.values()) == min(counts.values())


def test_a_rare_class_reaches_every_part_when_its_people_allow_it():
    common = make_cohort(15, 8, labels=("squats",))
    rare = [make_sample(90_000 + person, subject=f"p{person}", label="rare") for person in range(5)]

    result = split_dataset([*common, *rare])

    assert all("rare" in {sample.label for sample in part} for part in result.parts.values())


def test_altered_copies_stay_with_their_clip():
    videos = [f"squats/{10_000_000 + clip}{copy}.mp4" for clip in range(12) for copy in ("", "_1", "_14")]
    samples = [make_sample(number, video=video, label="squats") for number, video in enumerate(videos)]

    result = split_dataset(samples, SplitConfig(by="video"))

    part_of = {sample.video[:15]: set() for sample in samples}
    for name, part in result.parts.items():
        for sample in part:
            part_of[sample.video[:15]].add(name)
    assert all(len(names) == 1 for names in part_of.values())


def test_the_published_split_is_repeated_exactly_and_its_leaks_are_told():
    samples = [make_sample(n, video=f"squats/0009{n // 2:04}{'_3' * (n % 2)}.mp4", label="squats") for n in range(53)]
    expected = list(samples)
    random.seed(42)
    random.shuffle(expected)

    result = split_dataset(samples, SplitConfig(compat="qved-1.0"))

    assert [sample.sample_id for part in result.parts.values() for sample in part] == [s.sample_id for s in expected]
    assert [len(part) for part in result.parts.values()] == [31, 10, 12]
    assert {leak.kind for leak in result.leaks} == {"augmentation"}


def test_too_few_people_and_no_people_are_named():
    with pytest.raises(DataInvalid, match=r"fall into 2 group\(s\) by subject, expected at least 3"):
        split_dataset(make_cohort(2, 9))
    with pytest.raises(DataInvalid, match="no sample names its subject"):
        split_dataset([make_sample(number, label="a") for number in range(9)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ratios": {"train": 0.5}}, "add up to 0.5"),
        ({"compat": "qved-1.0", "seed": 3}, "seed has no effect"),
        ({"by": "patient"}, "by"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, expected):
    with pytest.raises(ConfigInvalid, match=expected):
        build_config(SplitConfig, values, source="a test")


def test_leaks_are_found_by_clip_copy_and_person():
    train = [make_sample(1, video="a/x.mp4", subject="p1"), make_sample(2, video="a/y.mp4")]
    test = [
        make_sample(3, video="./a/x.mp4"),
        make_sample(4, video="a/y_3.mp4"),
        make_sample(5, video="z", subject="p1"),
    ]

    leaks = find_leaks({"train": train, "test": test})

    assert [(leak.kind, leak.key, leak.splits) for leak in leaks] == [
        ("video", "a/x.mp4", ("test", "train")),
        ("augmentation", "a/y", ("test", "train")),
        ("subject", "p1", ("test", "train")),
    ]


def test_clips_that_are_merely_numbered_are_no_copies():
    train, test = [make_sample(1, video="squat_1.mp4")], [make_sample(2, video="squat_2.mp4")]

    assert find_leaks({"train": train, "test": test}) == ()
