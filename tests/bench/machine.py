"""
What the numbers of a run depend on besides the programs: the processor and the packages.
"""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

PACKAGES = ("onnxruntime", "openvino", "nncf", "torch", "onnx", "onnxscript", "numpy")

# Of all that a processor has, what decides how fast it multiplies.
FLAGS = r"fma|avx2|avx_vnni|avx512(f|_vnni|_bf16|_fp16)|amx_\w+|asimd\w*|bf16|i8mm|sve\w*"


def package_versions():
    return {name: version(name) for name in PACKAGES}


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def processor():
    """{'name', 'flags', 'processors'}, as far as the operating system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "name": fields.get("model name") or platform.machine(),
        "flags": [flag for flag in flags if re.fullmatch(FLAGS, flag)],
        "processors": len(os.sched_getaffinity(0)),
    }
