"""Write nano's model card from its measured figures.

python recipes/nano/card.py WEIGHTS RESULTS.json DEMO.json CARD.md

DEMO.json is what `benchmarks/demo.py` wrote: fine-tuning is measured through the product itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vidtune.core.hashing import sha256_file

HEAD = """# nano: model card

A real `Qwen2VLForConditionalGeneration` of {millions:.1f} million parameters that ships inside vidtune, so \
that everything
runs and really learns on a laptop. It is a *base*: it sees drawn people and answers short questions about \
them. It knows
no exercise and gives no advice; that is what fine-tuning adds.

| | |
|---|---|
| architecture | Qwen2-VL: vision tower 128 wide, 5 blocks, 4 heads; merger 2 x 2; text model 256 wide, 5 \
layers, 4 heads (2 key-value), tied embeddings |
| parameters | {total:,}: vision blocks and patches {vision:,}, merger {merger:,}, text model {text:,} |
| sees | 8 frames of 112 x 112 (any clip is resized to that many pixels), 64 video tokens |
| tokenizer | own byte-level BPE, 2048 tokens, Qwen's special tokens; end of turn `<|im_end|>`, padding \
`<|endoftext|>` |
| weights | `weights/model.safetensors`, bfloat16, {size:,} bytes |
| sha256 | `{sha256}` |
| licence | weights, data and text CC0-1.0; code Apache-2.0. All data was generated; no person, picture or \
sentence comes from elsewhere |
| recipe | `recipes/nano` (one command), curves in `recipes/nano/curves.png`, logs in \
`recipes/nano/vision.csv` and `teach.csv` |

## Trained on
The `generic` pack only: drawn people in 14 postures, moving one or two body parts, with captions and questions of known
truth. The physio pack's exercises are barred from it, and its names and sentences are not in its text (tested).
"""

TAIL = """
## Limits
- It knows drawn people in drawn rooms. On real video its answers mean nothing until it is fine-tuned, and little after.
- **It reads movement poorly.** Whether something moves, and often which part: above the blind prior. Where to, how
  fast, how far and how often: at the prior. Its vision tower sees pairs of frames and knows whether a joint moves, not
  where to. Which of two joints is bent more and which hand is higher are at or near the prior too.
- 112 pixels and 8 frames: fast movements alias, small faults are invisible.
- English only, short answers, no dialogue, no knowledge of the world. One clip at a time was all it saw in training.
- The figures above are on generated data. They say nothing about any real data set.
"""


def write_card(weights: Path, results: dict[str, Any], demo: dict[str, Any]) -> str:
    """Return the card's text."""
    sizes = _sizes(weights / "model.safetensors")
    parts = [
        HEAD.format(
            millions=sizes["total"] / 1e6,
            size=(weights / "model.safetensors").stat().st_size,
            sha256=sha256_file(weights / "model.safetensors"),
            **sizes,
        ),
        _held_out(
            results["held_out"], f"Held-out clips: {results['num_clips']} people and seeds that training never met"
        ),
        _held_out(
            results["decoded_mp4"],
            f"The same as H.264 files, decoded: {results['decoded_mp4']['num_clips']} other clips",
        ),
        _physio(results, demo),
        TAIL,
    ]
    return "\n".join(parts)


def _held_out(table: dict[str, Any], title: str) -> str:
    lines = [
        f"\n## {title}",
        "Share of questions answered exactly right by greedy decoding [95 % interval, bootstrap over "
        "answers]. *Blind prior*:",
        "the commonest training answer to that question. *Grey*: all frames grey. *Other*: the frames "
        "of another clip.\n",
        "| questions about | n | seen | blind prior | grey | other clip |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in {**table["groups"], **{f"  {k}": v for k, v in table["kinds"].items()}}.items():
        seen = row["clip"]
        others = " | ".join(f"{100 * row[key]['mean']:.1f} %" for key in ("blind_prior", "blank", "other"))
        shown = f"{100 * seen['mean']:.1f} % [{100 * seen['ci_low']:.1f}, {100 * seen['ci_high']:.1f}]"
        lines.append(
            f"| {'**' + name + '**' if not name.startswith(' ') else name.strip()} | {seen['n']} | {shown} | {others} |"
        )
    return "\n".join(lines)


def _physio(results: dict[str, Any], demo: dict[str, Any]) -> str:
    lines = ["\n## On the physio pack, which it never trained on"]
    if "physio_probe" in results:
        probe = max(results["physio_probe"]["accuracy_by_strength"].values())
        lines.append(
            f"- Ridge probe on its frozen vision features, best of three strengths: {100 * probe:.1f} % of 140 clips "
            "of unseen people (14 exercises; a random tower: 33 %)."
        )
    lines.append(
        f"- `vidtune demo`: LoRA with {demo['num_train']} clips, then {demo['num_test']} clips of people it has never "
        "seen; one run (what the full recipe reaches stands in `docs/benchmarks.md`):\n"
    )
    lines += ["| | base | tuned | difference [95 % interval] | blind prior |", "|---|---|---|---|---|"]
    for row in demo["metrics"].values():
        blind = "" if row["blind_prior"] is None else f"{row['blind_prior']:.3f}"
        interval = "no interval" if row["ci_low"] is None else f"{row['ci_low']:+.3f}, {row['ci_high']:+.3f}"
        lines.append(
            f"| {row['label']} | {row['base']:.3f} | {row['tuned']:.3f} | {row['difference']:+.3f} [{interval}] "
            f"| {blind} |"
        )
    return "\n".join(lines)


def _sizes(path: Path) -> dict[str, int]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        counts = {name: file.get_tensor(name).numel() for name in file.keys()}  # noqa: SIM118
    merger = sum(n for name, n in counts.items() if "merger" in name)
    vision = sum(n for name, n in counts.items() if "visual" in name) - merger
    return {
        "total": sum(counts.values()),
        "merger": merger,
        "vision": vision,
        "text": sum(counts.values()) - merger - vision,
    }


if __name__ == "__main__":
    folder, results_file, demo_file, card = (Path(argument) for argument in sys.argv[1:5])
    text = write_card(folder, json.loads(results_file.read_text()), json.loads(demo_file.read_text()))
    card.write_text(text, encoding="utf-8")
