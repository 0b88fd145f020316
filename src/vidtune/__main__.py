"""``python -m vidtune``."""

from vidtune.cli import main

main()
