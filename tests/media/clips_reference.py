"""Clips for the media tests: committed ones with a reference from ffmpeg, and small ones written on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLIPS = Path(__file__).parent / "clips"
REFERENCE: dict[str, dict[str, Any]] = json.loads((CLIPS / "reference.json").read_text())
