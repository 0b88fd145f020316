"""A judge behind an OpenAI-compatible address. The only back end that sends texts anywhere, and only where it is told.

The key is read from an environment variable, goes into one header and is never written down. Redirects are not
followed: they would carry the texts to an address that nobody named.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from vidtune.core.errors import BadUsage, VidtuneError
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.judging._backend import JudgeRefuses, JudgeUnavailable
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._item import Ask, Refusal, Reply, TokenChoice

_NUM_TOP_LOGPROBS = 20
_MAX_REPLY_BYTES = 8 << 20
_PAUSE_S = 0.5
_TOO_MANY = 429
_REMEDY = "Check address, model and key; run the same command again, and it continues where it stopped."
_REMEDY_OF_A_LIMIT = (
    "Ask fewer questions at a time (--judge-set num_parallel=1), or run the same command again later; it continues "
    "where it stopped."
)
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_ABOUT_THE_QUESTION = frozenset({400, 413, 422})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class EndpointJudge:
    """A server that answers ``POST <address>/chat/completions``."""

    def __init__(self, address: str, model: str, key: str | None, config: JudgeConfig) -> None:
        self.sends_to = address
        self.batch_size = config.num_parallel
        self._url = f"{address.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._config = config
        self._opener = urllib.request.build_opener(_StayHere())
        self._pool = ThreadPoolExecutor(config.num_parallel, thread_name_prefix="vidtune-judge")
        self._takes_logprobs = True
        self._has_answered = False

    @property
    def identity(self) -> Mapping[str, Any]:
        """Address, model, and how it is asked."""
        return {"backend": "endpoint", "address": self.sends_to, "model": self._model, "temperature": 0}

    def ask(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Put all questions at once; replies come as the server gives them, and a failure after all of them."""
        places = {self._pool.submit(self._ask_one, ask): place for place, ask in enumerate(asks)}
        problem: VidtuneError | None = None
        for done in as_completed(places):
            try:
                reply = done.result()
            except VidtuneError as exc:
                problem = exc
                continue
            yield places[done], reply
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _ask_one(self, ask: Ask) -> Reply | Refusal:
        wants_logprobs = ask.wants_logprobs and self._takes_logprobs
        try:
            answer = self._post(self._body(ask, wants_logprobs=wants_logprobs))
        except _NotTaken as refusal:
            if not wants_logprobs:
                return self._refuse(str(refusal))
            try:
                answer = self._post(self._body(ask, wants_logprobs=False))
            except _NotTaken as second:
                return self._refuse(str(second))
            # Asked without probabilities it answers: it does not tell any.
            self._takes_logprobs = False
        try:
            reply = _reply(answer)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
            raise JudgeUnavailable(
                f"{self._url} answers in another form than an OpenAI-compatible server: "
                f"{self._safe(json.dumps(answer))}.",
                "Give the address that /chat/completions is appended to, e.g. http://127.0.0.1:8000/v1, and a model "
                "that is there.",
            ) from exc
        self._has_answered = True
        return reply

    def _refuse(self, reason: str) -> Refusal:
        if not self._has_answered:
            raise JudgeRefuses(
                f"{self._url} refuses the first question: {reason}.", "Check the model's name and its context length."
            )
        return Refusal(reason)

    def _body(self, ask: Ask, *, wants_logprobs: bool) -> bytes:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": turn.role, "content": turn.text} for turn in ask.turns],
            "temperature": 0,
            "max_tokens": self._config.max_new_tokens,
        }
        if wants_logprobs:
            body |= {"logprobs": True, "top_logprobs": _NUM_TOP_LOGPROBS}
        return json.dumps(body).encode()

    def _post(self, body: bytes) -> Any:
        """Return the server's JSON, after a bounded number of attempts.

        Raises:
            _NotTaken: If the server says that the question is at fault.
            JudgeUnavailable: If it does not answer, or answers with something else.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "vidtune"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        problem, remedy, asked_pause_s = "", _REMEDY, 0.0
        for attempt in range(self._config.max_attempts):
            if attempt:
                time.sleep(max(_PAUSE_S * 2 ** (attempt - 1), asked_pause_s))
            # The scheme was checked to be http or https when the judge was opened.
            request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310
            try:
                with self._opener.open(request, timeout=self._config.timeout_s) as response:
                    return json.loads(response.read(_MAX_REPLY_BYTES))
            except urllib.error.HTTPError as exc:
                problem = f"HTTP {exc.code}: {self._safe(exc.read(2000).decode('utf-8', errors='replace'))}"
                remedy = _REMEDY_OF_A_LIMIT if exc.code == _TOO_MANY else _REMEDY
                asked_pause_s = _asked_pause_s(exc)
                if exc.code in _ABOUT_THE_QUESTION:
                    raise _NotTaken(problem) from exc
                if exc.code not in _TRY_AGAIN or asked_pause_s > self._config.timeout_s:
                    break
            except (OSError, HTTPException) as exc:
                problem, remedy, asked_pause_s = f"{type(exc).__name__}: {exc}", _REMEDY, 0.0
            except ValueError as exc:
                problem, remedy, asked_pause_s = f"its answer is not JSON ({exc})", _REMEDY, 0.0
        raise JudgeUnavailable(f"the judge at {self._url} does not answer: {problem}.", remedy)

    def _safe(self, said: str) -> str:
        """Return what a server says of an error, in one line and without the key, which some servers repeat."""
        text = " ".join(said.split())[:300]
        return text.replace(self._key, "***") if self._key else text


class _NotTaken(Exception):
    """The server says that the question is at fault."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the error that it is here."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing."""
        return


def _reply(answer: Any) -> Reply:
    choice = answer["choices"][0]
    text = choice["message"]["content"] or ""
    content = (choice.get("logprobs") or {}).get("content") or []
    tokens = tuple(
        TokenChoice(
            one["token"],
            {
                one["token"]: float(one["logprob"]),
                **{other["token"]: float(other["logprob"]) for other in one.get("top_logprobs") or []},
            },
        )
        for one in content
    )
    return Reply(str(text), tokens)


def _asked_pause_s(error: urllib.error.HTTPError) -> float:
    """Return for how long a server asks to be left alone; 0 where it does not say so in seconds."""
    told = (error.headers.get("Retry-After") or "").strip()
    return float(told) if told.isdecimal() else 0.0


class Endpoint:
    """Opens the judge."""

    takes_target = True

    def open(self, config: JudgeConfig, context: ScoringContext) -> EndpointJudge:
        """Check address, model and key, and return the judge; nothing is sent yet.

        Raises:
            BadUsage: If the address is none, no model is named, or a key would travel unencrypted.
        """
        address = config.target or ""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadUsage(f"{address!r} is no address of a judge.", "Give e.g. endpoint:http://127.0.0.1:8000/v1.")
        if parts.username or parts.password:
            raise BadUsage("the address of the judge holds a password.", f"Put it into ${config.api_key_env} instead.")
        if not config.model:
            raise BadUsage(f"which model at {address} judges is not said.", "Add --judge-set model=NAME.")
        key = os.environ.get(config.api_key_env) or None
        if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise BadUsage(
                f"${config.api_key_env} is set and {address} is not encrypted: the key could be read on the way.",
                "Use https, or unset the variable.",
            )
        return EndpointJudge(address, config.model, key, config)


BACKEND = Endpoint()
