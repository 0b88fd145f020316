"""Write small clips with PyAV, whole or damaged, for tests of this and other rooms."""

from __future__ import annotations

from pathlib import Path

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
