"""Make ``synonyms.txt.gz`` from a folder of WordNet 3.0 database files.

Run as ``python -m vidtune.metrics.wordnet.build_table /usr/share/wordnet`` (Debian's package
``wordnet-base``). The same files give the same bytes.

What is kept is what METEOR asks for: which words share a synset, per part of speech, and the irregular
forms. Glosses, relations, sense numbers and synsets that hold no single lower-case word are left out;
METEOR compares lower-cased single words, so those could never match.

Format, UTF-8, one section per part of speech (noun, verb, adj, adv)::

    = noun
    squat squatting          a synset: its words, "_" for a space, capitals as in WordNet
    ! geese goose            an irregular form and its base forms
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
_SYNTACTIC_MARKER = re.compile(r"\([^()]*\)$")


def build_table(wordnet_folder: Path) -> bytes:
    """Read the database files and return the compressed table."""
    lines: list[str] = []
    for part in PARTS_OF_SPEECH:
        lines.append(f"= {part}")
        synsets = {words for words in _read_synsets(wordnet_folder / f"data.{part}") if _can_match(words)}
        lines += sorted(" ".join(words) for words in synsets)
        exceptions = (wordnet_folder / f"{part}.exc").read_text(encoding="utf-8").splitlines()
        lines += sorted(f"! {' '.join(line.split())}" for line in exceptions)
    return gzip.compress("\n".join(lines).encode() + b"\n", compresslevel=9, mtime=0)


def _read_synsets(path: Path) -> Iterator[tuple[str, ...]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence, at the top of every file
            continue
        fields = line.split(" ")
        num_words = int(fields[3], 16)
        words = {_SYNTACTIC_MARKER.sub("", word) for word in fields[4 : 4 + 2 * num_words : 2]}
        yield tuple(sorted(words))


def _can_match(words: tuple[str, ...]) -> bool:
    return any("_" not in word and word == word.lower() for word in words)


if __name__ == "__main__":
    Path(__file__).with_name("synonyms.txt.gz").write_bytes(build_table(Path(sys.argv[1])))
