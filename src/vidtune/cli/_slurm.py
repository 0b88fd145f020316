"""The batch script that runs a training under SLURM, on one machine or several."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={per_node}
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# Add what your cluster asks for: --partition, --account, --time, --cpus-per-task, --mem.
# The run directory must lie where all nodes see it. Submitted again, or requeued, the run continues.

set -euo pipefail
head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))

# One launcher a node starts {per_node} processes there. A node that fails ends the job: the others would wait for it.
srun --kill-on-bad-exit=1 \\
  python -m torch.distributed.run \\
  --nnodes {nodes} \\
  --nproc-per-node {per_node} \\
  --rdzv-id "$SLURM_JOB_ID" \\
  --rdzv-backend c10d \\
  --rdzv-endpoint "$head_node:$port" \\
  -m vidtune {arguments}
"""


def slurm_script(name: str, arguments: Sequence[str], *, nodes: int, per_node: int) -> str:
    """Return the text of a script for ``sbatch``.

    Args:
        name: Of the job.
        arguments: The command line of ``vidtune``, as each process is given it.
        nodes: Machines.
        per_node: Processes on each, one a GPU.
    """
    return _SCRIPT.format(name=name, nodes=nodes, per_node=per_node, arguments=shlex.join(arguments))
