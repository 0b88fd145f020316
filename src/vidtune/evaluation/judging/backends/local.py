"""A judge that runs here: any language model of transformers, or any video-language model that vidtune opens.

It is asked through the engine that predictions are made with: batches that share the beginning of their prompts, and
fewer at a time when memory is short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidtune.core.errors import BadUsage, VidtuneError
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._item import Ask, Refusal, Reply, TokenChoice

if TYPE_CHECKING:
    from vidtune.inference import Generation
    from vidtune.models import LoadedModel

_NUM_TOP_LOGPROBS = 20
_BATCHES_AT_ONCE = 4


class LocalJudge:
    """A loaded model."""

    sends_to = None

    def __init__(self, loaded: LoadedModel, config: JudgeConfig) -> None:
        self._loaded = loaded
        self._config = config
        self.batch_size = _BATCHES_AT_ONCE * config.num_parallel

    @property
    def identity(self) -> Mapping[str, Any]:
        """The weights, their number format, and how it is asked."""
        loaded = self._loaded
        weights = loaded.identity.weights_sample_sha256
        dtype = str(loaded.dtype).removeprefix("torch.")
        return {"backend": "local", "model": loaded.source, "weights": weights, "dtype": dtype, "temperature": 0}

    def ask(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Answer all questions; one that the model cannot be asked is refused alone."""
        try:
            answers = self._generate(asks)
        except (VidtuneError, ValueError) as exc:
            if len(asks) == 1:
                yield 0, Refusal(str(exc))
                return
            for place, ask in enumerate(asks):
                for _, reply in self.ask([ask]):
                    yield place, reply
            return
        for place, (ask, answer) in enumerate(zip(asks, answers, strict=True)):
            yield place, self._reply(answer) if ask.wants_logprobs else Reply(answer.text)

    def close(self) -> None:
        """Nothing is held but memory."""

    def _generate(self, asks: Sequence[Ask]) -> list[Generation]:
        from vidtune.inference import GenerationConfig, Request, generate

        return generate(
            self._loaded,
            [Request(ask.turns) for ask in asks],
            GenerationConfig(max_new_tokens=self._config.max_new_tokens),
            batch_size=self._config.num_parallel,
            num_top_logprobs=_NUM_TOP_LOGPROBS if any(ask.wants_logprobs for ask in asks) else 0,
        )

    def _reply(self, answer: Generation) -> Reply:
        """Return text and tokens; each token is what it adds to the text, which is not always its own letters."""
        tokenizer = self._loaded.processor.tokenizer
        ids = list(answer.token_ids)
        tokens, before = [], ""
        for place, top in enumerate(answer.top_logprobs, start=1):
            text = str(tokenizer.decode(ids[:place], skip_special_tokens=True))
            choices = {str(tokenizer.decode([token])): logprob for token, logprob in top.items()}
            tokens.append(TokenChoice(text[len(before) :], choices))
            before = text
        return Reply(before, tuple(tokens))


class Local:
    """Opens the judge."""

    takes_target = True

    def open(self, config: JudgeConfig, context: ScoringContext) -> LocalJudge:
        """Load the model.

        Raises:
            ModelUnavailable, ModelMismatch, BadUsage: If there is no such model, device or dtype.
        """
        from vidtune.inference import load_for_inference
        from vidtune.models import is_text_model, load_text_model

        if config.target is None:
            raise BadUsage("which model judges is not said.", "Write --judge local:FOLDER.")
        if _is_checkpoint(config.target) and is_text_model(config.target):
            return LocalJudge(load_text_model(config.target, device=config.device, dtype=config.dtype), config)
        return LocalJudge(load_for_inference(config.target, device=config.device, dtype=config.dtype), config)


def _is_checkpoint(target: str) -> bool:
    """Return whether it is a model itself, not an adapter or a run, whose base is looked up when it is loaded."""
    from pathlib import Path

    folder = Path(target).expanduser()
    return not folder.is_dir() or (folder / "config.json").is_file()


BACKEND = Local()
