"""Make ``nouns.txt.gz`` from a folder of WordNet 3.0 database files: which noun is a kind of which.

Run as ``python -m vidtune.metrics.wordnet.build_nouns /usr/share/wordnet`` (Debian's package ``wordnet-base``). The
same files give the same bytes.

Format, UTF-8, one line a synset, in the order of their names in nltk (``dog.n.01``), which decides between common
ancestors of equal depth::

    31 507|dog hound        numbers of the lines of its hypernyms, then its words, "_" for a space, in lower case

Synsets without a single word that are no ancestor of one that has some are left out: they can never be looked up.
"""

from __future__ import annotations

import gzip
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_SYNTACTIC_MARKER = re.compile(r"\([^()]*\)$")
_HYPERNYMS = ("@", "@i")


@dataclass(frozen=True)
class _Synset:
    offset: str
    words: tuple[str, ...]
    parents: tuple[str, ...]


def build_nouns(wordnet_folder: Path) -> bytes:
    """Read the database files and return the compressed table."""
    synsets = _read_synsets(wordnet_folder / "data.noun")
    senses = _read_senses(wordnet_folder / "index.noun")
    kept: set[str] = set()
    todo = [one.offset for one in synsets.values() if any("_" not in word for word in one.words)]
    while todo:
        offset = todo.pop()
        if offset not in kept:
            kept.add(offset)
            todo.extend(synsets[offset].parents)
    ordered = sorted(kept, key=lambda offset: _name(synsets[offset], senses))
    number = {offset: place for place, offset in enumerate(ordered)}
    lines = []
    for offset in ordered:
        parents = " ".join(str(number[parent]) for parent in synsets[offset].parents)
        lines.append(f"{parents}|{' '.join(word for word in synsets[offset].words if '_' not in word)}")
    return gzip.compress("\n".join(lines).encode() + b"\n", compresslevel=9, mtime=0)


def _read_synsets(path: Path) -> dict[str, _Synset]:
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence, at the top of every file
            continue
        fields = line.split(" | ")[0].split()
        num_words = int(fields[3], 16)
        words = [_SYNTACTIC_MARKER.sub("", word).lower() for word in fields[4 : 4 + 2 * num_words : 2]]
        pointers = fields[5 + 2 * num_words :]
        parents = [
            pointers[place + 1]
            for place in range(0, len(pointers) - 3, 4)
            if pointers[place] in _HYPERNYMS and pointers[place + 2] == "n"
        ]
        found[fields[0]] = _Synset(fields[0], tuple(dict.fromkeys(words)), tuple(parents))
    return found


def _read_senses(path: Path) -> dict[tuple[str, str], int]:
    """Return, by lemma and offset, the number of the sense, from 1."""
    senses = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        num_synsets = int(fields[2])
        for place, offset in enumerate(fields[-num_synsets:], start=1):
            senses[fields[0], offset] = place
    return senses


def _name(synset: _Synset, senses: dict[tuple[str, str], int]) -> str:
    return f"{synset.words[0]}.n.{senses[synset.words[0], synset.offset]:02}"


if __name__ == "__main__":
    Path(__file__).with_name("nouns.txt.gz").write_bytes(build_nouns(Path(sys.argv[1])))
