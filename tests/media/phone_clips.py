"""Clips as phones and cameras make them: turned by a note in the header, or with frames at uneven times."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np


def write_scene(
    path: Path,
    *,
    seed: int = 0,
    num_frames: int = 24,
    fps: int = 12,
    size: tuple[int, int] = (96, 72),
    gaps: list[int] | None = None,
    crf: int = 20,
) -> Path:
    """Write a textured scene with something that moves its own way; ``gaps`` are ticks of 1/1000 s between frames."""
    rng = np.random.default_rng(seed)
    width, height = size
    scene = cv2.resize(rng.integers(20, 220, (6, 8, 3)).astype(np.uint8), size, interpolation=cv2.INTER_CUBIC)
    scene = np.clip(scene + rng.normal(0, 10, scene.shape), 0, 255).astype(np.uint8)
    angle, radius = rng.uniform(0, 6.28), rng.uniform(0.15, 0.4)
    speed = rng.choice([-1, 1]) * rng.uniform(2.0, 6.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "g": "8", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if gaps is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        tick = 0
        for position in range(num_frames):
            turn = angle + speed * position / num_frames
            centre = (int(width * (0.5 + radius * np.cos(turn))), int(height * (0.5 + radius * np.sin(turn))))
            picture = cv2.circle(scene.copy(), centre, height // 5, (240, 240, 80), -1)
            frame = av.VideoFrame.from_ndarray(picture)
            if gaps is not None:
                frame.pts, frame.time_base = tick, Fraction(1, 1000)
                tick += gaps[position % len(gaps)]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_by_header(path: Path) -> Path:
    """Write into an mp4 that it is to be shown turned by 90 degrees, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path
