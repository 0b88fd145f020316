"""Annotation files and tiny clips for the tests of this room."""

import json
from pathlib import Path

import av
import numpy as np

QUESTION = "How is the form?"


def qved(video, answer="squats - good", question=QUESTION, **more):
    return {
        "video": video,
        "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
        **more,
    }


def messages(video, answer="squats - good", question=f"<video>{QUESTION}", **more):
    return {
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        "videos": [video],
        **more,
    }


def write(path: Path, records) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(records, bytes):
        path.write_bytes(records)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    else:
        path.write_text(json.dumps(records, indent=1), encoding="utf-8")
    return path


def write_clip(path: Path, *, num_frames=8, grey=128) -> Path:
    """Write a 32 x 32 clip of one grey, 8 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
