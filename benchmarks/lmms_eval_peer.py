"""The Qwen2-VL adapter of lmms-eval, in its own code, on samples of ours. The only file here that imports lmms_eval.

It needs lmms-eval, loguru, qwen-vl-utils, decord, evaluate, pytz, and for what those import datasets, dill, xxhash,
multiprocess, pandas, python-dateutil, six, requests, urllib3, charset-normalizer, certifi, httpx, httpcore, h11, anyio,
aiohttp, aiohappyeyeballs, aiosignal, multidict, yarl, frozenlist, propcache, attrs, tzdata and sqlitedict: all by
``pip install --target FOLDER --no-deps``, because with its own dependencies it brings another torch. FOLDER is
``--peers-path``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vidtune.data import Sample

_TASK, _SPLIT = "samples", "test"


class LmmsEvalPeer:
    """``lmms_eval.models.simple.qwen2_vl.Qwen2_VL`` with the weights that the other ways use.

    Three of its settings are made to fit, for the comparison's sake: it loads what is in the folder and is then given
    the number format and the processor's own limits on pixels; the processor of today's transformers would choose among
    the frames once more, which it does not expect; and answers end where those of the other ways end. It reads the
    videos by itself and chooses its frames by its own rule, 2 a second and at most 8.

    Args:
        peers_path: Where lmms-eval lies.
        loaded: A Qwen2-VL from a folder.
        folder: That folder.
        max_new_tokens: Of every answer.
        stop_ids: Tokens that end an answer.
    """

    def __init__(
        self, peers_path: Path, loaded: Any, folder: Path, max_new_tokens: int, stop_ids: Sequence[int]
    ) -> None:
        sys.path.append(str(peers_path))  # at the end: what is installed here comes first
        from lmms_eval.api.instance import Instance
        from lmms_eval.models.simple.qwen2_vl import Qwen2_VL
        from loguru import logger

        logger.remove()
        size = loaded.processor.video_processor.size
        self._adapter = Qwen2_VL(
            pretrained=str(folder),
            device="cpu",
            device_map="cpu",
            max_pixels=size["longest_edge"],
            min_pixels=size["shortest_edge"],
            max_num_frames=8,
        )
        self._instance = Instance
        self._max_new_tokens = max_new_tokens
        self._num_tokens: list[tuple[int, int]] = []

        model = self._adapter._model
        for parameter in model.parameters():
            parameter.data = parameter.data.to(loaded.dtype)
        self._adapter.processor.video_processor.do_sample_frames = False
        generate = model.generate

        def generate_and_note(**arguments: Any) -> torch.Tensor:
            tokens: torch.Tensor = generate(**{**arguments, "eos_token_id": list(stop_ids)})
            num_prompt = arguments["input_ids"].shape[1]
            self._num_tokens.append((num_prompt, tokens.shape[1] - num_prompt))
            return tokens

        model.generate = generate_and_note

    def answer(self, samples: Sequence[Sample], paths: Sequence[Path]) -> list[list[int]]:
        """Answer about the videos at ``paths``, one after another.

        Returns:
            How many tokens it read for each, and how many it wrote; its texts nobody compares.
        """
        self._adapter.task_dict = {_TASK: {_SPLIT: [str(path) for path in paths]}}
        requests = [
            self._instance(
                request_type="generate_until",
                arguments=(
                    sample.prompt_turns[-1].text,
                    {"max_new_tokens": self._max_new_tokens},
                    lambda path: [path],
                    index,
                    _TASK,
                    _SPLIT,
                ),
                idx=index,
                metadata={"task": _TASK, "doc_id": index, "repeats": 1},
            )
            for index, sample in enumerate(samples)
        ]
        self._num_tokens.clear()
        self._adapter.generate_until(requests)
        read, written = zip(*self._num_tokens, strict=True)
        return [list(read), list(written)]
