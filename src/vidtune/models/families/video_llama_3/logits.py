"""VideoLLaMA 3 of transformers 5.23 computes the logits of every token of a prompt; only the last are ever used.

For 8,000 tokens and 152,000 words these are 5 GB that nothing reads. The class here is the stock one with the
``logits_to_keep`` that the other classes have; weights, names and values stay as they are.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any


def keep_last_logits(model: Any) -> Any:
    """Return ``model`` with a ``forward`` that takes ``logits_to_keep``."""
    model.__class__ = _class()
    return model


@cache
def _class() -> type[Any]:
    """Return the class, made on first use: importing this module must not import transformers."""
    from transformers import VideoLlama3ForConditionalGeneration
    from transformers.models.video_llama_3.modeling_video_llama_3 import VideoLlama3CausalLMOutputWithPast

    class KeepsLastLogits(VideoLlama3ForConditionalGeneration):  # type: ignore[no-untyped-call]
        """``VideoLlama3ForConditionalGeneration`` that can leave logits out."""

        def forward(self, *args: Any, logits_to_keep: int = 0, **kwargs: Any) -> Any:
            """Compute logits of the last ``logits_to_keep`` tokens; 0: of all, as the stock class does."""
            if not logits_to_keep or kwargs.get("labels") is not None:
                return super().forward(*args, **kwargs)
            kwargs.pop("labels", None)
            outputs = self.model(*args, **{**kwargs, "return_dict": True})
            return VideoLlama3CausalLMOutputWithPast(
                logits=self.lm_head(outputs.last_hidden_state[:, -logits_to_keep:]),
                past_key_values=outputs.past_key_values,
                hidden_states=outputs.hidden_states,
                attentions=outputs.attentions,
                image_hidden_states=outputs.image_hidden_states,
                video_hidden_states=outputs.video_hidden_states,
            )

    stock = VideoLlama3ForConditionalGeneration
    # generate() asks the signature which arguments there are, and save_pretrained writes the class's name.
    signature = inspect.signature(stock.forward)
    parameters = list(signature.parameters.values())
    parameters.insert(-1, inspect.Parameter("logits_to_keep", inspect.Parameter.KEYWORD_ONLY, default=0))
    KeepsLastLogits.forward.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    KeepsLastLogits.__name__ = stock.__name__
    return KeepsLastLogits
