"""What notebooks show of answers: HTML without scripts, style sheets or anything from elsewhere.

Text and its colour are those of the page, light or dark; bars and lines are colours that both show.
Each picture has its words beside it or in its place. Labels come from files that nobody vouches for:
they are shown as they are printed, and escaped. All of it is XML, too.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

import numpy as np

from ._pixels import Bytes
from ._png import encode_png
from ._refused import show

MAX_LABEL = 80
BLUE = "#4a90d9"
TRACK = "rgba(128, 128, 128, 0.22)"
FAINT = "opacity: 0.75"

_PANEL = "font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.4; max-width: 60em"
_CELL = "padding: 2px 10px 2px 0; border: none; background: none; text-align: "


def text(given: object, limit: int = MAX_LABEL) -> str:
    """One line of text, escaped."""
    return html.escape(show(str(given), limit))


def label_of(index: int, label: str) -> str:
    """A class for people: its name, which may run in any direction, or its number."""
    return f"<bdi>{text(label)}</bdi>" if label else f"class {index}"


def percent(part: float) -> str:
    return f"{100 * part:.1f}\u00a0%"


def panel(title: str, *parts: str) -> str:
    """All that an object shows, under its title, which is text."""
    head = f'<div style="font-weight: 600; margin-bottom: 4px">{text(title, 400)}</div>'
    return f'<div role="group" aria-label="{text(title, 400)}" style="{_PANEL}">{head}{"".join(parts)}</div>'


def note(words: str) -> str:
    """A line of details, which is text."""
    return f'<div style="{FAINT}; margin-top: 4px">{text(words, 4000)}</div>'


def table(caption: str, titles: Sequence[str], rows: Iterable[Sequence[str]], numbers: str) -> str:
    """``titles`` are text, none over bars; cells are HTML; ``numbers`` has an "r" for each column of
    numbers."""
    sides = ["right" if kind == "r" else "left" for kind in numbers]
    head = "".join(
        f'<th scope="col" style="{_CELL}{side}">{text(title)}</th>' if title else '<td aria-hidden="true"></td>'
        for title, side in zip(titles, sides)
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}{side}">{cell}</td>' for cell, side in zip(row, sides)) + "</tr>"
        for row in rows
    )
    words = f'<caption style="caption-side: top; text-align: left; {FAINT}">{text(caption, 400)}</caption>'
    style = "border-collapse: collapse; border: none; margin: 2px 0"
    return (f'<table style="{style}">{words}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def bar(part: float) -> str:
    """A bar of 0 .. 1, whose number stands beside it."""
    width = 100 * min(max(part, 0.0), 1.0)
    return (f'<div aria-hidden="true" style="width: 16em; height: 0.9em; border-radius: 2px; '
            f'background: {TRACK}"><div style="width: {width:.1f}%; height: 100%; border-radius: 2px; '
            f'background: {BLUE}"></div></div>')


def picture(pixels: Bytes, words: str, side: int) -> str:
    """``[R, R, 3]`` in about ``side`` pixels, with what it shows in words below, and for who hears it."""
    small = shrink(pixels, side)
    data = base64.b64encode(encode_png(small)).decode()
    shown = len(small) * max(side // len(small), 1)  # in whole dots
    image = (f'<img src="data:image/png;base64,{data}" alt="{text(words)}" width="{shown}" '
             f'height="{shown}" style="image-rendering: pixelated; display: block; margin: 0"/>')
    return (f'<figure style="display: inline-block; margin: 0 6px 6px 0">{image}'
            f'<figcaption aria-hidden="true" style="{FAINT}; font-size: 11px">{text(words)}</figcaption>'
            "</figure>")


def shrink(pixels: Bytes, side: int) -> Bytes:
    """Each pixel the mean of as many as it stands for; what is left over at the end is cut off."""
    factor = -(-pixels.shape[0] // side)
    kept = pixels.shape[0] // factor
    cells = pixels[: kept * factor, : kept * factor].reshape(kept, factor, kept, factor, 3)
    mean: Bytes = np.rint(cells.mean(axis=(1, 3))).astype(np.uint8)
    return mean
