"""The endpoint: where texts go, what a key may do, what is tried again and what is not."""

import json
import math
import socket

import pytest
from tests.evaluation.judging.judge_server import fair, judge_server, texts
from tests.evaluation.writing import make_record, write_run

from vidtune.core.errors import BadUsage
from vidtune.evaluation.judging import JudgeConfig, JudgeRefuses, JudgeUnavailable, judge_predictions

KEY = "sk-not-a-real-key-123"


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", [make_record(number) for number in range(12)])


def ask(run, server, **settings):
    values = {"backend": "endpoint", "target": server.address, "model": "m", "num_control_items": 6}
    return judge_predictions(run.path, JudgeConfig(**(values | settings)))[0]


def test_a_request_is_that_of_an_openai_client_at_temperature_0(run):
    with judge_server(fair) as server:
        found = ask(run, server)

    body = server.requests[0]
    assert body["model"] == "m"
    assert body["temperature"] == 0
    assert [one["role"] for one in body["messages"]] == ["system", "user"]
    assert "logprobs" not in body
    assert found.summary["sent_to"] == server.address
    assert server.address in found.to_text()


def test_the_key_goes_into_one_header_and_nowhere_else(run, monkeypatch):
    monkeypatch.setenv("VIDTUNE_JUDGE_KEY", KEY)
    with judge_server(fair) as server:
        ask(run, server)

    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    for path in run.path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_a_key_that_the_server_repeats_is_not_repeated_by_us(run, monkeypatch):
    monkeypatch.setenv("VIDTUNE_JUDGE_KEY", KEY)
    with judge_server(lambda body: (401, f"wrong key {KEY}")) as server:
        with pytest.raises(JudgeUnavailable, match="HTTP 401: .*wrong key \\*\\*\\*") as caught:
            ask(run, server)
    assert KEY not in str(caught.value)
    # A wrong key stays wrong: one request of each thread that was waiting, none again.
    assert len(server.requests) <= 4


def test_a_key_does_not_travel_unencrypted(run, monkeypatch):
    monkeypatch.setenv("VIDTUNE_JUDGE_KEY", KEY)
    config = JudgeConfig(backend="endpoint", target="http://judge.example/v1", model="m")

    with pytest.raises(BadUsage, match="not encrypted"):
        judge_predictions(run.path, config)


@pytest.mark.parametrize("target", ["judge.example/v1", "file:///etc/passwd", "http://", "http://user:pw@localhost/v1"])
def test_an_address_is_http_without_a_password(run, target):
    with pytest.raises(BadUsage, match="address of"):
        judge_predictions(run.path, JudgeConfig(backend="endpoint", target=target, model="m"))


def test_a_server_that_is_busy_is_asked_again(run, monkeypatch):
    monkeypatch.setattr("vidtune.evaluation.judging.backends.endpoint._PAUSE_S", 0.001)
    seen = set()

    def busy_first(body):
        key = json.dumps(body)
        if key in seen:
            return fair(body)
        seen.add(key)
        return 503, "busy"

    with judge_server(busy_first) as server:
        found = ask(run, server)

    assert found.summary["verdict"]["status"] == "passed"
    assert len(server.requests) == 2 * len(seen)


def test_a_server_that_stays_away_is_asked_a_bounded_number_of_times(run, monkeypatch):
    monkeypatch.setattr("vidtune.evaluation.judging.backends.endpoint._PAUSE_S", 0.001)
    with judge_server(lambda body: (500, "oh no")) as server, pytest.raises(JudgeUnavailable, match="HTTP 500"):
        ask(run, server, num_parallel=1)
    assert len(server.requests) == 3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        config = JudgeConfig(
            backend="endpoint", target=f"http://127.0.0.1:{free.getsockname()[1]}/v1", model="m", max_attempts=1
        )
        with pytest.raises(JudgeUnavailable, match="does not answer"):
            judge_predictions(run.path, config)


def test_a_redirect_is_not_followed(run):
    with judge_server(fair) as elsewhere:
        where = {"location": f"{elsewhere.address}/chat/completions"}
        with judge_server(lambda body: (307, where)) as server, pytest.raises(JudgeUnavailable, match="HTTP 307"):
            ask(run, server)
        assert not elsewhere.requests


def test_a_limit_is_waited_for_as_the_server_asks_and_told_as_a_limit(run, monkeypatch):
    pauses = []
    monkeypatch.setattr("vidtune.evaluation.judging.backends.endpoint.time.sleep", pauses.append)
    with judge_server(lambda body: (429, "slowly"), retry_after="7") as server:
        with pytest.raises(JudgeUnavailable, match=r"HTTP 429: .*slowly.* Ask fewer questions at a time"):
            ask(run, server, num_parallel=1)
        assert (pauses, len(server.requests)) == ([7.0, 7.0], 3)

        with pytest.raises(JudgeUnavailable, match="HTTP 429"):
            ask(run, server, num_parallel=1, timeout_s=5)
        assert (pauses, len(server.requests)) == ([7.0, 7.0], 4)


def test_an_error_inside_an_answer_is_told_without_the_key(run, monkeypatch):
    monkeypatch.setenv("VIDTUNE_JUDGE_KEY", KEY)
    said = {"error": {"message": f"no such model for {KEY}"}}
    with judge_server(lambda body: (200, said)) as server, pytest.raises(JudgeUnavailable) as caught:
        ask(run, server)

    assert "no such model for ***" in str(caught.value)


@pytest.mark.parametrize("content", [{"hello": 1}, [], {"choices": []}, b"<html>"])
def test_something_else_than_such_a_server_is_named(run, content):
    with judge_server(lambda body: (200, content)) as server, pytest.raises(JudgeUnavailable):
        ask(run, server, max_attempts=1)


def test_a_server_that_takes_no_question_is_told_from_one_that_refuses_some(run):
    with (
        judge_server(lambda body: (400, "no such model")) as server,
        pytest.raises(JudgeRefuses, match="no such model"),
    ):
        ask(run, server)

    def picky(body):
        return (400, "too long") if len(texts(body).get("Model prediction", "")) > 250 else fair(body)

    with judge_server(picky) as server:
        found = ask(run, server, num_parallel=1)

    assert next(one for one in found.summary["controls"] if one["name"] == "length")["status"] == "not run"
    assert found.summary["scores"]["overall"]["num_scored"] == 12


def test_an_unreadable_reply_is_asked_again_and_told_why(run):
    def second_time_right(body):
        return "I think it is fine." if len(body["messages"]) == 2 else fair({**body, "messages": body["messages"][:2]})

    with judge_server(second_time_right) as server:
        found = ask(run, server)

    assert found.summary["verdict"]["status"] == "passed"
    repeated = next(body for body in server.requests if len(body["messages"]) == 4)
    assert repeated["messages"][2]["content"] == "I think it is fine."
    assert "JSON" in repeated["messages"][3]["content"]


def test_probabilities_are_asked_for_and_used_where_the_server_tells_them(run):
    def unsure(body):
        text = fair(body)
        if "winner" in text:
            return text
        tokens = []
        for piece in text.replace("5", "|5|").replace("1", "|1|").split("|"):
            other = {"5": "4", "1": "2"}.get(piece)
            top = [{"token": other, "logprob": math.log(0.5)}] if other else []
            tokens.append({"token": piece, "logprob": math.log(0.5) if other else 0.0, "top_logprobs": top})
        message = {"message": {"role": "assistant", "content": text}, "logprobs": {"content": tokens}}
        return {"choices": [message]}

    with judge_server(unsure) as server:
        found = ask(run, server, rubrics=("g_eval",))

    assert any(body.get("top_logprobs") == 20 for body in server.requests)
    assert found.summary["scores"]["overall"]["mean"] == pytest.approx(4.5)


def test_a_server_without_probabilities_still_judges(run):
    def plain(body):
        return (400, "logprobs are not supported") if "logprobs" in body else fair(body)

    with judge_server(plain) as server:
        found = ask(run, server, rubrics=("g_eval",))

    assert found.summary["verdict"]["status"] == "passed"
    assert found.summary["scores"]["overall"]["mean"] == 5


def test_nothing_leaves_without_an_address(run, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    found = judge_predictions(run.path, JudgeConfig())[0]

    assert found.summary["sent_to"] is None
