"""How long the demo takes, stage by stage, from nothing to two reports.

Runs ``vidtune demo`` in a fresh folder as a user would and writes the stage times, the scores and
the machine to ``benchmarks/results/demo.json``.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "demo.json"


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model.partition(":")[2].strip() or platform.processor(),
        "num_cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def main() -> None:
    """Run the demo once and write what it took."""
    described = machine()
    folder = Path(tempfile.mkdtemp(prefix="vidtune-demo-"))
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "vidtune", "demo", "--json", "--out", str(folder)], stdout=subprocess.PIPE, check=True
    )
    wall_s = time.monotonic() - began_s
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(done.stdout)
    summary.pop("folder")
    record = {
        "machine": described,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_rss_mib": usage.ru_maxrss // 1024,
        **summary,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder)
    print(json.dumps(record, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
