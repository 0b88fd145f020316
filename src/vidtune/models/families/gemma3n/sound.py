"""How long the sound is that Gemma 3n's audio tower takes, and why all of it is given one length.

The tower looks a few spectrogram frames ahead. At the end of a sound it therefore sees what it was padded with, and
that depends on the longest sound of the batch. With one length for all, an answer does not depend on its neighbours.
The padding is masked; in the prompt every sound takes ``audio_seq_length`` tokens either way.
"""

from __future__ import annotations

from typing import Any

_FRAMES_A_TOKEN = 16
"""Spectrogram frames that become one token: two convolutions of stride 2, and the tower keeps one of four."""

_MOST_SAMPLES = 480_000
"""What the processor of transformers cuts sound to: 30 s at 16 kHz."""

_BLOCK = 128
"""Samples: the processor pads to a multiple of it."""


def most_samples(processor: Any) -> int:
    """Return the longest sound whose tokens fit into the places that the prompt has for them.

    Example:
        >>> from types import SimpleNamespace as Fake
        >>> extractor = Fake(hop_length=160, frame_length=512)
        >>> most_samples(Fake(feature_extractor=extractor, audio_seq_length=188))
        480000
        >>> most_samples(Fake(feature_extractor=extractor, audio_seq_length=4))
        10752
    """
    extractor = processor.feature_extractor
    num_frames = processor.audio_seq_length * _FRAMES_A_TOKEN
    # Of n samples the extractor makes (n - frame_length - 1) // hop_length + 1 frames.
    fitting = num_frames * extractor.hop_length + extractor.frame_length
    return min(_MOST_SAMPLES, int(fitting // _BLOCK * _BLOCK))


def padded_to(num_samples: int) -> dict[str, Any]:
    """Return what tells the processor to pad every sound to ``num_samples``."""
    return {"padding": "max_length", "max_length": num_samples, "truncation": False, "pad_to_multiple_of": _BLOCK}
