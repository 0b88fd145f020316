"""Sound of real small files: what is heard when, how much of what was asked for, and named errors for the rest."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.writing import cut_file, tone, write_clip, write_clip_with_sound, write_sound

from vidtune.core.errors import VideoEmpty, VideoMissing, VideoTimeout, VideoTooLarge, VidtuneError
from vidtune.core.hashing import sha256_file
from vidtune.media import (
    ReadLimits,
    SamplingConfig,
    Sound,
    SoundEmpty,
    SoundMissing,
    SoundUnreadable,
    VideoDecoderDied,
    read_frames,
    read_sound,
)

HERE = ReadLimits(is_isolated=False)
RATE_HZ = 16_000


def hear(path: Path, *, limits: ReadLimits = HERE, max_duration_s: float = 30.0, **part: float) -> Sound:
    return read_sound(path, sample_rate_hz=RATE_HZ, max_duration_s=max_duration_s, limits=limits, **part)


def loud_from_to_s(sound: Sound) -> tuple[float, float]:
    """When the sound is louder than a fifth of the tones here."""
    loud = np.flatnonzero(np.abs(sound.waveform_n) > 0.1)
    return sound.start_s + loud[0] / RATE_HZ, sound.start_s + loud[-1] / RATE_HZ


def beep(rate_hz: int) -> np.ndarray:
    """Two seconds of silence with a tone of 1 kHz from 1.0 to 1.1 s."""
    waveform = np.zeros(2 * rate_hz, np.float32)
    waveform[rate_hz : rate_hz + rate_hz // 10] = tone(0.1, 1000, rate_hz)
    return waveform


def test_a_wav_file_at_the_wanted_rate_is_delivered_to_the_bit(tmp_path: Path) -> None:
    written = np.random.default_rng(0).integers(-(2**15), 2**15, 5000) / 2**15
    path = write_sound(tmp_path / "noise.wav", written)

    sound = hear(path)

    np.testing.assert_array_equal(sound.waveform_n, written.astype(np.float32))
    assert (sound.sample_rate_hz, sound.start_s, sound.requested_s, sound.gap_s) == (RATE_HZ, 0.0, 5000 / RATE_HZ, 0.0)
    assert sound.source_sha256 == sha256_file(path)


def test_a_part_is_cut_to_the_sample_and_says_where_it_lies(tmp_path: Path) -> None:
    written = np.arange(4 * RATE_HZ) / (4 * RATE_HZ)
    path = write_sound(tmp_path / "ramp.wav", written, codec="pcm_f32le")

    sound = hear(path, start_s=1.5, end_s=2.25)

    np.testing.assert_array_equal(sound.waveform_n, written[24_000:36_000].astype(np.float32))
    assert (sound.start_s, sound.requested_s, sound.duration_s) == (1.5, 0.75, 0.75)


def test_channels_become_their_mean(tmp_path: Path) -> None:
    left, right = tone(0.5, 300), tone(0.5, 700)
    path = write_sound(tmp_path / "two.wav", np.stack([left, right]), codec="pcm_f32le", layout="stereo")

    np.testing.assert_allclose(hear(path).waveform_n, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("beep.wav", "pcm_s16le", 48_000),
        ("beep.wav", "pcm_f32le", 44_100),
        ("beep.wav", "pcm_u8", 8_000),
        ("beep.m4a", "aac", 48_000),
        ("beep.mp3", "mp3", 44_100),
        ("beep.flac", "flac", 32_000),
        ("beep.ogg", "libopus", 48_000),
    ],
)
def test_a_tone_is_heard_when_it_sounds_whatever_the_codec_and_rate(
    tmp_path: Path, name: str, codec: str, rate_hz: int
) -> None:
    sound = hear(write_sound(tmp_path / name, beep(rate_hz), rate_hz=rate_hz, codec=codec))

    assert loud_from_to_s(sound) == pytest.approx((1.0, 1.1), abs=0.002)
    assert sound.duration_s == pytest.approx(2.0, abs=0.03)
    spectrum = np.abs(np.fft.rfft(sound.waveform_n[RATE_HZ + 160 : RATE_HZ + 1440]))
    assert np.argmax(spectrum) * RATE_HZ / 1280 == pytest.approx(1000, abs=13)


@pytest.mark.parametrize(("codec", "name"), [("aac", "clip.mp4"), ("mp3", "clip.mkv"), ("pcm_s16le", "clip.mov")])
def test_the_track_of_a_clip_is_timed_by_its_first_frame_and_not_filled_up(
    tmp_path: Path, codec: str, name: str
) -> None:
    path = write_clip_with_sound(tmp_path / name, tone(1.0, 500), sound_codec=codec, begins_s=0.5)

    sound = hear(path)

    assert loud_from_to_s(sound) == pytest.approx((0.5, 1.5), abs=0.05)
    assert 0.4 < sound.start_s <= 0.5, "it begins where the track does"
    assert sound.requested_s == pytest.approx(2.0, abs=0.02), "the clip is two seconds long"
    assert sound.duration_s == pytest.approx(1.0, abs=0.1), "and half of it has sound"


def test_no_more_is_delivered_than_may_be_heard_and_that_is_said(tmp_path: Path) -> None:
    sound = hear(write_sound(tmp_path / "long.wav", tone(3.0, 440)), max_duration_s=1.25)

    assert (sound.duration_s, sound.requested_s) == (1.25, 3.0)
    assert sound.to_record() == {
        "requested_s": 3.0,
        "delivered_s": 1.25,
        "start_s": 0.0,
        "gap_s": 0.0,
        "sample_rate_hz": RATE_HZ,
        "source_sha256": sound.source_sha256,
    }


@pytest.mark.parametrize("name", ["short.wav", "short.mp3"])
def test_a_file_that_was_cut_off_is_as_long_as_what_is_left_and_says_what_it_was(tmp_path: Path, name: str) -> None:
    codec = "mp3" if name.endswith("mp3") else "pcm_s16le"
    whole = write_sound(tmp_path / name, tone(2.0, 440), codec=codec)

    sound = hear(cut_file(whole, tmp_path / f"cut_{name}", 0.6))

    assert sound.duration_s == pytest.approx(1.2, abs=0.08)
    assert sound.requested_s == pytest.approx(2.0, abs=0.05)


def test_a_part_beyond_the_end_is_short_and_one_that_is_all_beyond_it_is_an_error(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "two.wav", tone(2.0, 440))

    short = hear(path, start_s=1.5, end_s=4.0)

    assert (short.duration_s, short.requested_s) == (0.5, 2.5)
    with pytest.raises(SoundEmpty, match="not a single sample in it from 2.5 s on"):
        hear(path, start_s=2.5, end_s=4.0)


def test_silence_is_sound(tmp_path: Path) -> None:
    sound = hear(write_sound(tmp_path / "still.wav", np.zeros(RATE_HZ, np.float32)))

    assert (sound.duration_s, float(np.abs(sound.waveform_n).max())) == (1.0, 0.0)


def test_sound_that_is_lost_in_the_middle_is_silence_of_its_length_and_counted(tmp_path: Path) -> None:
    """What follows is heard at its time: a clip's later sounds must not move to earlier frames."""
    path, gap = write_sound(tmp_path / "whole.mkv", tone(2.0, 440), codec="pcm_s16le"), tmp_path / "gap.mkv"
    with av.open(str(path)) as source, av.open(str(gap), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None and not 0.5 <= float(packet.pts * packet.time_base) < 1.0:
                packet.stream = stream
                target.mux(packet)

    sound = hear(gap)

    assert sound.duration_s == pytest.approx(2.0, abs=0.01)
    assert sound.gap_s == pytest.approx(0.5, abs=0.07)
    heard = np.abs(sound.waveform_n) > 0.05
    assert heard[:7000].mean() > 0.8 < heard[-14_000:].mean()
    assert not heard[9000:15_000].any()


def test_the_decoder_process_gives_the_same_as_this_one(tmp_path: Path) -> None:
    path = write_clip_with_sound(tmp_path / "clip.mp4", tone(1.0, 500))

    here, isolated = hear(path), hear(path, limits=ReadLimits())

    np.testing.assert_array_equal(here.waveform_n, isolated.waveform_n)
    assert here.to_record() == isolated.to_record()
    frames = read_frames(path, SamplingConfig(num_frames=2))
    assert (frames.source_sha256, frames.sound) == (here.source_sha256, None)


@pytest.mark.parametrize("is_isolated", [False, True])
def test_what_cannot_be_heard_is_an_error_by_name(tmp_path: Path, is_isolated: bool) -> None:
    limits = ReadLimits(is_isolated=is_isolated)
    (tmp_path / "text.wav").write_text("this is not sound, whatever its name says")
    (tmp_path / "empty.wav").touch()
    cut = cut_file(write_sound(tmp_path / "whole.m4a", tone(2.0, 440), codec="aac"), tmp_path / "cut.m4a", 0.5)
    expected: list[tuple[Path, type[VidtuneError], str]] = [
        (write_clip(tmp_path / "mute.mp4"), SoundMissing, "mute.mp4 has no sound track, found video"),
        (cut, SoundUnreadable, "cut.m4a cannot be read: its index .'moov'. is missing, the file is cut off at"),
        (tmp_path / "text.wav", SoundUnreadable, "text.wav cannot be read: it holds text"),
        (tmp_path / "empty.wav", VideoEmpty, "empty.wav is empty"),
        (tmp_path / "none.wav", VideoMissing, "none.wav does not exist"),
    ]
    for path, kind, problem in expected:
        with pytest.raises(kind, match=problem):
            hear(path, limits=limits)


def test_limits_hold_for_sound_as_for_frames(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "long.wav", tone(20.0, 440))

    with pytest.raises(VideoTooLarge, match="20 seconds of sound, the limit is 10"):
        hear(path, limits=ReadLimits(max_duration_s=10))
    with pytest.raises(VideoTooLarge, match="the limit is 1,000"):
        hear(path, limits=ReadLimits(max_bytes=1000))
    with pytest.raises(VideoTimeout):
        hear(path, limits=ReadLimits(timeout_s=1e-9, is_isolated=False))


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    written = tone(1.0, 440)
    written[100] = np.nan
    path = write_sound(tmp_path / "nan.wav", written, codec="pcm_f32le")

    with pytest.raises(SoundUnreadable, match="no numbers"):
        hear(path)


def test_a_decoder_that_was_taken_over_cannot_hand_over_more_than_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidtune.media._worker_pool import Worker

    path, ask = write_sound(tmp_path / "a.wav", tone(2.0, 440)), Worker.ask

    def lie(self, request, descriptors, timeout_s):  # type: ignore[no-untyped-def]
        if request["op"] == "sound":
            request = {**request, "wanted": {**request["wanted"], "max_duration_s": 2.0}}
        return ask(self, request, descriptors, timeout_s)

    monkeypatch.setattr(Worker, "ask", lie)
    with pytest.raises(VideoDecoderDied, match="made its decoder answer nonsense"):
        hear(path, limits=ReadLimits(), max_duration_s=1.0)


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, 2.0), (2.0, 2.0), (3.0, 1.0)])
def test_a_part_that_is_none_is_a_callers_mistake(tmp_path: Path, start_s: float, end_s: float) -> None:
    with pytest.raises(ValueError, match="there is no part"):
        hear(write_sound(tmp_path / "a.wav", tone(0.1, 440)), start_s=start_s, end_s=end_s)
