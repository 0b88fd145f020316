"""Reading frames: ours beside torchcodec, decord, PyAV, OpenCV and transformers' loaders, interleaved in one run.

The clips are made by ffmpeg on the spot, so that nothing large is stored: moving test pictures with noise, H.264, GOP
30 and 250, 720p and 1080p, 60 s and 10 min. Eight frames are read of the short ones and 64 of the long ones, at the
middles of equal segments, scaled to at most 448 pixels. Every round runs each reader once, in turn; walls and CPU times
are medians over the rounds, and one that takes longer than 20 s runs once. A reader that is not installed is left out
and named in the result; those that decode whole clips run once on short ones and not on long ones. The hash of a clip's
content is known after its first read, which is measured apart. How much of the processors others took meanwhile is in
the result, too: a reader with two threads loses to one with four where there is no idle core.

"Identical" means: equal, before scaling, to the frame at that time of a full sequential decode by PyAV.

Run ``python benchmarks/frames.py [--rounds 5] [--cases NAME ...] [--folder DIR]``; results are put into
``benchmarks/results/frames.json``, those of other cases stay. The clips of ``--folder`` are kept and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media import FrameCache, ReadLimits, SamplingConfig, decode_at, packet_sizes, read_frames
from vidtune.media._worker_pool import _pool

RESULT = Path(__file__).parent / "results" / "frames.json"
MAX_SIDE_PX = 448
FPS = 30
HERE = ReadLimits(is_isolated=False, timeout_s=600)
APART = ReadLimits(timeout_s=600)
Frames = NDArray[np.uint8]
Reader = Callable[[Path, Sequence[float]], Any]


@dataclass(frozen=True)
class Case:
    """One clip and how many frames are read of it."""

    height_px: int
    duration_s: int
    gop: int
    num_frames: int

    @property
    def name(self) -> str:
        """Of the clip's file, too."""
        return f"{self.height_px}p_{self.duration_s}s_gop{self.gop}"

    @property
    def times_s(self) -> list[float]:
        """The middles of equal segments."""
        return [self.duration_s * (place + 0.5) / self.num_frames for place in range(self.num_frames)]


CASES = [
    Case(height_px, duration_s, gop, 8 if duration_s == 60 else 64)
    for duration_s in (60, 600)
    for height_px in (720, 1080)
    for gop in (30, 250)
]
LONG_CASE = Case(720, 1800, 250, 8)
REST = "rest"
SLOW_S = 20.0
WHOLE_CLIP = "transformers_"
"""Readers that decode all of a clip whatever is asked for."""


def make_clip(case: Case, folder: Path) -> Path:
    """Write the clip of a case, unless it is there."""
    path = folder / f"{case.name}.mp4"
    if not path.exists():
        size = f"{case.height_px * 16 // 9}x{case.height_px}"
        source = f"testsrc2=size={size}:rate={FPS}:duration=20,noise=alls=6:allf=t"
        base = folder / f"{case.name}.base.mp4"
        coding = ["-c:v", "libx264", "-preset", "medium", "-crf", "24", "-g", str(case.gop), "-sc_threshold", "0"]
        run_ffmpeg(["-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *coding, str(base)])
        # Coding ten minutes takes an hour here: twenty seconds are repeated, key frames and all.
        num_repeats = case.duration_s // 20 - 1
        run_ffmpeg(["-stream_loop", str(num_repeats), "-i", str(base), "-c", "copy", str(path)])
        base.unlink()
    return path


def run_ffmpeg(arguments: Sequence[str]) -> None:
    """Run ffmpeg, which must succeed."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


def scaled(frames: Frames) -> Frames:
    """Bring the frames of a reader that cannot scale to the size that all deliver."""
    height, width = frames.shape[1:3]
    scale = MAX_SIDE_PX / max(height, width)
    size = (round(width * scale), round(height * scale))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def ours(path: Path, times_s: Sequence[float]) -> Frames:
    """Exact, in this process."""
    return decode_at(path, times_s, limits=HERE, max_side_px=MAX_SIDE_PX).frames_thwc


def ours_isolated(path: Path, times_s: Sequence[float]) -> Frames:
    """Exact, in the bounded decoder process: the default of the package."""
    return decode_at(path, times_s, limits=APART, max_side_px=MAX_SIDE_PX).frames_thwc


def ours_keyframe(path: Path, times_s: Sequence[float]) -> Frames:
    """The nearest key frames: not the same frames as the others."""
    return decode_at(path, times_s, limits=HERE, max_side_px=MAX_SIDE_PX, mode="keyframe").frames_thwc


def pyav_seek(path: Path, times_s: Sequence[float]) -> Frames:
    """Seek to the key frame before each time and decode forward, with FFmpeg's own threads."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for time_s in times_s:
            container.seek(int(time_s / stream.time_base), stream=stream)
            previous = None
            for frame in container.decode(stream):
                if frame.time > time_s and previous is not None:
                    break
                previous = frame
            found.append(previous.to_ndarray(format="rgb24"))
    return scaled(np.stack(found))


def opencv_seek(path: Path, times_s: Sequence[float]) -> Frames:
    """Set the frame position and read."""
    capture = cv2.VideoCapture(str(path))
    found = []
    for time_s in times_s:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(time_s * FPS))
        found.append(capture.read()[1][:, :, ::-1])
    capture.release()
    return scaled(np.stack(found))


def torchcodec_decoders() -> dict[str, Reader]:
    """Return torchcodec with one thread, with all, and with its approximate seeking."""
    from torchcodec.decoders import VideoDecoder

    def read(path: Path, times_s: Sequence[float], **options: Any) -> Frames:
        decoder = VideoDecoder(str(path), dimension_order="NHWC", **options)
        return scaled(decoder.get_frames_played_at(seconds=list(times_s)).data.numpy())

    return {
        "torchcodec": lambda path, times_s: read(path, times_s),
        "torchcodec_all_threads": lambda path, times_s: read(path, times_s, num_ffmpeg_threads=0),
        "torchcodec_approximate": lambda path, times_s: read(path, times_s, seek_mode="approximate"),
    }


def decord_decoders() -> dict[str, Reader]:
    """Return decord, which scales while it decodes."""
    import decord

    def read(path: Path, times_s: Sequence[float]) -> Frames:
        size = {"width": MAX_SIDE_PX, "height": MAX_SIDE_PX * 9 // 16}
        reader = decord.VideoReader(str(path), num_threads=0, **size)
        return np.asarray(reader.get_batch([int(time_s * FPS) for time_s in times_s]).asnumpy())

    return {"decord": read}


def transformers_loaders() -> dict[str, Reader]:
    """Return ``load_video``, which chooses its frames by itself."""
    from vidtune.models import ensure_torchvision

    ensure_torchvision()
    from transformers.video_utils import load_video

    def read(path: Path, times_s: Sequence[float], backend: str) -> Frames:
        return scaled(np.asarray(load_video(str(path), num_frames=len(times_s), backend=backend)[0]))

    return {
        f"transformers_{backend}": lambda path, times_s, backend=backend: read(path, times_s, backend)
        for backend in ("pyav", "opencv")
    }


def find_readers() -> tuple[dict[str, Reader], dict[str, str]]:
    """Return all readers that are installed, and why the others are not."""
    readers: dict[str, Reader] = {
        "ours": ours,
        "ours_isolated": ours_isolated,
        "ours_keyframe": ours_keyframe,
        "pyav_seek": pyav_seek,
        "opencv_seek": opencv_seek,
    }
    absent = {}
    for find in (torchcodec_decoders, decord_decoders, transformers_loaders):
        try:
            readers |= find()
        except Exception as exc:  # a peer that does not load is a fact, not our failure
            absent[find.__name__] = " ".join(f"{type(exc).__name__}: {exc}".split())[:200]
    return readers, absent


def measure(readers: dict[str, Reader], path: Path, times_s: Sequence[float], num_rounds: int) -> dict[str, Any]:
    """Run every reader once a round, in turn; medians of wall and CPU seconds."""
    walls: dict[str, list[float]] = {name: [] for name in readers}
    cpus: dict[str, list[float]] = {name: [] for name in readers}
    errors: dict[str, str] = {}
    for name, reader in readers.items():
        try:
            reader(path, times_s[:1])  # opens libraries and file once
        except Exception as exc:
            errors[name] = f"{type(exc).__name__}: {exc}"[:200]
    for _ in range(num_rounds):
        for name, reader in readers.items():
            is_slow = name.startswith(WHOLE_CLIP) or max(walls[name], default=0.0) > SLOW_S
            if name in errors or (walls[name] and is_slow):
                continue
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            reader(path, times_s)
            walls[name].append(time.perf_counter() - began_s)
            cpus[name].append(time.process_time() - began_cpu_s)
    medians = {
        name: {
            "wall_s": round(statistics.median(walls[name]), 4),
            "best_wall_s": round(min(walls[name]), 4),
            "cpu_s": round(statistics.median(cpus[name]), 4),
            "rounds": len(walls[name]),
        }
        for name in readers
        if walls[name]
    }
    return {"readers": medians, "errors": errors}


def is_identical(path: Path, times_s: Sequence[float]) -> bool:
    """Compare our exact frames, unscaled, with those of one sequential decode."""
    found = decode_at(path, times_s, limits=HERE)
    wanted = dict(zip(found.indices, found.frames_thwc, strict=True))
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                expected = frame.reformat(format="rgb24", interpolation="BICUBIC").to_ndarray()
                if not np.array_equal(wanted.pop(index), expected):
                    return False
            if not wanted:
                return True
    return False


def timed(run: Callable[[], Any], num_rounds: int) -> dict[str, float]:
    """Return the median wall and CPU seconds of a call."""
    walls, cpus = [], []
    for _ in range(num_rounds):
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - began_s)
        cpus.append(time.process_time() - began_cpu_s)
    return {"wall_s": round(statistics.median(walls), 4), "cpu_s": round(statistics.median(cpus), 4)}


def measure_rest(folder: Path, num_rounds: int) -> dict[str, Any]:
    """What has no peer in the table: length of the clip, the cache, packet sizes, a short clip."""
    long_path, short_path = make_clip(LONG_CASE, folder), make_clip(CASES[1], folder)
    times_s = [20.0 + 5 * place for place in range(8)]
    profiled = make_clip(Case(720, 600, 250, 64), folder)
    sampling = SamplingConfig(num_frames=64)
    with tempfile.TemporaryDirectory() as cache_folder:
        cache = FrameCache(cache_folder)

        def read(kept: FrameCache | None) -> Any:
            return read_frames(profiled, sampling, limits=HERE, max_side_px=MAX_SIDE_PX, cache=kept)

        read(cache)
        kept = {"decode": timed(lambda: read(None), num_rounds), "cached": timed(lambda: read(cache), 3 * num_rounds)}
    return {
        "same_8_frames_of_60_s": timed(lambda: ours(short_path, times_s[:8]), num_rounds),
        "same_8_frames_of_30_min": timed(lambda: ours(long_path, times_s[:8]), num_rounds),
        "cache": {**kept, "ratio": round(kept["decode"]["wall_s"] / kept["cached"]["wall_s"], 1)},
        "packet_sizes_of_18000_frames": timed(lambda: packet_sizes(profiled, limits=HERE), num_rounds),
    }


def busy_s() -> tuple[float, float, float]:
    """Return the clock, the CPU seconds that all processes have used, and those that this one and its decoder have."""
    used = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = map(int, used)
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    own_s = time.process_time()
    for worker in _pool._all:
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        own_s += (int(fields[11]) + int(fields[12])) / ticks_a_second
    return time.perf_counter(), (user + nice + system + irq + softirq) / ticks_a_second, own_s


def cores_used_by_others(before: tuple[float, float, float]) -> float:
    """Return how many cores, on average since ``before``, worked for other processes."""
    clock_s, all_s, own_s = (now - then for now, then in zip(busy_s(), before, strict=True))
    return round(max(0.0, all_s - own_s) / clock_s, 2)


def machine() -> dict[str, object]:
    """Return where this ran."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    packages = {}
    for name in ("av", "torchcodec", "decord", "opencv-python-headless", "transformers", "numpy"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "cpu": model.partition(":")[2].strip() or platform.processor(),
        "num_cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": packages,
    }


def first_read_s(path: Path, times_s: Sequence[float]) -> float:
    """Return the wall time of reading a clip of which nothing is known yet: its content is hashed beside."""
    os.utime(path)
    began_s = time.perf_counter()
    ours(path, times_s)
    return round(time.perf_counter() - began_s, 4)


def compare(readers: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the best peer, and how much faster ours are.

    On a machine that others use, too, the fastest of all rounds says more about a reader than the median, and CPU
    seconds of this process more than both; a decoder process of its own is not in those.
    """
    peers = {name: row for name, row in readers.items() if not name.startswith("ours")}

    def ratios(kind: str, names: Sequence[str]) -> dict[str, float]:
        best = min(row[kind] for row in peers.values())
        return {name: round(best / readers[name][kind], 2) for name in names}

    ours = [name for name in readers if name.startswith("ours")]
    return {
        "best_peer": min(peers, key=lambda name: peers[name]["wall_s"]),
        "times_faster_than_best_peer": ratios("wall_s", ours),
        "times_faster_by_best_round": ratios("best_wall_s", ours),
        "times_less_cpu": ratios("cpu_s", [name for name in ours if name != "ours_isolated"]),
    }


def summarize(result: dict[str, Any]) -> None:
    """Put comparisons and geometric means over all cases into ``result``."""
    for row in result["cases"].values():
        row |= compare(row["readers"])
    for name in ("ours", "ours_isolated", "ours_keyframe"):
        for kind in ("times_faster_than_best_peer", "times_faster_by_best_round"):
            ratios = [row[kind][name] for row in result["cases"].values()]
            result[f"geometric_mean_{name}_{kind}"] = round(statistics.geometric_mean(ratios), 2)


def main() -> None:
    """Run the benchmark and write the result."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=[*names, REST], default=[*names, REST])
    parser.add_argument("--folder", type=Path, help="Keep the clips here.")
    arguments = parser.parse_args()
    readers, absent = find_readers()
    result: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {"cases": {}}
    result |= {"machine": machine(), "absent": absent}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for case in (case for case in CASES if case.name in arguments.cases):
            path, load = make_clip(case, folder), round(os.getloadavg()[0], 2)
            is_short = case.duration_s <= 60
            of_case = {name: read for name, read in readers.items() if is_short or not name.startswith(WHOLE_CLIP)}
            before = busy_s()
            row = measure(of_case, path, case.times_s, arguments.rounds)
            row["cores_used_by_others"] = cores_used_by_others(before)
            row["first_read_s"] = first_read_s(path, case.times_s)
            row["is_identical"] = is_identical(path, case.times_s)
            about = {"case": asdict(case), "size_bytes": path.stat().st_size, "load_before": load}
            result["cases"][case.name] = {**about, **row}
            print(case.name, compare(row["readers"]), row["is_identical"], flush=True)
        if REST in arguments.cases:
            result[REST] = measure_rest(folder, arguments.rounds)
            print(result[REST])
    result["cases"] = {name: result["cases"][name] for name in names if name in result["cases"]}
    summarize(result)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print({name: value for name, value in result.items() if name.startswith("geometric")})


if __name__ == "__main__":
    main()
