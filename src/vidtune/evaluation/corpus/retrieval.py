"""Text-video retrieval, both ways: recall at K, ranks and mAP.

How alike texts and videos are comes from ``similarity.npy`` of the run directory, a table of all reference captions
(in the order of samples and of their references) by all samples, as a two-tower model or a likelihood gives it. Where
there is none, a video stands for what the model said of it, and captions are compared by their sentence embeddings:
retrieval through the model's own words, and called that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidtune.core.errors import DataInvalid
from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import average_precisions, best_ranks

_RECALLS = (1, 5, 10, 50)
_PER_WAY = 3 + len(_RECALLS)
_WAYS = ("text_to_video", "video_to_text")


@dataclass(frozen=True)
class Retrieval:
    """See ``vidtune.metrics.best_ranks``. A video found by several captions counts by its best-ranked one."""

    label: str = "Retrieval"
    settings: tuple[str, ...] = ("bert_precision",)

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return sums of hits, ranks and precisions of each sample, as a query and as a gallery item."""
        if len(samples) < 2 or any(not sample.references[0].strip() for sample in samples):
            return None
        owners = [number for number, sample in enumerate(samples) for _ in sample.references]
        table_qg = self._similarity(texts, samples, owners, context)
        if table_qg is None:
            return None
        of_text = _numbers(table_qg, [[owner] for owner in owners])
        own: list[list[int]] = [[] for _ in samples]
        for query, owner in enumerate(owners):
            own[owner].append(query)
        of_video = _numbers(table_qg.T, own)
        by_text = np.zeros((len(samples), _PER_WAY))
        np.add.at(by_text, owners, of_text)
        is_captioned = np.full((len(samples), 1), float(self._table_path(context) is None))
        return np.concatenate([by_text, of_video, is_captioned], axis=1)

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return recall at 1, 5, 10 and 50, mean rank and mAP, both ways."""
        found = {}
        for way, start in _ways(totals_bs):
            count = totals_bs[:, start]
            for place, recall in enumerate(_RECALLS):
                found[f"{way}_recall_at_{recall}"] = totals_bs[:, start + 3 + place] / count
            found[f"{way}_mean_rank"] = totals_bs[:, start + 1] / count
            found[f"{way}_map"] = totals_bs[:, start + 2] / count
        return found

    def describe(self, rows_ns: Floats) -> dict[str, float]:
        """Return median ranks; of text to video, over samples with the mean rank of their captions."""
        return {
            f"{way}_median_rank": float(np.median(rows_ns[:, start + 1] / rows_ns[:, start]))
            for way, start in _ways(rows_ns)
        }

    def _table_path(self, context: ScoringContext) -> Path | None:
        path = context.folder / "similarity.npy" if context.folder else None
        return path if path is not None and path.is_file() else None

    def _similarity(
        self, texts: Sequence[str], samples: Sequence[Prediction], owners: Sequence[int], context: ScoringContext
    ) -> Floats | None:
        path = self._table_path(context)
        if path is not None:
            table_qg: Floats = np.load(path, allow_pickle=False).astype(np.float64)
            if table_qg.shape != (len(owners), len(samples)):
                raise DataInvalid(
                    f"{path} has shape {table_qg.shape}, expected {(len(owners), len(samples))}: all captions by all "
                    "answered samples.",
                    "Write it for these predictions, or take it away to compare through the model's captions.",
                )
            return table_qg
        if not context.with_embedder:
            return None
        captions = [text for sample in samples for text in sample.references]
        embedded = context.embedder.embed([*captions, *texts], context.progress).astype(np.float64)
        table: Floats = embedded[: len(captions)] @ embedded[len(captions) :].T
        return table


def _ways(rows: Floats) -> list[tuple[str, int]]:
    """Return the names of both directions and where their numbers begin; captions in between are part of the name."""
    through = "through_captions_" if len(rows) and rows[0, -1] > 0 else ""
    return [(f"{through}{way}", start) for way, start in zip(_WAYS, (0, _PER_WAY), strict=True)]


def _numbers(table_qg: Floats, positives: Sequence[Sequence[int]]) -> Floats:
    """Return, for each query: one, its rank, its average precision, and whether it is within each K."""
    ranks = best_ranks(table_qg, positives)
    hits = [(ranks <= recall).astype(np.float64) for recall in _RECALLS]
    return np.stack([np.ones(len(ranks)), ranks, average_precisions(table_qg, positives), *hits], axis=1)


METRIC = Retrieval()
