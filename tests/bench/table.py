"""
Entries to rows, and rows to text. Ratios are medians of what each round says by itself: what slows
the machine down for a while slows both sides of a ratio.
"""

import numpy as np

HEADINGS = (
    "contender",
    "uses",
    "median ms",
    "quartiles",
    "x ONNX Runtime f32",
    "x best peer",
    "off by",
    "cosine",
)
LIBRARY = "libdualpath"
BASELINE = ("ONNX Runtime", "f32")


def median(entry):
    return float(np.median(entry.seconds))


def times_as_fast(entry, other):
    return float(np.median(np.divide(other.seconds, entry.seconds)))


def baseline(entries):
    found = [e for e in entries if (e.contender.family, e.contender.precision) == BASELINE]
    return found[0] if found else None


def best_peer(entries, precision):
    """The fastest of the others in this precision, of those whose answers are right."""
    peers = [
        e
        for e in entries
        if e.contender.family != LIBRARY and e.contender.precision == precision and e.agreement.good
    ]
    return min(peers, key=median, default=None)


def record(entry, entries):
    """All there is to say about an entry, among those with as many threads."""
    contender = entry.contender
    base, best = baseline(entries), best_peer(entries, contender.precision)
    known = {
        "contender": contender.name,
        "precision": contender.precision,
        "threads": entry.threads,
        "uses": entry.details,
        "seconds": entry.seconds,
        "median_seconds": median(entry),
        "quartiles_seconds": np.percentile(entry.seconds, (25, 75)).tolist(),
        "times_as_fast_as_onnxruntime_f32": times_as_fast(entry, base) if base else None,
        "difference": entry.agreement.difference,
        "cosine": entry.agreement.cosine,
        "agrees": entry.agreement.good,
        "restless_seconds": entry.restless,
    }
    if best and contender.family == LIBRARY:
        known["best_peer"] = best.contender.name
        known["times_as_fast_as_best_peer"] = times_as_fast(entry, best)
    return known


def records(entries):
    return [record(entry, entries) for entry in entries]


def row(known):
    low, high = known["quartiles_seconds"]
    ratio = known["times_as_fast_as_onnxruntime_f32"]
    best = known.get("best_peer")
    return (
        known["contender"],
        known["uses"],
        f"{1e3 * known['median_seconds']:,.1f}",
        f"{1e3 * low:,.1f} - {1e3 * high:,.1f}",
        "" if ratio is None else f"{ratio:.2f}",
        f"{known['times_as_fast_as_best_peer']:.2f} ({best})" if best else "",
        f"{known['difference']:.1e}" + ("" if known["agrees"] else " DISAGREES"),
        f"{known['cosine']:.6f}",
    )


def aligned(rows):
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
        for cells in rows
    )


def markdown(rows):
    lines = [" | ".join(cells) for cells in (rows[0], ["---"] * len(HEADINGS), *rows[1:])]
    return "\n".join(f"| {line} |" for line in lines)


def about(results):
    """What was measured on what, in lines."""
    machine, settings = results["machine"], results["settings"]
    packages = (f"{name} {version}" for name, version in results["packages"].items())
    restless = max((known["restless_seconds"] for known in results["entries"]), default=0)
    return [
        f"model: {settings['preset']} with random weights; rounds: {settings['rounds']}",
        f"processor: {machine['name']}, {machine['processors']} in use; {' '.join(machine['flags'])}",
        f"packages: {', '.join(packages)}",
        f"processor time used while waiting for a turn: {1e3 * restless:.1f} ms at most",
        *(f"not measured: {name}: {reason}" for name, reason in results["missing"].items()),
    ]


def render(results, layout):
    """`layout` is aligned or markdown."""
    parts = ["\n\n".join(about(results)) if layout is markdown else "\n".join(about(results))]
    for threads in results["settings"]["threads"]:
        entries = [known for known in results["entries"] if known["threads"] == threads]
        parts.append(f"{threads} thread{'s' if threads > 1 else ''}:")
        parts.append(layout([HEADINGS, *map(row, entries)]))
    return "\n\n".join(parts) + "\n"
