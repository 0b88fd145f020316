"""Open checkpoints whose layout is not that of our model class, as strictly as any other.

A port has a key map: how the published names become ours, and which published weights it knows and never uses (the
last layer of a tower whose last but one is read, say). Every other name has to fit, name for name and shape for shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vidtune.core.errors import ModelMismatch, ModelUnavailable

Shape = tuple[int, ...]

_MAX_LISTED = 6


@dataclass(frozen=True)
class KeyMap:
    """How the names of a published checkpoint become those of our model."""

    renames: tuple[tuple[str, str], ...]
    """Patterns of whole names and what they become; the first that matches is used, other names stay."""

    unused: tuple[str, ...]
    """Patterns of whole names that may be in a checkpoint and that the model has no use for."""

    def name_in_model(self, key: str) -> str | None:
        """Return our name for a published one; None for a weight that is known and not used."""
        if any(re.fullmatch(pattern, key) for pattern in self.unused):
            return None
        for pattern, replacement in self.renames:
            if match := re.fullmatch(pattern, key):
                return match.expand(replacement)
        return key


@dataclass(frozen=True)
class MappedCheckpoint:
    """A model class that opens foreign layouts; takes the place of the class in ``load_strictly``."""

    model_class: Any
    key_map: Callable[[Any], KeyMap]
    """Returns the key map of a config."""

    read_config: Callable[[Path], Any]
    """Returns the config of the model in a folder."""

    read_tensors: Callable[[Path], dict[str, torch.Tensor]]
    """Returns all weights of a folder by their published names."""

    def from_pretrained(self, folder: Path, **options: Any) -> Any:
        """Do what ``PreTrainedModel.from_pretrained`` does.

        Raises:
            ModelMismatch: If names or shapes do not fit the config; lists them by their published names.
        """
        config = self.read_config(folder)
        if getattr(config, "quantization_config", None) is not None:
            # Our own save of a quantized model: its names are ours, and its shapes those of packed numbers.
            return self.model_class.from_pretrained(folder, config=config, **options)
        tensors = self.read_tensors(folder)
        shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
        with torch.device("meta"):
            model = self.model_class(config)
        names = fit_names(
            shapes, self.key_map(config), wanted_shapes(model), tied=tied_names(model), source=str(folder)
        )
        check_tied(tensors, names, tied_names(model), source=str(folder))
        state = {name: tensors[key] for key, name in names.items()}
        del model, tensors
        return self.model_class.from_pretrained(None, config=config, state_dict=state, **options)


def wanted_shapes(model: torch.nn.Module) -> dict[str, Shape]:
    """Return the shape of every weight that ``model`` saves."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def tied_names(model: Any) -> dict[str, str]:
    """Return the weights that are others under a second name, and whose they are."""
    return dict(model.all_tied_weights_keys)


def fit_names(
    found: Mapping[str, Shape], key_map: KeyMap, wanted: Mapping[str, Shape], *, tied: Collection[str], source: str
) -> dict[str, str]:
    """Return our name of every published weight that is used.

    Args:
        found: Shapes by published name.
        key_map: How names are mapped.
        wanted: Shapes by our name.
        tied: Our names that a checkpoint may leave out.
        source: What to call the checkpoint in an error.

    Raises:
        ModelMismatch: If a weight is missing, unexpected, given twice or of another shape; lists them.
    """
    names: dict[str, str] = {}
    unexpected, twice, reshaped = [], [], []
    taken: set[str] = set()
    for key, shape in found.items():
        name = key_map.name_in_model(key)
        if name is None:
            continue
        if name not in wanted:
            unexpected.append(key)
        elif name in taken:
            twice.append(key)
        elif wanted[name] != shape:
            reshaped.append(f"{key} {shape} for {wanted[name]}")
        else:
            names[key] = name
        taken.add(name)
    missing = [name for name in wanted if name not in taken and name not in tied]
    problems = {"missing": missing, "unexpected": unexpected, "given twice": twice, "of another shape": reshaped}
    found_wrong = [f"{len(keys)} {word} ({_listed(keys)})" for word, keys in problems.items() if keys]
    if found_wrong:
        raise ModelMismatch(
            f"the weights in {source} do not fit its config.json: {'; '.join(found_wrong)}.",
            "The folder is incomplete, mixes two models, or is of a variant that this family does not know.",
        )
    return names


def check_tied(
    tensors: Mapping[str, torch.Tensor], names: Mapping[str, str], tied: Mapping[str, str], *, source: str
) -> None:
    """Refuse a checkpoint whose config says that two weights are one, and whose file holds two different ones.

    Raises:
        ModelMismatch: If they differ.
    """
    keys = {name: key for key, name in names.items()}
    for second, first in tied.items():
        if second in keys and first in keys and not torch.equal(tensors[keys[second]], tensors[keys[first]]):
            raise ModelMismatch(
                f"{source} holds different values for {keys[second]} and {keys[first]}, "
                "and its config.json says that they are the same (tie_word_embeddings).",
                "Set tie_word_embeddings to false in config.json if the checkpoint was trained without tying.",
            )


def read_safetensors(folder: Path, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return the tensors in ``folder``, mapped from the disk, with ``prefix`` before their names.

    Raises:
        ModelUnavailable: If there are none, or one is damaged.
    """
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelUnavailable(f"{folder} holds no *.safetensors.", "Fetch or copy the folder again.")
    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as opened:
                tensors |= {prefix + key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as exc:
            raise ModelUnavailable(
                f"{path} cannot be read: {type(exc).__name__}: {' '.join(str(exc).split())[:200]}.",
                "The file is damaged: fetch or copy it again.",
            ) from exc
    return tensors


def read_shapes(path: Path) -> dict[str, Shape]:
    r"""Return the written list of a published checkpoint's weights: lines of a name and its sizes, ``#`` for remarks.

    ``{a..b}`` in a name stands for every number from a to b.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "list.txt"
        >>> _ = file.write_text("layers.{0..1}.weight 2 3\n# remark\nscale\n")
        >>> read_shapes(file)
        {'layers.0.weight': (2, 3), 'layers.1.weight': (2, 3), 'scale': ()}
    """
    shapes: dict[str, Shape] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words:
            shapes |= dict.fromkeys(_names_of(words[0]), tuple(int(size) for size in words[1:]))
    return shapes


def _names_of(pattern: str) -> list[str]:
    match = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [
        name for number in range(int(match[1]), int(match[2]) + 1) for name in _names_of(f"{before}{number}{after}")
    ]


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f", and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
