"""A clip changed before it is shown, and the answer brought back: one view of test-time augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vidtune.core.errors import BadUsage
from vidtune.data import mirror_turns, swap_sides

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.inference._request import Generation
    from vidtune.media import FrameSet
    from vidtune.media.corruption import CorruptionConfig


class View:
    """What is done to frames, question and answer. In a mirrored clip left and right change places in the words too.

    Args:
        spec: One damage as ``vidtune.media.corruption.read_corruptions`` takes it, e.g. ``mirror`` or ``brightness:1``;
            None changes nothing.

    Raises:
        BadUsage: If there is no such damage, or ``spec`` names several.
    """

    def __init__(self, spec: str | None) -> None:
        self._change: CorruptionConfig | None = None
        self._is_mirrored = False
        if spec is None:
            return
        from vidtune.media.corruption import corruptions, read_corruptions

        # One severity is one view: a name without one stands for the mildest.
        found = read_corruptions(spec)
        if len(found) > 1 and ":" in spec:
            raise BadUsage(f"augment={spec!r} names {len(found)} changes.", "Name one, e.g. brightness:1.")
        self._change = found[0].config
        self._is_mirrored = corruptions.get(self._change.kind).mirrors

    def frames(self, frames: FrameSet) -> FrameSet:
        """Return the frames that the model is shown."""
        if self._change is None:
            return frames
        from vidtune.media.corruption import corrupt_frames

        return corrupt_frames(frames, self._change)

    def turns(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """Return the question as it reads for the frames that are shown."""
        return mirror_turns(turns) if self._is_mirrored else turns

    def answer(self, answer: Generation) -> Generation:
        """Return the answer as it reads for the clip as it is."""
        return replace(answer, text=swap_sides(answer.text)) if self._is_mirrored else answer
