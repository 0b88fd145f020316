"""ActivityNet Captions: events with times."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Dense captioning",
    metrics=("dense_captions",),
    corpus=("dense_localisation",),
)
