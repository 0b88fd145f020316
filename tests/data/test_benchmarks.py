"""Every benchmark's file in its published schema: read, told wrong line by line, and carried through every format."""

import importlib.util
import json
from pathlib import Path

import pytest
from PIL import Image

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.data import (
    DataConfig,
    check_dataset,
    load_samples,
    read_dataset,
    readers,
    resolve_video,
    writable_formats,
    write_dataset,
)
from vidtune.data._tasks import CAPTION_QUESTION

FOLDER = Path(__file__).parent / "benchmarks"

# file, format, samples, protocol, video of the first, answer of the first
FILES = [
    (
        "activitynet/val_1.json",
        "activitynet_captions",
        4,
        "dense_captions",
        "v_fixture0000",
        "0.0-20.0 s: A man slices",
    ),
    ("egoschema/egoschema_hf.json", "egoschema", 2, "egoschema", "uid-0", "A"),
    ("egoschema/questions.json", "egoschema", 3, "egoschema", "uid-0", "B"),
    ("longvideobench/lvb_table.json", "longvideobench", 4, "longvideobench", "aa0.mp4", "A"),
    ("longvideobench/lvb_test_wo_gt.json", "longvideobench", 4, "longvideobench", "aa0.mp4", ""),
    ("longvideobench/lvb_val.json", "longvideobench", 4, "longvideobench", "aa0.mp4", "A"),
    (
        "lsmdc/LSMDC16_challenge_1000_publictect.csv",
        "lsmdc",
        4,
        "retrieval",
        "1001_Fixture_Film/1001_Fixture_Film_00.00.51.926-00.00.54.129",
        "A man slices bread",
    ),
    ("messages/messages.jsonl", "messages", 2, None, "a.mp4", "A run."),
    ("mlvu/1_plotQA.json", "mlvu", 3, "mlvu_dev", "plotQA_0.mp4", "A"),
    ("mlvu/9_summary.json", "mlvu", 1, "mlvu_generation", "s1.mp4", "A day in town."),
    ("mlvu/test_mcq.json", "mlvu", 3, "mlvu_test", "test_0.mp4", "F"),
    ("msr_vtt/MSRVTT_JSFUSION_test.csv", "msr_vtt_retrieval", 4, "retrieval", "video0", "a man slices bread"),
    ("msr_vtt/MSRVTT_data.json", "msr_vtt", 4, "captions", "video0", "a man slices bread"),
    ("msr_vtt/MSRVTT_train.7k.csv", "msr_vtt_retrieval", 2, "retrieval", "video0", "a man slices bread"),
    ("msr_vtt/MSRVTT_train.9k.csv", "msr_vtt_retrieval", 3, "retrieval", "video0", "a man slices bread"),
    ("msrvtt_qa/test_qa.json", "msrvtt_qa", 3, "short_answers", "video7010", "couch"),
    ("next_qa/open_val.csv", "next_qa", 3, "next_qa_open", "500", "dog"),
    ("next_qa/val.csv", "next_qa", 4, "next_qa", "400", "A"),
    ("plain/choices.json", "plain", 2, "multiple_choice", "a.mp4", "B"),
    ("plain/questions.jsonl", "plain", 2, None, "squats/1.mp4", "good"),
    ("qevd/feedbacks_long_range.json", "qevd_coach", 2, "qevd_coach", "videos/0000.mp4", "6.0 s: Sit deeper."),
    ("qevd/feedbacks_short_clips.json", "qevd_clips", 1, None, "./00002012.mp4", "Push your knees out."),
    ("qevd/fine_grained_labels.json", "qevd_clips", 3, None, "./00002012.mp4", "squats - Your knees cave in."),
    ("qved/qved_test.json", "qved", 2, None, "squats/00000001.mp4", "squats - Knees cave inwards"),
    ("sharegpt/sharegpt.json", "sharegpt", 2, None, "clip0.mp4", "A man runs."),
    ("surgvivqa/in_template.jsonl", "surgvivqa", 8, "surgvivqa", "frames/002-001", "The answer is yes"),
    ("table/choices.csv", "table", 2, "multiple_choice", "a.mp4", "B"),
    ("table/clips.csv", "table", 2, None, "squats/1.mp4", "good depth"),
    ("table/semicolons.csv", "table", 1, None, "squats/1.mp4", "good, deep"),
    ("table/tabs.tsv", "table", 1, None, "squats/1.mp4", "good; deep"),
    (
        "vatex/hgr_test.txt",
        "vatex_retrieval",
        2,
        "retrieval",
        "abcdefghij1_000002_000012",
        "two dogs run in the snow 0",
    ),
    ("vatex/vatex_validation_v1.0.json", "vatex", 4, "captions", "abcdefghij0_000002_000012", "a man slices bread 0"),
    ("video_mme/output_test_template.json", "video_mme_submission", 4, "video_mme", "000", "A"),
    ("video_mme/video_mme.json", "video_mme", 4, "video_mme", "vidA0000000", "A"),
]


def test_the_fixtures_are_what_their_script_writes():
    spec = importlib.util.spec_from_file_location("make_fixtures", FOLDER / "make_fixtures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    for name, content in module.all_files().items():
        text = content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize(
    ("name", "format", "count", "protocol", "video", "answer"), FILES, ids=lambda value: str(value)
)
def test_every_benchmark_is_known_by_its_file_and_read(name, format, count, protocol, video, answer):
    dataset = read_dataset(FOLDER / name)
    first = dataset.samples[0]

    assert (dataset.format, len(dataset)) == (format, count)
    assert (first.meta.get("protocol"), first.video) == (protocol, video)
    assert first.answer.startswith(answer)
    assert bool(first.answer) == bool(answer)
    assert len({sample.sample_id for sample in dataset}) == count


@pytest.mark.parametrize("target", ["qved", "messages", "sharegpt", "table"])
@pytest.mark.parametrize("name", [name for name, *_ in FILES])
def test_whatever_is_read_survives_the_way_through_any_format_that_is_written(tmp_path, name, target):
    samples = read_dataset(FOLDER / name).samples
    path = tmp_path / f"converted.{'csv' if target == 'table' else 'json'}"

    write_dataset(samples, path, format=target)
    again = read_dataset(path)

    assert again.format == target
    assert again.samples == samples


def test_a_benchmarks_own_format_is_not_written():
    assert writable_formats() == ["messages", "qved", "sharegpt", "table"]
    with pytest.raises(BadUsage, match="vatex"):
        write_dataset(read_dataset(FOLDER / "table/clips.csv").samples, "x.json", format="vatex")


def test_plain_records_keep_what_they_say_besides_and_tell_what_is_no_text(tmp_path):
    first, second = read_dataset(FOLDER / "plain/questions.jsonl").samples
    wrong = tmp_path / "wrong.json"
    wrong.write_text('[{"video": "a.mp4", "question": ["How?"], "answer": "good"}]')

    assert first.meta == {"at": [1.5]}
    assert (second.sample_id, second.label, second.question) == ("7", "squats", CAPTION_QUESTION)
    assert read_dataset(FOLDER / "plain/choices.json").samples[1].answer == "B"
    with pytest.raises(DataInvalid) as caught:
        read_dataset(wrong)
    assert "question: found a list of 1, expected text" in caught.value.findings[0]


def test_every_reader_has_a_fixture():
    assert {format for _, format, *_ in FILES} | {"clip_folder", "activitynet_paragraphs"} == set(readers.names())


def findings_of(path, format="auto"):
    with pytest.raises(DataInvalid) as caught:
        read_dataset(path, format=format)
    return list(caught.value.findings)


# file, what is done to its value, what the findings must say
DAMAGE = [
    (
        "longvideobench/lvb_val.json",
        lambda records: (
            records[0].update(correct_choice=9),
            records[2].update(position="24"),
            records[3].pop("question"),
        ),
        ["item 1), correct_choice: found the number 9", "item 3), position: found the text '24'", "item 4), question"],
    ),
    (
        "video_mme/output_test_template.json",
        lambda records: (records[0]["questions"][1].update(options=["A. One."]), records[1].update(questions=[])),
        ["questions[1], options: found a list of 1", "item 2), questions: found an empty list"],
    ),
    (
        "activitynet/val_2.json",
        lambda value: (
            value["v_fixture0001"].update(sentences=["one"]),
            value["v_fixture0002"]["timestamps"].__setitem__(0, [1]),
        ),
        ["key 'v_fixture0001', timestamps: found 3 times and 1 texts", "key 'v_fixture0002', timestamps[0]"],
    ),
    (
        "msr_vtt/MSRVTT_data.json",
        lambda value: (
            value["sentences"].__setitem__(0, {"caption": "x"}),
            value["sentences"].append({"video_id": "video9", "caption": "y"}),
        ),
        ["sentences[0]", "captions of 'video9'"],
    ),
    (
        "qevd/feedbacks_long_range.json",
        lambda records: (records[0]["feedback_timestamps"].pop(), records[1].update(feedbacks="none")),
        ["item 1), feedbacks: found 4 spans of speech, 3 times", "item 2), feedbacks: found the text 'none'"],
    ),
    (
        "mlvu/1_plotQA.json",
        lambda records: (records[0].update(answer="Purple"), records[1].update(video="../x.mp4")),
        ["item 1), answer: found the text 'Purple', expected one of the 4 options", "item 2), video"],
    ),
]


@pytest.mark.parametrize(
    ("name", "damage", "expected"), DAMAGE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_all_that_is_wrong_is_told_at_once_with_place_and_field(tmp_path, name, damage, expected):
    value = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    damage(value)
    path = tmp_path / Path(name).name
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")

    findings = "\n".join(findings_of(path))

    for text in expected:
        assert text in findings


def test_a_table_names_the_line_of_every_row_that_does_not_hold(tmp_path):
    path = tmp_path / "val.csv"
    rows = (FOLDER / "next_qa/val.csv").read_text(encoding="utf-8").splitlines()
    rows[2] = rows[2].replace(",1,1,", ",7,1,")
    rows[3] += ",one more"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    findings = findings_of(path)

    assert len(findings) == 2
    assert "val.csv, line 3, answer: found the text '7'" in findings[0]
    assert "val.csv, line 4: found 14 cells, expected 13" in findings[1]


def test_official_splits_are_named_as_their_benchmarks_do():
    splits = {
        "msr_vtt/MSRVTT_data.json": ["train", "train", "validate", "test"],
        "msr_vtt/MSRVTT_JSFUSION_test.csv": ["test-1k-A"] * 4,
        "msr_vtt/MSRVTT_train.9k.csv": ["train-9k"] * 3,
        "msr_vtt/MSRVTT_train.7k.csv": ["train-7k"] * 2,
        "mlvu/test_mcq.json": ["test"] * 3,
        "mlvu/1_plotQA.json": ["dev"] * 3,
        "egoschema/questions.json": ["subset", "subset", "test"],
        "surgvivqa/in_template.jsonl": ["train", "test"] * 4,
    }

    for name, expected in splits.items():
        assert [sample.split for sample in read_dataset(FOLDER / name)] == expected, name


def test_several_captions_stay_references_and_evidence_stays_known():
    caption = read_dataset(FOLDER / "msr_vtt/MSRVTT_data.json").samples[0]
    long = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    six = read_dataset(FOLDER / "mlvu/test_mcq.json").samples[0]
    events = read_dataset(FOLDER / "activitynet/val_1.json").samples[0].meta

    assert caption.meta["references"] == ["a man slices bread", "someone cuts a loaf of bread", "bread is being sliced"]
    assert (long.meta["evidence_frames"], long.meta["duration_group"]) == ([24, 80], 15)
    assert long.meta["options"] == ["a star", "a ring", "a cross", "a disc", "an arrow"]
    assert "F. Fay" in six.question
    assert events["events"][2] == {"start_s": 46.0, "end_s": 58.0, "text": "The film ends."}
    assert events["other_events"][0]["end_s"] == 21.0


def test_paragraphs_are_read_when_they_are_asked_for():
    sample = read_dataset(FOLDER / "activitynet/val_1.json", format="activitynet_paragraphs").samples[0]

    assert sample.answer == "A man slices bread. Someone cuts a loaf of bread. The film ends."
    assert sample.meta["protocol"] == "retrieval"


def test_a_coach_speaks_of_the_exercise_that_was_announced():
    events = read_dataset(FOLDER / "qevd/feedbacks_long_range.json").samples[0].meta["events"]

    assert [event.get("exercise") for event in events] == ["squats", "squats", "deltoid stretch", "deltoid stretch"]


def test_a_folder_of_clips_has_the_classes_of_its_folders_and_the_captions_beside(tmp_path):
    for name in ("squats/1.mp4", "squats/2.mp4", "heel_lift/3.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "squats/1.txt").write_text("good\ndepth", encoding="utf-8")

    dataset = read_dataset(tmp_path)

    (tmp_path / "notes.json").write_text("[]", encoding="utf-8")
    assert read_dataset(tmp_path, format="clip_folder").samples == dataset.samples
    with pytest.raises(DataInvalid, match=r"Name one of its files: notes\.json"):
        read_dataset(tmp_path)
    assert dataset.format == "clip_folder"
    assert [(s.video, s.label, s.answer) for s in dataset] == [
        ("heel_lift/3.webm", "heel lift", "heel lift"),
        ("squats/1.mp4", "squats", "good depth"),
        ("squats/2.mp4", "squats", "squats"),
    ]


def test_a_clip_that_is_named_by_its_id_is_found_with_any_suffix_and_as_a_folder_of_frames(tmp_path):
    (tmp_path / "v_fixture0000.webm").write_bytes(b"x")
    (tmp_path / "frames/002-001").mkdir(parents=True)
    (tmp_path / "frames/002-001/002-001_1000.jpg").write_bytes(b"x")
    by_id = read_dataset(FOLDER / "activitynet/val_1.json").samples[0]
    frames = read_dataset(FOLDER / "surgvivqa/in_template.jsonl").samples[0]

    assert resolve_video(by_id, tmp_path) == tmp_path / "v_fixture0000.webm"
    assert {resolve_video(frames, tmp_path), resolve_video(frames, tmp_path / "frames")} == {
        tmp_path / "frames/002-001"
    }


def test_windows_of_images_are_checked_as_clips(tmp_path):
    dataset = read_dataset(FOLDER / "surgvivqa/in_template.jsonl")
    for sample in dataset:
        for name in sample.meta["frames"]:
            path = tmp_path / sample.video / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32)).save(path)

    findings = check_dataset(dataset, tmp_path).findings

    assert not [finding for finding in findings if finding.check == "videos" and finding.level != "ok"]
    # The same question about other windows of a recording is no repeat.
    assert not [finding for finding in findings if finding.check == "repeats"]


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("egoschema/questions.json", "subset_answers.json"),
        ("activitynet/val_1.json", "val_2.json"),
        ("msr_vtt/MSRVTT_train.9k.csv", "MSRVTT_data.json"),
    ],
)
def test_a_broken_file_beside_is_named(tmp_path, name, beside):
    path = tmp_path / Path(name).name
    path.write_bytes((FOLDER / name).read_bytes())
    (tmp_path / beside).write_text('{"a": ', encoding="utf-8")

    with pytest.raises(DataInvalid, match=beside):
        read_dataset(path)


def test_surgical_questions_may_name_a_video_instead_of_frames(tmp_path):
    record = json.loads((FOLDER / "surgvivqa/in_template.jsonl").read_text(encoding="utf-8").splitlines()[0])
    record["video"] = "clips/002-001.mp4"
    (tmp_path / "audio/in_002-001").mkdir(parents=True)
    (tmp_path / "audio/in_002-001/qa_000000.mp3").write_bytes(b"x")
    path = tmp_path / "in_template.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")

    sample = read_dataset(path).samples[0]

    assert sample.video == "clips/002-001.mp4"
    assert (sample.meta["template"], sample.meta["audio"]) == ("in", "audio/in_002-001/qa_000000.mp3")


def test_a_list_without_the_captions_beside_it_says_which_file_it_needs(tmp_path):
    path = tmp_path / "hgr_test.txt"
    path.write_text("abcdefghij1_000002_000012\n", encoding="utf-8")

    with pytest.raises(DataInvalid) as caught:
        read_dataset(path)

    needed = "vatex_training_v1.0.json, vatex_validation_v1.0.json, vatex_data.json, ref_captions.json beside the list"
    assert needed in caught.value.findings[0]


def test_a_split_that_is_a_list_of_its_own_says_which_file_is_expected():
    path = FOLDER / "vatex/vatex_validation_v1.0.json"

    with pytest.raises(DataInvalid, match=r"val_list\.txt with one id a line is expected"):
        load_samples(DataConfig(path=path, videos=FOLDER, split="val-hgr"))
    with pytest.raises(DataInvalid, match="expected 'nothing'"):
        load_samples(DataConfig(path=path, videos=FOLDER, split="nothing"))


def test_the_list_of_a_split_is_read_by_its_name():
    samples = load_samples(DataConfig(path=FOLDER / "vatex/hgr_test.txt", videos=FOLDER, split="test-hgr")).samples

    assert [sample.video[:11] for sample in samples] == ["abcdefghij1", "abcdefghij3"]
    assert len(samples[0].meta["references"]) == 10
