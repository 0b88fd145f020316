"""One file for each place where the curves of a run can be shown. Each file names its part ``TRACKER``."""
