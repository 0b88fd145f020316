"""``train``: one call from a recipe to a run directory with an adapted model in it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from vidtune.adapters import trainable_table
from vidtune.core.durable import write_atomic, write_json
from vidtune.core.errors import RunMismatch
from vidtune.core.freed_memory import freed_memory_kept
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.training._checkpoint import Checkpoint, CheckpointFolder, TrainState, publish_folder, verify_folder
from vidtune.training._claim import claim
from vidtune.training._config import TrainConfig
from vidtune.training._examples import count_by_code
from vidtune.training._gates import GateWatch
from vidtune.training._journal import Journal, draw_curves, read_history
from vidtune.training._loop import Evaluator, Loop, LoopParts
from vidtune.training._optimizer import optimizers, trained_parameters
from vidtune.training._precision import tf32_products
from vidtune.training._prepare import Prepared, prepare
from vidtune.training._result import SUMMARY, read_finished, result_bytes, write_ledger, write_result
from vidtune.training._summary import TrainSummary
from vidtune.training._tracking import Boards
from vidtune.training._watchdog import HangWatch
from vidtune.training._world import World, join_world, naming_lost_peers, num_threads_each, require_work_for_all
from vidtune.training.sharding import require_can_shard

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
    is returned as it is. Started once in each of several processes (see ``join_world``), they share the work.

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
        ModelCollapsed: If the model answers everything alike and the recipe says to stop then.
        OutOfMemory: If a step does not fit into memory; its samples are named.
        ConfigInvalid: If a step has fewer forward passes than there are processes.
        DiskFull: If a checkpoint does not fit; what was saved before is whole.

    A run in which nothing happens for ``loop.watchdog.hang_s`` cannot raise: the process ends with status 75, after it
    has said in what.
    """
    began_s = time.monotonic()
    num_threads = config.loop.num_threads or num_threads_each()
    with _own_random_state(), join_world() as world, _threads(num_threads), tf32_products(config.loop.precision):
        require_work_for_all(config.loop.accumulation, world)
        require_can_shard(config, world)
        session = _Session(config, run, evaluator, progress if world.is_main else silent, world, began_s)
        if dry_run:
            return session.describe()
        with RunLock(run.path) if world.is_main else nullcontext():
            if world.is_main:
                claim(config, run)
            finished = world.done_by_main(lambda: read_finished(run))
            if finished is not None:
                return finished
            with naming_lost_peers():
                return session.train()


class _Session:
    """One call of ``train``: its arguments, and what it found on the way."""

    def __init__(
        self,
        config: TrainConfig,
        run: RunDirectory,
        evaluator: Evaluator | None,
        progress: Progress,
        world: World,
        began_s: float,
    ) -> None:
        self._config = config
        self._run = run
        self._evaluator = evaluator
        self._progress = progress
        self._world = world
        self._began_s = began_s
        self._notes: list[str] = []

    def describe(self) -> TrainSummary:
        """Prepare everything, write nothing."""
        prepared = self._prepare()
        summary = self._summarise(prepared, TrainState(0, ""), result=None, final_loss=None)
        return replace(summary, supervision=prepared.audit.coloured_text)

    def train(self) -> TrainSummary:
        """Take the steps that are left; the main process delivers the result."""
        checkpoints = CheckpointFolder(self._run.checkpoints, self._config.save.keep)
        if self._world.is_main:
            checkpoints.clean()
        prepared = self._prepare()
        found = self._world.done_by_main(lambda: self._open_run(prepared, checkpoints))
        state = TrainState(0, prepared.train.fingerprint()) if found is None else found.state
        hang_watch = HangWatch(self._config.loop.watchdog.hang_s, self._run.path / "hang.txt")
        malloc = freed_memory_kept(prepared.loaded.device.type == "cpu")
        with self._journal(state.step, is_resumed=found is not None) as journal, hang_watch, malloc:
            loop = Loop(self._config, self._parts(prepared, checkpoints, journal, hang_watch), state)
            if found is not None:
                loop.restore(found.weights, found.optimizer)
            state = loop.run()
            with loop.whole():
                return self._world.done_by_main(lambda: self._deliver(prepared, checkpoints, state))

    def _open_run(self, prepared: Prepared, checkpoints: CheckpointFolder) -> Checkpoint | None:
        """Make sure that the run fits, write what is known before its first step, and return where to take it up."""
        trained_bytes = sum(tensor.nbytes for tensor in trained_parameters(prepared.loaded.model).values())
        checkpoints.require_space(trained_bytes, result_bytes(prepared.loaded))
        held_out_dropped = prepared.held_out.dropped if prepared.held_out is not None else []
        write_ledger(self._run, prepared.train.dropped, held_out_dropped)
        write_atomic(self._run.supervision, prepared.audit.text)
        found = checkpoints.read_newest(self._notes.append)
        data_sha256 = prepared.train.fingerprint()
        if found is not None and found.state.data_sha256 != data_sha256:
            raise RunMismatch(
                f"{self._run.path} was trained on other samples: its checkpoint has data "
                f"{found.state.data_sha256[:12]}, the recipe now selects {data_sha256[:12]}.",
                "Put the data back (a clip that was readable then may not be now), or use a new run directory.",
            )
        return found

    @contextmanager
    def _journal(self, step: int, *, is_resumed: bool) -> Iterator[Journal | None]:
        """Open the main process's journal; the others keep none."""
        if not self._world.is_main:
            yield None
            return
        boards = Boards(
            self._config.loop.tracking.chosen,
            self._run,
            project=self._config.loop.tracking.project,
            first_step=step + 1,
            recipe=self._config.model_dump(mode="json"),
            report=self._notes.append,
        )
        with boards, Journal(self._run, boards.log) as journal:
            if is_resumed:
                journal.add("resumed", step, {})
            for note in self._notes:
                journal.add("note", step, {"text": note})
            yield journal

    def _prepare(self) -> Prepared:
        prepared = prepare(
            self._config,
            self._run,
            evaluator=self._evaluator,
            progress=self._progress,
            world=self._world,
        )
        self._notes += prepared.data.notes
        return prepared

    def _parts(
        self, prepared: Prepared, checkpoints: CheckpointFolder, journal: Journal | None, hang_watch: HangWatch
    ) -> LoopParts:
        return LoopParts(
            loaded=prepared.loaded,
            train=prepared.train,
            held_out=prepared.held_out,
            schedule=prepared.schedule,
            precision=prepared.precision,
            weights=prepared.weights,
            checkpoints=checkpoints,
            journal=journal,
            evaluator=self._evaluator,
            write_result=lambda folder: self._write_result(prepared, folder),
            look_inside=_watch(prepared).describe,
            result_bytes=result_bytes(prepared.loaded),
            progress=self._progress,
            note=self._notes.append,
            hang_watch=hang_watch,
            world=self._world,
        )

    def _write_result(self, prepared: Prepared, folder: Path) -> None:
        write_result(prepared.loaded, folder)
        _watch(prepared).write(folder)

    def _deliver(self, prepared: Prepared, checkpoints: CheckpointFolder, state: TrainState) -> TrainSummary:
        """Draw the curves; make the best weights (or the last) the result: the rename of its folder ends the run."""
        draw_curves(self._run)
        steps = read_history(self._run.training_log).steps[-_LAST_STEPS:]
        final_loss = sum(record["loss"] for record in steps) / len(steps) if steps else None
        summary = self._summarise(prepared, state, result=self._run.best, final_loss=final_loss)
        keep_best = self._config.evaluation is not None and self._config.evaluation.keep_best
        best = checkpoints.best_path(state.best_step) if keep_best and state.best_step is not None else None

        def fill(folder: Path) -> None:
            if best is None:
                self._write_result(prepared, folder)
            else:
                verify_folder(best)
                shutil.copytree(best, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
            write_json(folder / SUMMARY, summary.to_record())

        publish_folder(self._run.best, fill, result_bytes(prepared.loaded))
        if best is not None:
            shutil.rmtree(best)
        return summary

    def _summarise(
        self, prepared: Prepared, state: TrainState, *, result: Path | None, final_loss: float | None
    ) -> TrainSummary:
        table = trainable_table(
            prepared.loaded.model,
            prepared.loaded.family.modality_of,
            optimizer_bytes=optimizers.get(self._config.optim.kind).bytes_a_weight,
        )
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
            tower_bytes={
                row.modality: {
                    "weights": row.weight_bytes,
                    "gradients": row.gradient_bytes,
                    "optimizer": row.optimizer_bytes,
                }
                for row in table
            },
            tower_parameters={row.modality: row.num_total for row in table},
            precision=prepared.precision,
            final_loss=final_loss,
            metric=self._config.evaluation.metric if self._config.evaluation is not None else None,
            best_step=state.best_step,
            best_value=state.best_value,
            seconds=round(time.monotonic() - self._began_s, 1),
            notes=tuple(self._notes),
        )


def _watch(prepared: Prepared) -> GateWatch:
    return GateWatch(prepared.loaded, prepared.held_out or prepared.train)


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
