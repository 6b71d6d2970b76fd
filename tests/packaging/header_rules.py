#!/usr/bin/env python3
"""Rules of dualpath.h that no compiler knows: `header_rules.py include/dualpath.h`.

- Calls are named dp_OBJECT_..., as the opening comment says.
- "Since 1.2.3." is the one spelling of a version, and stands at the end of a comment. That there is
  such a version is what version_test.sh looks at.
"""

import re
import sys
from pathlib import Path

WITHOUT_OBJECT = {"dp_version", "dp_version_string", "dp_abi_version", "dp_last_message"}
NAMED_FOR_WHAT_IT_DOES = {"dp_classify_clip"}
# What a call is about before it is made.
NOT_MADE_YET = {
    "dp_session_size": "session",
    "dp_stream_size": "stream",
    "dp_events_size": "events",
    "dp_model_verify": "model",
}
CALL = re.compile(r"^(?:DP_API|static inline) ([^;{}#/]*?)\b(dp_\w+)\(([^;{]*?)\)(?:;| \{)", re.M | re.S)


def types_in(text):
    """dp_model and so on, as they stand in a type or a list of arguments, in order."""
    return re.findall(r"\bdp_\w+", text)


def objects(result, arguments):
    """What may stand behind dp_ in the name of a call."""
    first, *_ = arguments.split(",")
    made = re.findall(r"\b(dp_\w+) \*\*\w+$", arguments.strip())
    return {name.removeprefix("dp_") for name in types_in(first) + made + types_in(result)}


def wrong_names(header):
    names = []
    # Names of numbers begin with the enum, which the argument is an int32_t of.
    enums = set(re.findall(r"^\} dp_(\w+);", header, re.M))
    for result, name, arguments in CALL.findall(header):
        names.append(name)
        allowed = objects(result, arguments)
        if re.fullmatch(r"dp_\w+?_(name|from_name)", name):
            allowed = enums
        allowed |= {thing for call, thing in NOT_MADE_YET.items() if name.startswith(call)}
        if name in WITHOUT_OBJECT | NAMED_FOR_WHAT_IT_DOES:
            continue
        if not any(name.startswith(f"dp_{thing}_") for thing in allowed):
            yield f"{name}: no object of it ({', '.join(sorted(allowed)) or 'none'}) begins its name"
    if len(names) != header.count("\nDP_API ") + header.count("\nstatic inline "):
        yield "not all calls were found"


def wrong_since(header):
    for comment in re.findall(r"/\*.*?\*/", header, re.S):
        text = " ".join(re.sub(r"\n\s*\*", " ", comment[2:-2]).split())
        for found in re.findall(r"\b[Ss]ince\s+(?:v|[Vv]ersion\s*)?[0-9][^\s]*", text):
            spelled = re.fullmatch(r"Since \d+\.\d+\.\d+\.", found)
            if not spelled or not text.endswith(found) or len(re.findall(r"ince \d", text)) > 1:
                yield f'"{found}" in "... {text[-60:]}": write "Since 1.2.3." at the end'
        if "0.1.0" in text:
            yield f"0.1.0 in a comment: {text[:60]}"


def main():
    header = Path(sys.argv[1]).read_text()
    wrong = [*wrong_names(header), *wrong_since(header)]
    for line in wrong:
        print(f"{sys.argv[1]}: {line}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
