"""One file for each optimizer. Each file names its part ``OPTIMIZER``."""
