"""Re-make the clips of this folder and their reference with ffmpeg: ``python tests/media/clips/make_clips.py``.

``reference.json`` holds, for every clip, the SHA-256 (first 12 digits) of each frame's raw pixels in display order, and
when the frame appears, as ffmpeg's own decoder says. The tests need the committed files only, not ffmpeg.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "-pix_fmt", "yuv420p"]
VARIABLE = "testsrc=size=64x48:rate=10:duration=4,setpts='PTS+if(gt(N,20),2/TB,0)+0.4*mod(N,3)/10/TB'"
X264 = ["-c:v", "libx264", "-crf", "30"]
CLIPS = {
    "h264_bframes.mp4": [*SOURCE, *X264, "-g", "12", "-bf", "3"],
    "h264_open_gop.mkv": [*SOURCE, *X264, "-x264-params", "open-gop=1:keyint=8:bframes=3"],
    "h264.ts": [*SOURCE, *X264, "-g", "12", "-bf", "3"],
    "h264_bframes.avi": [*SOURCE, *X264, "-g", "12", "-bf", "2"],
    "h264_fragmented.mp4": [*SOURCE, *X264, "-g", "12", "-movflags", "frag_keyframe+empty_moov"],
    "hevc_open_gop.mp4": [*SOURCE, "-c:v", "libx265", "-crf", "32", "-x265-params", "open-gop=1:keyint=8:log-level=0"],
    "vp8_hidden_frames.webm": [*SOURCE, "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "40k"],
    "vp9.webm": [*SOURCE, "-c:v", "libvpx-vp9", "-b:v", "40k"],
    "mpeg4.avi": [*SOURCE, "-c:v", "mpeg4", "-bf", "2", "-q:v", "10"],
    "variable_rate.mkv": ["-f", "lavfi", "-i", VARIABLE, "-pix_fmt", "yuv420p", "-vsync", "vfr", *X264],
    "edit_list.mp4": ["-ss", "1.3", "-i", "h264_bframes.mp4", "-c", "copy"],
    "mpeg4_bframes.mp4": [*SOURCE, "-c:v", "mpeg4", "-bf", "2", "-g", "12", "-q:v", "12"],
    "mjpeg.mov": [*SOURCE[:4], "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "20"],
    "av1.mp4": [*SOURCE, "-c:v", "libaom-av1", "-cpu-used", "8", "-g", "12", "-crf", "50"],
    "hevc_bframes.mkv": [*SOURCE, "-c:v", "libx265", "-crf", "32", "-x265-params", "keyint=12:bframes=4:log-level=0"],
    "mpeg2_bframes.ts": [*SOURCE, "-r", "25", "-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-q:v", "12"],
    "rotated.mp4": ["-i", "h264_bframes.mp4", "-c", "copy", "-metadata:s:v", "rotate=90"],
}
# Sixty-seven megapixels in 14 kB: half a gigabyte once decoded. Has no reference: nobody should decode it.
BOMB = ["-f", "lavfi", "-i", "color=black:s=8192x8192:r=1:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p"]


def main() -> None:
    """Write every clip, then what ffmpeg sees in it."""
    run_ffmpeg(BOMB + ["-preset", "veryfast"], "bomb_8192.mp4")
    reference = {}
    for name, arguments in CLIPS.items():
        run_ffmpeg(arguments, name)
        reference[name] = {**frame_hashes(name), "upright_quadrants": quadrant_means(name)}
    lines = [f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in reference.items()]
    (FOLDER / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def run_ffmpeg(arguments: list[str], name: str) -> None:
    """Write one file."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, name], cwd=FOLDER, check=True)


def frame_hashes(name: str) -> dict[str, list[object]]:
    """Return when each frame appears and the SHA-256 (first 12 digits) of its pixels as stored, not converted."""
    command = ["ffmpeg", "-v", "error", "-noautorotate", "-i", name, "-map", "0:v", "-vsync", "passthrough"]
    text = subprocess.run(
        [*command, "-f", "framehash", "-"],
        cwd=FOLDER,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = text.splitlines()
    base = next(line for line in lines if line.startswith("#tb 0:")).removeprefix("#tb 0: ").split("/")
    fields = [[part.strip() for part in line.split(",")] for line in lines if not line.startswith("#")]
    times_s = [round(int(field[2]) * int(base[0]) / int(base[1]), 6) for field in fields]
    return {"times_s": list(times_s), "sha256": [field[5][:12] for field in fields]}


def quadrant_means(name: str) -> list[list[int]]:
    """Return the mean colour of the four quarters of the first frame, turned as ffmpeg turns it for a player."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", name, "-frames:v", "1", "-vf", "format=rgb24,scale=2:2:flags=area"]
        + ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
        cwd=FOLDER,
        check=True,
        capture_output=True,
    ).stdout
    return [list(raw[start : start + 3]) for start in range(0, 12, 3)]


if __name__ == "__main__":
    main()
