"""``AdapterConfig``: how a model is tuned."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from vidtune.adapters._kind import Modality, adapter_kinds
from vidtune.config import Config

SHARED_FIELDS = ("rank", "alpha", "dropout", "modalities", "modules_to_train", "per_modality")
"""Fields that mean the same for every kind that uses them."""


class ModalitySettings(Config):
    """What is otherwise in one tower than in the others."""

    rank: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Rank of this tower's matrices. None: as everywhere."""

    alpha: Annotated[int, Field(ge=1)] | None = None
    """Their alpha. None: as everywhere."""

    targets: str | None = None
    """Which of its linear layers: a pattern of the last part of their names, as `q_proj|v_proj`. It is matched from
    end to end and only within this tower, so it cannot reach another. None: all of them."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.rank is None and self.alpha is None and self.targets is None:
            raise ValueError("neither rank, alpha nor targets is given: leave the tower out.")
        if self.targets is not None:
            try:
                re.compile(self.targets)
            except re.error as exc:
                raise ValueError(f"targets={self.targets!r} is no regular expression: {exc}.") from exc
        return self


class AdapterConfig(Config):
    """How a model is tuned: which method, on which towers, how large."""

    kind: str = "lora"
    """`lora`: small matrices beside the frozen weights. `qlora`: the same on a base in 4 or 8 bit. `adalora`: ranks
    move to where they help. `modality_lora`: text and video tokens have a first matrix of their own. `bottleneck`:
    small networks after attention and MLP. `ia3`: vectors that scale. `prefix`, `prompt`: virtual tokens. `full`: the
    weights themselves. `frozen`: nothing, for a baseline."""

    modalities: tuple[Modality, ...] = ("language",)
    """Towers that are tuned. Unless set: all for full, none for frozen, `language` for most."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of the matrices, or width of the bottleneck. Trained parameters grow linearly with it."""

    alpha: Annotated[int, Field(ge=1)] = 32
    """What the matrices add is multiplied by alpha / rank: raise both together to keep the scale."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the inputs of the matrices that is set to zero in training."""

    modules_to_train: tuple[Literal["vision", "projector", "audio", "embeddings"], ...] = ()
    """What is trained whole beside the matrices, and saved with them: towers, or `embeddings`, the vectors of all
    tokens (and the head, which often is the same matrix). Worth it where the domain's words are new to the model."""

    per_modality: dict[Modality, ModalitySettings] = {}
    """Rank, alpha and layers of single towers, such as `{vision: {rank: 4, targets: qkv}}`. Learning rates of towers
    stand in `optim`; a tower that is frozen is left out of `modalities`."""

    options: dict[str, Any] = {}
    """Settings that only this kind has; see its page."""

    @model_validator(mode="before")
    @classmethod
    def _fill_by_kind(cls, values: Any) -> Any:
        """Resolve what depends on the kind, so that a written recipe shows every value that was used."""
        name = values.get("kind", "lora") if isinstance(values, dict) else None
        if not isinstance(name, str):
            return values  # the field's own type says what is wrong
        try:
            kind = adapter_kinds.get(name)
        except LookupError as exc:
            raise ValueError(str(exc.args[0])) from exc
        try:
            options = kind.options_class.model_validate(values.get("options") or {})
        except ValidationError as exc:
            wrong = [f"options.{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()]
            known = ", ".join(kind.options_class.model_fields) or "none"
            raise ValueError(f"{'; '.join(wrong)} (options of {name}: {known})") from exc
        return {"modalities": kind.default_modalities, **values, "options": options.model_dump(mode="json")}

    @model_validator(mode="after")
    def _values_have_an_effect(self) -> Self:
        kind = adapter_kinds.get(self.kind)
        for name in SHARED_FIELDS:
            value = getattr(self, name)
            default: Any = () if name == "modalities" else type(self).model_fields[name].default
            if name not in kind.uses and value != default:
                raise ValueError(f"{name}={value!r} has no effect with kind={self.kind!r}: leave it out.")
        if "modalities" in kind.uses and not self.modalities:
            raise ValueError(
                f"kind={self.kind!r} with no modalities tunes nothing: name a tower, or use kind='frozen'."
            )
        elsewhere = sorted(set(self.per_modality) - set(self.modalities))
        if elsewhere:
            raise ValueError(
                f"per_modality names {', '.join(elsewhere)}, which is not tuned (modalities: "
                f"{', '.join(self.modalities)}): add it to modalities or leave it out."
            )
        chosen = [*self.modalities, *self.modules_to_train]
        twice = sorted({name for name in chosen if chosen.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} named twice: a tower is tuned or trained whole, once.")
        return self
