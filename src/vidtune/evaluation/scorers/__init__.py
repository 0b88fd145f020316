"""One file per metric; the table is in ``evaluation/_scorer.py``."""
