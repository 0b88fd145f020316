"""Token-routed LoRA: text, video and audio tokens have a first matrix each and share the second one.

MokA (Wei et al. 2025, "MokA: Multimodal Low-Rank Adaptation for MLLMs") without its cross attention between the narrow
representations. It is for the language tower: only there do tokens of several kinds meet. Which kind a token has is
read from its id, so it does not depend on the batch, on padding or on the cache. It cannot be merged: what is added
differs from token to token.

Shapes: B samples, T tokens, D and O inputs and outputs of a layer, R rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Towers
from vidtune.adapters.kinds import _own, _peft
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig

_TEXT = "text"
_TOKEN_NAMES = {"vision": ("image", "video"), "audio": ("audio",)}


class ModalityLoraOptions(Config):
    """There is nothing to set."""


class _ModalityLora(_own.OwnKind):
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities"})
    no_merge = "modality_lora adds something else for text than for video and cannot be merged into weights."
    options_class: type[Config] = ModalityLoraOptions
    needs_every_token = True

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the matrices in; the shared second ones are zero, so nothing changes yet."""
        _own.check_language(config)
        plan = {
            "layers": _peft.linear_names(model, towers, "language"),
            "tokens": _media_tokens(model.config),
            "rank": config.rank,
            "scale": config.alpha / config.rank,
            "dropout": config.dropout,
        }
        return _own.attach(model, plan, self.install)

    def install(self, model: Any, plan: dict[str, Any]) -> None:
        _install(model, plan)


def _media_tokens(config: Any) -> dict[str, list[int]]:
    """Return, for every modality but text, the ids of the tokens that stand for it.

    Raises:
        BadUsage: If the model's config names none.
    """
    found: dict[str, list[int]] = {}
    for modality, kinds in _TOKEN_NAMES.items():
        names = [f"{kind}_token_{last}" for kind in kinds for last in ("id", "index")]
        ids = {int(value) for value in (getattr(config, name, None) for name in names) if value is not None}
        if ids:
            found[modality] = sorted(ids)
    if not found:
        raise BadUsage("the config of this model does not say which tokens stand for video.", "Use another kind.")
    return found


class _Routes:
    """Of which modality each token of the present forward pass is: an index (B, T) into all modalities, text is 0.

    It stays until the next pass, because gradient checkpointing computes layers a second time.
    """

    def __init__(self, tokens: dict[str, list[int]]) -> None:
        self._tokens = tokens
        self.modalities = [_TEXT, *tokens]
        self.index_bt: torch.Tensor | None = None
        self._depth = 0

    def read(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Look at the ids that the model is given: a forward pre-hook of the model and of the part below its head."""
        import torch

        self._depth += 1
        input_ids = kwargs.get("input_ids", args[0] if args else None)
        if input_ids is None and self._depth > 1:
            return  # the model was given them, and hands on what it made of them
        if not isinstance(input_ids, torch.Tensor):
            raise BadUsage(
                "modality_lora reads the kind of a token from its id, but the model was given no input_ids.",
                "Pass input_ids, not inputs_embeds.",
            )
        index_bt = torch.zeros_like(input_ids)
        for index, ids in enumerate(self._tokens.values(), start=1):
            index_bt[torch.isin(input_ids, torch.tensor(ids, device=input_ids.device))] = index
        self.index_bt = index_bt

    def leave(self, *_: Any) -> None:
        """Count a hooked module out, whether it returned or raised."""
        self._depth = max(0, self._depth - 1)


def _install(model: Any, plan: dict[str, Any]) -> None:
    import torch

    routes = _Routes(plan["tokens"])

    class ModalityLora(torch.nn.Module):
        """What is added to the output of one layer: (B, T, D) -> (B, T, O)."""

        is_vidtune_adapter = True

        def __init__(self, num_in: int, num_out: int) -> None:
            super().__init__()
            self.first = torch.nn.ModuleDict(
                {name: torch.nn.Linear(num_in, plan["rank"], bias=False) for name in routes.modalities}
            )
            self.second = torch.nn.Linear(plan["rank"], num_out, bias=False)
            self.dropout = torch.nn.Dropout(plan["dropout"])
            for weight in self.first.parameters():
                torch.nn.init.kaiming_uniform_(weight, a=5**0.5)  # as LoRA does
            torch.nn.init.zeros_(self.second.weight)

        def forward(self, hidden_btd: torch.Tensor) -> torch.Tensor:
            index_bt = routes.index_bt
            if index_bt is None or index_bt.shape != hidden_btd.shape[:2]:
                raise BadUsage(
                    f"a layer with modality_lora was given {tuple(hidden_btd.shape[:-1])} tokens, the model "
                    f"{None if index_bt is None else tuple(index_bt.shape)}.",
                    "Run the whole model, on a family that has one token id for every position.",
                )
            dropped_btd = self.dropout(hidden_btd.to(self.second.weight.dtype))
            index_bt1 = index_bt.to(hidden_btd.device)[..., None]
            narrow_btr = sum(
                (index_bt1 == index) * self.first[name](dropped_btd) for index, name in enumerate(routes.modalities)
            )
            added: torch.Tensor = self.second(narrow_btr) * plan["scale"]
            return added

    def add(layer: Any, inputs: Any, output: Any) -> Any:
        return output + layer.modality_lora(inputs[0]).to(output.dtype)

    # Training calls the inner model without the head; some families give it no ids but what became of them.
    for module in (model,) if model.base_model is model else (model, model.base_model):
        module.register_forward_pre_hook(routes.read, with_kwargs=True)
        module.register_forward_hook(routes.leave, always_call=True)
    for name in plan["layers"]:
        layer = model.get_submodule(name)
        _own.put_in(layer, "modality_lora", ModalityLora(layer.in_features, layer.out_features))
        layer.register_forward_hook(add)


KIND = _ModalityLora()
