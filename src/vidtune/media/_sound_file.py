"""Decode the sound of a file: the track of a clip, or a file of sound alone.

Decoding goes from the beginning of the file, so that no sample depends on where a seek landed; it ends where the part
does. A sample is placed by the presentation time of its frame. Sound that the file skips becomes silence of that
length, or all that follows would be heard too early, and the contract says how much that was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from vidtune.core.errors import VideoTooLarge
from vidtune.media._container import CONTAINER_FORMATS, ClipFile, Deadline, check_file, translated
from vidtune.media._content import hash_of
from vidtune.media._errors import SoundEmpty, SoundMissing, SoundUnreadable
from vidtune.media._limits import ReadLimits
from vidtune.media._sound import Sound, WantedSound

# Containers that hold sound alone, besides those of clips.
_FORMATS = f"{CONTAINER_FORMATS},wav,w64,aiff,caf,mp3,flac,aac"
_CODECS = frozenset(
    "aac mp3 mp3float mp2 mp2float flac alac opus libopus vorbis libvorbis ac3 eac3 wmav1 wmav2 wmapro".split()
)
_PCM = ("pcm_", "adpcm_")
_MAX_RATE_HZ = 768_000
_MAX_CHANNELS = 64

# Some containers keep times in milliseconds, and some codecs begin a frame or two early: that is no gap.
_JITTER_S = 0.05

_WAV_HEAD_BYTES = 64 * 1024

_SCALES = {"u1": (128.0, 128.0), "i2": (0.0, 2.0**15), "i4": (0.0, 2.0**31), "i8": (0.0, 2.0**63)}
"""By the kind of sample, what is silence and what is full scale."""


@dataclass(frozen=True)
class _Track:
    """Samples of a track from some time on, at its own rate."""

    waveform_n: NDArray[np.float32]
    rate_hz: int
    start: int
    """Place of the first sample, in samples after the beginning of the clip."""

    num_lost: int
    """How many of the samples stand for sound that is lost."""


def read_sound_file(clip: ClipFile, wanted: WantedSound, limits: ReadLimits) -> Sound:
    """Return the sound of an open file, in this process.

    Raises:
        SoundMissing, SoundUnreadable, SoundEmpty: As ``read_sound``.
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    deadline = Deadline(clip, limits.timeout_s)
    with _opened_sound(clip, limits, deadline) as (container, stream):
        track = _decode(container, stream, wanted, deadline)
        whole_s = _wav_header_s(clip) or _header_duration_s(container, stream)
    if not len(track.waveform_n):
        where = "" if wanted.start_s == 0 and wanted.end_s is None else f" from {wanted.start_s:g} s on"
        raise SoundEmpty(f"{clip} has a sound track and not a single sample in it{where}.", "Export it again.")
    if not np.isfinite(track.waveform_n).all():
        raise SoundUnreadable(f"{clip} holds sound whose samples are no numbers.", "Export it again.")
    waveform_n = _resampled(track.waveform_n, track.rate_hz, wanted.sample_rate_hz)
    delivered_s = len(waveform_n) / wanted.sample_rate_hz
    end_s = wanted.end_s if wanted.end_s is not None else whole_s
    # A header may know less than the file holds, or nothing.
    requested_s = max(delivered_s, 0.0 if end_s is None else end_s - wanted.start_s)
    return Sound(
        waveform_n=waveform_n,
        sample_rate_hz=wanted.sample_rate_hz,
        start_s=track.start / track.rate_hz,
        requested_s=requested_s,
        source_sha256=hash_of(clip),
        gap_s=track.num_lost / track.rate_hz,
    )


@contextmanager
def _opened_sound(
    clip: ClipFile, limits: ReadLimits, deadline: Deadline
) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Open a file and yield it with its first sound track, header checked; PyAV's exceptions become ours inside."""
    with translated(clip, deadline, SoundUnreadable):
        check_file(clip, limits)
        container = av.open(
            os.path.abspath(clip.path),
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
            timeout=(deadline.remaining_s,) * 2,
        )
        try:
            if not container.streams.audio:
                found = ", ".join(item.type for item in container.streams) or "nothing"
                raise SoundMissing(f"{clip} has no sound track, found {found}.", "Give a file with sound, or none.")
            stream = container.streams.audio[0]
            _check_header(clip, container, stream, limits)
            yield container, stream
        finally:
            container.close()


def _check_header(clip: ClipFile, container: InputContainer, stream: AudioStream, limits: ReadLimits) -> None:
    codec = stream.codec_context.name
    if codec not in _CODECS and not codec.startswith(_PCM):
        raise SoundUnreadable(
            f"the sound of {clip} is coded as {codec!r}, which is not among the codecs that are read.",
            "Convert it to AAC or WAV first.",
        )
    if not (0 < stream.rate <= _MAX_RATE_HZ and 0 < stream.channels <= _MAX_CHANNELS):
        raise SoundUnreadable(
            f"the sound of {clip} has {stream.channels} channels of {stream.rate:,} Hz, expected 1 to {_MAX_CHANNELS} "
            f"of at most {_MAX_RATE_HZ:,} Hz.",
            "Export it again.",
        )
    duration_s = _header_duration_s(container, stream) or 0.0
    if duration_s > limits.max_duration_s:
        raise VideoTooLarge(
            f"{clip} has {duration_s:,.0f} seconds of sound, the limit is {limits.max_duration_s:,.0f}.",
            "Cut it, or raise limits.max_duration_s.",
        )


def _header_duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    """Return how long the file is, pictures included; None where it does not say."""
    if container.duration is not None:
        return container.duration / av.time_base
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def _wav_header_s(clip: ClipFile) -> float | None:
    """Return how long a WAV file is by its own header: FFmpeg goes by what is left of the file.

    None for other files, and for one that was written to a pipe and does not know.
    """
    with clip.path.open("rb") as file:
        head = file.read(_WAV_HEAD_BYTES)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, bytes_a_second = 12, 0
    while position + 8 <= len(head):
        name, size = head[position : position + 4], int.from_bytes(head[position + 4 : position + 8], "little")
        if name == b"fmt ":
            bytes_a_second = int.from_bytes(head[position + 16 : position + 20], "little")
        if name == b"data":
            return size / bytes_a_second if bytes_a_second and 0 < size < 2**32 - 2**16 else None
        position += 8 + size + size % 2
    return None


def _first_frame_s(container: InputContainer) -> float | None:
    """Return when the first picture of a clip appears, on the clock of its file; None for a file of sound alone."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return float((stream.start_time or 0) * (stream.time_base or 0))
    return None


def _decode(container: InputContainer, stream: AudioStream, wanted: WantedSound, deadline: Deadline) -> _Track:
    """Return the samples of the part, at the rate of the track."""
    rate_hz = int(stream.rate)
    first, stop = round(wanted.start_s * rate_hz), round(wanted.stop_s * rate_hz)
    zero_s = _first_frame_s(container)
    jitter = round(_JITTER_S * rate_hz)
    parts: list[NDArray[np.float32]] = []
    start: int | None = None
    position: int | None = None  # of the next sample
    num_lost = 0
    for frame in _frames(container, stream, deadline):
        if zero_s is None:
            zero_s = frame.time or 0.0
        written = position if frame.time is None else round((frame.time - zero_s) * rate_hz)
        if position is None:
            position = written or 0
        elif written is not None and written - position > jitter:
            # What lies before the part is not wanted, and what lies behind it must not become memory.
            silence = min(written, stop) - max(position, first)
            if silence > 0 and start is not None:
                parts.append(np.zeros(silence, np.float32))
                num_lost += silence
            position = written
        values = _mono(frame)
        kept = values[max(0, first - position) : max(0, stop - position)]
        if len(kept) and start is None:
            start = max(first, position)
        parts.append(kept)
        position += len(values)
        if position >= stop:
            break
    waveform_n = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return _Track(waveform_n, rate_hz, first if start is None else start, num_lost)


def _frames(container: InputContainer, stream: AudioStream, deadline: Deadline) -> Iterator[AudioFrame]:
    """Yield what can be decoded; a packet that cannot shows as a gap.

    Raises:
        av.FFmpegError: If no packet can.
    """
    error: av.FFmpegError | None = None
    num_frames = 0
    for packet in container.demux(stream):
        deadline.check()
        try:
            frames: Sequence[AudioFrame] = packet.decode()
        except av.error.InvalidDataError as exc:
            error = exc
            continue
        for frame in frames:
            num_frames += 1
            yield frame
    if error is not None and not num_frames:
        raise error


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    """Return the mean of the channels, full scale -1 to 1."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    silence, full = _SCALES.get(f"{values.dtype.kind}{values.dtype.itemsize}", (0.0, 1.0))
    if len(values) == 1 and full == 1.0:
        return np.asarray(values[0], dtype=np.float32)
    mean: NDArray[np.float64] = values.mean(axis=0, dtype=np.float64)
    return ((mean - silence) / full).astype(np.float32)


def _resampled(waveform_n: NDArray[np.float32], rate_hz: int, wanted_hz: int) -> NDArray[np.float32]:
    """Return the sound at another rate; at its own it stays as it is, to the bit."""
    if rate_hz == wanted_hz:
        return np.ascontiguousarray(waveform_n)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted_hz)
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(waveform_n)[None], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    parts = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
    num_samples = max(1, round(len(waveform_n) * wanted_hz / rate_hz))
    return np.concatenate(parts).astype(np.float32)[:num_samples]
