"""What people see of answers: repr(), and the HTML of notebooks."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import pickle
import re
import xml.etree.ElementTree as xml
from html.parser import HTMLParser

import numpy as np
import pytest
from native import PACKAGE_ROOT

import dualpath
from dualpath import Event, Timeline
from dualpath._html import shrink
from dualpath._png import encode_png

HOSTILE = ["</td><script>alert(1)</script>", "\x1b[31m\u202e\0 & \"quotes\" 'ticks'", "\ud800<b onload=x>"]
ALLOWED = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "bdi", "figure", "img", "figcaption",
           "svg", "text", "rect", "line", "title"}


class Page(HTMLParser):
    """Elements with their attributes, and the text between them, as browsers read it."""

    def __init__(self, shown) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.html = shown._repr_html_()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(shown) -> Page:
    """Every page is XML as well, has elements that show something only, and nothing from elsewhere."""
    page = Page(shown)
    root = xml.fromstring(page.html)
    assert {name for name, _ in page.elements} <= ALLOWED
    assert root.attrib["role"] == "group" and root.attrib["aria-label"]
    for name, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        links = [value for key, value in attributes.items() if key in ("src", "href", "xlink:href")]
        assert all(value.startswith("data:image/png;base64,") for value in links)
        assert "url(" not in attributes.get("style", "") and "color:" not in re.sub(
            "[a-z]+-color:", "", attributes.get("style", ""))
        if name == "img":
            assert attributes["alt"] and attributes["width"]
        if name == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
        if name == "th":
            assert attributes["scope"] == "col"
    return page


@pytest.fixture
def result(session, clip):
    return session.classify(clip)


def with_labels(answer, labels):
    return dataclasses.replace(answer, labels=tuple(labels))


# ---- repr ----


def test_repr_is_a_line(model, session, result, clip):
    best = result.top(1)[0]
    assert repr(result).startswith(f"<dualpath.Result 16 frames: '{best.label}' {best.probability:.1%}, ")
    views = session.classify(clip, views=3)
    assert repr(views).startswith("<dualpath.Result 3 views of 16 frames: ")
    with dualpath.Stream(session, rate=1) as stream:
        window = list(stream.watch(clip, fps=10))[0]
    assert repr(window).startswith(f"<dualpath.Window 0.00 .. 1.50 s: '{window.top()[0].label}' ")
    assert repr(session) == f"<dualpath.Session of 1 thread on {model.info.description}>"
    with dualpath.Events(model) as events:
        assert repr(events) == "<dualpath.Events of 3 classes>"
    assert repr(events) == "<dualpath.Events (closed)>"
    assert repr(Timeline()) == "<dualpath.Timeline of 0 events: []>"
    for never in (dualpath.Session, dualpath.Events, dualpath.Model):
        assert repr(never.__new__(never)).startswith(f"<dualpath.{never.__name__} (")
    many = with_labels(result, HOSTILE)
    for text in (repr(many), repr(with_labels(result, ["", "", ""]))):
        assert text.isprintable()
    assert "class " in text


def test_closed_ones_say_so(released, clip):
    model = dualpath.Model(released.model)
    session = dualpath.Session(model)
    session.close()
    model.close()
    assert repr(session).endswith(" (closed)>") and repr(model).endswith(" (closed)>")
    assert "(closed)" in "".join(page_of(model).words)


# ---- answers ----


def test_bars(result):
    page = page_of(result)
    cells = [word for word in page.words if "\u00a0%" in word]
    assert cells == [f"{100 * one.probability:.1f}\u00a0%" for one in result.top(5)]
    widths = [float(found) for found in re.findall(r"width: ([0-9.]+)%", page.html)]
    assert widths == [round(100 * one.probability, 1) for one in result.top(5)]
    for one in result.top(5):
        assert one.label in page.words
    numbers = ", ".join(map(str, result.frame_indices[0]))
    assert any(f"Frames {numbers}." in word for word in page.words)
    assert not page.all("img")


def test_labels_are_text(result):
    for labels in (HOSTILE, ["", "x" * 500, "\u05d0\u05d1"]):
        page = page_of(with_labels(result, labels))
        assert not page.all("script") and not page.all("b")
        for character in "\x1b\u202e\0\ud800":
            assert character not in page.html
    page = page_of(with_labels(result, HOSTILE))
    assert HOSTILE[0] in page.words
    assert "\\x1b[31m\\u202e\\x00 & \"quotes\" 'ticks'" in page.words


def test_pictures(released, session, clip, model):
    result = session.classify(clip, pictures=True)
    spatial, temporal = session.preprocess_view(clip)
    mean, std = (np.array(part).reshape(3, 1, 1) for part in (model.info.mean, model.info.std))
    for seen, shown in ((spatial, result.pictures.spatial), (temporal, result.pictures.temporal)):
        exact = (seen * std + mean) * 255
        assert shown.dtype == np.uint8 and shown.shape == (len(seen), *seen.shape[2:], 3)
        assert np.abs(shown.transpose(0, 3, 1, 2) - exact).max() <= 0.51
    assert np.array_equal(result.logits, session.classify(clip).logits)
    page = page_of(result)
    images = page.all("img")
    assert [image["alt"] for image in images] == [
        *(f"frame {number}" for number in result.frame_indices[0][::2]), "frameset 1 of 1"]
    assert np.array_equal(decoded(images[0]), result.pictures.spatial[0])
    assert np.array_equal(decoded(images[-1]), result.pictures.temporal[0])
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert again._repr_html_() == result._repr_html_()


def decoded(image: dict) -> np.ndarray:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow reads the pictures again")
    data = base64.b64decode(image["src"].partition(",")[2])
    return np.asarray(pillow.open(io.BytesIO(data)))


def test_pictures_of_every_model(golden):
    frames = golden.load("frames")
    with dualpath.Model(golden.model) as model, dualpath.Session(model) as session:
        result = session.classify(frames, **golden.options(), pictures=True)
        page = page_of(result)
        assert len(page.all("img")) == min(model.info.spatial_frames, 32) + min(model.info.framesets, 4)
        assert ("features of" in "".join(page.words)) == (model.classes == 0)
        assert repr(result).isprintable()
        page_of(model)


def test_pictures_of_a_video(released, session, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    from test_watch import write_film

    path = tmp_path / "film.mp4"
    write_film(path)
    for result in (session.classify_video(path, pictures=True),
                   dualpath.classify(released.model, path, pictures=True)):
        first = page_of(result).all("img")[0]
        assert first["alt"] == f"frame {result.frame_indices[0, 0]} at {result.frame_times[0, 0]:.2f} s"


def test_no_pictures_image_by_image(model, clip):
    with dualpath.Session(model, image_by_image=True) as session, \
            pytest.raises(dualpath.DualPathError, match="image by image"):
        session.classify(clip, pictures=True)


def test_small_pictures_are_means():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    small = shrink(pixels, 128)
    assert small.shape == (100, 100, 3)
    assert np.array_equal(small[7, 9], np.rint(pixels[21:24, 27:30].mean((0, 1))))
    assert shrink(pixels[:128, :128], 128) is not None and shrink(pixels[:16, :16], 128).shape == (16, 16, 3)


def test_png_has_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    data = base64.b64encode(encode_png(pixels)).decode()
    assert np.array_equal(decoded({"src": f"data:image/png;base64,{data}"}), pixels)


# ---- events ----


def event(start: float, end: float, index: int, label: str = "", peak: float = 0.9) -> Event:
    return Event(start, end, (start + end) / 2, peak, peak / 2, index, label, 3)


def test_timeline():
    events = Timeline([event(1, 3, 4, "pan"), event(3.5, 4, 2, "roll", 0.61), event(5, 11, 4, "pan")])
    page = page_of(events)
    boxes = [(float(box["x"]), float(box["width"]), box["fill"]) for box in page.all("rect")]
    (x0, w0, pan), (x1, w1, again), (_, w2, roll) = boxes  # row by row
    assert pan == again != roll
    scale = w0 / 2
    assert x1 - x0 == pytest.approx(4 * scale, abs=0.2) and w1 == pytest.approx(6 * scale, abs=0.2)
    assert w2 == pytest.approx(scale / 2, abs=0.2)
    assert page.words.count("pan") == 3  # the row and two lines of the table
    assert "3.50" in page.words and "61.0\u00a0%" in page.words and "30.5\u00a0%" in page.words
    assert "pan, 1.00 to 3.00 s, 90.0\u00a0%" in page.words
    assert {"2 s", "4 s", "10 s"} <= set(page.words)


@pytest.mark.parametrize("length", [0, 1e-3, 0.4, 7, 95, 1000, 86400, 1e7])
def test_few_ticks(length):
    page = page_of(Timeline([event(12.3, 12.3 + length, 0, "x")]))
    assert len(page.all("line")) <= 10
    assert all(np.isfinite(float(value)) for box in page.all("rect") for value in (box["x"], box["width"]))


def test_hostile_and_many_events():
    events = Timeline(event(i, i + 0.5, i, HOSTILE[i % 3]) for i in range(100))
    page = page_of(events)
    assert len(page.all("rect")) == 20 and len(page.all("tr")) == 51
    assert "80 more classes are not drawn." in page.words and "50 more events are not listed." in page.words
    assert not page.all("script")
    assert page_of(Timeline()).words == ["No events"]


def test_events_answer_timelines(model, session, clip):
    with dualpath.Stream(session, rate=1, hop=1) as stream:
        windows = list(stream.watch(np.concatenate([clip, clip[::-1], clip]), fps=10))
    with dualpath.Events(model, begin_at=0.05) as events:
        expected = [one for window in windows for one in events.push(window)]
        assert isinstance(events.open(), Timeline) and isinstance(events.push(windows[-1]), Timeline)
        events.reset()
        found = events.collect(windows)
    assert isinstance(found, Timeline) and found and set(expected) <= set(found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    page_of(found)
    page_of(windows[0])
    assert pickle.loads(pickle.dumps(found)) == found


# ---- a real notebook ----


def test_in_a_notebook(released):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    cells = [
        "import dualpath, numpy as np",
        f"model = dualpath.Model({released.model!r}); session = dualpath.Session(model)",
        f"frames = np.load({str(released.model).replace('.gguf', '.frames.npy')!r})",
        "session.classify(frames, pictures=True)",
        "dualpath.Events(model, begin_at=0.1).collect(dualpath.Stream(session, rate=1).watch(frames, fps=8))",
        "model",
        "session",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3",
                            resources={"metadata": {"path": str(PACKAGE_ROOT)}}).execute()
    shown = [cell.outputs[0].data for cell in notebook.cells[3:]]
    assert "data:image/png;base64," in shown[0]["text/html"] and "svg" in shown[1]["text/html"]
    assert shown[0]["text/plain"].startswith("<dualpath.Result 16 frames")
    assert "classes" in shown[2]["text/html"] and "text/html" not in shown[3]
    for data in shown[:3]:
        xml.fromstring(data["text/html"])
