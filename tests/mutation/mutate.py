"""Mutation testing of lib/: changes one operator, constant or statement at a time; a test must fail.

    mutate.py --build BUILD [--count N] [--seed S] [--files lib/os/*.c] [--report FILE]

`make mutation` compiles the objects of lib/ and of the tests in BUILD, with all names visible. Each
mutant is compiled into a shared library that stands before the real one, and the test programs run,
quickest first, until one fails. A mutant that no program notices survives: it shows a gap in the
tests, or changes nothing that can be seen.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Text that is looked for in code, and what stands there in a mutant.
OPERATORS = [
    (r"(?<![<\-])<(?![<=])", "<="),
    (r"<=(?!=)", "<"),
    (r"(?<![>\-])>(?![>=])", ">="),
    (r"(?<!>)>=", ">"),
    (r"==", "!="),
    (r"!=", "=="),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"(?<=[\w)\]] )\*(?= )", "+"),
    (r"(?<= )/(?= )", "*"),
    (r"(?<= )%(?= )", "/"),
    (r"<<", ">>"),
    (r">>", "<<"),
    (r"\+=", "-="),
    (r"-=", "+="),
    (r"(?<![=!<>])!(?=[\w(])", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"(?<![\w.\"])0u?(?![\w.x])", "1"),
    (r"(?<![\w.\"])[1-9]\d*u?(?![\w.])", "(\\g<0> + 1)"),
    (r"(?<![\w.])\d+\.\d+f?", "(\\g<0> * 1.5f + 0.5f)"),
]
# A statement that is a call: what if it were not there?
CALL = re.compile(r"^\s+(?:\(void\))?[a-z_][\w>.\-\[\]]*\(.*\);$")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Mutant:
    def __init__(self, path, number, start, end, old, new):
        self.path, self.number, self.start, self.end = path, number, start, end
        self.old, self.new = old, new

    def __str__(self):
        line = (ROOT / self.path).read_text().splitlines()[self.number - 1].strip()
        return f"{self.path}:{self.number}: {self.old!r} -> {self.new!r}: {line}"

    def source(self):
        text = (ROOT / self.path).read_text()
        return text[: self.start] + self.new + text[self.end :]


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def find_mutants(path):
    """All mutants of a file. Comments, strings, directives, tables of types and declarations outside
    of functions stay as they are."""
    text = (ROOT / path).read_text()
    code = COMMENT_OR_STRING.sub(blank, text)
    offset = 0
    for number, line in enumerate(code.splitlines(keepends=True), 1):
        body = line.startswith(" ") and not re.match(r"\s+\*|\s*_Static_assert", line)
        if body:
            for pattern, new in OPERATORS:
                for match in re.finditer(pattern, line):
                    start, end = offset + match.start(), offset + match.end()
                    yield Mutant(path, number, start, end, match.group(), match.expand(new))
            if CALL.match(line.rstrip()):
                start = offset + len(line) - len(line.lstrip())
                end = offset + len(line.rstrip())
                yield Mutant(path, number, start, end, text[start:end], ";")
        offset += len(line)


class Bench:
    """The objects, the command that compiles each, and the programs with the time each takes."""

    def __init__(self, build):
        self.build = build
        self.objects = sorted((build / "lib").rglob("*.o"))
        self.objects = [o for o in self.objects if o.name != "dualpath.o"]
        self.programs = self.time_programs()

    def compile_command(self, path):
        target = self.build / pathlib.Path(path).with_suffix(".o")
        command = ["make", "-n", "-s", "-W", path, f"BUILD={self.build}", str(target)]
        command += ["CFLAGS=-O1 -fvisibility=default"]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        line = next(l for l in text.splitlines() if f" -c {path} " in l)
        return shlex.split(line), target

    def link(self, objects, library):
        command = ["cc", "-shared", "-Wl,-soname,libmutant.so", "-o", str(library)]
        command += [str(o) for o in objects] + ["-lm", "-lpthread", "-lz"]
        subprocess.run(command, check=True, capture_output=True)

    def run(self, program, folder, limit):
        """Whether the program passes with the library of the folder."""
        environment = dict(os.environ, LD_LIBRARY_PATH=str(folder), TMPDIR=str(folder))
        environment |= {"GOLDEN": "tests/golden", "DUALPATH_QUICK": "1"}
        process = subprocess.Popen(
            [program], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return False

    def link_program(self, source, folder):
        program = folder / source.stem
        test = self.build / source.relative_to(ROOT).with_suffix(".o")
        check = subprocess.run(["pkg-config", "--libs", "check"], capture_output=True, text=True, check=True)
        command = ["cc", "-o", program, test, self.build / "tests/support.a", f"-L{folder}", "-lmutant"]
        subprocess.run([*command, *check.stdout.split(), "-lz", "-lm"], check=True, capture_output=True)
        return program

    def time_programs(self):
        """{program: seconds}, quickest first; all of them must pass without a mutant."""
        folder = self.build / "mutation"
        folder.mkdir(exist_ok=True)
        self.link(self.objects, folder / "libmutant.so")
        seconds = {}
        for source in sorted((ROOT / "tests").glob("[ua][np]i*/test_*.c")):
            program = self.link_program(source, folder)
            before = time.monotonic()
            if not self.run(program, folder, 600):
                print(f"mutation: {source.stem} is left out: it fails without a mutant")
                continue
            seconds[program] = time.monotonic() - before
        return dict(sorted(seconds.items(), key=lambda item: item[1]))

    def killer(self, mutant):
        """What notices the mutant: a program, "compiler", or None."""
        command, target = self.compile_command(mutant.path)
        with tempfile.TemporaryDirectory(dir=self.build) as scratch:
            folder = pathlib.Path(scratch)
            changed = folder / pathlib.Path(mutant.path).name
            changed.write_text(mutant.source())
            there = folder / "mutant.o"
            words = {mutant.path: str(changed), str(target): str(there)}
            command = [words.get(word, word) for word in command if word not in ("-MMD", "-MP")]
            command += ["-w", f"-I{(ROOT / mutant.path).parent}"]
            if subprocess.run(command, cwd=ROOT, capture_output=True).returncode != 0:
                return "compiler"
            self.link([there if o == target else o for o in self.objects], folder / "libmutant.so")
            for program, seconds in self.programs.items():
                if not self.run(program, folder, 10 + 10 * seconds):
                    return program.name
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--files", nargs="*", help="default: all that this machine can run")
    parser.add_argument("--report", type=pathlib.Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.build.resolve())
    files = arguments.files or [str(o.relative_to(bench.build).with_suffix(".c")) for o in bench.objects]
    mutants = [mutant for path in files for mutant in find_mutants(path)]
    chosen = random.Random(arguments.seed).sample(mutants, min(arguments.count, len(mutants)))
    print(f"mutation: {len(chosen)} of {len(mutants)} mutants, {len(bench.programs)} programs", flush=True)
    outcomes = {"killed": 0, "refused by the compiler": 0, "survived": 0}
    report = arguments.report.open("w") if arguments.report else sys.stdout
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, killer in zip(chosen, pool.map(bench.killer, chosen)):
            outcome = {None: "survived", "compiler": "refused by the compiler"}.get(killer, "killed")
            outcomes[outcome] += 1
            by = f" by {killer}" if outcome == "killed" else ""
            print(f"{outcome}: {mutant}{by}", file=report, flush=True)
    print("mutation: " + ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()))


if __name__ == "__main__":
    main()
