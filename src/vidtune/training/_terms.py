"""Terms that a recipe adds to the loss of the tokens, computed from what the model makes of a clip on the way.

The states are taken from the forward pass that computes the loss anyway: at the tokens that stand for pixels, where
they enter the language model and where they leave it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from pydantic import ValidationError

from vidtune.adapters import bare_model
from vidtune.config import Config
from vidtune.core.errors import ConfigInvalid
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.models import LoadedModel
from vidtune.training._learning_config import TermConfig
from vidtune.training._order import StepPlan
from vidtune.training._world import World
from vidtune.training.losses._clip import ClipStates

OptionsT_contra = TypeVar("OptionsT_contra", bound=Config, contravariant=True)


class LossTerm(Protocol[OptionsT_contra]):
    """One term. It is one file of ``losses/``, or of a plugin."""

    options_class: type[Config]
    """The settings that only this term has."""

    needs_input: bool
    """Whether it compares what left the model with what entered it, so that the choice of one has no effect."""

    least_frames: int
    """How many frames tell it anything (groups of them where the model joins neighbours); clips of fewer add 0."""

    def loss(self, clip: ClipStates, reference: ClipStates, options: OptionsT_contra) -> torch.Tensor:
        """Return the term for one clip, a scalar with a gradient.

        Args:
            clip: Its states at the place that the recipe chose.
            reference: Its states where they enter the language model.
            options: The term's own settings.
        """


# Imported here and not where it is used, so that only this module's name for the folder is bound.
_folder = importlib.import_module("vidtune.training.losses")

loss_terms: Registry[LossTerm[Any]] = Registry("loss_term", parts_in_folder(_folder.__name__, _folder.__path__, "TERM"))
"""All terms by name: one for each file of ``losses/``; packages add theirs under ``vidtune.loss_term``."""


def read_term(name: str, config: TermConfig) -> tuple[LossTerm[Any], Config]:
    """Return a term and its settings.

    Raises:
        ValueError: If there is none of that name, or a setting is unknown or without effect.
    """
    try:
        term = loss_terms.get(name)
    except LookupError as exc:
        raise ValueError(str(exc.args[0])) from exc
    try:
        options = term.options_class.model_validate(config.options)
    except ValidationError as exc:
        known = ", ".join(term.options_class.model_fields) or "none"
        found = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        raise ValueError(f"options of the term {name!r}: {found}. It has: {known}.") from exc
    if term.needs_input and config.features == "input":
        raise ValueError(f"features='input' has no effect on {name!r}, which compares output with input: leave it out.")
    return term, options


def term_factor(schedule: str, step: int, num_steps: int) -> float:
    """Return the share of its weight that a term has at ``step``, counted from 1.

    Example:
        >>> [term_factor("falling", step, 5) for step in (1, 3, 5)]
        [1.0, 0.5, 0.0]
    """
    progress = (step - 1) / max(1, num_steps - 1)
    return {"constant": 1.0, "rising": progress, "falling": 1.0 - progress}[schedule]


@dataclass
class SeenStates:
    """What went into and came out of the language model in one forward pass; each (B, T, D)."""

    input_btd: torch.Tensor | None = None
    output_btd: torch.Tensor | None = None


class Terms:
    """The terms of a run.

    Args:
        configs: By name; may be empty.
        loaded: The model with its adapter.
        num_steps: All steps of the run.
        most_frames: How many frames the longest clip of the run has.

    Raises:
        ConfigInvalid: If the model does not show its states, or no clip has the frames that a term needs.
    """

    def __init__(
        self, configs: Mapping[str, TermConfig], loaded: LoadedModel, num_steps: int, most_frames: int
    ) -> None:
        self._terms = {name: (config, *read_term(name, config)) for name, config in configs.items()}
        self._num_steps = num_steps
        self._sums: dict[str, float] = {}
        self._decoder: Any = None
        if self._terms:
            self._decoder = _find_decoder(loaded)
            self._token_id = loaded.family.visual_token_id(loaded.processor)
            self._frames_a_group = loaded.family.frame_policy.multiple
        for name, (_, term, _) in self._terms.items():
            least = term.least_frames * self._frames_a_group
            if most_frames < least:
                raise ConfigInvalid(
                    f"loss.terms.{name} needs clips of at least {least} frames with this model, and the longest here "
                    f"has {most_frames}: it would change nothing.",
                    f"Set sampling.num_frames to {least} or more, or take the term out of the recipe.",
                )

    @contextmanager
    def watching(self) -> Iterator[SeenStates]:
        """See what passes through the language model; nothing when there are no terms."""
        seen = SeenStates()
        if self._decoder is None:
            yield seen
            return

        def see_input(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen.input_btd = kwargs.get("inputs_embeds")

        def see_output(module: Any, args: tuple[Any, ...], output: Any) -> None:
            seen.output_btd = output.last_hidden_state

        hooks = (
            self._decoder.register_forward_pre_hook(see_input, with_kwargs=True),
            self._decoder.register_forward_hook(see_output),
        )
        try:
            yield seen
        finally:
            for hook in hooks:
                hook.remove()

    def add_to(
        self,
        loss: torch.Tensor,
        seen: SeenStates,
        input_ids_bt: torch.Tensor,
        num_frames: Sequence[int],
        plan: StepPlan,
    ) -> torch.Tensor:
        """Return the loss of a batch with the terms of its clips added.

        Args:
            loss: Of the batch's tokens, as a part of the step's mean.
            seen: Of the batch's forward pass.
            input_ids_bt: (B, T) its tokens.
            num_frames: How many frames the clip of each row has; rows beyond these are not looked at.
            plan: The step that the batch is a part of.
        """
        clips = self._cut_out(seen, input_ids_bt, num_frames)
        for name, (config, term, options) in self._terms.items():
            with torch.autocast(loss.device.type, enabled=False):
                values = [
                    term.loss(entered if config.features == "input" else left, entered, options)
                    for entered, left in clips
                    if len(left.frames_td) >= term.least_frames
                ]
                # The mean over the step's samples: accumulating equals one large batch here too.
                mean = sum(values, loss.new_zeros(())) / len(plan.indices)
            weighted = config.weight * term_factor(config.schedule, plan.step, self._num_steps) * mean
            self._sums[name] = self._sums.get(name, 0.0) + float(weighted.detach())
            loss = loss + weighted
        return loss

    def take_curves(self, world: World) -> dict[str, float]:
        """Return what each term has added to the loss since the last call, over all processes."""
        if not self._terms:
            return {}
        shares = world.join_shares([self._sums])
        self._sums = {}
        return {f"terms/{name}": sum(share.get(name, 0.0) for share in shares) for name in self._terms}

    def _cut_out(
        self, seen: SeenStates, input_ids_bt: torch.Tensor, num_frames: Sequence[int]
    ) -> list[tuple[ClipStates, ClipStates]]:
        """Return, of each clip in a batch, the states that entered and that left the language model."""
        if not self._terms:
            return []
        if seen.input_btd is None or seen.output_btd is None:
            raise _shows_no_states("this family")
        clips = []
        for row, num in enumerate(num_frames):
            is_clip = input_ids_bt[row] == self._token_id
            num_groups = -(-num // self._frames_a_group)
            if num_groups and bool(is_clip.any()):
                entered, left = (
                    ClipStates.of(_at_least_float32(states[row, is_clip]), num_groups)
                    for states in (seen.input_btd, seen.output_btd)
                )
                clips.append((entered, left))
        return clips


def _at_least_float32(states: torch.Tensor) -> torch.Tensor:
    return states if states.dtype == torch.float64 else states.float()


def _find_decoder(loaded: LoadedModel) -> Any:
    model = bare_model(loaded.model)
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    if decoder is None or decoder is model:
        raise _shows_no_states(loaded.family.name)
    return decoder


def _shows_no_states(who: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"loss.terms need the states that enter the language model, and {who} does not show them.",
        "Take the terms out of the recipe.",
    )
