"""Frames: layouts, formats and what is unusable."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

import dualpath
from dualpath import frames


class TestFrames:
    """Each of these clips is the same one, or says why not."""

    def same(self, session, clip, answer) -> bool:
        return np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_layouts(self, session, clip, answer):
        t, h, w, _ = clip.shape
        wide = np.full((t, h + 3, w + 5, 3), 99, np.uint8)
        wide[:, 2 : h + 2, 4 : w + 4] = clip
        fortran = np.ascontiguousarray(clip.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        read_only = clip.copy()
        read_only.flags.writeable = False
        layouts = {
            "window": wide[:, 2 : h + 2, 4 : w + 4],
            "upside down": np.ascontiguousarray(clip[:, ::-1])[:, ::-1],
            "backwards": np.ascontiguousarray(clip[::-1])[::-1],
            "rows of all frames together": fortran,
            "every second": np.repeat(clip, 2, axis=0)[::2],
            "read-only": read_only,
            "list": list(clip),
            "tuple of frames": tuple(dualpath.Frame(f) for f in clip),
        }
        for name, layout in layouts.items():
            assert self.same(session, layout, answer), name

    def test_nothing_is_copied(self, session):
        clip = np.zeros((64, 256, 256, 3), np.uint8)[:, ::-1]
        for index, descriptor in enumerate(frames.describe(clip).descriptors):
            assert descriptor.plane[0] == clip[index].ctypes.data
            assert descriptor.stride[0] == -256 * 3
        tracemalloc.start()
        session.classify(clip, rate=1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 200_000

    def test_channel_orders(self, session, clip, answer):
        alpha = np.random.default_rng(5).integers(0, 256, (*clip.shape[:3], 1), np.uint8)
        bgr = np.ascontiguousarray(clip[..., ::-1])
        rgba, bgra = np.concatenate([clip, alpha], -1), np.concatenate([bgr, alpha], -1)
        assert self.same(session, rgba, answer)
        for format, pixels in (("bgr24", bgr), ("rgba", rgba), ("bgra", bgra)):
            planes = [dualpath.Frame(p, format=format) for p in pixels]
            assert self.same(session, planes, answer), format
        assert not self.same(session, bgr, answer)

    def test_gray(self, session, clip):
        gray = np.ascontiguousarray(clip[..., 0])
        expected = session.classify(np.repeat(gray[..., None], 3, -1), sampling="given").logits
        for pixels in (gray, gray[..., None], list(gray), [dualpath.Frame(g) for g in gray]):
            assert self.same(session, pixels, expected)

    def test_chroma_planes(self, session, clip):
        t, h, w, _ = clip.shape
        luma = np.ascontiguousarray(clip[..., 1])
        chroma = np.random.default_rng(6).integers(0, 256, (t, (h + 1) // 2, (w + 1) // 2, 2))
        chroma = chroma.astype(np.uint8)
        neutral = np.full_like(chroma, 128)

        def nv12(c, **options):
            return [dualpath.Frame(y, uv, format="nv12", **options) for y, uv in zip(luma, c)]

        def i420(c):
            u, v = (np.ascontiguousarray(c[..., k]) for k in (0, 1))
            return [dualpath.Frame(*p, format="i420") for p in zip(luma, u, v)]

        gray = session.classify(luma, sampling="given").logits
        full = session.classify(nv12(neutral, color="bt601-full"), sampling="given").logits
        np.testing.assert_allclose(full, gray, rtol=0, atol=1e-4 * np.abs(gray).max())
        colored = session.classify(nv12(chroma), sampling="given").logits
        assert self.same(session, i420(chroma), colored)
        answers = {
            session.classify(nv12(chroma, color=color), sampling="given").logits.tobytes()
            for color in ("bt601-limited", "bt601-full", "bt709-limited", "bt709-full")
        }
        assert len(answers) == 4

    def test_sizes_differ(self, session, clip, answer):
        h, w = clip.shape[1:3]
        mixed = list(clip[:15]) + [np.zeros((h * 2, w + 9, 3), np.uint8)]
        logits = session.classify(mixed, sampling="given").logits
        assert logits.shape == answer.shape and not np.array_equal(logits, answer)

    def test_unusable(self, session, clip):
        frame = clip[0]
        unusable = [
            (TypeError, "not float32", clip.astype(np.float32)),
            (TypeError, "not int8", list(clip.astype(np.int8))),
            (TypeError, "list of frames, not a generator", (f for f in clip)),
            (TypeError, "list of frames, not a dualpath.Frame", dualpath.Frame(frame)),
            (TypeError, "not bytes", [b"frame"]),
            (TypeError, "not a str", "clip.mp4"),
            (ValueError, "at least one frame", []),
            (ValueError, "at least one frame", clip[:0]),
            (ValueError, "1 .. 65536", clip[:, :0]),
            (ValueError, "1 .. 65536", np.broadcast_to(frame[:1, :1], (1, 1, 65537, 3))),
            (ValueError, "ambiguous", frame),
            (ValueError, r"\[T, H, W, 3\]", clip[None]),
            (ValueError, r"shape \[16, 32, 32, 2\]", clip[..., :2]),
            (ValueError, "bytes of a row must be adjacent", clip[:, :, ::-1]),
            (ValueError, "bytes of a row must be adjacent", clip[:, :, ::2]),
            (ValueError, "bytes of a row must be adjacent", clip[..., ::-1]),
            (ValueError, "bytes of a row must be adjacent", clip.transpose(0, 2, 1, 3)),
        ]
        for error, message, frames_ in unusable:
            with pytest.raises(error, match=message):
                session.classify(frames_)

    def test_unusable_planes(self):
        y, uv, u = (np.zeros(s, np.uint8) for s in ((5, 7), (3, 4, 2), (3, 4)))
        dualpath.Frame(y, uv, format="nv12")
        dualpath.Frame(y, u, u, format="i420")
        for error, message, planes, options in (
            (TypeError, "at least one plane", (), {}),
            (TypeError, "needs a format", (y, uv), {}),
            (ValueError, "unknown format 'yuv'", (y,), {"format": "yuv"}),
            (ValueError, "unknown color 'srgb'", (y,), {"color": "srgb"}),
            (ValueError, "nv12 has 2 planes, not 1", (y,), {"format": "nv12"}),
            (ValueError, "3 rows and 4 columns", (y, uv[:2]), {"format": "nv12"}),
            (ValueError, "3 rows and 4 columns", (y, u, u[:, :3]), {"format": "i420"}),
            (ValueError, r"must be \[H, W, 2\]", (y, u), {"format": "nv12"}),
            (ValueError, r"must be \[H, W, 3\]", (y,), {"format": "rgb24"}),
            (TypeError, "not a list", (y, [1]), {"format": "nv12"}),
        ):
            with pytest.raises(error, match=message):
                dualpath.Frame(*planes, **options)


class OnDemand(Sequence):
    """Frames that nobody else holds, as decoders and data sets make them."""

    def __init__(self, clip: np.ndarray) -> None:
        self.clip, self.asked = clip, []

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, index):
        frame = self.clip[index].copy()
        self.asked.append(index)
        return frame


class Copying(np.ndarray):
    """Whatever is asked of it is a new array of its own memory."""

    def __getitem__(self, key):
        return np.array(np.ndarray.__getitem__(self, key)).view(Copying)

    def view(self, *arguments):
        return super().view(*arguments).copy()

    def __array__(self, *_, **__):
        raise AssertionError("asked for another array")


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """Large enough that memory that is freed goes back to the system."""
    return np.random.default_rng(8).integers(0, 256, (16, 360, 640, 3), np.uint8)


@pytest.fixture(scope="module")
def expected(model, large) -> np.ndarray:
    with dualpath.Session(model, threads=1) as session:
        return session.classify(large).logits


class TestWhatHoldsFrames:
    """The library reads what was given when the call began, whoever made it and lets go of it."""

    def test_frames_made_on_demand(self, session, large, expected):
        clip = OnDemand(large)
        assert np.array_equal(session.classify(clip).logits, expected)
        assert clip.asked == list(range(16))

    def test_sequences_that_say_less_or_more(self, session, large, expected):
        class Endless(OnDemand):
            def __getitem__(self, index):
                return super().__getitem__(index % 16)

        class Short(OnDemand):
            def __len__(self):
                return 10**9

        for kind in (Endless, Short):
            assert np.array_equal(session.classify(kind(large)).logits, expected)

    @pytest.mark.parametrize("frame", [np.copy, lambda f: dualpath.Frame(f.copy())])
    def test_list_emptied_during_the_call(self, model, large, expected, frame):
        def empty(*_):
            clip.clear()
            gc.collect()

        clip = [frame(f) for f in large]
        with dualpath.Session(model, threads=1, progress=empty) as session:
            assert np.array_equal(session.classify(clip).logits, expected)
        assert clip == []

    def test_pushed_frame_let_go_of(self, model, session, large):
        def let_go(*_):
            frames.clear()
            gc.collect()

        with dualpath.Session(model, threads=1, progress=let_go) as pushing:
            pushing.begin_clip()
            for frame in large:
                frames = [frame.copy()]
                pushing.push_frame(frames[0])
            logits = pushing.finish_clip().logits
        assert np.array_equal(logits, session.classify(large, sampling="given").logits)

    def test_a_frame_does_not_change(self, session, large, expected):
        clip = [dualpath.Frame(f.copy()) for f in large]
        for frame in clip:
            for name in ("planes", "format", "color", "rotation", "mirrored"):
                with pytest.raises(AttributeError):
                    setattr(frame, name, ())
        gc.collect()
        assert np.array_equal(session.classify(clip).logits, expected)

    @pytest.mark.filterwarnings("ignore:Setting the shape")
    def test_a_plane_reshaped_afterwards(self, session, large, expected):
        planes = [f.copy() for f in large]
        clip = [dualpath.Frame(p) for p in planes]
        for plane in planes:
            plane.shape = (1, -1, 3)
        assert np.array_equal(session.classify(clip).logits, expected)

    def test_memory_cannot_be_resized(self, large):
        memory = bytearray(large[0].tobytes())
        frame = dualpath.Frame(np.frombuffer(memory, np.uint8).reshape(large[0].shape))
        with pytest.raises(BufferError):
            memory.clear()
        del frame
        memory.clear()

    @pytest.mark.parametrize(
        "how", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))]
    )
    def test_copies(self, session, large, expected, how):
        originals = [dualpath.Frame(f.copy(), rotation=90, mirrored=True) for f in large]
        wanted = session.classify(originals).logits
        clip = [how(f) for f in originals]
        del originals
        gc.collect()
        assert np.array_equal(session.classify(clip).logits, wanted)
        assert not np.array_equal(wanted, expected)

    @pytest.mark.filterwarnings("ignore:the matrix subclass")
    def test_other_classes_of_arrays(self, session, large):
        gray = np.ascontiguousarray(large[..., 1])
        expected = session.classify(gray).logits
        clips = {
            "stack": gray.view(Copying),
            "list": [np.ndarray.view(f, Copying) for f in gray],
            "frames": [dualpath.Frame(np.ndarray.view(f, Copying)) for f in gray],
            "matrix": [np.matrix(f) for f in gray],
            "records": gray.view(np.recarray),
        }
        for name, clip in clips.items():
            assert np.array_equal(session.classify(clip).logits, expected), name


def upright(pixels: np.ndarray, rotation: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(np.fliplr(pixels) if mirrored else pixels, -rotation // 90)
    return np.ascontiguousarray(turned)


class TestTurnedFrames:
    SHAPES = {
        "rgb24": [(1, 3)],
        "bgr24": [(1, 3)],
        "rgba": [(1, 4)],
        "bgra": [(1, 4)],
        "gray8": [(1, 1)],
        "nv12": [(1, 1), (2, 2)],
        "i420": [(1, 1), (2, 1), (2, 1)],
    }
    """Of each plane, pixels that a sample serves along a side, and bytes of a sample."""

    @pytest.mark.parametrize("mirrored", (False, True))
    @pytest.mark.parametrize("rotation", (0, 90, 180, 270))
    @pytest.mark.parametrize("format", SHAPES)
    def test_pixels_are_those_of_a_turned_array(self, session, format, rotation, mirrored):
        rng = np.random.default_rng([rotation, mirrored, *format.encode()])
        for crop in range(3):
            step = max(side for side, _ in self.SHAPES[format])
            height, width = step * rng.integers(1, 90, 2)
            planes = [
                rng.integers(0, 256, (height // side, width // side, samples), np.uint8)
                for side, samples in self.SHAPES[format]
            ]
            turned = dualpath.Frame(*planes, format=format, rotation=rotation, mirrored=mirrored)
            expected = dualpath.Frame(
                *(upright(plane, rotation, mirrored) for plane in planes), format=format
            )
            views = [session.preprocess_view([f], crops=3, crop=crop) for f in (turned, expected)]
            for got, wanted in zip(*views):
                np.testing.assert_array_equal(got, wanted)

    def test_answers_are_those_of_a_turned_clip(self, session, clip, answer):
        stored = np.ascontiguousarray(np.rot90(clip, 1, axes=(1, 2)))
        turned = [dualpath.Frame(pixels, rotation=90) for pixels in stored]
        logits = session.classify(turned, sampling="given").logits
        np.testing.assert_array_equal(logits, answer)
        assert not np.array_equal(session.classify(stored, sampling="given").logits, answer)

    def test_unusable(self):
        pixels = np.zeros((4, 6, 3), np.uint8)
        for rotation in (-90, 1, 360, 2**32):
            with pytest.raises(ValueError, match=f"0, 90, 180 or 270 degrees, not {rotation}"):
                dualpath.Frame(pixels, rotation=rotation)
        with pytest.raises(TypeError):
            dualpath.Frame(pixels, rotation=90.0)

    def test_what_it_is_like(self):
        frame = dualpath.Frame(np.zeros((4, 6, 3), np.uint8), rotation=90, mirrored=True)
        assert (frame.rotation, frame.mirrored) == (90, True)
        assert repr(frame).endswith("color='bt601-limited', rotation=90, mirrored=True)")
