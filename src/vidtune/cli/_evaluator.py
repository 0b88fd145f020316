"""Generated metrics during training: answers on the validation set, scored as the evaluation would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidtune.core.progress import Progress, silent

if TYPE_CHECKING:
    from vidtune.data import Sample
    from vidtune.media import FrameSet
    from vidtune.models import LoadedModel


class GeneratedMetrics:
    """An ``Evaluator`` that lets the model answer and scores the answers without embeddings or intervals.

    Args:
        progress: Told as answers are finished: writing them takes longer than anything else in a measurement.
    """

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress

    def __call__(
        self,
        loaded: LoadedModel,
        samples: Sequence[Sample],
        framesets: Sequence[FrameSet],
        max_new_tokens: int,
    ) -> Mapping[str, float]:
        """Answer ``samples`` with the model as it stands; return mean scores, and how alike the answers are."""
        from vidtune.evaluation import quick_metrics
        from vidtune.inference import GenerationConfig, Request, generate
        from vidtune.training import ANSWERS_ALIKE

        requests = [
            Request(turns=sample.prompt_turns, frames=frames) for sample, frames in zip(samples, framesets, strict=True)
        ]
        config = GenerationConfig(max_new_tokens=max_new_tokens)
        answers = [answer.text for answer in generate(loaded, requests, config, progress=self._progress)]
        most_common = max(answers.count(text) for text in set(answers)) / len(answers)
        return {**quick_metrics(answers, samples), ANSWERS_ALIKE: most_common}

    def metric_names(self, samples: Sequence[Sample]) -> frozenset[str]:
        """Return what it may measure on such samples, without a model."""
        from vidtune.evaluation import quick_metric_names
        from vidtune.training import ANSWERS_ALIKE

        return quick_metric_names(samples) | {ANSWERS_ALIKE}


generated_metrics = GeneratedMetrics()
"""The same in silence."""
