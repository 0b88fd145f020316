"""Prompt tuning (Lester et al. 2021, arXiv 2104.08691): trained vectors of a few tokens before every sequence.

In a causal model the tokens of the prompt see nothing but each other. So they are run through the language tower alone,
once for every forward pass, and their keys and values stand before the sequence in every layer: the same numbers as if
the prompt had been put before the input, without touching how a family places its video and counts its positions. It
cannot be merged: it is no change of weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from vidtune.adapters._kind import Towers
from vidtune.adapters.kinds import _own, _prefix_attention
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig


class PromptOptions(Config):
    """Settings of prompt alone."""

    num_tokens: Annotated[int, Field(ge=1, le=1024)] = 16
    """Length of the prompt."""

    init: Literal["vocabulary", "random"] = "vocabulary"
    """Begin with the vectors of random words, or with random numbers of their size."""


class _Prompt(_own.OwnKind):
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"modalities"})
    no_merge = "a prompt is no change of weights and cannot be merged into them."
    options_class: type[Config] = PromptOptions

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the vectors in: the answers change at once."""
        import torch

        _own.check_language(config)
        attentions = _prefix_attention.find_attentions(model, towers)
        plan = {
            "attentions": attentions,
            "tower": _tower_of(attentions),
            "shape": [config.options["num_tokens"], int(model.get_input_embeddings().weight.shape[1])],
        }
        _own.attach(model, plan, self.install)
        words_vd = model.get_input_embeddings().weight.detach().float()
        vectors_nd = model.get_submodule(plan["tower"]).prompt.vectors
        with torch.no_grad():
            if config.options["init"] == "vocabulary":
                vectors_nd.copy_(words_vd[torch.randint(len(words_vd), (len(vectors_nd),), device="cpu")])
            else:
                vectors_nd.copy_(torch.randn(vectors_nd.shape) * words_vd.std().cpu())
        return model

    def install(self, model: Any, plan: dict[str, Any]) -> None:
        _install(model, plan)

    def num_passes(self) -> int:
        return 2  # over the prompt alone, and over the text


def _tower_of(attentions: list[str]) -> str:
    """Return the name of the module that runs the layers with these attentions.

    Example:
        >>> _tower_of(["model.text_model.layers.0.self_attn"])
        'model.text_model'
    """
    tower, found, _ = attentions[0].partition(".layers.")
    if not found:
        raise BadUsage(f"{attentions[0]} is in no list of layers, so a prompt cannot be run.", "Use kind prefix.")
    return tower


def _install(model: Any, plan: dict[str, Any]) -> None:
    import torch

    class Prompt(torch.nn.Module):
        """The trained vectors (N, D)."""

        is_vidtune_adapter = True

        def __init__(self) -> None:
            super().__init__()
            self.vectors = torch.nn.Parameter(torch.zeros(*plan["shape"]))

    tower = model.get_submodule(plan["tower"])
    _own.put_in(tower, "prompt", Prompt())
    source = _RunPrompt(tower)

    def run_first(module: Any, args: Any, kwargs: Any) -> None:
        source.run()

    attentions = [model.get_submodule(name) for name in plan["attentions"]]
    _prefix_attention.put_before(model, attentions, source)
    # After the hook that chooses our attention function: hooks run in the order of their registration.
    model.base_model.register_forward_pre_hook(run_first, with_kwargs=True)


class _RunPrompt:
    """See ``PrefixSource``: keys and values of the prompt in each layer, from a pass of the tower over it alone.

    They stay until the next pass, because gradient checkpointing computes layers a second time.
    """

    def __init__(self, tower: Any) -> None:
        self._tower = tower
        self._is_running = False
        self._found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def run(self) -> None:
        """Compute them anew."""
        import torch

        vectors_nd = self._tower.prompt.vectors
        length = len(vectors_nd)
        # Relative positions are all that counts in rotary embeddings: -N .. -1 is right before the sequence.
        positions = torch.arange(-length, 0, device=vectors_nd.device)[None]
        mask = torch.ones_like(positions)
        dtype = self._tower.get_input_embeddings().weight.dtype
        checkpointed = [part for part in self._tower.modules() if getattr(part, "gradient_checkpointing", False)]
        for part in checkpointed:  # what a recomputed layer would hand over is not what is kept here
            part.gradient_checkpointing = False
        self._is_running, self._found = True, {}
        try:
            self._tower(
                inputs_embeds=vectors_nd[None].to(dtype), position_ids=positions, attention_mask=mask, use_cache=False
            )
        finally:
            self._is_running = False
            for part in checkpointed:
                part.gradient_checkpointing = True

    def keys_values(self, attention: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
        return None if self._is_running else self._found[id(attention)]

    def seen(self, attention: Any, key_bhke: torch.Tensor, value_bhke: torch.Tensor) -> None:
        self._found[id(attention)] = (key_bhke[0], value_bhke[0])


KIND = _Prompt()
