"""What the gates of a ``temporal_lora`` did with each clip of a prediction run: as records, and as pictures.

Nothing here is written for another kind of adapter.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vidtune.adapters import ClipGates, clip_gates, draw_gate_map, draw_gate_summary, takes_frame_signals
from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.inference._records import strip_name

if TYPE_CHECKING:
    from vidtune.inference._reading import Clip
    from vidtune.models import LoadedModel

_NUM_PICTURES = 6
_PICTURE = "gates-{stem}.png"
_SUMMARY = "gates.png"


class GateRecorder:
    """Keeps the gates of each clip inside a ``with`` block, once however many questions are asked about it.

    Args:
        loaded: The model that is asked.
        run: Gets ``gates.jsonl``, and pictures of the first clips in ``figures/``.
    """

    def __init__(self, loaded: LoadedModel, run: RunDirectory) -> None:
        self._loaded = loaded
        self._run = run
        self._is_active = takes_frame_signals(loaded.model)
        self._log = RecordLog(run.gates)
        self._known: set[str] = set()
        self._waiting: list[dict[str, Any]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._is_active:
            self._open.enter_context(self._log)
            self._known = {record["clip"] for record in self._log.read()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, clip: Clip) -> None:
        """Take in the gates of a clip that was answered about."""
        if not self._is_active or clip.frames is None:
            return
        stem = strip_name(clip.sample.video, clip.frames).rpartition(".")[0]
        if stem in self._known:
            return
        family = self._loaded.family
        gates = clip_gates(
            self._loaded.model,
            clip.frames.frames_thwc,
            frames_per_group=family.frame_policy.multiple,
            modality_of=family.modality_of,
        )
        assert gates is not None  # noqa: S101 (is_active)
        if len(self._known) < _NUM_PICTURES:
            draw_gate_map(gates, clip.frames.frames_thwc, self._run.figures / _PICTURE.format(stem=stem))
        self._known.add(stem)
        self._waiting.append({"clip": stem, "video": clip.sample.video, **gates.to_record()})

    def flush(self) -> None:
        """Make what was taken in durable."""
        if self._waiting:
            self._log.append_many(self._waiting)
            self._waiting.clear()


def draw_gates(run: RunDirectory) -> None:
    """Draw all gates that a run recorded into one picture; nothing for a run without gates."""
    records = RecordLog(run.gates).read() if run.gates.exists() else []
    if records:
        draw_gate_summary([ClipGates.from_record(record) for record in records], run.figures / _SUMMARY)
