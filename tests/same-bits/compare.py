"""
Two versions of the library must give the same answers, bit for bit: one program (answers.c) is
linked with each, both run on the same models, and what they print is compared. README.md says what
is covered. Sizes are printed for both and not compared.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from builds import ROOT, add_common_options, build_both, run, vit_model

SHOWN = 3  # differences of a group that are listed


@dataclass(frozen=True)
class Group:
    """Models that one run of the program answers for."""

    name: str
    arguments: tuple
    levels: str = "all"  # or "vectors", all but plain C; or "best", the last one


def small_models():
    goldens = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/golden/*.gguf"))
    shipped = "examples/models"
    backbone = f"{shipped}/backbone.gguf"
    tasks = [f"{shipped}/camera-motion.gguf", f"{shipped}/human-action.gguf"]
    return [
        Group("goldens", ("--forms", "--views", "--targets", *goldens)),
        Group("backbone", ("--forms", backbone)),
        Group("tasks", ("--forms", "--backbone", backbone, *tasks)),
        Group("tasks, targets", ("--targets", "--backbone", backbone, *tasks), "best"),
    ]


def large_models(make_vit, scratch):
    """And the one whose session sizes are printed. A clip of the full model takes plain C a minute:
    there two blocks stand for it, which have the same matrices."""
    full = vit_model(make_vit, scratch, "b16", 12, 8)
    two_blocks = vit_model(make_vit, scratch, "b16-2-blocks", 2, 4)
    skip = vit_model(make_vit, scratch, "b16-2-blocks-skip", 2, 2, "skip")
    return [
        Group("B/16, 2 blocks", ("--forms", str(two_blocks))),
        Group("B/16, 2 blocks, skip", ("--forms", str(skip))),
        Group("B/16, 2 blocks, targets", ("--targets", str(two_blocks)), "best"),
        Group("B/16", ("--forms", str(full)), "vectors"),
    ], full


def environment_of(level):
    return {**os.environ, "DUALPATH_CPU": level}


def kernels_of(program, level):
    """The kernel tables in use, one line for each precision."""
    command = [program, "--kernels", "tests/golden/paper.gguf"]
    done = run(command, cwd=ROOT, env=environment_of(level), stdout=subprocess.PIPE, text=True)
    return done.stdout


def levels_of_this_machine(program, known):
    """A level that this machine does not have uses the kernels of a lower one: it is left out."""
    levels = {}
    for level in known:
        levels.setdefault(kernels_of(program, level), level)
    return list(levels.values())


def levels_of_group(group, levels):
    """The best level has the matrix products of all targets that are read here."""
    if group.levels == "best":
        return levels[-1:]
    return [level for level in levels if group.levels == "all" or level != "c"]


def key_of_answers(program, level, arguments):
    """What the answers of a version depend on: the program, and the files that it is given."""
    key = hashlib.sha256(" ".join([level, *arguments]).encode())
    for path in [program, *(ROOT / word for word in arguments if not word.startswith("--"))]:
        key.update(Path(path).read_bytes())
    return key.hexdigest()


class Run:
    """A program that answers into a file, at the same time as the other version's. It does not run
    if it has answered already: of a commit that is compared with again and again, half the time.
    """

    def __init__(self, program, level, arguments, output):
        self.output = output
        self._record = output.with_suffix(".key")
        self._key = key_of_answers(program, level, arguments)
        self._process = None
        if not self._has_answered():
            self._record.unlink(missing_ok=True)
            with output.open("wb") as file:
                self._process = subprocess.Popen(
                    [program, *arguments], cwd=ROOT, env=environment_of(level), stdout=file
                )

    def _has_answered(self):
        return self._record.exists() and self._record.read_text() == self._key

    def wait(self):
        """Whether the program ended well."""
        if self._process is not None and self._process.wait() == 0:
            self._record.write_text(self._key)
        return self._has_answered()


def answers_by_title(path):
    """What a program printed: a line that does not begin with a space is the title of an answer."""
    answers, title = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            name, *numbers = line.split()
            answers[title][name] = numbers
        else:
            title = line
            answers[title] = {}
    return answers


def numbers_of(words):
    return [float.fromhex(word) if "x" in word else float(word) for word in words]


def describe_difference(base, head):
    """The parts of one answer that differ, and by how much of the largest number."""
    if base is None or head is None:
        return "only there with one version"
    parts = []
    for name in base:
        if base[name] == head.get(name):
            continue
        before, after = numbers_of(base[name]), numbers_of(head.get(name, []))
        if len(before) != len(after):
            parts.append(f"{name}: {len(before)} numbers, then {len(after)}")
            continue
        different = sum(a != b for a, b in zip(base[name], head[name]))
        largest = max(abs(a - b) for a, b in zip(before, after)) / (max(map(abs, before)) or 1)
        parts.append(f"{different} of {len(before)} {name} by up to {largest:.1e}")
    return ", ".join(parts)


def print_differences(outputs):
    base, head = (answers_by_title(path) for path in outputs)
    titles = [title for title in {**base, **head} if base.get(title) != head.get(title)]
    for title in titles[:SHOWN]:
        print(f"    {title}: {describe_difference(base.get(title), head.get(title))}")
    if len(titles) > SHOWN:
        print(f"    and {len(titles) - SHOWN} more")
    print("    see " + " and ".join(os.path.relpath(output) for output in outputs))


def compare_group(builds, programs, level, group):
    """Prints a line, and returns whether the answers are the same."""
    file = "-".join(group.name.replace("/", "").replace(",", "").split()) + f".{level}.txt"
    outputs = [build.folder / file for build in builds]
    start = time.monotonic()
    runs = [Run(program, level, group.arguments, o) for program, o in zip(programs, outputs)]
    finished = all([run.wait() for run in runs])  # of both, also when the first one failed
    same = finished and outputs[0].read_bytes() == outputs[1].read_bytes()
    count = sum(not line.startswith(" ") for line in outputs[0].read_text().splitlines())
    verdict = "the same" if same else "DIFFERENT" if finished else "FAILED"
    seconds = time.monotonic() - start
    print(f"{level:12} {group.name:24} {count:5} answers {verdict:10} {seconds:6.1f} s", flush=True)
    if not same:
        print_differences(outputs)
    return same and count > 0


def stripped_size(build):
    stripped = build.folder / "stripped"
    run(["strip", "-s", "-o", stripped, build.shared])
    return stripped.stat().st_size


def session_sizes(program, groups):
    sizes = {}
    for arguments in groups:
        done = run([program, "--sizes", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            title, _, size = line.rpartition(" ")
            sizes[title] = int(size)
    return sizes


def print_sizes(builds, programs, large):
    backbone = "examples/models/backbone.gguf"
    task = ["--backbone", backbone, "examples/models/human-action.gguf"]
    groups = [["tests/golden/released.gguf"], task, *([path] for path in large)]
    base, head = (session_sizes(program, groups) for program in programs)
    print(f"\n{'bytes':60} {builds[0].name:>12} {builds[1].name:>12}")
    rows = [("shared library, stripped", *map(stripped_size, builds))]
    rows += [(f"session, {Path(title).name}", base[title], head.get(title, 0)) for title in base]
    for title, before, after in rows:
        print(f"{title:60} {before:12} {after:12}{'' if before == after else '  changed'}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_options(parser)
    parser.add_argument("--levels", required=True, help="values of DUALPATH_CPU, lowest first")
    parser.add_argument("--quick", action="store_true", help="no models of the size of B/16")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    scratch = arguments.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    builds = build_both(arguments.base, arguments.head, scratch)
    if builds[0] == builds[1]:
        raise SystemExit("same-bits: REV and HEAD are the same commit")
    programs = [build.program("answers") for build in builds]
    levels = levels_of_this_machine(programs[0], arguments.levels.split())
    groups, large = small_models(), []
    same = True
    if not arguments.quick:
        models, full = large_models(arguments.make_vit, scratch)
        groups, large = groups + models, [str(full)]
    for group in groups:
        for level in levels_of_group(group, levels):
            same &= compare_group(builds, programs, level, group)
    print_sizes(builds, programs, large)
    print(f"\n{builds[0].name} and {builds[1].name}: {'the same bits' if same else 'DIFFERENT'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
