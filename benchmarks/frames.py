"""Reading frames: ours beside torchcodec, decord, PyAV, OpenCV and transformers' loaders, interleaved in one run.

The clips are made by ffmpeg on the spot, so that nothing large is stored: moving test pictures with noise, H.264, GOP
30 and 250, 720p and 1080p, 60 s and 10 min. Eight frames are read of the short ones and 64 of the long ones, at the
middles of equal segments, scaled to at most 448 pixels. Every round runs each reader once, in turn; walls and CPU times
are medians over the rounds. A reader that is not installed is left out and named in the result.

"Identical" means: equal, before scaling, to the frame at that time of a full sequential decode by PyAV.

Run ``python benchmarks/frames.py [--rounds 5] [--cases short|all] [--folder DIR]``; the result is written to
``benchmarks/results/frames.json``. The clips of ``--folder`` are kept and used again.
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
            if name in errors:
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
        }
        for name in readers
        if walls[name]
    }
    peers_s = {name: row["wall_s"] for name, row in medians.items() if not name.startswith("ours")}
    best_peer = min(peers_s, key=lambda name: peers_s[name])
    ratios = {
        name: round(peers_s[best_peer] / row["wall_s"], 2) for name, row in medians.items() if name.startswith("ours")
    }
    return {"readers": medians, "errors": errors, "best_peer": best_peer, "times_faster_than_best_peer": ratios}


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


def timed(run: Callable[[], Any], num_rounds: int) -> float:
    """Return the median wall time of a call."""
    walls = []
    for _ in range(num_rounds):
        began_s = time.perf_counter()
        run()
        walls.append(time.perf_counter() - began_s)
    return statistics.median(walls)


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
        own_s, cached_s = timed(lambda: read(None), num_rounds), timed(lambda: read(cache), 3 * num_rounds)
    return {
        "same_8_frames_of_60_s": round(timed(lambda: ours(short_path, times_s[:8]), num_rounds), 4),
        "same_8_frames_of_30_min": round(timed(lambda: ours(long_path, times_s[:8]), num_rounds), 4),
        "cache": {"decode_s": round(own_s, 4), "cached_s": round(cached_s, 5), "ratio": round(own_s / cached_s, 1)},
        "packet_sizes_of_18000_frames_s": round(timed(lambda: packet_sizes(profiled, limits=HERE), num_rounds), 4),
    }


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


def main() -> None:
    """Run the benchmark and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", choices=["short", "all"], default="all")
    parser.add_argument("--folder", type=Path, help="Keep the clips here.")
    arguments = parser.parse_args()
    readers, absent = find_readers()
    result: dict[str, Any] = {"machine": machine(), "absent": absent, "rounds": arguments.rounds, "cases": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for case in CASES if arguments.cases == "all" else CASES[:4]:
            path = make_clip(case, folder)
            row = measure(readers, path, case.times_s, arguments.rounds)
            row["is_identical"] = is_identical(path, case.times_s)
            result["cases"][case.name] = {"case": asdict(case), "size_bytes": path.stat().st_size, **row}
            print(case.name, row["best_peer"], row["times_faster_than_best_peer"], row["is_identical"], flush=True)
        if arguments.cases == "all":
            result["rest"] = measure_rest(folder, arguments.rounds)
            print(result["rest"])
    for name in ("ours", "ours_isolated", "ours_keyframe"):
        ratios = [row["times_faster_than_best_peer"][name] for row in result["cases"].values()]
        result[f"geometric_mean_{name}"] = round(statistics.geometric_mean(ratios), 2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print({name: value for name, value in result.items() if name.startswith("geometric")})


if __name__ == "__main__":
    main()
