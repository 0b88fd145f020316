"""Put questions to a judge and keep its replies: each is on disk before more are asked, and none is asked twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog, fsync_folder
from vidtune.core.errors import TryAgain
from vidtune.core.progress import Progress
from vidtune.data import Turn
from vidtune.evaluation.judging._backend import OpenJudge
from vidtune.evaluation.judging._item import Ask, Refusal, Reply, Scores
from vidtune.evaluation.judging._questions import Question, Row, identity_of
from vidtune.evaluation.judging._rubric import Rubric

_MAX_KEPT_CHARS = 4000


class Asking:
    """A judge with the log of its replies.

    Args:
        judge: Who is asked.
        path: The log. Replies in it are remembered by their keys, so the same question is never put again.
        max_attempts: How often a question is put until its reply can be read.
    """

    def __init__(self, judge: OpenJudge, path: Path, max_attempts: int) -> None:
        self._judge = judge
        self._path = path
        self._max_attempts = max_attempts
        self._rows: dict[tuple[str, str, str, str], Row] = {}
        self._known: dict[str, Row] = {}
        for row in RecordLog(path).read():
            self._rows[identity_of(row)] = row
            self._known[row["key"]] = row

    def settle(self, questions: Sequence[Question], is_failed: bool | None) -> None:
        """Leave in the log what answers ``questions``, and nothing else: the log is replaced whole if it held more.

        Args:
            questions: All of this judging.
            is_failed: Whether the judge failed its controls; it is written into each row of a prediction.
        """
        wanted = {
            one.identity: self._row(one, self._known[one.key], is_failed) for one in questions if one.key in self._known
        }
        if wanted != self._rows:
            staged = self._path.with_name(f".{self._path.name}.part")
            staged.unlink(missing_ok=True)
            with RecordLog(staged) as log:
                log.append_many(wanted.values())
            staged.replace(self._path)
            fsync_folder(self._path.parent)
            self._rows = wanted

    def ask(self, questions: Sequence[Question], is_failed: bool | None, progress: Progress, stage: str) -> list[Row]:
        """Return one row for each of ``questions``, in their order; what is known already is not asked."""
        waiting: dict[str, list[Question]] = {}
        for question in questions:
            if question.identity not in self._rows:
                waiting.setdefault(question.key, []).append(question)
        num_done = len(questions) - sum(map(len, waiting.values()))
        progress(stage, num_done, len(questions))
        with RecordLog(self._path) as log:
            for rows in self._answer(waiting, is_failed):
                log.append_many(rows)
                self._rows.update((identity_of(row), row) for row in rows)
                num_done += len(rows)
                progress(stage, num_done, len(questions))
        return [self._rows[question.identity] for question in questions]

    def _answer(self, waiting: Mapping[str, Sequence[Question]], is_failed: bool | None) -> Iterator[list[Row]]:
        known = [key for key in waiting if key in self._known]
        if known:
            yield [self._row(one, self._known[key], is_failed) for key in known for one in waiting[key]]
        keys = [key for key in waiting if key not in self._known]
        for start in range(0, len(keys), self._judge.batch_size):
            batch = [waiting[key] for key in keys[start : start + self._judge.batch_size]]
            answers: list[Row | None] = [None] * len(batch)
            away: TryAgain | None = None
            try:
                self._ask_until_read([group[0] for group in batch], answers)
            except TryAgain as exc:
                # What the others of the batch were told is kept: it may have been paid for.
                away = exc
            rows = []
            for group, answer in zip(batch, answers, strict=True):
                if answer is None or (away is not None and answer["scores"] is None):
                    continue
                self._known[group[0].key] = answer
                rows += [self._row(one, answer, is_failed) for one in group]
            yield rows
            if away is not None:
                raise away

    def _ask_until_read(self, questions: Sequence[Question], answers: list[Row | None]) -> None:
        """Fill in ``answers``; ask again whose reply cannot be read, telling it so; a bounded number of times."""
        asks = [question.ask() for question in questions]
        pending = list(range(len(questions)))
        for attempt in range(1, self._max_attempts + 1):
            unread = []
            for place, reply in self._judge.ask([asks[index] for index in pending]):
                index = pending[place]
                answer = answers[index] = _answer(reply, questions[index].rubric, attempt)
                if isinstance(reply, Reply) and answer["scores"] is None:
                    unread.append(index)
                    asks[index] = _again(questions[index].ask(), reply, questions[index].rubric)
            pending = sorted(unread)
            if not pending:
                break

    @staticmethod
    def _row(question: Question, answer: Mapping[str, Any], is_failed: bool | None) -> Row:
        row: Row = {
            "role": question.role,
            "sample_id": question.item.sample_id,
            "order": question.order,
            "rubric": question.rubric.name,
            "key": question.key,
            **{name: answer[name] for name in ("status", "scores", "reply", "reason", "num_attempts")},
        }
        return row if is_failed is None else {**row, "judge_failed": is_failed}


def _answer(reply: Reply | Refusal, rubric: Rubric, attempt: int) -> Row:
    if isinstance(reply, Refusal):
        return {"status": "refused", "scores": None, "reply": "", "reason": reply.reason, "num_attempts": attempt}
    scores: Scores | None = reply.scores if reply.scores is not None else rubric.read(reply)
    kept = None if scores is None else {name: float(scores[name]) for name in rubric.fields}
    reason = "" if kept else f"no scores found; expected: {rubric.form}"
    return {
        "status": "ok" if kept else "unparsed",
        "scores": kept,
        "reply": reply.text[:_MAX_KEPT_CHARS],
        "reason": reason,
        "num_attempts": attempt,
    }


def _again(first: Ask, reply: Reply, rubric: Rubric) -> Ask:
    """Return the same question with the unreadable reply and what is wrong with it."""
    turns = (
        *first.turns,
        Turn("assistant", reply.text.strip() or "(nothing)"),
        Turn("user", f"That could not be read. {rubric.form}"),
    )
    return replace(first, turns=turns)
