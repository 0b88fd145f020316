"""Data with sound: clips whose question only a sound file answers, and clips with a track of their own."""

from __future__ import annotations

import json
from pathlib import Path

from tests.media.writing import tone, write_clip, write_clip_with_sound, write_sound

HEARD_S = 0.672
"""The most that the tiny Gemma 3n takes: 10,752 samples for its four tokens."""


def write_spoken(folder: Path, num_samples: int = 4) -> Path:
    """Write clips, sounds of 0.6 s and ``spoken.jsonl``: a high tone or a low one, and which it is as the answer."""
    lines = []
    for index in range(num_samples):
        is_high = index % 2 == 1
        write_clip(folder / f"clip_{index % 2}.mp4", num_frames=4, seed=index % 2)
        write_sound(folder / f"sound_{index}.wav", tone(0.6, (2500 if is_high else 300) + 5 * index))
        lines.append(
            {
                "id": f"s{index}",
                "subject": f"p{index}",
                "messages": [
                    {"role": "user", "content": "Which?"},
                    {"role": "assistant", "content": "high" if is_high else "low"},
                ],
                "videos": [f"clip_{(index // 2) % 2}.mp4"],
                "audios": [f"sound_{index}.wav"],
            }
        )
    path = folder / "spoken.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def write_loud_clips(folder: Path, num_samples: int = 3) -> Path:
    """Write clips with a track of their own, the last one without, and ``loud.json``."""
    records = []
    for index in range(num_samples):
        if index < num_samples - 1:
            write_clip_with_sound(folder / f"loud_{index}.mp4", tone(0.5 + index, 400), num_frames=8)
        else:
            write_clip(folder / f"loud_{index}.mp4", num_frames=8)
        records.append(
            {
                "id": f"l{index}",
                "video": f"loud_{index}.mp4",
                "conversations": [
                    {"from": "human", "value": "<video>\nWhich?"},
                    {"from": "gpt", "value": f"no {index}"},
                ],
            }
        )
    path = folder / "loud.json"
    path.write_text(json.dumps(records))
    return path
