"""
Compares this library with ONNX Runtime, OpenVINO and PyTorch: the same model and clip, on the same
machine, in turns. README.md says how.

    python -m tests.bench.peers [--preset b16] [--threads 1,2] [--rounds 9] [--cpu best,avx512]

Fails when an answer in f32, or any answer of the library, is not that of the reference.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.reference.presets import PRESETS

from .cache import ROOT, make_missing, open_case
from .contenders import PEERS, PRECISIONS, library_contenders
from .machine import package_versions, processor
from .rounds import run_rounds
from .table import LIBRARY, aligned, markdown, records, render


def words(text):
    return [word.strip() for word in text.split(",")]


def thread_counts(text):
    counts = [int(word) for word in words(text)]
    if min(counts) < 1:
        raise ValueError(text)
    return counts


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="b16")
    add("--threads", type=thread_counts, default=[1, 2], metavar="N,...")
    add("--rounds", type=positive, default=9, metavar="N")
    add(
        "--cpu",
        type=words,
        default=["best"],
        metavar="NAME,...",
        help="instruction sets of the library: best, amx, avx512-vnni, avx512, ...",
    )
    add(
        "--only",
        type=words,
        metavar="NAME,...",
        help="contenders whose names begin so, such as 'libdualpath,OpenVINO bf16'",
    )
    add("--seed", type=int, default=1)
    add(
        "--cache",
        type=Path,
        default=ROOT / "build" / "bench",
        metavar="FOLDER",
        help="where models are kept from run to run",
    )
    add("--json", type=Path, metavar="FILE")
    add("--markdown", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def chosen(arguments):
    instruction_sets = ["" if name == "best" else name for name in arguments.cpu]
    everybody = library_contenders(instruction_sets) + PEERS
    beginnings = tuple(arguments.only or [""])
    contenders = [c for c in everybody if c.name.startswith(beginnings)]
    if not contenders:
        raise SystemExit(f"no contender's name begins with {' or '.join(beginnings)}")
    return sorted(contenders, key=lambda contender: PRECISIONS.index(contender.precision))


def measure(case, contenders, threads, rounds):
    """(records, why contenders are missing, by name)"""
    measured, missing = [], {}
    for count in threads:
        entries, failures = run_rounds(contenders, case, count, rounds)
        measured += records(entries)
        missing.update({contender.name: reason for contender, reason in failures.items()})
    return measured, missing


def without_files(contenders, failures):
    """Those that have their files, and why the others have not, by name."""
    missing = {}
    for contender in contenders:
        reasons = [failures[kind] for kind in contender.needs if kind in failures]
        if reasons:
            missing[contender.name] = reasons[0]
    return [c for c in contenders if c.name not in missing], missing


def passed(results):
    wrong = [
        known["contender"]
        for known in results["entries"]
        if not known["agrees"]
        and (known["precision"] == "f32" or known["contender"].startswith(LIBRARY))
    ]
    absent = [name for name in results["missing"] if name.startswith(LIBRARY)]
    return not wrong and not absent


def main():
    arguments = parse_arguments()
    contenders = chosen(arguments)
    case = open_case(arguments.cache.resolve(), arguments.preset, arguments.seed)
    kinds = dict.fromkeys(["model", *(kind for c in contenders for kind in c.needs)])
    failures = make_missing(case, kinds, arguments.seed)
    if "model" in failures:
        raise SystemExit(f"the model could not be made: {failures['model']}")
    ready, missing = without_files(contenders, failures)
    entries, failed = measure(case, ready, arguments.threads, arguments.rounds)
    results = {
        "settings": {
            "preset": arguments.preset,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "seed": arguments.seed,
        },
        "machine": processor(),
        "packages": package_versions(),
        "entries": entries,
        "missing": {**missing, **failed},
    }
    print(render(results, aligned), end="")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(render(results, markdown), encoding="utf-8")
    sys.exit(not passed(results))


if __name__ == "__main__":
    main()
