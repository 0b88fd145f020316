import json

import pytest
from tests.data.writing import QUESTION, messages, qved, write

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.data import Turn, read_dataset


def findings_of(path):
    with pytest.raises(DataInvalid) as caught:
        read_dataset(path)
    return caught.value.findings or (caught.value.problem,)


def test_a_qved_file_gives_its_samples_in_order(tmp_path):
    path = write(tmp_path / "qved.json", [qved("squats/1.mp4", split="train"), qved(["lunges/2.mp4"], "lunges - deep")])

    dataset = read_dataset(path)

    assert dataset.format == "qved"
    assert [sample.video for sample in dataset] == ["squats/1.mp4", "lunges/2.mp4"]
    assert dataset.samples[0].turns == (Turn("user", QUESTION), Turn("assistant", "squats - good"))
    assert dataset.samples[0].split == "train"
    assert (dataset.samples[1].question, dataset.samples[1].answer) == (QUESTION, "lunges - deep")


def test_messages_are_read_as_lines_and_as_a_list(tmp_path):
    records = [messages("a.mp4"), messages("b.mp4")]

    as_lines = read_dataset(write(tmp_path / "data.jsonl", records))
    as_list = read_dataset(write(tmp_path / "data.json", records))

    assert as_lines.format == as_list.format == "messages"
    assert as_lines.samples == as_list.samples
    assert as_lines.samples[0].question == QUESTION


def test_content_parts_name_the_video_and_the_text(tmp_path):
    parts = [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": QUESTION}]
    record = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "fine"}]}

    sample = read_dataset(write(tmp_path / "data.jsonl", [record])).samples[0]

    assert (sample.video, sample.question, sample.answer) == ("a.mp4", QUESTION, "fine")


def test_several_turns_and_a_system_text_are_kept(tmp_path):
    record = qved("a.mp4")
    record["conversations"] += [{"from": "human", "value": "And the knees?"}, {"from": "gpt", "value": "They cave in."}]
    record["system"] = "You are a therapist."

    sample = read_dataset(write(tmp_path / "qved.json", [record])).samples[0]

    assert [turn.role for turn in sample.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert len(sample.prompt_turns) == 4
    assert (sample.question, sample.answer) == ("And the knees?", "They cave in.")


@pytest.mark.parametrize("tagged", ["<video>\nHow?", "<video>How?", "How?\n<video>", "<image>\nHow?"])
def test_media_tags_are_taken_out_of_the_text(tmp_path, tagged):
    path = write(tmp_path / "qved.json", [qved("a.mp4", question=tagged)])

    assert read_dataset(path).samples[0].question == "How?"


def test_ids_are_derived_from_the_video_and_do_not_move_when_others_go(tmp_path):
    records = [qved("squats/1.mp4"), qved("squats/2.mp4"), qved("squats/1.mp4", question="Why?"), qved("x.mp4", id=7)]

    ids = [sample.sample_id for sample in read_dataset(write(tmp_path / "a.json", records))]
    fewer = [sample.sample_id for sample in read_dataset(write(tmp_path / "b.json", [records[0], *records[2:]]))]

    assert ids == ["squats/1", "squats/2", "squats/1#2", "7"]
    assert fewer == ["squats/1", "squats/1#2", "7"]


def test_bom_and_windows_line_ends_are_accepted_and_said(tmp_path):
    text = json.dumps([qved("a.mp4")], indent=1).replace("\n", "\r\n")

    dataset = read_dataset(write(tmp_path / "a.json", b"\xef\xbb\xbf" + text.encode()))

    assert len(dataset) == 1
    assert len(dataset.notes) == 2


def test_unknown_keys_are_kept_as_meta(tmp_path):
    dataset = read_dataset(write(tmp_path / "a.json", [qved("a.mp4", difficulty=3, tags=["x"])]))

    assert dataset.samples[0].meta == {"difficulty": 3, "tags": ["x"]}


CONVERSATION = json.dumps(qved("a.mp4")["conversations"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "found an empty file"),
        ("[]", "found an empty list, expected at least one sample"),
        ("{}", "found an empty object"),
        ("hello", "line 1: found the text 'hello', expected a JSON list"),
        ('{"data": [\n]}', "one object over several lines"),
        ('[{"video_path": "a", "prompt": "b"}]', "line 1 (item 1): found an object with the keys video_path, prompt"),
        (f'[\n{{"conversations": {CONVERSATION}}}]', "line 2 (item 1), video: found nothing"),
        (f'[{{"video": ["a", "b"], "conversations": {CONVERSATION}}}]', "video: found a list of 2, expected one video"),
        (f'[{{"video": [["a"]], "conversations": {CONVERSATION}}}]', "video: found a list of 1, expected the path"),
        (f'[{{"video": "../a", "conversations": {CONVERSATION}}}]', "without '..'"),
        (f'[{{"video": "http://x/a.mp4", "conversations": {CONVERSATION}}}]', "not from a URL"),
        (f'[{{"video": "a\\u0000.mp4", "conversations": {CONVERSATION}}}]', "without control characters"),
        ('[{"video": "a", "conversations": "x"}]', "conversations: found the text 'x', expected a list of turns"),
        ('[{"video": "a", "conversations": [{"from": "bot", "value": "x"}]}]', "conversations[0].from: found the text"),
        (f'[{{"video": "a", "id": ["x"], "conversations": {CONVERSATION}}}]', "id: found a list of 1"),
        (
            f'[{{"video": "a", "split": 3, "conversations": {CONVERSATION}}}]',
            "split: found the number 3, expected text",
        ),
        ('[{"video": "a", "conversations": [{"from": "gpt", "value": "x"}]}]', "assistant as speaker 1, expected user"),
        ('[{"video": "a", "conversations": [{"from": "gpt", "value": ""}]}]', "no question and no answer, expected a"),
        ('[{"video": "a", "conversations": [{"from": "system", "value": "x"}]}]', "no question and no answer"),
        (f'[{{"video": "a", "x": NaN, "conversations": {CONVERSATION}}}]', "found NaN, expected a number"),
        (f'[{{"video": "a", "x": -Infinity, "conversations": {CONVERSATION}}}]', "found -Infinity"),
        (f'[{{"video": "a", "x": 1e999, "conversations": {CONVERSATION}}}]', "found the number 1e999"),
        (f'[{{"video": "a", "x": {"9" * 5000}, "conversations": {CONVERSATION}}}]', "a number of 5,000 digits"),
        (f'[{{"video": "a", "video": "b", "conversations": {CONVERSATION}}}]', "video: found the key twice"),
        (f'[{{"video": "\\ud800", "conversations": {CONVERSATION}}}]', "video: found half of a surrogate pair"),
        ("[" * 200_000, "levels of nesting"),
        ('{"a":' * 200_000, "levels of nesting"),
        (f'[{{"x": {"[" * 500}{"]" * 500}}}]', "deep nesting, expected at most 32 levels"),
        (f'[{{"video": "a", "conversations": {CONVERSATION}}},]', "a comma before the closing bracket"),
        (f'[{{"video": "a", "conversations": {CONVERSATION}}}', "the file is cut off"),
        (f'[{{"video": "a", "conversations": {CONVERSATION}}}\n {{"vi', "expected a comma or the closing bracket"),
        (f'[{{"video": "a", "conversations": {CONVERSATION}}},\n {{"vi', "line 2 (item 2): found"),
        (f'[{{"video": "a", "conversations": {CONVERSATION}}}] x', "expected the end of the file"),
    ],
)
def test_each_bad_file_is_named_with_place_finding_and_expectation(tmp_path, text, expected):
    path = write(tmp_path / "bad.json", text.encode())

    findings = findings_of(path)

    assert any(expected in finding for finding in findings), findings
    assert all(finding.startswith("bad.json") for finding in findings)


@pytest.mark.parametrize("question", ["", "<video>\n", "  "])
def test_an_empty_question_is_refused(tmp_path, question):
    (finding,) = findings_of(write(tmp_path / "a.json", [qved("a.mp4", "x", question)]))

    assert "found an empty question" in finding


def test_an_empty_answer_between_two_questions_is_refused(tmp_path):
    record = qved("a.mp4", " ")
    record["conversations"] += qved("a.mp4")["conversations"]

    (finding,) = findings_of(write(tmp_path / "a.json", [record]))

    assert "found an empty answer" in finding


@pytest.mark.parametrize("make", [qved, messages])
@pytest.mark.parametrize("answer", [None, "", "  \n"])
def test_a_question_without_an_answer_is_read_as_one(tmp_path, make, answer):
    record = make("a.mp4", answer, "How is the form?")
    turns = record.get("conversations", record.get("messages"))
    if answer is None:
        turns.pop()

    (sample,) = read_dataset(write(tmp_path / "a.json", [record]))

    assert not sample.is_answered
    assert (sample.question, sample.answer) == ("How is the form?", "")
    assert sample.prompt_turns == sample.turns == (Turn("user", "How is the form?"),)


def test_a_later_question_without_an_answer_does_not_borrow_the_earlier_one(tmp_path):
    record = qved("a.mp4", "squats - good")
    record["conversations"].append({"from": "human", "value": "And the knees?"})

    (sample,) = read_dataset(write(tmp_path / "a.json", [record]))

    assert (sample.question, sample.answer) == ("And the knees?", "")
    assert len(sample.prompt_turns) == 3


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "x \\ud83d y"])
@pytest.mark.parametrize(
    ("record", "field"),
    [
        (qved("a.mp4", question="MARK"), "conversations[0].value"),
        (qved("a.mp4", "MARK"), "conversations[1].value"),
        (messages("a.mp4", "MARK"), "messages[1].content"),
        (qved("a.mp4", tags=["x", "MARK"]), "tags[1]"),
        (qved("a.mp4", system="MARK"), "system"),
    ],
)
def test_half_a_character_is_one_finding_with_line_and_field(tmp_path, record, field, escape):
    lines = [json.dumps(record).replace("MARK", escape) for record in (qved("b.mp4"), record)]
    path = write(tmp_path / "a.jsonl", "\n".join(lines).encode())

    (finding,) = findings_of(path)

    assert finding.startswith(f"a.jsonl, line 2, {field}: found half of a surrogate pair")


def test_a_whole_pair_is_a_character(tmp_path):
    path = write(tmp_path / "a.json", json.dumps([qved("a.mp4", "\U0001f938 good")]).encode())

    assert b"\\ud83e" in path.read_bytes()
    assert read_dataset(path).samples[0].answer == "\U0001f938 good"


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path):
    (finding,) = findings_of(write(tmp_path / "a.json", b'[\n{"video": "\xff"}]'))

    assert finding == "a.json, line 2: found the byte 0xff at 13, expected UTF-8 text"


def test_utf16_is_named(tmp_path):
    (finding,) = findings_of(write(tmp_path / "a.json", "[]".encode("utf-16")))

    assert "found UTF-16 text" in finding


def test_repeated_ids_are_named_with_both_places(tmp_path):
    records = [qved("a.mp4", id="x"), qved("b.mp4", id="y"), qved(3, id="x")]

    findings = findings_of(write(tmp_path / "a.jsonl", records))

    assert "a.jsonl, line 3, id: found the text 'x', expected each id once; it was used at line 1" in findings
    assert len(findings) == 2


def test_all_findings_come_at_once_in_the_order_of_the_file(tmp_path):
    records = [qved(3), qved("a.mp4"), qved("b.mp4", answer=4), {"video": "x"}]
    text = "\n".join(json.dumps(record) for record in records) + "\nbroken\n"

    findings = findings_of(write(tmp_path / "a.jsonl", text.encode()))

    assert [finding.split(", ")[1].split(":")[0] for finding in findings] == ["line 1", "line 3", "line 4", "line 5"]


def test_the_first_twenty_findings_and_the_count_are_told(tmp_path):
    path = write(tmp_path / "a.json", [qved(number) for number in range(57)])

    with pytest.raises(DataInvalid, match="57 findings") as caught:
        read_dataset(path)

    assert len(caught.value.findings) == 21
    assert caught.value.findings[-1] == "... and 37 more"


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    (tmp_path / "qved_test.json").write_text("[]")

    with pytest.raises(DataInvalid, match="does not exist"):
        read_dataset(tmp_path / "none.json")
    with pytest.raises(DataInvalid, match="is a folder.*qved_test.json"):
        read_dataset(tmp_path)


def test_an_asked_format_is_used_and_an_unknown_one_is_named(tmp_path):
    path = write(tmp_path / "a.json", [qved("a.mp4")])

    assert read_dataset(path, format="qved").format == "qved"
    with pytest.raises(DataInvalid, match="messages: found nothing"):
        read_dataset(path, format="messages")
    with pytest.raises(BadUsage, match="Did you mean 'qved'"):
        read_dataset(path, format="qvedd")


def test_two_videos_in_one_message_are_refused(tmp_path):
    record = messages("a.mp4")
    record["videos"].append("b.mp4")

    (finding,) = findings_of(write(tmp_path / "a.jsonl", [record]))

    assert "videos: found a list of 2, expected one video" in finding


def test_a_class_comes_from_the_record_the_manifest_the_folder_and_the_answer_in_that_order(tmp_path):
    records = [
        qved("squats/1.mp4", label="own"),
        qved("squats/2.mp4"),
        qved("cat-cow_pose/3.mp4", "other - text"),
        qved("videos/4.mp4", "tricep stretch (right arm) - held"),
        qved("videos/5.mp4", "no name here"),
        qved("squats/6.mp4"),
    ]
    write(tmp_path / "manifest.json", {"dataset/squats/2.mp4": "from_manifest", "d/squats/6.mp4": {"class": "lunges"}})

    labels = [sample.label for sample in read_dataset(write(tmp_path / "a.json", records))]

    assert labels == ["own", "from manifest", "cat-cow pose", "tricep stretch (right arm)", None, "lunges"]


def test_a_folder_that_all_clips_share_is_no_class(tmp_path):
    path = write(tmp_path / "a.json", [qved("clips42/1.mp4"), qved("clips42/2.mp4", "lunges - deep")])

    assert [sample.label for sample in read_dataset(path)] == ["squats", "lunges"]


def test_subjects_and_errors_beside_the_file_are_used(tmp_path):
    write(tmp_path / "subjects.json", {"squats/1.mp4": "s07"})
    annotation = {"exercise": "wall_sit", "errors": ["knee_valgus"], "error_frames": [3, 4], "split": "test"}
    annotations = [{"video": "squats/1.mp4", **annotation}, {"video": "squats/2.mp4", "subject": "s08", **annotation}]
    write(tmp_path / "annotated_errors.json", annotations)

    first, second = read_dataset(write(tmp_path / "a.json", [qved("squats/1.mp4"), qved("squats/2.mp4")]))

    assert (first.subject, second.subject) == ("s07", "s08")
    assert first.label == "wall sit"
    assert first.meta == {"errors": ["knee_valgus"], "error_frames": [3, 4]}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("manifest.json", b"[1]", "expected an object from video paths to names"),
        ("manifest.json", b'{"a.mp4": 3}', "a.mp4: found the number 3, expected a name"),
        ("subjects.json", b"{", "subjects.json: found the end of the text"),
        ("annotated_errors.json", b'[{"errors": []}]', "item 1: found an object with the keys errors"),
        ("annotated_errors.json", b'[{"video": "a", "errors": "x"}]', "item 1.errors: found the text 'x'"),
    ],
)
def test_a_damaged_file_beside_it_is_named(tmp_path, name, content, expected):
    write(tmp_path / name, content)

    findings = findings_of(write(tmp_path / "a.json", [qved("a.mp4")]))

    assert any(expected in finding for finding in findings), findings
