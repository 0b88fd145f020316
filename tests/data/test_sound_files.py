"""The sound files that samples name: how formats say it, where they are after a move, and whether they can be heard."""

import json

import pytest
from tests.data.writing import messages, qved, write, write_clip
from tests.media.writing import tone, write_sound

from vidtune.core.errors import DataInvalid
from vidtune.data import DataConfig, check_dataset, keep_sounds, read_dataset, sound_source, suffix_of, write_dataset

PART = {"audio": "a.wav", "audio_start_s": 0.5, "audio_end_s": 2.0}


def sharegpt(**more):
    record = qved("x.mp4")
    return {"conversations": record["conversations"], "videos": ["x.mp4"], **more}


def parts(*inner, **more):
    asked = [{"type": "video", "video": "x.mp4"}, *inner, {"type": "text", "text": "How?"}]
    said = {"role": "assistant", "content": "squats - good"}
    return {"messages": [{"role": "user", "content": asked}, said], **more}


def audio_part(**more):
    return {"type": "audio", "audio": "a.wav", **more}


def sound_of(path):
    meta = read_dataset(path).samples[0].meta
    return {key: value for key, value in meta.items() if key.startswith("audio")}


@pytest.mark.parametrize(
    "record",
    [
        qved("x.mp4", **PART),
        qved("x.mp4", **{**PART, "audio": ["a.wav"]}),
        qved("x.mp4", **{**PART, "audio": "a.wav", "audios": ["a.wav"]}),
        sharegpt(**{**PART, "audio": None}, audios=["a.wav"]),
        messages("x.mp4", audios=["a.wav"], audio_start_s="0.5", audio_end_s=2),
        parts(audio_part(audio_start=0.5, audio_end=2)),
        parts({"type": "audio_url", "audio_url": {"url": "a.wav"}}, audio_start_s=0.5, audio_end_s=2.0),
    ],
)
def test_a_sound_and_the_part_of_it_that_is_meant_are_read_from_every_conversation(tmp_path, record):
    assert sound_of(write(tmp_path / "in.json", [record])) == PART


def test_a_table_has_columns_for_them(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("video,question,answer,audio,audio_start_s,audio_end_s\nx.mp4,How?,good,a.wav,0.5,2\n")

    assert sound_of(path) == PART


@pytest.mark.parametrize("nothing", [{}, {"audio": None}, {"audio": ""}, {"audios": []}, {"audio": False}])
def test_a_record_without_a_sound_has_none(tmp_path, nothing):
    assert sound_of(write(tmp_path / "in.json", [qved("x.mp4", **nothing)])) == {}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (qved("x.mp4", audios=["a.wav", "b.wav"]), "audio: found a list of 2, expected one sound file"),
        (qved("x.mp4", audio="a.wav", audios=["b.wav"]), "expected one sound file"),
        (qved("x.mp4", audio={"bytes": "x"}), "audio: found an object with the keys bytes, expected one sound file"),
        (qved("x.mp4", audio="https://x.org/a.wav"), "not from a URL"),
        (qved("x.mp4", audio="../a.wav"), "without '..'"),
        (qved("x.mp4", audio="a.wav", audio_start_s=-1), "audio_start_s: found the number -1, expected seconds"),
        (qved("x.mp4", audio="a.wav", audio_start_s=2, audio_end_s=1), "expected more than audio_start_s, 2"),
        (qved("x.mp4", audio="a.wav", audio_end_s=0), "expected more than audio_start_s, 0"),
        (parts(audio_part(), audio_part()), "audio: found a list of 2, expected one sound file"),
        (parts({"type": "audio"}), "expected one sound file"),
        (parts(audio_part(audio_start="soon")), "audio_start_s: found the text 'soon', expected seconds"),
    ],
)
def test_a_sound_that_cannot_be_meant_is_told_with_its_field(tmp_path, record, told):
    with pytest.raises(DataInvalid) as caught:
        read_dataset(write(tmp_path / "in.json", [record]))

    assert told in caught.value.findings[0]
    assert caught.value.findings[0].startswith("in.json, line 2 (item 1)")


@pytest.mark.parametrize("format", ["qved", "messages", "sharegpt", "table"])
def test_what_is_written_names_the_same_sound_and_the_same_part(tmp_path, format):
    samples = read_dataset(write(tmp_path / "in.json", [qved("x.mp4", label="squats", **PART), qved("y.mp4")])).samples

    path = tmp_path / f"out{suffix_of(format)}"
    write_dataset(samples, path, format=format)

    assert sound_of(path) == PART
    assert read_dataset(path).samples == samples


@pytest.mark.parametrize(
    ("format", "key", "words"), [("messages", "messages", "content"), ("sharegpt", "conversations", "value")]
)
def test_other_trainers_find_a_tag_for_every_file(tmp_path, format, key, words):
    samples = read_dataset(write(tmp_path / "in.json", [qved("x.mp4", **PART), qved("y.mp4")])).samples
    write_dataset(samples, tmp_path / "out.jsonl", format=format)

    text = (tmp_path / "out.jsonl").read_text()
    records = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]

    assert [record[key][0][words] for record in records] == [
        "<video>\n<audio>\nHow is the form?",
        "<video>\nHow is the form?",
    ]
    assert [record.get("audios") for record in records] == [["a.wav"], None]


def test_only_the_part_is_heard(tmp_path):
    write_clip(tmp_path / "x.mp4")
    write_sound(tmp_path / "a.wav", tone(3.0, 400))
    path = write(tmp_path / "in.json", [qved("x.mp4", **PART)])

    source = sound_source(read_dataset(path).samples[0], DataConfig(path=path, videos=tmp_path))
    heard = source.read(sample_rate_hz=16_000, max_duration_s=30)

    assert (heard.start_s, heard.duration_s, heard.requested_s) == (0.5, 1.5, 1.5)


def spoken(folder, *names):
    """Write a file whose samples name sounds; ``asked/`` lies beside it."""
    return write(folder / "in.json", [qved(f"{number}.mp4", audio=name) for number, name in enumerate(names)])


def test_paths_of_sounds_hold_from_the_new_folder_and_no_file_is_touched(tmp_path):
    old = tmp_path / "old"
    write_sound(old / "asked/a.wav", tone(0.2, 400))
    full = str(write_sound(tmp_path / "b.wav", tone(0.2, 400)))
    samples = read_dataset(spoken(old, "asked/a.wav", "elsewhere.wav", full)).samples

    above, kept_above = keep_sounds(samples, old, tmp_path)
    apart, kept_apart = keep_sounds(samples, old, tmp_path / "new")
    same, kept_same = keep_sounds(samples, old, old)

    assert [sample.meta["audio"] for sample in above] == ["old/asked/a.wav", "elsewhere.wav", full]
    assert [sample.meta["audio"] for sample in apart] == [str(old / "asked/a.wav"), "elsewhere.wav", full]
    assert tuple(same) == samples
    assert kept_above.to_record() == kept_apart.to_record() == {"named": 3, "rewritten": 1, "not_beside": 1}
    assert kept_same.to_record() == {"named": 3, "rewritten": 0, "not_beside": 1}
    assert sorted(path.name for path in tmp_path.rglob("*.wav")) == ["a.wav", "b.wav"]


def test_sounds_that_are_missing_or_cannot_be_heard_are_errors_with_their_reasons(tmp_path):
    for number in range(5):
        write_clip(tmp_path / f"videos/{number}.mp4", grey=40 * number + 20)
    write_sound(tmp_path / "videos/a.wav", tone(0.5, 400))
    write_sound(tmp_path / "b.wav", tone(1.5, 400))
    (tmp_path / "c.wav").write_text("no sound")
    write_clip(tmp_path / "mute.mp4")
    path = spoken(tmp_path, "a.wav", "b.wav", "c.wav", "d.wav", "mute.mp4")

    report = check_dataset(read_dataset(path), tmp_path / "videos")

    missing, broken = [finding for finding in report.findings if finding.check == "sounds"]
    assert (missing.level, broken.level, report.level) == ("error", "error", "error")
    assert missing.message.startswith(
        "1 of 5 sound files are missing: d.wav. The first: the sound file 'd.wav' of 3 was"
    )
    assert "2 of 5 sound files cannot be read: c.wav; mute.mp4." in broken.message
    assert [item.split("]")[0] for item in broken.items] == ["[sound_unreadable", "[sound_missing"]


def test_sounds_that_can_be_heard_are_counted_and_a_part_beyond_the_end_is_an_error(tmp_path):
    for number in range(3):
        write_clip(tmp_path / f"{number}.mp4", grey=40 * number + 20)
    write_sound(tmp_path / "a.wav", tone(0.5, 400))
    write_sound(tmp_path / "b.wav", tone(1.5, 400))
    write(tmp_path / "in.json", [qved("0.mp4", audio="a.wav"), qved("1.mp4", audio="b.wav"), qved("2.mp4")])

    good = check_dataset(read_dataset(tmp_path / "in.json"), tmp_path)
    write(tmp_path / "in.json", [qved("0.mp4", audio="a.wav"), qved("1.mp4", audio="a.wav", audio_start_s=3)])
    beyond = check_dataset(read_dataset(tmp_path / "in.json"), tmp_path)

    [told] = [finding for finding in good.findings if finding.check == "sounds"]
    assert told.level == "ok"
    assert told.message == "all 2 are found and readable, 0.5 to 1.5 s long, named by 2 of 3 samples."
    [error] = [finding for finding in beyond.findings if finding.check == "sounds"]
    assert "1 of 2 sound files cannot be read" in error.message
    assert error.items[0].startswith("[sound_empty]")


def test_data_without_sounds_say_nothing_of_them(tmp_path):
    write_clip(tmp_path / "0.mp4")
    report = check_dataset(read_dataset(write(tmp_path / "in.json", [qved("0.mp4")])), tmp_path)

    assert not [finding for finding in report.findings if finding.check == "sounds"]
