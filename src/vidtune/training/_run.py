"""``train``: one call from a recipe to a run directory with an adapted model in it."""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from vidtune.adapters import attach_adapter, quantization_config, save_adapter, trainable_table
from vidtune.config import config_hash, dump_config
from vidtune.core.durable import RecordLog, read_json, write_atomic, write_json
from vidtune.core.errors import RunCorrupt, RunMismatch
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, Sample, Turn, resolve_video
from vidtune.media import FrameSet, read_frames
from vidtune.models import LoadedModel, Modality, load_model
from vidtune.training._allocator import keep_freed_memory
from vidtune.training._checkpoint import CheckpointFolder, TrainState, publish_folder, verify_folder
from vidtune.training._config import TrainConfig
from vidtune.training._errors import TooManyDropped
from vidtune.training._examples import Dropped, ExampleStore, count_by_code
from vidtune.training._journal import Journal, draw_curves, read_history
from vidtune.training._loop import Evaluator, Loop, LoopParts
from vidtune.training._loss import bare_model
from vidtune.training._optimizer import trained_parameters
from vidtune.training._order import Schedule
from vidtune.training._precision import Precision, choose_precision
from vidtune.training._preflight import TrainingData, preflight
from vidtune.training._summary import TrainSummary
from vidtune.training._supervision import SupervisionAudit, Vocabulary, audit_supervision

_SUMMARY = "training_summary.json"
_MODALITIES: tuple[Modality, ...] = ("vision", "projector", "language")
_LAST_STEPS = 10


def train(
    config: TrainConfig,
    run: RunDirectory,
    *,
    evaluator: Evaluator | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> TrainSummary:
    """Fine-tune a model as ``config`` says and leave the result in ``run.best``.

    Killed at any point and called again with the same recipe, it continues from the last checkpoint; on a CPU in
    float32 with one thread the result is the same to the last bit as that of an uninterrupted run. A finished run
    is returned as it is.

    Args:
        config: The recipe.
        run: Where everything is written.
        evaluator: Measures generated answers; see ``Evaluator``. Without it only the held-out loss is measured.
        dry_run: Check everything, prepare the first step, write nothing and stop.
        progress: Told about reading, training and measuring.

    Raises:
        DataInvalid: If data or recipe cannot be trained on; all findings at once, before weights are loaded.
        TooManyDropped: If more samples than allowed cannot be used.
        SupervisionInvalid: If the labels would teach the wrong thing.
        RunLocked: If another process writes this run.
        RunMismatch: If the run directory holds another recipe or other data.
        RunCorrupt: If no checkpoint of the run is whole.
        LossNotFinite: If the loss or a gradient is not a number; the samples are named.
        DiskFull: If a checkpoint does not fit; what was saved before is whole.
    """
    began_s = time.monotonic()
    with _own_random_state(), _threads(config.loop.num_threads):
        if dry_run:
            return _Session(config, run, evaluator, progress, began_s).describe()
        with RunLock(run.path):
            _claim(config, run)
            finished = _read_finished(run)
            if finished is not None:
                return finished
            return _Session(config, run, evaluator, progress, began_s).train()


@dataclass(frozen=True)
class _Prepared:
    """All that stands before the first step."""

    data: TrainingData
    loaded: LoadedModel
    train: ExampleStore
    held_out: ExampleStore | None
    audit: SupervisionAudit
    schedule: Schedule
    precision: Precision


class _Session:
    """One call of ``train``: its arguments, and what it found on the way."""

    def __init__(
        self, config: TrainConfig, run: RunDirectory, evaluator: Evaluator | None, progress: Progress, began_s: float
    ) -> None:
        self._config = config
        self._run = run
        self._evaluator = evaluator
        self._progress = progress
        self._began_s = began_s
        self._notes: list[str] = []

    def describe(self) -> TrainSummary:
        """Prepare everything, write nothing."""
        prepared = self._prepare()
        self._notes.append(prepared.audit.text.strip())
        return self._summarise(prepared, TrainState(0, ""), result=None, final_loss=None)

    def train(self) -> TrainSummary:
        """Take the steps that are left and deliver the result."""
        checkpoints = CheckpointFolder(self._run.checkpoints, self._config.save.keep)
        checkpoints.clean()
        prepared = self._prepare()
        trained_bytes = sum(tensor.nbytes for tensor in trained_parameters(prepared.loaded.model).values())
        checkpoints.require_space(trained_bytes, _result_bytes(prepared.loaded))
        if prepared.loaded.device.type == "cpu":
            keep_freed_memory()
        _write_ledger(self._run, prepared)
        write_atomic(self._run.supervision, prepared.audit.text)

        state = TrainState(0, prepared.train.fingerprint())
        found = checkpoints.read_newest(self._notes.append)
        if found is not None and found.state.data_sha256 != state.data_sha256:
            raise RunMismatch(
                f"{self._run.path} was trained on other samples: its checkpoint has data "
                f"{found.state.data_sha256[:12]}, the recipe now selects {state.data_sha256[:12]}.",
                "Put the data back (a clip that was readable then may not be now), or use a new run directory.",
            )
        state = state if found is None else found.state
        with Journal(self._run, first_step=state.step + 1) as journal:
            if found is not None:
                journal.add("resumed", state.step, {})
            for note in self._notes:
                journal.add("note", state.step, {"text": note})
            loop = Loop(self._config, self._parts(prepared, checkpoints, journal), state)
            if found is not None:
                loop.restore(found.weights, found.optimizer)
            state = loop.run()
        draw_curves(self._run)
        return self._deliver(prepared, checkpoints, state)

    def _prepare(self) -> _Prepared:
        config = self._config
        data = preflight(config, self._run, has_evaluator=self._evaluator is not None)
        self._notes += data.notes
        loaded = self._load_and_adapt()
        budget_bytes = config.limits.memory_mib * 2**20
        max_tokens = _max_tokens(loaded, config.limits.max_tokens)

        def make_store(samples: Sequence[Sample], source: DataConfig, stage: str, *, is_train: bool) -> ExampleStore:
            store = ExampleStore(
                lambda sample: read_frames(
                    resolve_video(sample, source.videos), config.sampling, max_side_px=config.max_side_px
                ),
                lambda turns, frames: _encode(loaded, turns, frames),
                budget_bytes=budget_bytes,
                augmentation=config.augmentation if is_train else None,
                seed=config.seed,
                keep_frames=not is_train and self._evaluator is not None,
            )
            store.prepare(samples, max_tokens=max_tokens, stage=stage, progress=self._progress)
            _limit_dropped(store, len(samples), config.limits.max_dropped_share, stage)
            return store

        train_store = make_store(data.train, config.data, "read training clips", is_train=True)
        held_out = None
        if config.eval_data is not None:
            held_out = make_store(data.held_out, config.eval_data, "read held-out clips", is_train=False)
        audit = audit_supervision(
            train_store.examples, Vocabulary.of(loaded.processor, loaded.family.end_of_turn_ids(loaded.processor))
        )
        schedule = Schedule(
            [example.num_tokens for example in train_store.examples],
            batch_size=config.loop.batch_size,
            accumulation=config.loop.accumulation,
            epochs=config.loop.epochs,
            max_steps=config.loop.max_steps,
            group_by_length=config.loop.group_by_length,
            seed=config.seed,
        )
        precision = choose_precision(config.loop.precision, loaded.device)
        return _Prepared(data, loaded, train_store, held_out, audit, schedule, precision)

    def _load_and_adapt(self) -> LoadedModel:
        model_config, adapter = self._config.model, self._config.adapter
        loaded = load_model(
            model_config.source,
            device=model_config.device,
            dtype=model_config.dtype,
            quantization_config=quantization_config(adapter, device=model_config.device),
            max_pixels=model_config.max_pixels,
        )
        torch.manual_seed(self._config.seed)
        targets: dict[str, str] = {modality: loaded.family.linear_targets(modality) for modality in _MODALITIES}
        model = attach_adapter(loaded.model, adapter, targets, modality_of=loaded.family.modality_of)
        for parameter in trained_parameters(model).values():
            # Updates of 1e-5 vanish in bf16 weights: whatever is trained is float32, autocast makes it fast.
            parameter.data = parameter.data.float()
        if self._config.loop.gradient_checkpointing:
            bare_model(model).activation_checkpointing_enable({"use_reentrant": False})
        return replace(loaded, model=model)

    def _parts(self, prepared: _Prepared, checkpoints: CheckpointFolder, journal: Journal) -> LoopParts:
        return LoopParts(
            loaded=prepared.loaded,
            train=prepared.train,
            held_out=prepared.held_out,
            schedule=prepared.schedule,
            precision=prepared.precision,
            checkpoints=checkpoints,
            journal=journal,
            evaluator=self._evaluator,
            write_result=lambda folder: _write_result(prepared.loaded, folder),
            result_bytes=_result_bytes(prepared.loaded),
            progress=self._progress,
        )

    def _deliver(self, prepared: _Prepared, checkpoints: CheckpointFolder, state: TrainState) -> TrainSummary:
        """Make the best weights (or the last) the run's result; the rename of its folder ends the run."""
        steps = read_history(self._run.training_log).steps[-_LAST_STEPS:]
        final_loss = sum(record["loss"] for record in steps) / len(steps) if steps else None
        summary = self._summarise(prepared, state, result=self._run.best, final_loss=final_loss)
        keep_best = self._config.evaluation is not None and self._config.evaluation.keep_best
        best = checkpoints.best_path(state.best_step) if keep_best and state.best_step is not None else None

        def fill(folder: Path) -> None:
            if best is None:
                _write_result(prepared.loaded, folder)
            else:
                verify_folder(best)
                shutil.copytree(best, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
            write_json(folder / _SUMMARY, summary.to_record())

        publish_folder(self._run.best, fill, _result_bytes(prepared.loaded))
        if best is not None:
            shutil.rmtree(best)
        return summary

    def _summarise(
        self, prepared: _Prepared, state: TrainState, *, result: Path | None, final_loss: float | None
    ) -> TrainSummary:
        table = trainable_table(prepared.loaded.model, prepared.loaded.family.modality_of)
        return TrainSummary(
            run=self._run.path,
            result=result,
            num_samples=len(prepared.train.examples),
            dropped=count_by_code(prepared.train.dropped),
            num_supervised_tokens=prepared.audit.num_supervised,
            num_steps=prepared.schedule.num_steps,
            num_steps_done=state.step,
            is_stopped_early=state.is_stopped,
            num_trained={row.modality: row.num_trainable for row in table},
            num_parameters=sum(row.num_total for row in table),
            precision=prepared.precision,
            final_loss=final_loss,
            metric=self._config.evaluation.metric if self._config.evaluation is not None else None,
            best_step=state.best_step,
            best_value=state.best_value,
            seconds=round(time.monotonic() - self._began_s, 1),
            notes=tuple(self._notes),
        )


def _encode(loaded: LoadedModel, turns: Sequence[Turn], frames: FrameSet) -> dict[str, torch.Tensor]:
    return dict(loaded.family.encode_training(loaded.processor, [(turns, frames)]))


def _write_result(loaded: LoadedModel, folder: Path) -> None:
    """Write what others load: an adapter folder, or a whole model folder with its processor."""
    save_adapter(loaded.model, folder)
    if (folder / "config.json").exists():
        loaded.processor.save_pretrained(folder)


def _result_bytes(loaded: LoadedModel) -> int:
    """About what the result takes on disk: what is trained, or everything when most of it is."""
    table = trainable_table(loaded.model, loaded.family.modality_of)
    trained_bytes = sum(row.gradient_bytes for row in table)  # of the type of the weights, as they are saved
    weight_bytes = sum(row.weight_bytes for row in table)
    return weight_bytes if trained_bytes > weight_bytes // 2 else trained_bytes


def _claim(config: TrainConfig, run: RunDirectory) -> None:
    """Write the recipe into a new run; refuse a run of another recipe."""
    if not run.recipe.exists():
        write_json(run.environment, _environment())
        write_atomic(run.recipe, dump_config(config))
        return
    first_line = run.recipe.read_text(encoding="utf-8").partition("\n")[0]
    if first_line != f"# hash: {config_hash(config)}":
        raise RunMismatch(
            f"{run.recipe} is another recipe ({first_line.removeprefix('# hash: ')[:12]}, "
            f"this one is {config_hash(config)[:12]}): {_first_differences(run.recipe, config)}.",
            "Use a new run directory, or the recipe that began this run.",
        )


def _first_differences(path: Path, config: TrainConfig) -> str:
    old = path.read_text(encoding="utf-8").splitlines()[1:]
    new = dump_config(config).splitlines()[1:]
    removed = [line.strip() for line in old if line not in new]
    added = [line.strip() for line in new if line not in old]
    return f"there {', '.join(removed[:3]) or 'nothing more'}; here {', '.join(added[:3]) or 'nothing more'}"


def _read_finished(run: RunDirectory) -> TrainSummary | None:
    if not run.best.exists():
        return None
    verify_folder(run.best)
    record = read_json(run.best / _SUMMARY)
    try:
        return TrainSummary.from_record(record)
    except (KeyError, TypeError) as exc:
        raise RunCorrupt(f"{run.best / _SUMMARY} is not a summary that this vidtune wrote.") from exc


def _write_ledger(run: RunDirectory, prepared: _Prepared) -> None:
    """List the samples that were left out; written anew, since what can be read may have changed."""
    path = run.path / "dropped.jsonl"
    path.unlink(missing_ok=True)
    entries: list[tuple[str, Dropped]] = [("data", entry) for entry in prepared.train.dropped]
    if prepared.held_out is not None:
        entries += [("eval_data", entry) for entry in prepared.held_out.dropped]
    with RecordLog(path) as log:
        log.append_many({"from": source, **asdict(entry)} for source, entry in entries)


def _limit_dropped(store: ExampleStore, num_samples: int, max_share: float, stage: str) -> None:
    num_dropped = len(store.dropped)
    if store.examples and num_dropped <= max_share * num_samples:
        return
    findings = [f"{entry.sample_id}: {entry.code}: {entry.reason}" for entry in store.dropped[:20]]
    raise TooManyDropped(
        f"{stage}: {num_dropped} of {num_samples} samples cannot be used, expected at most {max_share:.0%} "
        f"(limits.max_dropped_share):\n  " + "\n  ".join(findings) + "\n",
        "Mend or remove them, or raise the limit if training without them is what you want.",
    )


def _max_tokens(loaded: LoadedModel, wanted: int | None) -> int | None:
    """The smaller of what the recipe allows and what the model can attend to."""
    text_config = bare_model(loaded.model).config.get_text_config()
    own = getattr(text_config, "max_position_embeddings", None)
    return min((limit for limit in (wanted, own) if limit is not None), default=None)


def _environment() -> dict[str, Any]:
    packages = ("vidtune", "torch", "transformers", "peft", "bitsandbytes", "av", "numpy", "safetensors")
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "schema": 1,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": versions,
        "num_threads": torch.get_num_threads(),
        "cuda_devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


@contextmanager
def _own_random_state() -> Iterator[None]:
    """Leave the caller's random streams as they were."""
    with torch.random.fork_rng():
        yield


@contextmanager
def _threads(num_threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
