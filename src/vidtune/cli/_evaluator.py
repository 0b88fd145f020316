"""Generated metrics during training: answers on the validation set, scored as the evaluation would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidtune.data import Sample
    from vidtune.media import FrameSet
    from vidtune.models import LoadedModel


def generated_metrics(
    loaded: LoadedModel, samples: Sequence[Sample], framesets: Sequence[FrameSet], max_new_tokens: int
) -> Mapping[str, float]:
    """Answer ``samples`` with the model as it stands and return mean scores of the answers."""
    from vidtune.evaluation import quick_metrics
    from vidtune.inference import GenerationConfig, Request, generate

    requests = [
        Request(turns=sample.prompt_turns, frames=frames) for sample, frames in zip(samples, framesets, strict=True)
    ]
    answers = generate(loaded, requests, GenerationConfig(max_new_tokens=max_new_tokens))
    return quick_metrics([answer.text for answer in answers], samples)
