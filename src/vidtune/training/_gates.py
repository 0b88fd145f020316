"""What the gates of a ``temporal_lora`` in training do with a few clips that stay the same through the run.

Nothing here does anything for another kind of adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidtune.adapters import ClipGates, clip_gates, draw_gate_map, draw_gate_summary, mean_ranks, takes_frame_signals
from vidtune.core.durable import write_json
from vidtune.models import LoadedModel
from vidtune.training._examples import ExampleStore

GATES_FILE = "gates.json"
_PICTURE = "gates-{number}.png"
_SUMMARY = "gates.png"

_NUM_CLIPS = 8
_NUM_PICTURES = 2


class GateWatch:
    """Looks at the gates on clips spread over a split.

    Args:
        loaded: The model in training.
        store: The clips: held-out ones, where there are any.
    """

    def __init__(self, loaded: LoadedModel, store: ExampleStore) -> None:
        self._loaded = loaded
        self._store = store
        num = min(_NUM_CLIPS, len(store.examples)) if takes_frame_signals(loaded.model) else 0
        # A list of samples is often sorted by what is seen.
        self._indices = [place * len(store.examples) // num for place in range(num)]

    def describe(self) -> dict[str, Any]:
        """Return, for the log of measurements, the mean ranks that each layer uses; nothing for another adapter."""
        return {"mean_ranks": mean_ranks(self._look())} if self._indices else {}

    def write(self, folder: Path) -> None:
        """Write the gates as they are now beside the adapter: all as numbers, the first clips as pictures too."""
        if not self._indices:
            return
        clips = self._look()
        names = [self._store.examples[index].sample.sample_id for index in self._indices]
        write_json(
            folder / GATES_FILE,
            {
                "mean_ranks": mean_ranks(clips),
                "clips": {name: gates.to_record() for name, gates in zip(names, clips, strict=True)},
            },
        )
        draw_gate_summary(clips, folder / _SUMMARY)
        for number, index in enumerate(self._indices[:_NUM_PICTURES], start=1):
            frames_thwc = self._store.frames(index).frames_thwc
            draw_gate_map(clips[number - 1], frames_thwc, folder / _PICTURE.format(number=number))

    def _look(self) -> list[ClipGates]:
        family = self._loaded.family
        found = [
            clip_gates(
                self._loaded.model,
                self._store.frames(index).frames_thwc,
                frames_per_group=family.frame_policy.multiple,
                modality_of=family.modality_of,
            )
            for index in self._indices
        ]
        return [gates for gates in found if gates is not None]
