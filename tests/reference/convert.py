"""
Calls the project's converter, dualpath-convert, from the source tree.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def convert(checkpoint, output, options):
    program = [sys.executable, "-m", "dualpath.convert"]
    command = program + [str(checkpoint), "-o", str(output), "--force", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr}")
