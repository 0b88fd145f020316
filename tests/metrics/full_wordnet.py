"""nltk's own ``wordnet`` corpus on the database files of Debian's packages (wordnet-base, wordnet-sense-index)."""

from __future__ import annotations

import shutil
from pathlib import Path

import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader

DEBIAN_FOLDER = Path("/usr/share/wordnet")


def is_installed() -> bool:
    return (DEBIAN_FOLDER / "data.noun").is_file()


def open_full_wordnet(folder: Path) -> WordNetCorpusReader:
    """Copy the database into ``folder`` (34 MB), as nltk wants it, and add the one file that Debian leaves out.

    ``lexnames`` only names the 45 topics of synsets, which METEOR does not look at. A copy, because
    nltk refuses links that lead out of the folders it was told of.
    """
    corpus = folder / "corpora" / "wordnet"
    corpus.mkdir(parents=True)
    for pattern in ("data.*", "index.*", "*.exc", "cntlist.rev"):
        for path in DEBIAN_FOLDER.glob(pattern):
            shutil.copy(path, corpus / path.name)
    (corpus / "lexnames").write_text("".join(f"{number:02}\ttopic.{number:02}\t1\n" for number in range(45)))
    nltk.data.path.append(str(folder))
    from nltk.corpus import wordnet

    return wordnet
