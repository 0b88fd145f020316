"""A clip cut where words stand between its frames: runs of frames, and the words after them.

Every run is to the model's processor what a short clip is, so all that a family knows about clips serves here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vidtune.models._chat import ASIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vidtune.data import Turn
    from vidtune.media import FrameSet


@dataclass(frozen=True)
class ClipInRuns:
    """A conversation and its clip, as they stand in the prompt."""

    turns: tuple[Turn, ...]
    """Without asides; words after the last frame stand before the first question."""

    runs: tuple[FrameSet, ...]
    """Neighbouring frames with nothing between them; the whole clip where nothing stands between any."""

    asides: tuple[str, ...]
    """What stands between the runs, and perhaps before the first of them."""

    begins_with_words: bool
    """Whether the first of ``asides`` stands before all frames."""

    def media(self, content_of: Callable[[FrameSet], Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
        """Return the content of the first user turn before its question, given that of a run."""
        parts = [list(content_of(run)) for run in self.runs]
        for part in parts[:-1]:
            part.append(ASIDE)
        return [*[ASIDE] * self.begins_with_words, *(item for part in parts for item in part)]


def cut_into_runs(turns: Sequence[Turn], frames: FrameSet | None) -> ClipInRuns:
    """Return the clip cut at the asides of the first user turn.

    Raises:
        ValueError: If there are asides and no clip.
    """
    asides = [aside for turn in turns for aside in turn.asides]
    bare = tuple(replace(turn, asides=()) for turn in turns)
    if not asides:
        return ClipInRuns(bare, () if frames is None else (frames,), (), begins_with_words=False)
    if frames is None:
        raise ValueError(f"{len(asides)} texts are to stand between the frames of a clip, and there is no clip.")
    num_frames = len(frames.frames_thwc)
    words: dict[int, str] = {}
    for aside in sorted(asides, key=lambda aside: aside.num_frames_before):
        words[aside.num_frames_before] = "\n".join(filter(None, [words.get(aside.num_frames_before), aside.text]))
    last = "\n".join(words.pop(place) for place in list(words) if place >= num_frames)
    cuts = [0, *(place for place in words if place > 0), num_frames]
    if last:
        first_user = next(index for index, turn in enumerate(bare) if turn.role == "user")
        question = replace(bare[first_user], text=f"{last}\n{bare[first_user].text}")
        bare = (*bare[:first_user], question, *bare[first_user + 1 :])
    return ClipInRuns(
        bare,
        tuple(_take(frames, start, stop) for start, stop in zip(cuts, cuts[1:], strict=False)),
        tuple(words.values()),
        begins_with_words=0 in words,
    )


def _take(frames: FrameSet, start: int, stop: int) -> FrameSet:
    times_s = frames.times_s[start:stop]
    is_spread = len(times_s) > 1 and times_s[-1] > times_s[0]
    # Some models are told the seconds between frames, which they take from the length of the clip.
    step_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1) if is_spread else frames.duration_s / len(frames.times_s)
    return replace(
        frames,
        frames_thwc=frames.frames_thwc[start:stop],
        indices=frames.indices[start:stop],
        times_s=times_s,
        duration_s=frames.duration_s if times_s == frames.times_s else step_s * len(times_s),
    )
