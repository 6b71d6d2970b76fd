"""Fails each call that the command line program makes, one at a time, and looks at what is left.

    faults.py PROGRAM LIBRARY MAKE_INPUTS GOLDEN [--quick] [--only TEXT]

LIBRARY is faults.c. Every command is run once to count its calls, and then once for each of them,
or for a sample: the first ones of a kind and some of the others. The program may get over a failure
(the same answer, status 0), or it must refuse: status 1, one sentence on standard error, nothing on
standard output. In both cases it ends in time, leaves no temporary file, no descriptor and no
mapping, and a file that was there is as it was or replaced by the whole new one. With a program
that has the address sanitizer, nothing leaks either.
"""

import argparse
import collections
import concurrent.futures
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SECONDS = 120  # until a run counts as one that hangs
OLD_FILE = b"what was there before"
ENDS = ("refused", "got over", "not reached")
NEEDED = ("sync", "rename", "lock", "thread")  # nothing can be got over without these
LEFT_BEHIND = ("descriptors", "mappings")  # in reports, beside the calls

# How calls of a kind fail, beside their usual error.
MORE_WAYS = {
    "open": ["interrupted"],
    "read": ["interrupted", "short"],
    "write": ["interrupted", "short"],
    "sync": ["interrupted"],
    "close": ["interrupted"],
}

# `writes`: the name of the file in the folder {out} that the command writes, which `over`: is there
# before. `piped`: a file that comes on standard input.
Command = collections.namedtuple(
    "Command", "name arguments writes over piped", defaults=(None, False, None)
)
Fault = collections.namedtuple("Fault", "kind at way onward")
Run = collections.namedtuple("Run", "status stdout stderr written left report")


class Broken(Exception):
    """What a run did that it may not do."""


# ---- what is run ----


def list_commands(inputs, golden):
    model, packed = f"{golden}/released.gguf", f"{inputs}/released.gguf.gz"
    with open(model, "rb") as plain, open(packed, "wb") as file:
        file.write(gzip.compress(plain.read()))
    yuv, deep, numpy = f"{inputs}/yuv.y4m", f"{inputs}/yuv-444p10.y4m", f"{inputs}/rgb.npy"
    pictures, interlaced, raw = f"{inputs}/png-rgb8", f"{inputs}/png-rgba16", f"{inputs}/rgb.rgb"
    features = f"{golden}/features-bf16.gguf"
    shipped = pathlib.Path(golden, "../../examples/models").resolve()
    task = [f"{shipped}/camera-motion.gguf", "--backbone", f"{shipped}/backbone.gguf"]
    classify = ["classify", "--threads", "3"]
    sheet = [*classify, model, yuv, "--sheet", "{out}/file"]
    table = ["watch", "--threads", "3", model, yuv, "--csv", "{out}/file"]
    compiled = ["compile", model, "-o", "{out}/file"]
    bench = ["bench", "--runs", "1", "--threads", "2", model]
    return [
        Command("info", ["info", model]),
        Command("info --json", ["info", packed, "--json"]),
        Command("info --backbone", ["info", *task]),
        Command("verify", ["verify", model]),
        Command("verify, gzip", ["verify", packed]),
        Command("verify, pipe", ["verify", "/dev/stdin"], piped=model),
        Command("classify Y4M", [*classify, model, yuv]),
        Command("classify 10-bit Y4M", [*classify, model, deep, "--json"]),
        Command("classify NumPy", [*classify, model, numpy, "--json"]),
        Command("classify PNG", [*classify, model, pictures, "--json"]),
        Command("classify interlaced PNG", [*classify, model, interlaced]),
        Command("classify raw", [*classify, model, raw, "--size", "27x19"]),
        Command("classify pipe", [*classify, model, "-"], piped=yuv),
        Command("classify, gzip", [*classify, packed, yuv, "--image-by-image", "--views", "2"]),
        Command("classify, model in a pipe", [*classify, "/dev/stdin", yuv], piped=model),
        Command("classify, gzip in a pipe", [*classify, "/dev/stdin", yuv], piped=packed),
        Command("classify --features", [*classify, features, yuv, "--features"]),
        Command("classify --backbone", [*classify, *task, yuv]),
        Command("classify --sheet", sheet, "file"),
        Command("classify --sheet over", [*sheet, "--json"], "file", over=True),
        Command("watch", ["watch", "--threads", "3", model, yuv, "--json"]),
        Command("watch pipe", ["watch", "--threads", "3", model, "-"], piped=yuv),
        Command("watch --csv", table, "file"),
        Command("watch --csv over", table, "file", over=True),
        Command("compile", compiled, "file"),
        Command("compile over", compiled, "file", over=True),
        Command("compile, gzip", ["compile", packed, *compiled[2:], "--precision", "int8"], "file"),
        Command("compile --report", [*compiled, "--target", "plain", "--report"], "file"),
        Command("bench", bench),
        Command("bench --json", [*bench, "--json"]),
    ]


def sample(count, first, others):
    """All of 1 .. count, or the first ones and some of the others, evenly, the last among them."""
    if count <= first + others:
        return list(range(1, count + 1))
    spread = {count - (count - first) * i // others for i in range(others)}
    return sorted({*range(1, first + 1), *spread})


def list_faults(calls, quick, slow):
    """Each call fails alone, and with all later ones of its kind. Not so with EINTR: who tries
    again would do so for ever."""
    if quick:
        first, others = (4, 2) if slow else (10, 6)
    else:
        first, others = (30, 10) if slow else (200, 60)
    faults = []
    for kind, count in calls.items():
        for way in ["error", *MORE_WAYS.get(kind, [])]:
            places = sample(count, first, others)
            faults += [Fault(kind, at, way, False) for at in places]
            if way != "interrupted":
                onward = places[:3] if quick else places
                faults += [Fault(kind, at, way, True) for at in onward if at < count]
    return faults


# ---- one run ----


class Runner:
    def __init__(self, program, library, folder):
        self.program, self.library, self.folder = program, library, folder
        code = pathlib.Path(program).read_bytes()
        self.has_asan, self.has_tsan = b"__asan_init" in code, b"__tsan_init" in code

    def environment(self, fault, report):
        settings = dict(os.environ, LD_PRELOAD=self.library, FAULTS_REPORT=report)
        if self.has_asan:
            options = os.environ.get("ASAN_OPTIONS", "")
            settings["ASAN_OPTIONS"] = f"verify_asan_link_order=0:exitcode=99:{options}"
        if fault is not None:
            settings.update(FAULTS_KIND=fault.kind, FAULTS_AT=str(fault.at), FAULTS_HOW=fault.way)
            if fault.onward:
                settings["FAULTS_ONWARD"] = "1"
        return settings

    def run(self, command, fault=None):
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            out, report = pathlib.Path(scratch, "out"), pathlib.Path(scratch, "report")
            out.mkdir()
            if command.over:
                (out / command.writes).write_bytes(OLD_FILE)
            arguments = [argument.replace("{out}", str(out)) for argument in command.arguments]
            piped = pathlib.Path(command.piped).read_bytes() if command.piped else b""
            try:
                done = subprocess.run(
                    [self.program, *arguments],
                    input=piped,
                    capture_output=True,
                    timeout=SECONDS,
                    check=False,
                    env=self.environment(fault, str(report)),
                )
            except subprocess.TimeoutExpired:
                raise Broken(f"still runs after {SECONDS} s") from None
            left = sorted(os.listdir(out))
            return Run(
                done.returncode,
                done.stdout.decode().replace(str(out), ""),
                done.stderr.decode(),
                (out / command.writes).read_bytes() if command.writes in left else None,
                left,
                read_report(report),
            )


def read_report(path):
    """Empty where main() did not return, or LIBRARY was not loaded."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: int(number) for name, number in map(str.split, lines)}


# ---- what it may do ----


def without_times(text):
    """An answer without what differs from run to run. Of `bench` that is nearly all numbers."""
    text = re.sub(r'"timings": \{[^}]*\}', "", text)
    return re.sub(r"\s*-?\d[\d.e+-]*", "#", text) if "peak" in text else text


def check_remains(command, run, sound):
    """What holds for every end."""
    if run.status not in (0, 1):
        raise Broken(f"status {run.status}: {run.stderr.strip()}")
    if not run.report:
        raise Broken(f"main() did not return: {run.stderr.strip()}")
    for what in LEFT_BEHIND:
        if run.report[what] != 0:
            raise Broken(f"{run.report[what]} {what} are left")
    if not set(run.left) <= {command.writes}:
        raise Broken(f"files are left: {run.left}")
    if run.written not in (sound.written, OLD_FILE if command.over else None):
        raise Broken("the file is neither the old nor the new one")


def check_success(fault, run, sound):
    if fault.kind in NEEDED and fault.way == "error" and run.report[fault.kind] >= fault.at:
        raise Broken("status 0 without what it needs")
    if without_times(run.stdout) != without_times(sound.stdout):
        raise Broken("status 0 with another answer")
    if run.written != sound.written:
        raise Broken("status 0 without the file")
    if run.stderr != sound.stderr:
        raise Broken(f"status 0 with {run.stderr.strip()!r}")


def must_get_over(command, fault):
    """The rest of what was short comes next. Where the library reads by itself, and not a stream of
    the C library, an interruption is no error."""
    interrupted_read = fault.kind == "read" and fault.way == "interrupted"
    return fault.way == "short" or (interrupted_read and command.arguments[0] in ("info", "verify"))


def check_refusal(command, fault, run, sound):
    """An answer may be there where standard output itself fails, or a file beside it."""
    if must_get_over(command, fault):
        raise Broken(f"status 1: {run.stderr.strip()}")
    lines = run.stderr.splitlines()
    if len(lines) != 1 or not re.match(r"dualpath: .+: .+", lines[0]):
        raise Broken(f"status 1 with {len(lines)} lines: {run.stderr.strip()!r}")
    whole = without_times(run.stdout) == without_times(sound.stdout)
    beside = "--sheet" in command.arguments or "--csv" in command.arguments
    if run.stdout and fault.kind != "write" and not (beside and whole):
        raise Broken(f"status 1 with an answer: {lines[0]!r}")


def outcome_of(runner, command, fault, sound):
    """One of ENDS, or what is wrong. A pipe is read in as many calls as it happens to take, so that
    a call may not come."""
    try:
        run = runner.run(command, fault)
        check_remains(command, run, sound)
        if run.status == 0:
            check_success(fault, run, sound)
            return "got over" if run.report[fault.kind] >= fault.at else "not reached"
        check_refusal(command, fault, run, sound)
        return "refused"
    except Broken as broken:
        return str(broken)


# ---- all of them ----


class Totals:
    def __init__(self):
        self.rows = collections.defaultdict(collections.Counter)

    def add(self, command, calls, faults, outcomes):
        for kind, count in calls.items():
            self.rows[kind]["calls"] += count
            self.rows[kind]["places"] += len({fault.at for fault in faults if fault.kind == kind})
        for fault, outcome in zip(faults, outcomes):
            fine = outcome in ENDS
            self.rows[fault.kind][outcome if fine else "broken"] += 1
            if not fine:
                more = " and all later ones" if fault.onward else ""
                print(f"not ok {command}: {fault.kind} {fault.at}{more}, {fault.way}: {outcome}")

    def sum(self, *columns):
        return sum(row[column] for row in self.rows.values() for column in columns)

    def print(self):
        columns = ("calls", "places", *ENDS, "broken")
        print(f"{'kind':10}" + "".join(f"{column:>12}" for column in columns))
        for kind, row in self.rows.items():
            print(f"{kind:10}" + "".join(f"{row[column]:12}" for column in columns))


def fail_all(runner, commands, quick):
    totals = Totals()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for command in commands:
            sound = runner.run(command)
            if sound.status == 1 and "has no zlib" in sound.stderr:
                print(f"skipped: {command.name}: this build has no zlib")
                continue
            if sound.status != 0 or not sound.report:
                sys.exit(f"faults: '{command.name}' fails by itself: {sound.stderr}")
            calls = {k: n for k, n in sound.report.items() if n > 0 and k not in LEFT_BEHIND}
            faults = list_faults(calls, quick, command.name.startswith("bench"))
            jobs = [workers.submit(outcome_of, runner, command, f, sound) for f in faults]
            totals.add(command.name, calls, faults, [job.result() for job in jobs])
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("program", "library", "make_inputs", "golden"):
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument("--quick", action="store_true", help="fewer places")
    parser.add_argument("--only", default="", metavar="TEXT", help="commands whose name has it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(options.program, options.library, folder)
        if runner.has_tsan:
            print("skipped: the thread sanitizer must come before any other library")
            return 0
        if not runner.run(Command("version", ["--version"])).report:
            print("skipped: LD_PRELOAD does nothing here: a static program, or another C library")
            return 0
        inputs = os.path.join(folder, "in")
        os.mkdir(inputs)
        subprocess.run([options.make_inputs, inputs], check=True)
        commands = [c for c in list_commands(inputs, options.golden) if options.only in c.name]
        totals = fail_all(runner, commands, options.quick)
    totals.print()
    tried = totals.sum(*ENDS, "broken")
    skipped = totals.sum("calls") - totals.sum("places")
    print(
        f"{len(commands)} commands, {tried} faults at {totals.sum('places')} places, "
        f"{totals.sum('broken')} broken; places of no fault, for lack of time: {skipped}"
    )
    return 1 if totals.sum("broken") else 0


if __name__ == "__main__":
    sys.exit(main())
