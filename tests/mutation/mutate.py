"""Mutation testing of lib/: changes one operator, constant or statement at a time; a test must fail.

    mutate.py --build BUILD [--count N] [--skip N] [--seed S] [--files lib/os/*.c] [--report FILE]

`make mutation` compiles the objects of lib/ and of the tests in BUILD, with all names visible. Each
mutant is compiled into a shared library that stands before the real one, and the test programs run
until a test fails: first those that noticed mutants of the same file or folder, then the quickest.
A mutant that no program notices survives: it shows a gap in the tests, or changes nothing that can
be seen. Those that change nothing are in survivors.txt, with the reason, and do not run.
"""

import argparse
import collections
import concurrent.futures
import functools
import os
import pathlib
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SURVIVORS = pathlib.Path(__file__).with_name("survivors.txt")

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
    (r"(?<![\w.])(?:\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+)f?", "(\\g<0> * 1.5f + 0.5f)"),
]
# A statement that is a call: what if it were not there?
CALL = re.compile(r"^\s+(?:\(void\))?[a-z_][\w>.\-\[\]]*\(.*\);$")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Mutant:
    def __init__(self, path, number, start, end, new):
        self.path, self.number, self.start, self.end, self.new = path, number, start, end, new

    def __str__(self):
        return f"{self.path}:{self.number}: {self.key[1]}  =>  {self.key[2]}"

    @functools.cached_property
    def key(self):
        """The file, the line and what becomes of it: as in survivors.txt, whatever the number is."""
        changed = self.source().splitlines()
        return self.path, read(self.path).splitlines()[self.number - 1].strip(), changed[self.number - 1].strip()

    def source(self):
        text = read(self.path)
        return text[: self.start] + self.new + text[self.end :]


@functools.cache
def read(path):
    return (ROOT / path).read_text()


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def find_mutants(path):
    """All mutants of a file. Comments, strings, directives, tables of types and declarations outside
    of functions stay as they are."""
    text = read(path)
    code = COMMENT_OR_STRING.sub(blank, text)
    offset = 0
    for number, line in enumerate(code.splitlines(keepends=True), 1):
        body = line.startswith(" ") and not re.match(r"\s+\*|\s*_Static_assert", line)
        if body:
            for pattern, new in OPERATORS:
                for match in re.finditer(pattern, line):
                    start, end = offset + match.start(), offset + match.end()
                    yield Mutant(path, number, start, end, match.expand(new))
            if CALL.match(line.rstrip()):
                start = offset + len(line) - len(line.lstrip())
                end = offset + len(line.rstrip())
                yield Mutant(path, number, start, end, ";")
        offset += len(line)


def read_survivors():
    """{(file, line, line of the mutant): reason}, and complaints about lines that are gone. A file is
    `lib/...`; each of its mutants is `- line`, `+ line of the mutant` and `# reason`."""
    expected, complaints = {}, []
    name = old = new = None
    for text in SURVIVORS.read_text().splitlines():
        mark, _, rest = text.strip().partition(" ")
        if mark.startswith("lib/"):
            name = mark
            lines = {line.strip() for line in read(name).splitlines()}
        elif mark == "-":
            old = rest
            if old not in lines:
                complaints.append(f"{name}: has no such line, and {SURVIVORS.name} has: {old}")
        elif mark == "+":
            new = rest
        elif mark == "#" and name:
            expected[name, old, new] = rest
    return expected, complaints


class Bench:
    """The objects of sources, {source: object}, the command that compiles each, and the programs with
    the time each takes."""

    def __init__(self, build, name, objects, tests):
        self.build, self.folder, self.objects = build, build / name, objects
        self.programs = self.time_programs(tests)
        self.kills = []  # (path, program)

    @functools.cache
    def compile_command(self, path):
        target = self.objects[path]
        command = ["make", "-n", "-s", "-W", path, f"BUILD={self.build}", str(target)]
        command += ["CFLAGS=-O1 -fPIC -fvisibility=default"]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        line = next(l for l in text.replace("\\\n", " ").splitlines() if f" -c {path} " in l)
        return shlex.split(line), target

    def link(self, objects, library):
        command = ["cc", "-shared", "-Wl,-soname,libmutant.so", "-o", str(library)]
        command += [str(o) for o in objects] + ["-lm", "-lpthread", "-lz"]
        subprocess.run(command, check=True, capture_output=True)

    def run(self, program, folder, limit):
        """Whether the program passes with the library of the folder. It is stopped when a test fails."""
        log = folder / f"{program.name}.tap"
        log.write_text("")
        environment = dict(os.environ, LD_LIBRARY_PATH=str(folder), TMPDIR=str(folder))
        environment |= {"GOLDEN": "tests/golden", "DUALPATH_QUICK": "1", "CK_TAP_LOG_FILE_NAME": str(log)}
        process = subprocess.Popen(
            [program], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + limit
        while process.poll() is None and time.monotonic() < end and "not ok" not in log.read_text():
            time.sleep(0.01)
        passed = process.poll() == 0
        self.stop(process)
        return passed

    def stop(self, process):
        """Ends a process, which may have ended. Check ends its test at SIGTERM, and kills it at the
        second one."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            try:
                process.send_signal(number)
                process.wait(2)
            except subprocess.TimeoutExpired:
                pass

    def link_program(self, source, folder):
        program = folder / source.stem
        test = self.build / source.relative_to(ROOT).with_suffix(".o")
        check = subprocess.run(["pkg-config", "--libs", "check"], capture_output=True, text=True, check=True)
        command = ["cc", "-o", program, test, self.build / "tests/support.a", f"-L{folder}", "-lmutant"]
        subprocess.run([*command, *check.stdout.split(), "-lz", "-lm"], check=True, capture_output=True)
        return program

    def time_programs(self, tests):
        """{program: seconds}, quickest first. Those that fail without a mutant are left out."""
        folder = self.folder
        folder.mkdir(exist_ok=True)
        self.link(self.objects.values(), folder / "libmutant.so")
        seconds = {}
        for source in tests:
            program = self.link_program(source, folder)
            before = time.monotonic()
            if not self.run(program, folder, 600):
                print(f"mutation: {source.stem} is left out: it fails without a mutant")
                continue
            seconds[program] = time.monotonic() - before
        return dict(sorted(seconds.items(), key=lambda item: item[1]))

    def order(self, path):
        """First the programs that killed mutants of the file, then those of its folder, the last one
        first, then all others."""
        folder = os.path.dirname(path)
        of_file = [program for killed, program in reversed(self.kills) if killed == path]
        of_folder = [program for killed, program in reversed(self.kills) if os.path.dirname(killed) == folder]
        return list(dict.fromkeys([*of_file, *of_folder, *self.programs]))

    def outcome(self, mutant):
        """What becomes of the mutant, and the program that notices it."""
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
                return "refused by the compiler", ""
            if there.read_bytes() == target.read_bytes():
                return "the same for the compiler", ""
            self.link([there if o == target else o for o in self.objects.values()], folder / "libmutant.so")
            for program in self.order(mutant.path):
                if not self.run(program, folder, 10 + 5 * self.programs[program]):
                    self.kills.append((mutant.path, program))
                    return "killed", f" by {program.name}"
        return "survived", ""


def find_objects(build):
    objects = {str(o.relative_to(build).with_suffix(".c")): o for o in sorted((build / "lib").rglob("*.o"))}
    objects.pop("lib/dualpath.c", None)
    return objects


def is_of_x86(mutant):
    return mutant.path.startswith("lib/isa/x86/")


def make_benches(build, objects, plain_tests, mutants):
    """{is_of_x86: bench}. Kernels of x86-64 run with instructions in plain C, if there are tests of
    those: this machine need not have the instructions."""
    tests = sorted((ROOT / "tests").glob("[ua][np]i*/test_*.c"))
    kinds = {False: ("native", objects, tests), True: ("native", objects, tests)}
    if plain_tests:
        plain = build / "tests/instructions"
        there = {path: plain / o.name for path, o in objects.items() if path.startswith("lib/isa/x86/")}
        there |= {"lib/isa/cpu.c": plain / "cpu.o", "tests/instructions/tiles.c": plain / "tiles.o"}
        kinds[True] = ("plain", objects | there, [test for test in tests if test.stem in plain_tests])
    return {kind: Bench(build, *kinds[kind]) for kind in set(map(is_of_x86, mutants))}


def choose(paths, arguments):
    mutants = [mutant for path in arguments.files or paths for mutant in find_mutants(path)]
    random.Random(arguments.seed).shuffle(mutants)
    chosen = mutants[arguments.skip : arguments.skip + arguments.count]
    print(f"mutation: {len(chosen)} of {len(mutants)} mutants", flush=True)
    return chosen


def try_mutants(benches, mutants, jobs, report):
    """The number of each outcome."""
    outcomes = collections.Counter(killed=0, survived=0)

    def outcome_of(mutant):
        return benches[is_of_x86(mutant)].outcome(mutant)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutant, (outcome, by) in zip(mutants, pool.map(outcome_of, mutants)):
            outcomes[outcome] += 1
            print(f"{outcome}: {mutant}{by}", file=report, flush=True)
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--skip", type=int, default=0, help="mutants of this seed that were tried before")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--files", nargs="*", help="default: all")
    parser.add_argument("--plain", nargs="*", help="tests of kernels with instructions in plain C")
    parser.add_argument("--report", type=argparse.FileType("w"), default=sys.stdout)
    arguments = parser.parse_args()
    listed, complaints = read_survivors()
    build = arguments.build.resolve()
    objects = find_objects(build)
    chosen = choose(list(objects), arguments)
    unlisted = [mutant for mutant in chosen if mutant.key not in listed]
    benches = make_benches(build, objects, arguments.plain, unlisted)
    begin = time.monotonic()
    outcomes = try_mutants(benches, unlisted, arguments.jobs, arguments.report)
    seconds = (time.monotonic() - begin) / max(len(unlisted), 1)
    outcomes["on the list of survivors"] = len(chosen) - len(unlisted)
    print("mutation: " + ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()))
    print("\n".join([f"mutation: {seconds:.1f} s a mutant", *complaints]))
    sys.exit(1 if outcomes["survived"] or complaints else 0)


if __name__ == "__main__":
    main()
