"""How alike texts and videos are by a two-tower model: the table that retrieval is scored on.

Axis letters: ``q`` texts, ``g`` videos, ``t`` frames, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample, clip_source
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import read_recipe
from vidtune.media import SamplingConfig, read_frames
from vidtune.media.embedding import get_embedder

FILE_NAME = "similarity.npy"
NUM_FRAMES = 12
"""Spread over the clip; as many as CLIP4Clip takes."""


def write_similarity(
    run: RunDirectory, samples: Sequence[Prediction], embedder_name: str, progress: Progress = silent
) -> Path:
    """Write the mean cosine of every reference caption with the frames of every video into the run directory.

    Args:
        run: Whose recipe says where the videos are.
        samples: The answered ones, in order; all of their references are texts.
        embedder_name: A model that can tell what a text has to do with a frame, e.g.
            ``contrastive:openai/clip-vit-base-patch32``.
        progress: Told as videos are read.

    Raises:
        DataInvalid: If the run does not say where its videos are.
        BadUsage: If the embedder knows nothing of texts.
        VidtuneError: If a video cannot be read, or there is no such model.
    """
    videos = _videos_of(run)
    embedder = get_embedder(embedder_name)
    features: list[NDArray[np.float32]] = []
    frames_thwc: NDArray[np.uint8] | None = None
    for number, sample in enumerate(samples, start=1):
        source = clip_source(Sample(sample.sample_id, sample.video, (), meta=sample.meta), videos)
        frames = read_frames(source, SamplingConfig(num_frames=NUM_FRAMES), max_side_px=embedder.max_side_px)
        frames_thwc = frames.frames_thwc
        features.append(embedder.embed_frames(frames_thwc))
        progress("embed videos", number, len(samples))
    if frames_thwc is None:
        raise DataInvalid(f"{run.path} has no answered sample.", "Predict first.")
    texts = [text for sample in samples for text in sample.references]
    all_features = np.concatenate(features)
    table_qg = np.empty((len(texts), len(samples)))
    for number, text in enumerate(texts):
        # Only the features count: the frames were looked at once.
        scores = embedder.score_frames(frames_thwc, all_features, text)
        if scores is None:
            raise BadUsage(
                f"the embedder {embedder_name!r} cannot tell what a text has to do with a frame.",
                "Name an image-text model, e.g. contrastive:openai/clip-vit-base-patch32.",
            )
        table_qg[number] = np.asarray(scores).reshape(len(samples), -1).mean(axis=1)
        progress("embed texts", number + 1, len(texts))
    path = run.path / FILE_NAME
    np.save(path, table_qg)
    return path


def _videos_of(run: RunDirectory) -> Path:
    data = read_recipe(run).get("data")
    videos = data.get("videos") if isinstance(data, dict) else None
    if not isinstance(videos, str) or not Path(videos).is_dir():
        raise DataInvalid(
            f"{run.recipe} does not say where the videos are, or the folder is not there.",
            "Evaluate the run where it was predicted, or write similarity.npy yourself.",
        )
    return Path(videos)
