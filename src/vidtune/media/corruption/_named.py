"""Names that others gave to damages: the levels of the QVED suite and the menu of vidaug, as settings of ours.

``qved-1.0/<kind>@<level>`` are the four degradations of the QVED suite at its levels 0.1, 0.2 and 0.3.
``vidaug/<number>_<name>`` are the fourteen changes of its augmentation menu; the number is what the pipeline writes
behind the name of a clip (``00093026_5.mp4``). Where the original has a fault, ours does what its name says:

- vidaug's Salt and Pepper take the *inverse* share, so 50, 100, 150 fall from strong to weak; ours rise.
- "Motion blur" of the suite is Gaussian blur. ``qved-1.0/motion_blur`` repeats that; `motion_blur` is the real one.
- Random shifts and angles were drawn once for a clip; ours too.
- vidaug's elastic field flickers, since it is drawn anew for every frame; ours stays, unless randomness is `frame`.
- A shift of 15 pixels becomes the same share of a picture of 224.
- Resizing changed the size of the frames, which a model undoes at once; ours loses the detail and keeps the size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vidtune.config import build_config
from vidtune.core.errors import BadUsage
from vidtune.media.corruption._corruption import CorruptionConfig, corruptions

_PIXELS: dict[str, Any] = {"lengths": "pixels"}

_NAMED: dict[str, dict[str, Any]] = {
    **{
        f"qved-1.0/motion_blur@{level}": {"kind": "gaussian_blur", "parameters": {"sigma_px": sigma_px}, **_PIXELS}
        for level, sigma_px in ((0.1, 1.5), (0.2, 2.5), (0.3, 3.5))
    },
    **{
        f"qved-1.0/compression@{level}": {"kind": "h264", "parameters": {"crf": crf}}
        for level, crf in ((0.1, 35), (0.2, 40), (0.3, 45))
    },
    **{
        f"qved-1.0/lighting@{level}": {"kind": "add", "parameters": {"value": -value}}
        for level, value in ((0.1, 30), (0.2, 60), (0.3, 90))
    },
    **{
        f"qved-1.0/lighting_bright@{level}": {"kind": "add", "parameters": {"value": value}}
        for level, value in ((0.1, 30), (0.2, 60), (0.3, 90))
    },
    **{
        f"qved-1.0/lighting_factor@{level}": {"kind": "multiply", "parameters": {"factor": factor}}
        for level, factor in ((0.5, 0.5), (0.7, 0.7), (1.3, 1.3), (1.5, 1.5))
    },
    **{
        f"qved-1.0/occlusion@{level}": {"kind": "occlusion_random", "parameters": {"area": level}}
        for level in (0.1, 0.2, 0.3)
    },
    **{
        f"qved-1.0/{name}@{level}": {"kind": f"{name}_noise", "parameters": {"share": 1 / ratio, "per_channel": 1}}
        for name in ("salt", "pepper")
        for level, ratio in ((0.1, 150), (0.2, 100), (0.3, 50))
    },
    "vidaug/1_HorizontalFlip": {"kind": "mirror", "severity": 1},
    "vidaug/2_VerticalFlip": {"kind": "flip_vertical", "severity": 1},
    "vidaug/3_RandomRotate": {"kind": "rotate", "parameters": {"angle_deg": 10, "is_range": 1}},
    "vidaug/4_RandomResize": {"kind": "rescale", "parameters": {"share": 0.8}},
    "vidaug/5_GaussianBlur": {"kind": "gaussian_blur", "parameters": {"sigma_px": 1.5}, **_PIXELS},
    "vidaug/6_Add": {"kind": "add", "parameters": {"value": 30}},
    "vidaug/7_Multiply": {"kind": "multiply", "parameters": {"factor": 1.2}},
    "vidaug/8_RandomTranslate": {"kind": "translate", "parameters": {"share": 15 / 224, "is_range": 1}},
    "vidaug/9_RandomShear": {"kind": "shear", "parameters": {"slope": 0.1, "is_range": 1}},
    "vidaug/10_InvertColor": {"kind": "invert", "parameters": {"share": 1}},
    "vidaug/11_Salt": {"kind": "salt_noise", "parameters": {"share": 1 / 100, "per_channel": 1}},
    "vidaug/12_Pepper": {"kind": "pepper_noise", "parameters": {"share": 1 / 100, "per_channel": 1}},
    "vidaug/13_Downsample": {"kind": "fps_change", "parameters": {"keep": 0.8}},
    "vidaug/14_ElasticTransformation": {
        "kind": "elastic",
        "parameters": {"shift_px": 1.0, "smooth_px": 3.0},
        **_PIXELS,
    },
    "vidaug/InverseOrder": {"kind": "frame_reverse", "parameters": {"share": 1}},
}
_SPEC = re.compile(r"(?P<kind>[^:]+)(?::(?P<first>[0-5])(?:-(?P<last>[0-5]))?)?")


@dataclass(frozen=True)
class NamedCorruption:
    """A damage and the short name under which its clips are kept."""

    label: str
    """Fit for a file name, e.g. ``gaussian_noise_3`` or ``qved-1.0_motion_blur_0.2``."""

    config: CorruptionConfig


def corruption_names() -> list[str]:
    """Return the names from elsewhere, as ``read_corruptions`` takes them."""
    return list(_NAMED)


def read_corruptions(spec: str, **settings: Any) -> list[NamedCorruption]:
    """Return the damages that a short text stands for.

    Args:
        spec: ``gaussian_noise`` (severity 1 to 5), ``gaussian_noise:3``, ``gaussian_noise:0-5``, ``all``, ``all:3``,
            a family (``noise:2``), a name from elsewhere (``qved-1.0/motion_blur@0.2``) or the start of several
            (``qved-1.0``).
        settings: Further fields of ``CorruptionConfig``; randomness goes only to those that draw.

    Raises:
        BadUsage: If nothing has that name.

    Example:
        >>> [named.label for named in read_corruptions("jpeg:2-3")]
        ['jpeg_2', 'jpeg_3']
    """
    elsewhere = [name for name in _NAMED if name == spec or name.startswith((f"{spec}/", f"{spec}@"))]
    if elsewhere:
        return [_from_elsewhere(name, settings) for name in elsewhere]
    match = _SPEC.fullmatch(spec)
    kinds = list(_kinds(match["kind"])) if match else []
    if match is None or not kinds:
        families = sorted({corruptions.get(name).family for name in corruptions.names()})
        raise BadUsage(
            f"no corruption {spec!r}; known: all, {', '.join(families)}, {', '.join(corruptions.names())}, "
            "qved-1.0, vidaug.",
            "Write e.g. gaussian_noise:3 or gaussian_noise:1-5.",
        )
    first = int(match["first"] or 1)
    last = int(match["last"] or match["first"] or 5)
    return [
        NamedCorruption(f"{kind}_{severity}", _build({"kind": kind, "severity": severity}, settings))
        for kind in kinds
        for severity in _severities(kind, first, last)
    ]


def _kinds(name: str) -> Iterator[str]:
    for kind in corruptions.names():
        if name in ("all", kind, corruptions.get(kind).family):
            yield kind


def _severities(kind: str, first: int, last: int) -> range:
    # A flip has no degrees: once is enough.
    is_same_at_all = not corruptions.get(kind).levels[0]
    return range(first, first + 1 if is_same_at_all else last + 1)


def _from_elsewhere(name: str, settings: dict[str, Any]) -> NamedCorruption:
    return NamedCorruption(re.sub(r"[/@]", "_", name), _build(_NAMED[name], settings))


def _build(values: dict[str, Any], settings: dict[str, Any]) -> CorruptionConfig:
    wanted = {key: value for key, value in settings.items() if value is not None}
    if corruptions.get(values["kind"]).scope is None:
        wanted.pop("randomness", None)
    return build_config(CorruptionConfig, {**values, **wanted}, source=values["kind"])
