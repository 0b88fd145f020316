"""How good a clip is: measured on its frames, one file for each measure. What is good enough depends on the purpose."""

from vidtune.media.quality._fingerprint import Fingerprint, NearDuplicate, find_near_duplicates, fingerprint_of
from vidtune.media.quality._looked import LookedAt, count_decodable_frames, look_at, look_at_frames
from vidtune.media.quality._measure import Measure, QualityConfig, measure_quality, measures

__all__ = [
    "Fingerprint",
    "LookedAt",
    "Measure",
    "NearDuplicate",
    "QualityConfig",
    "count_decodable_frames",
    "find_near_duplicates",
    "fingerprint_of",
    "look_at",
    "look_at_frames",
    "measure_quality",
    "measures",
]
