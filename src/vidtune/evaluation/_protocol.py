"""Protocols: which metrics judge a data set, what leads, what is averaged over what, and what is handed in."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.evaluation._predictions import Prediction

DEFAULT = "feedback"


@dataclass(frozen=True)
class Submission:
    """A file that a benchmark's server takes."""

    file_name: str
    build: Callable[[Sequence[Prediction]], Any]
    """From all predictions to JSON values, or to the text of another format."""


@dataclass(frozen=True)
class ScoringProtocol:
    """How one kind of data is judged."""

    label: str
    """Name for people."""

    metrics: tuple[str, ...]
    """Of single answers, in the order of reports; the first that applies leads."""

    corpus: tuple[str, ...] = ()
    """Of the whole set."""

    headline: tuple[str, ...] = ()
    """Metrics that the verdict speaks of, at most two that apply. Empty: the first of ``metrics``."""

    groups: tuple[str, ...] = ()
    """Keys of a sample's meta by which the leading metric is told apart, e.g. ``question_type``."""

    submission: Submission | None = None
    """None where there is no server."""


_folder = importlib.import_module("vidtune.evaluation.protocols")
protocols: Registry[ScoringProtocol] = Registry(
    "protocol", parts_in_folder(_folder.__name__, _folder.__path__, "PROTOCOL")
)
"""All protocols by name; packages add theirs through the entry-point group ``vidtune.protocol``."""


def find_protocol(samples: Sequence[Prediction], asked: str | None) -> tuple[str, ScoringProtocol]:
    """Return the protocol asked for, or the one that the samples name; that of feedback where they name none.

    Raises:
        BadUsage: If there is none of that name.
        DataInvalid: If the samples name several.
    """
    named = {str(sample.meta.get("protocol") or DEFAULT) for sample in samples}
    if asked is None and len(named) > 1:
        raise DataInvalid(
            f"the samples name {len(named)} protocols: {', '.join(sorted(named))}; one set is judged by one.",
            "Predict and evaluate them apart, or say which one with --protocol.",
        )
    name = asked or next(iter(named), DEFAULT)
    try:
        return name, protocols.get(name)
    except LookupError as exc:
        raise BadUsage(str(exc), "Name a protocol, or leave it out to have the data's own.") from exc
