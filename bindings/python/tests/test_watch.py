"""What streams watch: files, containers, captures of OpenCV, frames from anywhere."""

from __future__ import annotations

import io
import itertools
import os
import re
import weakref
from fractions import Fraction

import numpy as np
import pytest
from test_stream import VIDEO, is_exact, push_all

import dualpath
from dualpath import _footage, _times, video

COUNT = 40


class Capture:
    """What OpenCV's has that is needed: frames in BGR, and where it stands."""

    def __init__(self, frames, milliseconds) -> None:
        self.frames, self.milliseconds, self.read_count = frames, milliseconds, 0

    def read(self):
        if self.read_count == len(self.frames):
            return False, None
        self.read_count += 1
        frame = self.frames[self.read_count - 1]
        if frame.ndim == 3:
            frame = np.ascontiguousarray(frame[..., [2, 1, 0, *range(3, frame.shape[2])]])
        return True, frame

    def get(self, what):
        assert what == 0
        return self.milliseconds[self.read_count - 1]


class TestFrames:
    def test_array(self, session):
        with dualpath.Stream(session, rate=2, hop=2) as stream:
            expected = push_all(stream, VIDEO, [i / 25 for i in range(len(VIDEO))])
            watched = list(stream.watch(VIDEO, fps=25))
        assert same_windows(watched, expected) and len(watched) > 3

    def test_anything_that_gives_frames(self, session):
        gray = VIDEO[..., :1].copy()
        sources = [
            (list(VIDEO), VIDEO),
            ((frame for frame in VIDEO), VIDEO),
            (map(dualpath.Frame, VIDEO), VIDEO),
            (tuple(VIDEO), VIDEO),
            (gray, gray),
            (gray[..., 0], gray),
        ]
        with dualpath.Stream(session, rate=1, hop=16) as stream:
            for source, frames in sources:
                windows = list(stream.watch(source))
                assert len(windows) == 4 and all(is_exact(session, w, frames) for w in windows)
                assert all(w.start == w.end == 0 for w in windows)

    def test_pairs_have_times(self, session):
        times = [100 + 0.1 * i for i in range(30) if i not in (3, 4)]
        pairs = zip(VIDEO, times)
        with dualpath.Stream(session, sample_fps=10) as stream:
            expected = push_all(stream, VIDEO[: len(times)], times)
            watched = list(stream.watch(pairs))
        assert same_windows(watched, expected) and watched[0].start == 100

    def test_each_source_begins_anew(self, session):
        with dualpath.Stream(session, rate=1, hop=1) as stream:
            stream.push(VIDEO[0])
            first = list(itertools.islice(stream.watch(VIDEO), 3))
            again = list(stream.watch(VIDEO))
        assert [w.number for w in first] == [0, 1, 2]
        assert [w.number for w in again] == list(range(len(VIDEO) - 15))
        assert same_windows(first, again[:3])

    def test_frames_are_asked_for_one_by_one(self, session):
        given = []
        with dualpath.Stream(session, rate=1, hop=1) as stream:
            next(stream.watch(given.append(1) or frame for frame in VIDEO))
        assert len(given) == 16


def same_windows(some, others) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(some, others)
        for name in ("logits", "frames", "times", "feature_temporal")
    )


class TestCaptures:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_frames_are_bgr(self, session, channels):
        frames = np.concatenate([VIDEO, VIDEO[..., :1]], axis=3)[:20, ..., :channels].copy()
        frames = frames if channels > 1 else frames[..., 0]
        with dualpath.Stream(session, rate=1) as stream:
            windows = list(stream.watch(Capture(list(frames), np.arange(20))))
        assert all(is_exact(session, w, list(frames)) for w in windows)

    def test_times_are_where_it_stands(self, session):
        """From a place in the film on; one that goes back stays."""
        stated = [5000 + 40.0 * i for i in range(20)]
        stated[7] = 5000.0
        with dualpath.Stream(session, rate=1) as stream:
            window = next(stream.watch(Capture(VIDEO[:20], stated)))
        expected = [5 + 0.04 * i for i in range(16)]
        expected[7] = expected[6]
        assert window.times == pytest.approx(expected)

    @pytest.mark.parametrize("stated", [0.0, -1.0])
    def test_times_of_a_clock(self, monkeypatch, session, stated):
        clock = itertools.count(1000)
        monkeypatch.setattr(_footage.time, "monotonic", lambda: next(clock) / 8)
        with dualpath.Stream(session, rate=1) as stream:
            window = next(stream.watch(Capture(VIDEO[:20], [stated] * 20)))
        assert window.times.tolist() == [i / 8 for i in range(16)]

    def test_capture_that_is_not_open(self, session):
        closed = Capture([], [])
        closed.isOpened = lambda: False
        with pytest.raises(ValueError, match="the capture is not open"):
            list(dualpath.Stream(session).watch(closed))

    def test_capture_of_opencv(self, session, path, shown):
        cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
        with dualpath.Stream(session, rate=1, hop=5) as stream:
            windows = list(stream.watch(cv2.VideoCapture(str(path))))
            expected = list(stream.watch(path))
        assert [w.frames.tolist() for w in windows] == [w.frames.tolist() for w in expected]
        assert all(w.times == pytest.approx(e.times) for w, e in zip(windows, expected))
        assert all(np.allclose(w.logits, e.logits, atol=0.1) for w, e in zip(windows, expected))


def write_film(path, times=range(COUNT), *, format=None, codec="mpeg4") -> None:
    """Frames that differ, out of order in the file, at these times in tenths of a second."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(path), "w", format=format) as container:
        options = {"bf": "2"} if codec == "mpeg4" else {}
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for time, pixels in zip(times, itertools.cycle(VIDEO)):
            large = np.ascontiguousarray(pixels.repeat(2, axis=0).repeat(2, axis=1))
            frame = av.VideoFrame.from_ndarray(large, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path)
    return path


@pytest.fixture(scope="module")
def shown(path):
    """What read_video() says of its frames."""
    return dualpath.read_video(path)


def is_open(path) -> bool:
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return str(path) in [os.readlink(link) for link in links if os.path.islink(link)]


class TestFiles:
    @pytest.mark.parametrize("seed", range(6))
    def test_windows_equal_clips_of_what_is_read(self, session, path, shown, seed):
        random = np.random.default_rng(seed)
        hop, rate = int(random.integers(1, 20)), int(random.integers(1, 4))
        with dualpath.Stream(session, hop=hop, rate=rate) as stream:
            windows = list(stream.watch(path if seed % 2 else str(path)))
        assert windows and all(is_exact(session, w, shown) for w in windows)
        assert windows[-1].frames[-1] == (COUNT - 1) // rate * rate or hop > 16
        for window in windows:
            assert window.times == pytest.approx(window.frames / 10)

    def test_times_begin_with_the_first_frame(self, session, tmp_path):
        late = tmp_path / "late.mkv"
        write_film(late, range(70, 70 + COUNT))
        with dualpath.Stream(session, rate=1) as stream:
            assert next(stream.watch(late)).times == pytest.approx(np.arange(16) / 10)
        av = pytest.importorskip("av")
        with av.open(str(late)) as container, dualpath.Stream(session, rate=1) as stream:
            assert next(stream.watch(container)).times == pytest.approx(7 + np.arange(16) / 10)

    def test_frames_that_are_missing(self, session, tmp_path):
        film, times = tmp_path / "film.mkv", [t for t in range(30) if t not in (5, 6, 21)]
        write_film(film, times)
        frames = dualpath.read_video(film)
        with dualpath.Stream(session, sample_fps=10, hop=4) as stream:
            windows = list(stream.watch(film))
            expected = push_all(stream, frames, [t / 10 for t in times])
        assert same_windows(windows, expected)
        assert windows[0].frames.tolist() == [0, 1, 2, 3, 4, 4, 4, *range(5, 14)]

    def test_file_that_does_not_say_when(self, session, tmp_path):
        """A bare stream of H.264 has a rate, and no times."""
        av = pytest.importorskip("av")
        if "libx264" not in av.codecs_available:
            pytest.skip("PyAV has no encoder for H.264")
        bare = tmp_path / "film.h264"
        write_film(bare, format="h264", codec="libx264")
        with dualpath.Stream(session, rate=1) as stream:
            assert next(stream.watch(bare)).times == pytest.approx(np.arange(16) / 10)
            assert next(stream.watch(bare, fps=50)).times == pytest.approx(np.arange(16) / 50)

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of what is open")
    def test_leaving_the_loop_closes_the_file(self, session, path):
        with dualpath.Stream(session, rate=1, hop=1) as stream:
            for _ in stream.watch(path):
                assert is_open(path)
                break
            assert not is_open(path)
            with pytest.raises(ZeroDivisionError):
                for _ in stream.watch(path):
                    raise ZeroDivisionError
            assert not is_open(path)
            list(stream.watch(path))
            assert not is_open(path)
            stream.watch(path)
            assert not is_open(path)

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of what is open")
    def test_an_exception_closes_the_file(self, model, path):
        """Also while somebody looks at its traceback."""

        def progress(*_):
            raise ZeroDivisionError

        with dualpath.Session(model, threads=1, progress=progress) as session:
            with dualpath.Stream(session, rate=1) as stream:
                with pytest.raises(ZeroDivisionError) as raised:
                    next(stream.watch(path))
                assert raised.tb and not is_open(path)

    def test_few_frames_are_held(self, monkeypatch, session, path):
        class Counted(dualpath.Frame):
            __slots__ = ("__weakref__",)

        def count(decoded, *rest):
            frame = Counted(decoded.to_ndarray(format="rgb24"))
            frames.append(weakref.ref(frame))
            most.append(sum(known() is not None for known in frames))
            return frame

        frames: list = []
        most: list = []
        monkeypatch.setattr(video, "as_frame", count)
        with dualpath.Stream(session, rate=1) as stream:
            list(stream.watch(path))
        assert len(frames) == COUNT and max(most) <= 2

    def test_stamps_that_go_back(self):
        """Those of damaged files; the library refuses them."""
        clock = _times.Clock(rate=None)
        stamps = [1.0, 1.5, 1.2, 1.6, None]
        assert [clock.time_of(stamp) for stamp in stamps] == [1.0, 1.5, 1.5, 1.6, None]

    def test_open_container(self, session, path, shown):
        av = pytest.importorskip("av")
        with dualpath.Stream(session, rate=1, hop=8) as stream:
            expected = list(stream.watch(path))
            with av.open(str(path)) as container:
                assert same_windows(list(stream.watch(container)), expected)
                container.seek(0)
                for _ in stream.watch(container):
                    break
                container.seek(0)
                assert next(container.decode(video=0)).width == 64  # it stays open
            data = io.BytesIO(path.read_bytes())
            with av.open(data) as container:
                assert same_windows(list(stream.watch(container)), expected)

    def test_what_holds_no_video(self, session, tmp_path):
        av = pytest.importorskip("av")
        with dualpath.Stream(session) as stream:
            with pytest.raises(FileNotFoundError):
                next(stream.watch(tmp_path / "missing.mp4"))
            sound = tmp_path / "sound.wav"
            with av.open(str(sound), "w") as container:
                voice = container.add_stream("pcm_s16le", rate=8000)
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
                silence.rate = 8000
                container.mux(voice.encode(silence))
            with pytest.raises(ValueError, match="sound.wav holds no video stream"):
                next(stream.watch(sound))
            with av.open(str(sound)) as container:
                with pytest.raises(ValueError, match="sound.wav holds no video stream"):
                    next(stream.watch(container))


WRONG = [
    (0, "not an int: pass cv2.VideoCapture(number) for a camera"),
    (None, "not None"),
    (b"bytes", "not bytes: pass the path of the video, or av.open(io.BytesIO(data))"),
    (bytearray(3), "not a bytearray: pass the path of the video, or av.open(io.BytesIO(data))"),
    (io.BytesIO(), "not an io.BytesIO: pass the path of the file, or av.open(file)"),
    ({"video": VIDEO}, "not a dict: pass the array that it holds"),
    (dualpath.Frame(VIDEO[0]), "not a dualpath.Frame: pass [frame]"),
]


class TestMistakes:
    @pytest.mark.parametrize(("source", "sentence"), WRONG)
    def test_no_source(self, session, source, sentence):
        with pytest.raises(TypeError, match=re.escape(sentence) + "$"):
            dualpath.Stream(session).watch(source)

    def test_no_frames(self, session):
        decoded = type("VideoFrame", (), {"__module__": "av.video.frame"})()
        tensor = type("Tensor", (), {"__module__": "torch"})()
        for source, sentence in [
            (["one.mp4", "two.mp4"], "not a str: pass one path"),
            ([decoded], "pass the container that it comes from"),
            (iter([tensor]), "pass tensor.cpu().numpy(), as uint8 with the channels last"),
            ([(tensor, 1.5)], "pass tensor.cpu().numpy(), as uint8 with the channels last"),
            (VIDEO.tolist(), "not a list: pass numpy.array(pixels, numpy.uint8)"),
            ([(VIDEO[0], "1.5")], "time must be a number, not a str ('1.5')"),
        ]:
            with pytest.raises(TypeError, match=re.escape(sentence) + "$"):
                list(dualpath.Stream(session).watch(source))

    def test_wrong_arrays(self, session):
        with pytest.raises(ValueError, match="ambiguous"):
            dualpath.Stream(session).watch(VIDEO[0])
        with pytest.raises(TypeError, match="not float64"):
            dualpath.Stream(session).watch(VIDEO / 255)

    def test_wrong_rates(self, session):
        for fps, error in ((0, ValueError), (-1, ValueError), (float("inf"), ValueError), ("25", TypeError)):
            with pytest.raises(error, match="fps must be"):
                dualpath.Stream(session).watch(VIDEO, fps=fps)

    def test_sampling_by_time_needs_times(self, session):
        with pytest.raises(ValueError, match=r"watch\(frames, fps=...\)"):
            next(dualpath.Stream(session, sample_fps=8).watch(VIDEO))
