"""Lines and branches of lib/ that tests reach, over all builds that are given.

    coverage.py BUILD[:GCOV] ... [--unreached tests/coverage/unreached.txt]

Each BUILD was compiled with `--coverage -O0`, and its tests have run. Counts of all builds are added:
what one machine cannot run, another one does. So are those of a build's objects: files of lib/ that a
test includes, and kernels with instructions in plain C, are in BUILD/tests. A line that no test reaches
completely must be in the list of unreached lines, with the reason; a line of the list that is reached is
an error, too, unless its reason begins with "sometimes:".
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Line:
    """How often a line ran, and for each branch that leaves it whether it was taken."""

    def __init__(self):
        self.count = 0
        self.branches = []

    def add(self, count, branches):
        self.count += count
        # Compilers for other machines may split a condition otherwise. The finer one counts.
        if len(branches) > len(self.branches):
            self.branches, branches = branches, self.branches
        if len(branches) == len(self.branches):
            self.branches = [a or b for a, b in zip(self.branches, branches)]

    @property
    def reached(self):
        return self.count > 0 and all(self.branches)


def run_gcov(gcov, build):
    """One JSON document for each object; those that never ran count, too."""
    notes = sorted(path for folder in ("lib", "tests") for path in (build / folder).rglob("*.gcno"))
    if not list((build / "lib").rglob("*.gcda")):
        sys.exit(f"coverage: {build}/lib has no counts: were its tests run?")
    for note in notes:
        command = [gcov, "--json-format", "--stdout", "--branch-probabilities", str(note)]
        out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        yield from (json.loads(text) for text in out.decode().splitlines() if text)


def add_document(files, document):
    for entry in document["files"]:
        name = entry["file"]
        if not name.startswith("lib/"):
            continue
        for line in entry["lines"]:
            branches = [branch["count"] > 0 for branch in line["branches"]]
            # A template has one entry for each function that it makes.
            files[name][line["line_number"]].add(line["count"], branches)


def read_builds(builds):
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    for build in builds:
        folder, _, gcov = build.partition(":")
        for document in run_gcov(gcov or "gcov", pathlib.Path(folder).resolve()):
            add_document(files, document)
    return files


def read_unreached(path):
    """{(file, text of the line): reason}. A file is `lib/...`, alone in a line before its lines;
    those are `text    # reason`."""
    expected = {}
    name = None
    for text in path.read_text().splitlines():
        if text.startswith("lib/"):
            name = text.strip()
        elif text.strip() and not text.startswith("#"):
            line, _, reason = text.strip().rpartition("  # ")
            if not line:
                sys.exit(f"coverage: {path}: no reason in: {text}")
            expected[name, line.strip()] = reason
    return expected


def compare(files, expected):
    """Complaints about lines that differ from the list."""
    left = {key for key, reason in expected.items() if not reason.startswith("sometimes:")}
    for name in sorted(files):
        source = (ROOT / name).read_text().splitlines()
        for number in sorted(files[name]):
            line = files[name][number]
            key = name, source[number - 1].strip()
            if line.reached:
                continue
            if key in expected:
                left.discard(key)
                continue
            taken = sum(line.branches)
            what = f"{taken} of {len(line.branches)} branches" if line.count else "never"
            yield f"{name}:{number}: reached {what}: {key[1]}"
    for name, text in sorted(left):
        yield f"{name}: is reached, or gone, and on the list: {text}"


def count(files):
    lines = [line for numbers in files.values() for line in numbers.values()]
    branches = [taken for line in lines for taken in line.branches]
    reached = sum(line.count > 0 for line in lines)
    for what, part, whole in (("lines", reached, len(lines)), ("branches", sum(branches), len(branches))):
        print(f"coverage: {part} of {whole} {what}, {100 * part / whole:.2f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", metavar="BUILD[:GCOV]")
    parser.add_argument("--unreached", type=pathlib.Path, default=ROOT / "tests/coverage/unreached.txt")
    arguments = parser.parse_args()
    files = read_builds(arguments.builds)
    expected = read_unreached(arguments.unreached)
    complaints = list(compare(files, expected))
    print("\n".join(complaints) if complaints else f"coverage: {len(expected)} lines are excused")
    count(files)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
