"""``predict_dataset``: a model over a data set, into a run directory, resumable at any point.

Clips are decoded and prepared in the background while the model answers earlier ones. Every sample ends as one record:
an answer, or a named error in its place. Records are made durable before the model goes on.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from vidtune.core.durable import RecordLog, write_json
from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import DataInvalid, DiskFull, VideoMissing, VidtuneError
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import (
    Dataset,
    Sample,
    clip_name,
    load_samples,
    names_sound,
    note_windows,
    resolve_video,
    show_subtitles,
)
from vidtune.inference._claim import (
    check_inputs,
    claim,
    compare_with_training,
    note_expected,
    note_peak_memory,
    read_done,
)
from vidtune.inference._config import GenerationConfig, PredictConfig
from vidtune.inference._engine import CLIPS_READ_TOGETHER, Engine
from vidtune.inference._gates import GateRecorder, draw_gates
from vidtune.inference._loading import fingerprint, load_configured, resolve_source
from vidtune.inference._memory import BatchSize
from vidtune.inference._named_sounds import check_named_sounds
from vidtune.inference._options import describe_loading, settings_of_checkpoint
from vidtune.inference._reading import Clip, read_ahead
from vidtune.inference._records import answer_record, error_record, qved_predictions, strip_name
from vidtune.inference._request import Generation, Request, clip_key, sort_for_reading
from vidtune.inference._showing import Showing, takes_asides
from vidtune.inference._summary import PredictSummary, summarise
from vidtune.media import write_strip
from vidtune.models import LoadedModel

_RECORD_BYTES = 4_096
_STRIP_BYTES = 40_000
_WINDOW_BATCHES = 2
_MAX_WINDOW_BYTES = 2 << 30
_UNHEARD_S = 0.1
_STAGE = "predict"


def predict_dataset(
    config: PredictConfig,
    run: RunDirectory,
    progress: Progress = silent,
    *,
    load: Callable[[], LoadedModel] | None = None,
) -> PredictSummary:
    """Answer every sample of a data set and leave the records in ``run``.

    A run directory that was begun with the same settings is continued: what is recorded is not asked again. Killed
    at any point, at most the answers in work are lost.

    Args:
        config: The recipe.
        run: Where recipe, environment, predictions and strips go.
        progress: Told whenever answers are written down.
        load: Returns the model of the recipe, for one that serves several runs; None loads it.

    Returns:
        Counts over the whole run directory, and the speed of this attempt.

    Raises:
        DataInvalid: If the annotation file does not hold, or none of its videos is found, or none of the sound files
            that it names for a model that hears; nothing was loaded.
        ModelUnavailable, ModelMismatch: If there is no such model.
        RunMismatch: If ``run`` was begun with other settings, data or weights.
        RunLocked: If another process is writing ``run``.
        DiskFull: If there is no room; what was answered is on disk.
    """
    dataset = _read_dataset(config)
    samples = dataset.samples
    resolve_source(config.model.source)
    check_named_sounds(config, dataset)
    _check_disk(run, num_samples=len(samples), has_strips=config.save_strips)
    with RunLock(run.path):
        claim(config, run)
        records = read_done(run, config.retry)
        todo = [sample for sample in samples if sample.sample_id not in records]
        num_done_before = len(records)
        num_expected = len(records) + len(todo)
        num_finished = len(samples) - len(todo)
        began_s = time.perf_counter()
        batch_size = None
        notes_on_model: list[str] = []
        if todo:
            progress("load model", 0, 1, config.model.source)
            loaded = load() if load is not None else load_configured(config.model, quantization=config.quantization)
            check_inputs(run, input_hashes(config, dataset), loaded)
            progress("load model", 1, 1, describe_loading(loaded))
            notes_on_model = _note_settings(loaded, config.generation)
            note_expected(run, num_expected)
            # Only now: an ETA that counts the time of loading is wrong for as long as few are answered.
            progress(_STAGE, num_finished, len(samples))
            began_s = time.perf_counter()
            with (
                _threads(config, loaded.device),
                RecordLog(run.predictions) as log,
                GateRecorder(loaded, run) as gates,
            ):
                worker = _Worker(config, run, loaded, log, gates)
                for written in worker.work_through(todo):
                    records.update({str(record["sample_id"]): record for record in written})
                    num_finished += len(written)
                    progress(_STAGE, num_finished, len(samples), worker.note)
            batch_size = worker.batch_size.current
            note_peak_memory(run, str(loaded.device))
        else:
            note_expected(run, num_expected)
            progress(_STAGE, num_finished, len(samples))
        wall_s = time.perf_counter() - began_s
        draw_gates(run)
        write_json(run.predictions_compat, qved_predictions(samples, records))
        return summarise(
            list(records.values()),
            run,
            num_expected=num_expected,
            num_done_before=num_done_before,
            wall_s=wall_s,
            batch_size=batch_size,
            notes=[
                *compare_with_training(config),
                *notes_on_model,
                *_note_unanswered(samples),
                *note_windows(samples),
                *_note_sound(samples, list(records.values())),
                *_note_subtitles(records.values()),
            ],
        )


class _Worker:
    """Takes clips in as they are decoded and writes records out as they are answered."""

    def __init__(
        self, config: PredictConfig, run: RunDirectory, loaded: LoadedModel, log: RecordLog, gates: GateRecorder
    ) -> None:
        self._config = config
        self._run = run
        self._log = log
        self._showing = Showing(config, loaded.family.sound_policy(loaded.processor))
        self.batch_size = BatchSize(config.batch_size)
        self._gates = gates
        self._data = config.data
        if config.data.subtitle_place == "between" and not self._showing.has_clip:
            self._data = config.data.model_copy(update={"subtitle_place": "before"})
        self._takes_asides = self._showing.has_clip and takes_asides(loaded.family, loaded.model)
        self._engine: Engine[Clip] = Engine(loaded, config.generation, self.batch_size)
        self._is_filling = True
        """At the beginning prompts are read while clips come in: otherwise the model would wait for a whole window.
        Only about clips of which no question is to follow, so that each is read once."""

    @property
    def note(self) -> str:
        """What was last done about short memory."""
        return self._engine.note

    def work_through(self, samples: Sequence[Sample]) -> Iterator[list[dict[str, Any]]]:
        """Answer ``samples`` and yield records as they are finished, once they are on disk."""
        window_size = _WINDOW_BATCHES * self._config.batch_size
        waiting: list[tuple[Clip, Request]] = []
        last_question = {clip_name(sample): place for place, sample in enumerate(samples)}
        with self._engine:
            for place, clip in enumerate(self._clips(samples, window_size)):
                if clip.error is not None:
                    yield self._write([{**error_record(clip, clip.error), **self._showing.about(clip.sample)}])
                    continue
                waiting.append(self._put(clip))
                self._engine.look_ahead(waiting)
                if self._is_filling:
                    complete = [one for one in waiting if last_question[clip_name(one[0].sample)] <= place]
                    if self._is_worth_reading(complete):
                        waiting = [one for one in waiting if last_question[clip_name(one[0].sample)] > place]
                        if refused := self._advance(complete, only_read=True):
                            yield refused
                        waiting[:0] = complete
                while len(waiting) + self._engine.num_inside >= window_size or _size_bytes(waiting) > _MAX_WINDOW_BYTES:
                    yield self._advance(waiting)
            while waiting or self._engine.is_busy:
                yield self._advance(waiting)

    def _is_worth_reading(self, requests: Sequence[tuple[Clip, Request]]) -> bool:
        num_clips = len({clip_key(request) for _, request in requests})
        is_some = self._engine.can_grow and num_clips >= CLIPS_READ_TOGETHER
        return is_some or len(requests) >= self._config.batch_size

    def _clips(self, samples: Sequence[Sample], num_ahead: int) -> Iterator[Clip]:
        if not self._showing.needs_frames:
            return (Clip(sample, None, None, 0.0) for sample in samples)
        return read_ahead(
            samples,
            self._showing.find,
            self._showing.read,
            num_readers=self._config.num_readers,
            num_ahead=num_ahead,
        )

    def _put(self, clip: Clip) -> tuple[Clip, Request]:
        sample, subtitles = clip.sample, None
        if clip.frames is not None:
            sample, subtitles = show_subtitles(
                sample, self._data, clip.frames.times_s, can_stand_between=self._takes_asides
            )
        frames = clip.frames if self._showing.has_clip else None
        turns = self._showing.view.turns(sample.prompt_turns)
        request = Request(turns=turns, frames=frames, key=sample.sample_id)
        return replace(clip, frames=frames, subtitles=subtitles), request

    def _advance(self, waiting: list[tuple[Clip, Request]], *, only_read: bool = False) -> list[dict[str, Any]]:
        """Let the model read and write on, similar clips together, and write down what is finished."""
        sort_for_reading(waiting)
        outcomes = self._engine.advance(waiting, only_read=only_read)
        self._is_filling = only_read and self._engine.has_room
        return self._write([self._record(clip, outcome) for clip, outcome in outcomes])

    def _record(self, clip: Clip, outcome: Generation | VidtuneError | ValueError) -> dict[str, Any]:
        if isinstance(outcome, Generation):
            self._gates.add(clip)
            answer = self._showing.view.answer(outcome)
            return {**answer_record(clip, answer, self._save_strip(clip)), **self._showing.about(clip.sample)}
        return {**error_record(clip, _named(clip, outcome)), **self._showing.about(clip.sample)}

    def _save_strip(self, clip: Clip) -> str | None:
        if not self._config.save_strips or clip.frames is None:
            return None
        path = self._run.strips / strip_name(clip.sample.video, clip.frames)
        if not path.exists():
            write_strip(clip.frames, path)
        return path.relative_to(self._run.path).as_posix()

    def _write(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._gates.flush()  # first: what has a record is not looked at again
        self._log.append_many(records)
        return records


def _named(clip: Clip, exc: VidtuneError | ValueError) -> VidtuneError:
    """Return our error for a conversation or clip that the model's processor refuses."""
    if isinstance(exc, VidtuneError):
        return exc
    return DataInvalid(f"{clip.sample.sample_id} cannot be asked: {exc}", "Mend the conversation, or exclude it.")


def _note_unanswered(samples: Sequence[Sample]) -> list[str]:
    num_unanswered = sum(not sample.is_answered for sample in samples)
    if not num_unanswered:
        return []
    return [f"{num_unanswered} of {len(samples)} samples have no reference answer: they cannot be evaluated."]


def _note_settings(loaded: LoadedModel, config: GenerationConfig) -> list[str]:
    """Say what of the checkpoint's own way to write answers is not followed."""
    asked = settings_of_checkpoint(loaded.model)
    if asked.get("repetition_penalty") == config.repetition_penalty:
        del asked["repetition_penalty"]
    if not asked:
        return []
    told = ", ".join(f"{name}={value}" for name, value in asked.items())
    remedy = "; generation.repetition_penalty sets the first" if "repetition_penalty" in asked else ""
    return [f"The checkpoint's generation_config.json asks for {told}, which is not used{remedy}."]


def _note_sound(samples: Sequence[Sample], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how much was heard, and where sound that the data name was not."""
    heard = [record["sound"] for record in records if record.get("sound")]
    if heard:
        heard_s = sum(sound["delivered_s"] for sound in heard)
        num_cut = sum(sound["delivered_s"] < sound["requested_s"] - _UNHEARD_S for sound in heard)
        cut = f"; of {num_cut} there was more to hear than the model takes or the file holds" if num_cut else ""
        return [f"{len(heard)} of {len(records)} samples were heard, {heard_s:,.1f} s in all{cut}."]
    num_spoken = sum(names_sound(sample) for sample in samples)
    return [f"{num_spoken} of {len(samples)} samples have a sound file, which was not played."] if num_spoken else []


def _note_subtitles(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say where subtitles stood in the prompts of the run: the same recipe can put them elsewhere for another model."""
    places = Counter(record["subtitles"]["place"] for record in records if record.get("subtitles"))
    where = {"between": "between the frames", "before": "before the question"}
    return [
        f"subtitles stood {where[place]} in {count} of {places.total()} samples that have some."
        for place, count in sorted(places.items())
    ]


def _size_bytes(waiting: Sequence[tuple[Clip, Request]]) -> int:
    return sum(clip.frames.num_bytes for clip, _ in waiting if clip.frames is not None)


def input_hashes(config: PredictConfig, dataset: Dataset) -> dict[str, Any]:
    """Return what a run goes by besides the weights, as its environment keeps it."""
    return {"data": dataset.sha256, "adapter": fingerprint(config.model.source)}


@contextmanager
def _threads(config: PredictConfig, device: torch.device) -> Iterator[None]:
    """Give torch the cores that the readers leave; threads that wait for each other's core spin and cost both."""
    before = torch.get_num_threads()
    if config.num_threads is not None:
        torch.set_num_threads(config.num_threads)
    elif device.type == "cpu":
        torch.set_num_threads(max(1, min(before, num_usable_cores() - config.num_readers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _read_dataset(config: PredictConfig) -> Dataset:
    """Read the samples and see that their videos can be had, before anything is spent."""
    root = config.data.videos
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise DataInvalid(f"the video folder {root} is not there, found {found}.", "Check data.videos (--videos).")
    dataset = load_samples(config.data)
    missing = []
    for sample in dataset.samples:
        try:
            resolve_video(sample, root)
        except VideoMissing as exc:
            missing.append(f"{sample.sample_id}: {exc.problem}")
    if len(missing) == len(dataset.samples):
        raise DataInvalid(
            f"none of the {len(dataset.samples)} videos of {config.data.path} is below {root}.",
            "Check data.videos (--videos): it is the folder that the paths in the file start from.",
            missing[:3],
        )
    return dataset


def _check_disk(run: RunDirectory, *, num_samples: int, has_strips: bool) -> None:
    needed_bytes = num_samples * (_RECORD_BYTES + (_STRIP_BYTES if has_strips else 0))
    folder = next(parent for parent in [run.path.absolute(), *run.path.absolute().parents] if parent.exists())
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFull(
            f"{run.path} needs about {needed_bytes:,} bytes for {num_samples:,} samples and {free_bytes:,} are free.",
            "Free some space, or set save_strips=false.",
        )
