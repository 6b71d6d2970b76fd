"""Draws the pictures of README.md and architecture.md: python3 docs/images/draw.py

Each picture is written twice, for light and for dark pages; a page chooses by <picture>.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent

THEMES = {
    "light": {
        "ink": "#1f2328", "muted": "#59636e", "line": "#818b98", "frame": "#f6f8fa",
        "edge": "#d1d9e0", "frozen": "#ddf4ff", "frozen_edge": "#0969da", "adapter": "#fff1e5",
        "adapter_edge": "#bc4c00", "result": "#dafbe1", "result_edge": "#1a7f37",
    },
    "dark": {
        "ink": "#f0f6fc", "muted": "#9198a1", "line": "#7d8590", "frame": "#151b23",
        "edge": "#3d444d", "frozen": "#0d2d57", "frozen_edge": "#4493f8", "adapter": "#4a2511",
        "adapter_edge": "#f0883e", "result": "#12351f", "result_edge": "#3fb950",
    },
}

SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif"
MONO = "ui-monospace,SFMono-Regular,'DejaVu Sans Mono',Menlo,Consolas,monospace"


class Picture:
    """SVG elements in the order in which they are painted."""

    def __init__(self, width: int, height: int, theme: dict[str, str], title: str) -> None:
        self.color = theme
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="{SANS}">',
            f"<title>{escape(title)}</title>",
        ]

    def write(self, path: Path) -> None:
        path.write_text("\n".join([*self.parts, "</svg>"]) + "\n")

    def box(self, x: float, y: float, w: float, h: float, fill: str, edge: str, radius: float = 6,
            dashed: bool = False) -> None:
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{radius:g}" '
            f'fill="{self.color.get(fill, fill)}" stroke="{self.color[edge]}"{dash}/>')

    def text(self, x: float, y: float, text: str, size: float = 14, color: str = "ink",
             anchor: str = "middle", weight: str = "normal", mono: bool = False) -> None:
        family = f' font-family="{MONO}"' if mono else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{self.color[color]}" '
            f'text-anchor="{anchor}" font-weight="{weight}"{family}>{escape(text)}</text>')

    def line(self, points: list[tuple[float, float]], color: str = "line", width: float = 1.5,
             arrow: bool = False, dashed: bool = False) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{self.color[color]}" '
            f'stroke-width="{width:g}" stroke-linejoin="round" stroke-linecap="round"{dash}/>')
        if arrow:
            self.head(points[-2], points[-1], color)

    def head(self, start: tuple[float, float], tip: tuple[float, float], color: str) -> None:
        angle = math.atan2(tip[1] - start[1], tip[0] - start[0])
        corners = [tip]
        for side in (2.7, -2.7):
            corners.append((tip[0] + 8 * math.cos(angle + side), tip[1] + 8 * math.sin(angle + side)))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self.parts.append(f'<polygon points="{path}" fill="{self.color[color]}"/>')

    def circle(self, x: float, y: float, r: float, fill: str, edge: str) -> None:
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" '
                          f'fill="{self.color.get(fill, fill)}" stroke="{self.color[edge]}"/>')


# ---- the two paths ----


def frame(p: Picture, x: float, y: float, side: float, time: float) -> None:
    """One frame of a jumping jack; `time` counts whole jumps."""
    p.box(x, y, side, side, "frame", "edge", radius=side / 20)
    swing = 0.5 - 0.5 * math.cos(2 * math.pi * time)
    arm, leg = math.radians(162 - 114 * swing), math.radians(8 + 24 * swing)
    unit, middle = side / 10, x + side / 2
    top = y + (2.9 - 0.5 * math.sin(math.pi * swing)) * unit
    hip, shoulder = top + 3.0 * unit, top + 0.9 * unit
    width = max(side / 28, 1.2)
    p.line([(middle, top), (middle, hip)], "ink", width)
    for sign in (-1, 1):
        hand = (middle + sign * 2.3 * unit * math.sin(arm), shoulder - 2.3 * unit * math.cos(arm))
        foot = (middle + sign * 3.2 * unit * math.sin(leg), hip + 3.2 * unit * math.cos(leg))
        p.line([(middle, shoulder), hand], "ink", width)
        p.line([(middle, hip), foot], "ink", width)
    p.circle(middle, top - 0.75 * unit, 0.75 * unit, "ink", "ink")


def stage(p: Picture, x: float, y: float, w: float, label: str, adapter: bool = False,
          dashed: bool = False) -> None:
    kind = "adapter" if adapter else "frozen"
    p.box(x, y, w, 34, kind, f"{kind}_edge", dashed=dashed)
    p.text(x + w / 2, y + 22, label, 13)


def plus(p: Picture, x: float, y: float) -> None:
    p.circle(x, y, 9, "frame", "line")
    p.line([(x - 4, y), (x + 4, y)], "ink")
    p.line([(x, y - 4), (x, y + 4)], "ink")


def around(p: Picture, start: float, end: float, y: float, height: float) -> None:
    """A connection that leaves the line at `start` and comes back into the sum at `end`."""
    p.line([(start, y), (start, y - height), (end, y - height), (end, y - 10)], arrow=True)


def parallel_half(p: Picture, x: float, y: float, label: str) -> float:
    """A frozen half with its adapter beside it; returns where its sum stands."""
    end = x + 164
    stage(p, x + 38, y - 17, 92, label)
    stage(p, x + 38, y + 27, 92, "adapter", adapter=True)
    p.line([(x, y), (x + 37, y)], arrow=True)
    p.line([(x + 130, y), (end - 10, y)], arrow=True)
    p.line([(x + 22, y), (x + 22, y + 44), (x + 37, y + 44)], arrow=True)
    p.line([(x + 130, y + 44), (end, y + 44), (end, y + 10)], arrow=True)
    around(p, x + 10, end, y, 34)
    plus(p, end, y)
    return end + 9


def serial_half(p: Picture, x: float, y: float, label: str, before: bool) -> float:
    """A frozen half with adapters before and behind it."""
    at = x
    stages = [("A", True, True)] * before + [(label, False, False), ("A", True, False)]
    for name, adapter, dashed in stages:
        w = 30 if adapter else 74
        gap = 18 if at > x else 24
        p.line([(at, y), (at + gap - 1, y)], arrow=True)
        stage(p, at + gap, y - 17, w, name, adapter, dashed)
        at += gap + w
    end = at + 26
    p.line([(at, y), (end - 10, y)], arrow=True)
    around(p, x + 10, end, y, 34)
    plus(p, end, y)
    return end + 9


def path_panel(p: Picture, y: float, title: str, note: str) -> None:
    p.box(236, y, 456, 160, "none", "edge", radius=10)
    p.text(250, y + 24, title, 15, anchor="start", weight="600")
    p.text(678, y + 24, note, 13, "muted", anchor="end")
    p.text(678, y + 148, "× L blocks", 13, "muted", anchor="end")


def draw_paths(theme: dict[str, str]) -> Picture:
    p = Picture(960, 424, theme, "The two paths of DualPath: 8 full frames through the frozen "
                "transformer with parallel adapters; 16 shrunken frames, tiled into one image, "
                "through the same transformer with serial adapters; both features to a classifier")
    for i in range(8):
        frame(p, 18 + i * 12, 58 + i * 3, 92, (i + 5) / 8)
    p.text(106, 30, "8 full frames", 15, weight="600")
    p.text(106, 48, "of the 16", 12.5, "muted")
    for i in range(16):
        frame(p, 42 + i % 4 * 32, 250 + i // 4 * 32, 32, i / 16)
    p.text(106, 222, "one frameset", 15, weight="600")
    p.text(106, 240, "16 frames, shrunk and tiled", 12.5, "muted")
    path_panel(p, 16, "Spatial path", "what is there")
    path_panel(p, 204, "Temporal path", "how it moves")
    p.line([(204, 104), (228, 104)], arrow=True)
    p.line([(182, 306), (228, 306)], arrow=True)
    y = 104
    end = parallel_half(p, 262, y, "attention")
    end = parallel_half(p, end, y, "MLP")
    p.line([(end, y), (708, y), (708, 172), (734, 172)])
    y = 306
    end = serial_half(p, 256, y, "attention", before=True)
    end = serial_half(p, end, y, "MLP", before=False)
    p.line([(end, y), (708, y), (708, 220), (734, 220)])
    for top, name in ((152, "s"), (200, "t")):
        p.box(735, top, 44, 40, "frame", "line")
        p.text(754, top + 25, "y", 17)
        p.text(764, top + 30, name, 12)
        p.line([(779, top + 20), (805, top + 20)], arrow=True)
    p.box(806, 146, 96, 100, "result", "result_edge")
    p.text(854, 192, "classifier", 14)
    p.text(854, 211, "(small MLP)", 12, "muted")
    p.line([(854, 246), (854, 275)], arrow=True)
    for row, (label, share) in enumerate((("jumping jack", 106), ("waving", 26), ("lunge", 10))):
        p.text(722, 300 + 24 * row, label, 13, anchor="start", weight="600" if row == 0 else "normal")
        p.box(830, 288 + 24 * row, share, 14, "result", "result_edge", radius=3)
    p.box(150, 386, 22, 22, "frozen", "frozen_edge", radius=4)
    p.text(180, 402, "frozen: the same image transformer in both paths", 13, anchor="start")
    p.box(556, 386, 22, 22, "adapter", "adapter_edge", radius=4)
    p.text(586, 402, "adapters, A: trained", 13, anchor="start")
    p.box(756, 386, 22, 22, "adapter", "adapter_edge", radius=4, dashed=True)
    p.text(786, 402, "not in every model", 13, anchor="start")
    return p


# ---- the folders ----


def folder(p: Picture, x: float, y: float, w: float, h: float, name: str, what: str,
           files: list[str], kind: str = "frozen") -> None:
    p.box(x, y, w, h, kind, f"{kind}_edge" if kind != "frame" else "edge", radius=8)
    p.text(x + w / 2, y + 24, name, 15, weight="600", mono=True)
    p.text(x + w / 2, y + 44, what, 12.5, "muted")
    for i, line in enumerate(files):
        p.text(x + w / 2, y + 68 + 18 * i, line, 12.5, mono=True)


def draw_folders(theme: dict[str, str]) -> Picture:
    p = Picture(960, 480, theme, "The folders of the library: a clip goes from lib/api through "
                "lib/video and lib/vit; lib/model, on lib/gguf, turns a weight file into a model; "
                "these compute with lib/gemm and lib/nn, which lib/isa implements; lib/os and "
                "lib/base lie under all of them")
    p.text(62, 84, "frames", 14, weight="600")
    p.text(62, 102, "dp_clip", 12.5, "muted", mono=True)
    p.line([(102, 88), (133, 88)], arrow=True)
    folder(p, 134, 20, 176, 136, "lib/api", "checks every argument",
           ["model · session · pool", "classify · push · view", "clip · structs"], "frame")
    p.line([(310, 88), (343, 88)], arrow=True)
    folder(p, 344, 20, 176, 136, "lib/video", "frames to pixels",
           ["sampling · frame", "pixel_formats", "frameset"])
    p.line([(520, 88), (553, 88)], arrow=True)
    folder(p, 554, 20, 230, 136, "lib/vit", "pixels to logits",
           ["workspace · patches", "blocks · fused_block", "head · top · macs"])
    p.line([(784, 88), (815, 88)], arrow=True)
    p.text(874, 66, "logits", 14, weight="600")
    p.text(874, 84, "probabilities", 14, weight="600")
    p.text(874, 102, "y_t, y_s", 14, weight="600")
    p.text(874, 120, "dp_result", 12.5, "muted", mono=True)
    folder(p, 344, 206, 270, 84, "lib/gemm", "matrix products, attention",
           ["layout · lhs · tiles · pack"], "adapter")
    folder(p, 624, 206, 160, 84, "lib/nn", "norms, softmax, resize",
           ["activations"], "adapter")
    folder(p, 344, 302, 440, 76, "lib/isa", "both, for instruction sets",
           ["generic · x86 · arm · cortexm · vector"], "adapter")
    p.line([(432, 156), (432, 204)], arrow=True)
    p.line([(700, 156), (700, 204)], arrow=True)
    folder(p, 134, 206, 176, 200, "lib/model", "file to weights",
           ["load · parameters", "choose · build", "weights · fuse", "unfused · positions",
            "backbone", "compiled_*"], "result")
    p.text(64, 204, "weight file", 14, weight="600")
    p.line([(64, 212), (64, 246)], arrow=True)
    p.box(12, 248, 100, 76, "result", "result_edge", radius=8)
    p.text(62, 272, "lib/gguf", 15, weight="600", mono=True)
    p.text(62, 292, "container", 12.5, "muted")
    p.text(62, 312, "scan · tensor", 11.5, mono=True)
    p.line([(112, 286), (133, 286)], arrow=True)
    p.line([(222, 156), (222, 204)], arrow=True)
    p.line([(310, 256), (342, 256)], arrow=True)
    p.line([(310, 398), (870, 398), (870, 180), (740, 180), (740, 158)], arrow=True)
    p.text(585, 392, "dp_model: fused, packed, immutable, shared by sessions", 12.5, "muted")
    p.box(134, 424, 650, 40, "frame", "edge", radius=8)
    p.text(150, 449, "lib/os", 15, anchor="start", weight="600", mono=True)
    p.text(216, 449, "memory · file · source · threads · clock", 12.5, anchor="start", mono=True)
    p.text(528, 449, "lib/base", 15, anchor="start", weight="600", mono=True)
    p.text(612, 449, "message · text · arena", 12.5, anchor="start", mono=True)
    p.text(800, 449, "under all of them", 12.5, "muted", anchor="start")
    return p


def main() -> None:
    for name, theme in THEMES.items():
        draw_paths(theme).write(HERE / f"paths-{name}.svg")
        draw_folders(theme).write(HERE / f"folders-{name}.svg")


if __name__ == "__main__":
    main()
