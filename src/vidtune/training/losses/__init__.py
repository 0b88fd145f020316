"""One file for each term that a recipe can add to the loss. Each file names its part ``TERM``."""
