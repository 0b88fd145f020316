"""Write small clips with PyAV, whole or damaged, for tests of this and other rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np


def write_clip(
    path: Path,
    *,
    num_frames: int = 20,
    fps: int = 10,
    width: int = 64,
    height: int = 48,
    seed: int = 0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip in which every frame is a smooth picture of its own, and the last one is nearly white."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 200, (num_frames, 2, 3))
    colours[-1] = 250
    ramp = np.linspace(0, 1, width)[None, :, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {"crf": "18", "g": "6"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for left, right in colours:
            row = left * (1 - ramp) + right * ramp
            picture = np.broadcast_to(row, (height, width, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))))
        container.mux(stream.encode())
    return path


def write_audio_only(path: Path) -> Path:
    """Write half a second of silence in a video container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_without_frames(path: Path) -> Path:
    """Write a container that announces a video stream and holds no frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return path


def cut_file(source: Path, path: Path, share: float) -> Path:
    """Write the first ``share`` of a file's bytes."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def tone(duration_s: float, frequency_hz: float, rate_hz: int = 16_000, *, loudness: float = 0.5) -> np.ndarray:
    """Return a sine, full scale -1 to 1."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (loudness * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


def write_sound(
    path: Path, waveform_cn: np.ndarray, *, rate_hz: int = 16_000, codec: str = "pcm_s16le", layout: str = "mono"
) -> Path:
    """Write a file of sound alone: (samples,) or (channels, samples), full scale -1 to 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        for packet in _sound_packets(stream, np.atleast_2d(waveform_cn), rate_hz, layout):
            container.mux(packet)
    return path


def write_clip_with_sound(
    path: Path,
    waveform_n: np.ndarray,
    *,
    rate_hz: int = 16_000,
    sound_codec: str = "aac",
    num_frames: int = 16,
    fps: int = 8,
    begins_s: float = 0.0,
) -> Path:
    """Write a clip that grows brighter, with sound that begins ``begins_s`` after its first frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=fps)
        picture.width, picture.height, picture.pix_fmt = 56, 56, "yuv420p"
        sound = container.add_stream(sound_codec, rate=rate_hz, layout="mono")
        for index in range(num_frames):
            shown = np.full((56, 56, 3), 240 * index // num_frames, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(shown)))
        container.mux(picture.encode())
        for packet in _sound_packets(sound, waveform_n[None], rate_hz, "mono", first=round(begins_s * rate_hz)):
            container.mux(packet)
    return path


def _sound_packets(stream: Any, waveform_cn: np.ndarray, rate_hz: int, layout: str, *, first: int = 0) -> list[Any]:
    """Return the coded sound, 1024 samples a frame."""
    coder = stream.codec_context
    wanted = coder.format.name if coder.format is not None else "s16"
    resampler = av.AudioResampler(format=wanted, layout=layout, rate=rate_hz)
    packets: list[Any] = []
    for start in range(0, waveform_cn.shape[1], 1024):
        part = np.ascontiguousarray(waveform_cn[:, start : start + 1024], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, first + start
        for converted in resampler.resample(frame):
            converted.pts = first + start
            packets += stream.encode(converted)
    return [*packets, *stream.encode()]
