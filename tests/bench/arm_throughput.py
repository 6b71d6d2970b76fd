"""
How many cycles the inner loops of the micro-kernels for NEON take, by the throughput model of
llvm-mca: a calculation, nothing is run. It assumes that every load finds its line in the
first-level cache.

    python -m tests.bench.arm_throughput --options="FLAGS" arm_neon_dot=-march=armv8.2-a+dotprod ...
"""

import argparse
import re
import shlex
import subprocess
import sys

# File below lib/isa/arm, micro-kernel, and what is multiplied.
KERNELS = (
    ("neon", "gemm_6__neon", "f32"),
    ("neon_unpack", "bf16_tile__neon_unpack", "bf16, unpacked"),
    ("neon_bf16", "bf16_tile__neon_bf16", "bf16, matrix instruction"),
    ("neon_unpack", "int8_tile__neon_unpack", "int8, unpacked"),
    ("neon_dot", "int8_tile__neon_dot", "int8, dot products"),
    ("neon_i8mm", "int8_tile__neon_i8mm", "int8, matrix instruction"),
)
# Cores, and the multiplying instructions that they start in a cycle.
CORES = {"neoverse-n1": 2, "neoverse-v1": 4}
MULTIPLIES = re.compile(r"\s*(fmla|sdot|usmmla|bfmmla|smull2?|smlal2?|sadalp)\s")
BRANCH = re.compile(r"\s+(?:b\.?[a-z]{2}|cbn?z|tbn?z)\s.*?(\.L\w+)$")
ITERATIONS = 300


def assembly(compiler, options, isa_options, file):
    """Lines that the compiler makes of a file."""
    command = [*shlex.split(compiler), *options, *isa_options.get(f"arm_{file}", [])]
    command += ["-S", "-o", "-", f"lib/isa/arm/{file}.c"]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()


def function_body(lines, name):
    start = lines.index(f"{name}:")
    length = next(i for i, line in enumerate(lines[start:]) if line.strip().startswith(".size"))
    return lines[start : start + length]


def multiplications(lines):
    return sum(MULTIPLIES.match(line) is not None for line in lines)


def inner_loop(lines):
    """Instructions of the loop that has the largest share of multiplications."""
    labels, loops = {}, []
    for i, line in enumerate(lines):
        if line.startswith(".L"):
            labels[line.rstrip(":")] = i
        branch = BRANCH.match(line)
        if branch and branch[1] in labels:
            body = lines[labels[branch[1]] : i + 1]
            loops.append([text for text in body if re.match(r"\s*[a-z]", text)])
    return max(loops, key=lambda loop: multiplications(loop) / len(loop))


def cycles(mca, core, loop):
    """Of one iteration."""
    command = [mca, "-mtriple=aarch64-linux-gnu", f"-mcpu={core}", "-mattr=+dotprod,+i8mm,+bf16"]
    command += [f"-iterations={ITERATIONS}", "-instruction-info=0"]
    text = "\n".join([*loop, ""])
    answer = subprocess.run(command, check=True, input=text, stdout=subprocess.PIPE, text=True)
    return int(re.search(r"Total Cycles:\s+(\d+)", answer.stdout)[1]) / ITERATIONS


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cc", default="aarch64-linux-gnu-gcc")
    parser.add_argument("--mca", default="llvm-mca-19")
    parser.add_argument("--options", type=shlex.split, default=[], help="of the compiler")
    parser.add_argument("isa", nargs="*", help="FILE=OPTIONS of an instruction set")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    isa_options = {
        name: shlex.split(text) for name, text in (x.split("=", 1) for x in arguments.isa)
    }
    heads = "".join(f" {core + ', cycles':>20} {'of peak':>8}" for core in CORES)
    print(f"{'inner loop':26} {'instructions':>12} {'multiply':>9}{heads}")
    for file, name, title in KERNELS:
        lines = assembly(arguments.cc, arguments.options, isa_options, file)
        loop = inner_loop(function_body(lines, name))
        count = multiplications(loop)
        row = f"{title:26} {len(loop):12} {count:9}"
        for core, ports in CORES.items():
            taken = cycles(arguments.mca, core, loop)
            row += f" {taken:20.1f} {count / ports / taken:8.2f}"
        print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
