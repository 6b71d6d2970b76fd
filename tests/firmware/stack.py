#!/usr/bin/env python3
"""stack.py FOLDER: how deep the stack of the library in there can get, by gcc's -fcallgraph-info=su.

Frames are added up along every way from a function of dualpath.h. No frame may depend on what the
function is given, and none may call itself. A call through a pointer goes to whatever POINTERS has
for its file, or for its file and function, which must be something, and nothing of the library may be unknown. What the
application's callbacks take is not counted; the C library has C_LIBRARY.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADER = ROOT / "include" / "dualpath.h"
PROMISED = int(re.search(r"#define STACK_BYTES (\d+)", (ROOT / "examples" / "compile.c").read_text())[1])
C_LIBRARY = 256

# Models are compiled elsewhere, and no others opened: build_weights() is for those.
NOT_ON_BOARDS = {"dp_model_compile", "dp_model_compile_watched", "dp_model_compile_memory",
                 "dp_model_compile_writer", "build_weights"}

APPLICATION = "-"
POINTERS = {
    r"lib/os/loop.h": r"(?!dpi?_|open_)\w+_task",
    r"lib/base/format.c": r"write_(fixed|scientific)",
    r"lib/os/memory.c": APPLICATION,
    r"lib/os/team.c": r"host_worker",  # the application's scheduler does
    r"lib/gguf/index.c:(dpi_sort_items|sift_down)": r"\w+_before",
    r"lib/gguf/index.c": r"(key|name)_of_item",
    r"lib/model/load.c|lib/base/watch.c": APPLICATION,
    r"lib/gguf/emit.c": APPLICATION,
    r"lib/isa/dispatch.c": r"dpi_gemm_(generic|rows|avx\w*|amx|neon\w*)",
    r"lib/isa/cortexm/rows.c": r"measure_peak__c",
    r"lib/isa/vector/gemm_f32_tmpl.h": r"gemm_\d+__\w+",
    r"lib/gemm/gemm.c:dpi_gemm_run": r"dpi_gemm_run_tiles",
    r"lib/gemm/gemm.c:dpi_attention_run": r"dpi_attention_run_tiles",
    r"lib/gemm/gemm.c:dpi_attention_scratch": r"dpi_attention_scratch_tiles",
    r"lib/gemm/tiles.c": r"\w+_(tile|gelu|quick_gelu|relu)__\w+",
    r"lib/gemm/attention.c": r"\w+_softmax__\w+",
    r"lib/gemm/attention_weights.c": r"\w+_softmax__\w+",
    r"lib/gemm/(lhs|pack).c": r"dpi_round_row_\w+|\w+__\w+",
    r"lib/video/frame.c": r"convert_\w+|\w+__\w+",
    r"lib/(video|vit)/.*|lib/api/peak.c": r"\w+__\w+",
    r"lib/api/.*": APPLICATION,
}

API = re.compile(r"^DP_API .*?(\w+)\(", re.M)
NODE = re.compile(r'^node: \{ title: "(.*?)" label: "(\w+).*\\n(\d+) bytes \((.*?)\)"', re.M)
EDGE = re.compile(r'^edge: \{ sourcename: "(.*?)" targetname: "(.*?)" label: "(.*?):', re.M)


def fail(what):
    sys.exit(f"{sys.argv[1]}: {what}")


class Graph:
    def __init__(self, folder):
        self.names, self.frames, self.calls, self.ways = {}, {}, {}, {}
        for path in folder.rglob("*.ci"):
            text = path.read_text()
            for function, name, size, kind in NODE.findall(text):
                if kind != "static":
                    fail(f"the frame of {function} is {kind}")
                if name not in NOT_ON_BOARDS:
                    self.names[function], self.frames[function] = name, int(size)
            for caller, called, file in EDGE.findall(text):
                self.calls.setdefault(caller, set()).add((called, file))

    def behind_pointer(self, file, caller):
        places = file, f"{file}:{self.names[caller]}"
        names = next((names for files, names in POINTERS.items()
                      if any(re.fullmatch(files, place) for place in places)), "")
        found = [f for f, name in self.names.items() if re.fullmatch(names, name)]
        if not found and names != APPLICATION:
            fail(f"POINTERS does not have what {file} calls through a pointer")
        return found

    def called_by(self, caller):
        for called, file in self.calls.get(caller, ()):
            yield from self.behind_pointer(file, caller) if called == "__indirect_call" else [called]

    def deepest(self, function):
        """The bytes of the deepest way from here, and the functions on it."""
        if function not in self.frames:
            if function.startswith(("dp_", "dpi_")) and function not in NOT_ON_BOARDS:
                fail(f"nothing is known of {function}")
            return 0, []
        if function not in self.ways:
            self.ways[function] = None  # as long as it is looked for
            size, way = max((self.deepest(f) for f in self.called_by(function)), default=(0, []))
            self.ways[function] = size + self.frames[function], [function, *way]
        return self.ways[function] or fail(f"{function} calls itself")


def main():
    graph = Graph(Path(sys.argv[1]) / "lib")
    size, way = max(map(graph.deepest, API.findall(HEADER.read_text())))
    calls = " > ".join(f"{graph.names[f]} {graph.frames[f]}" for f in way)
    print(f"{sys.argv[1]}: at most {size} bytes of stack: {calls}")
    if not 0 < size <= PROMISED - C_LIBRARY:
        fail(f"more than {PROMISED - C_LIBRARY} bytes of stack, or nothing known of it")


if __name__ == "__main__":
    main()
