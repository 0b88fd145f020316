"""One file per domain: a file put into this folder is a lexicon."""
