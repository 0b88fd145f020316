"""Draw the training curves from the CSV files of both stages."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path


def plot_curves(folder: Path, image: Path) -> None:
    """Write one picture with losses and held-out figures of both stages."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    vision, teaching = (_read(folder / f"{name}.csv") for name in ("vision", "teach"))
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    panels = (
        (axes[0, 0], vision, ("loss",), "vision warm-up: loss"),
        (axes[0, 1], vision, ("held_out_posture", "held_out_top", "held_out_view", "held_out_facing", "held_out_floor"),
         "vision warm-up: held-out accuracy of the heads"),
        (axes[1, 0], teaching, ("said", "looked"), "whole model: loss of answers and of heads"),
        (axes[1, 1], teaching, ("held_out_clip", "held_out_blank", "held_out_other"),
         "whole model: held-out exact answers, shown the clip, grey frames, another clip"),
    )  # fmt: skip
    for axis, rows, names, title in panels:
        for name in names:
            if rows[name]:
                axis.plot(*zip(*rows[name], strict=True), label=name.removeprefix("held_out_"), linewidth=1.2)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("step", fontsize=8)
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.savefig(image, dpi=110)


def _read(path: Path) -> dict[str, list[tuple[int, float]]]:
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            rows[row["name"]].append((int(row["step"]), float(row["value"])))
    return rows


if __name__ == "__main__":
    import sys

    plot_curves(Path(sys.argv[1]), Path(sys.argv[2]))
