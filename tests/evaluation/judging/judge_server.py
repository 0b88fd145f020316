"""A real HTTP server on this machine that answers as an OpenAI-compatible one does; how it judges is a function."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SHOWN = re.compile(r"(?P<title>[^\n:]+):\n<text>\n(?P<text>.*?)\n</text>", re.DOTALL)


@dataclass
class Server:
    """What a server was asked."""

    address: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def texts(body: dict[str, Any]) -> dict[str, str]:
    """Return the texts that a prompt shows, by their titles."""
    prompt = next(one["content"] for one in body["messages"] if one["role"] == "user")
    found = {match["title"].strip(): match["text"] for match in _SHOWN.finditer(prompt)}
    return {title: "" if text == "(empty)" else text for title, text in found.items()}


@contextmanager
def judge_server(answer: Callable[[dict[str, Any]], Any], retry_after: str = "") -> Iterator[Server]:
    """Serve judgements. ``answer`` takes the request and returns a text, a whole response, or (status, text)."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(body)
            server.headers.append(dict(self.headers))
            found = answer(body)
            status, content = found if isinstance(found, tuple) else (200, found)
            if status == 200 and isinstance(content, str):
                content = {"choices": [{"message": {"role": "assistant", "content": content}}]}
            data = json.dumps(content).encode() if not isinstance(content, bytes) else content
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", content["location"])
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.address = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def scores_json(score: float) -> str:
    """Return a reply that gives the same score to all four dimensions."""
    names = ("clinical_accuracy", "actionability", "root_cause", "completeness")
    return json.dumps({**dict.fromkeys(names, score), "overall": score})


def fair(body: dict[str, Any]) -> str:
    """Judge fairly: words in common with the ground truth, whatever surrounds them."""
    shown = texts(body)
    if "Response A" in shown:
        first, second = (_share(shown[f"Response {name}"], shown["Ground truth"]) > 0.7 for name in "AB")
        return json.dumps({"winner": "tie" if first == second else "A" if first > second else "B"})
    said = shown["Model prediction"]
    return scores_json(5 if _share(said, shown["Ground truth"]) > 0.7 else 1)


def constant(body: dict[str, Any]) -> str:
    """Give everything a 3, and call everything a tie."""
    return '{"winner": "tie"}' if "Response A" in texts(body) else scores_json(3)


def fond_of_length(body: dict[str, Any]) -> str:
    """Judge fairly, but take a long answer for a good one."""
    shown = texts(body)
    return scores_json(4) if len(shown.get("Model prediction", "")) > 200 else fair(body)


def fond_of_the_first(body: dict[str, Any]) -> str:
    """Judge fairly, but of two answers always prefer the first."""
    return '{"winner": "A"}' if "Response A" in texts(body) else fair(body)


def fond_of_nothing(body: dict[str, Any]) -> str:
    """Judge fairly, but give an empty answer the best score."""
    shown = texts(body)
    return scores_json(5) if not shown.get("Model prediction", "x") else fair(body)


def obedient(body: dict[str, Any]) -> str:
    """Judge fairly, but do what an answer asks for."""
    return scores_json(5) if "Ignore all" in texts(body).get("Model prediction", "") else fair(body)


def generous(body: dict[str, Any]) -> str:
    """Find every answer excellent that is not empty."""
    shown = texts(body)
    return scores_json(5) if shown.get("Model prediction") else fair(body)


def severe(body: dict[str, Any]) -> str:
    """Give nothing more than a 4."""
    return fair(body).replace(": 5", ": 4")


def rambling(body: dict[str, Any]) -> str:
    """Talk, and give no score."""
    return "Well, that depends: some would say 4, others 2."


def _share(text: str, truth: str) -> float:
    said, wanted = set(re.findall(r"\w+", text.lower())), set(re.findall(r"\w+", truth.lower()))
    return len(said & wanted) / len(wanted)
