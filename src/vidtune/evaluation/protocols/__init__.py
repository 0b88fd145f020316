"""One file per protocol: which metrics judge which data, as its benchmark wants it."""
