"""METEOR 1.5 of each caption, by its authors' own program: needs Java and the package that carries it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidtune.core.errors import NotInstalled
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds, caption_words

_PACKAGE = "pycocoevalcap"
_JAR = "meteor/meteor-1.5.jar"


@dataclass(frozen=True)
class MeteorCoco:
    """METEOR as caption benchmarks report it; ``caption_meteor`` needs nothing and is another version of the metric.

    Source: Denkowski and Lavie, "Meteor Universal" (2014), run as coco-caption runs it: English, normalised.
    """

    name: str = "meteor_coco"
    label: str = "METEOR 1.5"
    field: str = "meteor_coco"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ()

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score every caption in one process of the program.

        Raises:
            NotInstalled: If Java or the package is missing, or the program ends before it has answered.
        """
        references = [[text for text in sample.references if text.strip()] for sample in samples]
        pairs = [(text, found) for text, found in zip(texts, references, strict=True) if found]
        scores = iter(_run(pairs))
        values = [next(scores) if found else None for found in references]
        return [Score(value, {self.field: value}) for value in values]


def find_jar() -> Path | None:
    """Return where the program lies, or None if its package is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    return next((folder / _JAR for folder in folders if (folder / _JAR).is_file()), None)


def _run(pairs: Sequence[tuple[str, Sequence[str]]]) -> list[float]:
    java, jar = shutil.which("java"), find_jar()
    if java is None or jar is None:
        missing = "Java" if java is None else f"the package {_PACKAGE}"
        raise NotInstalled(
            f"METEOR 1.5 needs {missing}, which is not installed.",
            f"Install it (`pip install {_PACKAGE}`, Java 8 or later), or use caption_meteor.",
        )
    command = [java, "-jar", "-Xmx2G", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command, cwd=jar.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        counts = [
            _ask(process, f"SCORE ||| {' ||| '.join(map(_words, found))} ||| {_words(text)}") for text, found in pairs
        ]
        first = _ask(process, "EVAL ||| " + " ||| ".join(counts)) if counts else ""
        answers = [first, *(_answer(process) for _ in counts[1:])] if counts else []
        if process.stdin is not None:
            process.stdin.close()
        process.kill()
    return [float(answer) for answer in answers]


def _words(text: str) -> str:
    return " ".join(caption_words(text)).replace("|||", "")


def _ask(process: subprocess.Popen[str], line: str) -> str:
    if process.stdin is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> str:
    answer = process.stdout.readline() if process.stdout is not None else ""
    if not answer:
        raise NotInstalled("METEOR 1.5 ended before it had answered.", "Check that `java` runs, or use caption_meteor.")
    return answer.strip()


METRIC = MeteorCoco()
