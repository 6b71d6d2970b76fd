"""
Times two versions of the library in turns, each in a process of its own that sleeps while the other
one runs (clip_times.c), and prints the ratio new/old of each pair of turns: 1.02 means that the new
one takes 2 % longer. One thread. A program, not a test: it never fails because of a time. Processor
time is what counts where other programs take turns with these on the same processors.
"""

import argparse
import contextlib
import statistics
import subprocess

from builds import ROOT, add_common_options, build_both, vit_model


class Worker:
    """A process of clip_times. A context manager: leaving it ends the process."""

    def __init__(self, program, arguments):
        self._process = subprocess.Popen(
            [program, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read_line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _read_line(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("bench-against: a program ended early")
        return line

    def turn(self):
        """Milliseconds of a clip: time, and processor time."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return [float(word) for word in self._read_line().split()]


def time_pairs(programs, arguments, rounds):
    """(turn of base, turn of head), `rounds` times."""
    with contextlib.ExitStack() as stack:
        base, head = [stack.enter_context(Worker(program, arguments)) for program in programs]
        return [(base.turn(), head.turn()) for _ in range(rounds)]


def print_ratios(title, pairs):
    """Medians, and the spread of the ratios, of pairs of numbers."""
    base, head = (statistics.median(times) for times in zip(*pairs))
    ratios = sorted(after / before for before, after in pairs)
    spread = f"{ratios[0]:8.3f} {statistics.median(ratios):8.3f} {ratios[-1]:8.3f}"
    print(f"{title:34} {base:10.2f} {head:10.2f} {spread}", flush=True)


def print_pairs(name, pairs):
    for number, kind in enumerate(("time", "processor time")):
        title = f"{name if number == 0 else '':18} {kind}"
        print_ratios(title, [(base[number], head[number]) for base, head in pairs])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_options(parser)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    scratch = arguments.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    builds = build_both(arguments.base, arguments.head, scratch)
    programs = [build.program("clip_times") for build in builds]
    b16 = vit_model(arguments.make_vit, scratch, "b16", 12, 8)
    models = "examples/models"
    cases = {f"B/16 {name}": [name, b16] for name in ("f32", "bf16", "int8")}
    for name in ("f32", "int8"):
        cases[f"human-action {name}"] = [
            name,
            f"{models}/human-action.gguf",
            f"{models}/backbone.gguf",
        ]
    print(f"one thread, {arguments.rounds} pairs of turns; medians in ms, ratios new/old")
    names = " ".join(f"{build.name:>10.10}" for build in builds)
    print(f"{'':34} {names} {'min':>8} {'median':>8} {'max':>8}")
    for name, case in cases.items():
        print_pairs(name, time_pairs(programs, case, arguments.rounds))


if __name__ == "__main__":
    main()
