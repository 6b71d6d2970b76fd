"""Videos as they are meant to be shown: turned, mirrored, stretched, in their colours and depths.

The files are written here, without loss where pixels count. What they should look like is computed
from the definitions, with code of its own.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import logging
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import dualpath
from dualpath import video
from dualpath._decoded import Orientation, as_frame
from dualpath._lib import default, dp_clip, library, number_of
from dualpath.train import clips

av = pytest.importorskip("av", reason="PyAV is not installed")

SIDES = (22, 34)  # height, width
COUNT = 20


def planes_of(pix_fmt: str, seed: int, height: int, width: int, lowest: int = 0) -> list[np.ndarray]:
    """Random samples of each plane, as wide as they are stored."""
    format = av.VideoFormat(pix_fmt, width, height)
    bits = format.components[0].bits
    shapes = [(c.height, c.width) for c in format.components]
    generator = np.random.default_rng(seed)
    kind = "<u2" if bits > 8 else np.uint8
    return [generator.integers(lowest, 1 << bits, shape).astype(kind) for shape in shapes]


def fill(frame, planes) -> None:
    for plane, samples in zip(frame.planes, planes):
        rows = np.zeros((samples.shape[0], plane.line_size), np.uint8)
        stored = samples.view(np.uint8).reshape(samples.shape[0], -1)
        rows[:, : stored.shape[1]] = stored
        plane.update(rows.tobytes())


def write(path, clip, pix_fmt: str, *, aspect=None, matrix=None, display=None, color_range=None) -> None:
    """A file of frames that are lists of planes; FFV1 loses nothing."""
    kind = "mpeg4" if str(path).endswith(".mp4") else "ffv1"
    height, width = clip[0][0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        if aspect is not None:
            context.sample_aspect_ratio = Fraction(*aspect)
        if matrix is not None:
            context.colorspace = matrix
        if color_range is not None:
            context.color_range = color_range
        if display is not None:
            stream.set_display_matrix(display)
        for planes in clip:
            frame = av.VideoFrame(width, height, pix_fmt)
            fill(frame, planes)
            if matrix is not None:
                frame.colorspace = matrix
            if color_range is not None:
                frame.color_range = color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_y4m(path, clip, pix_fmt: str, *, aspect=(0, 0), color_range=None, scan="p") -> None:
    says = {"yuv420p": "420jpeg", "gray": "mono"}.get(pix_fmt)
    says = says or pix_fmt.removeprefix("yuv").removesuffix("le").removesuffix("p")
    span = " XCOLORRANGE=FULL" if color_range == 2 else ""
    height, width = clip[0][0].shape
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F25:1 I{scan} A{aspect[0]}:{aspect[1]} "
                   f"C{says}{span}\n".encode())
        for planes in clip:
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes))


def random_clip(pix_fmt: str, sides=SIDES, count: int = COUNT) -> list[list[np.ndarray]]:
    return [planes_of(pix_fmt, seed, *sides) for seed in range(count)]


def smooth_clip(sides=(48, 64), count: int = COUNT) -> list[list[np.ndarray]]:
    """Planes of 4:2:0 that a lossy encoder keeps."""
    height, width = sides
    y, x = np.mgrid[:height, :width]
    chroma = (slice(None, None, 2), slice(None, None, 2))
    return [
        [p.astype(np.uint8) for p in (60 + 2 * y + x + t, (90 + x)[chroma], (150 - y)[chroma])]
        for t in range(count)
    ]


# ---- turned and mirrored ----


def display_matrix(turns: int, mirrored: bool) -> list[int]:
    """Steps to the right and down are turned clockwise after they are mirrored; y points down."""
    right, down = ((-1 if mirrored else 1), 0), (0, 1)
    for _ in range(turns):
        right, down = ((-y, x) for x, y in (right, down))
    one = 1 << 16
    return [right[0] * one, right[1] * one, 0, down[0] * one, down[1] * one, 0, 0, 0, 1 << 30]


def through_matrix(picture: np.ndarray, matrix: list[int]) -> np.ndarray:
    """Each pixel goes where the matrix says, then the picture is moved to its place."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    a, b, _, d, e = (number >> 16 for number in matrix[:5])
    across, down = a * x + d * y, b * x + e * y
    across, down = across - across.min(), down - down.min()
    shown = np.zeros((down.max() + 1, across.max() + 1, 3), picture.dtype)
    shown[down, across] = picture
    return shown


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "clip.mp4"
    write(path, smooth_clip(), "yuv420p")
    return path


@pytest.mark.skipif(not hasattr(av.video.stream.VideoStream, "set_display_matrix"),
                    reason="this PyAV writes no display matrix")
class TestTurned:
    @pytest.mark.parametrize("turns", range(4))
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_pictures_are_upright(self, session, stored, tmp_path, turns, mirrored):
        path, matrix = tmp_path / "phone.mp4", display_matrix(turns, mirrored)
        write(path, smooth_clip(), "yuv420p", display=matrix)
        plain = dualpath.read_video(stored)
        shown = dualpath.read_video(path)
        for a, b in zip(plain, shown):
            assert np.array_equal(b.to_rgb(), through_matrix(a.to_rgb(), matrix))
        # the library turns the same planes
        turned = [dualpath.Frame(*f.planes, format="i420", rotation=90 * turns, mirrored=mirrored)
                  for f in plain]
        expected = session.classify(turned).logits
        assert np.array_equal(session.classify_video(path).logits, expected)
        if turns or mirrored:
            assert not np.array_equal(session.classify_video(stored).logits, expected)
        # and training sees them upright, too
        decoded = clips.decode(str(path), 1, 24)
        assert decoded.shape[1:3] == ((32, 24) if turns % 2 else (24, 32))
        assert np.array_equal(clips.decode(str(path), 1, 48)[3], shown[3].to_rgb())

    def test_other_angles_are_said(self, tmp_path, caplog):
        path, one = tmp_path / "tilted.mp4", 1 << 16
        cos, sin = int(0.9 * one), int(0.43 * one)
        write(path, smooth_clip(), "yuv420p", display=[cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30])
        frames = dualpath.read_video(path)
        assert {(f.rotation, f.mirrored) for f in frames} == {(0, False)}
        assert caplog.text.count("no multiple of 90 degrees") == 1


# ---- pixels that are not square ----


def seen_by_definition(picture: np.ndarray, aspect: tuple[int, int], side: int) -> np.ndarray:
    """The shorter shown side becomes `side`; then the centre; bilinear, half-pixel centres."""
    picture = picture.astype(np.float64)
    shown = [picture.shape[0] * aspect[1], picture.shape[1] * aspect[0]]
    for axis in (0, 1):
        size = picture.shape[axis]
        resized = side * shown[axis] // min(shown)
        first = round((resized - side) / 2)
        place = ((first + np.arange(side) + 0.5) * size / resized - 0.5).clip(0, size - 1)
        low = place.astype(int)
        high = np.minimum(low + 1, size - 1)
        weight = (place - low).reshape([-1 if a == axis else 1 for a in range(3)])
        picture = picture.take(low, axis) * (1 - weight) + picture.take(high, axis) * weight
    return picture


@pytest.mark.parametrize("aspect", [(1, 1), (16, 11), (3, 4), (1, 3), (65536, 65535), (7, 2)])
def test_the_model_sees_the_right_proportions(session, model, aspect):
    pixels = np.random.default_rng(1).integers(0, 256, (50, 70, 3), np.uint8)
    seen, _ = session.preprocess_view([dualpath.Frame(pixels, aspect=aspect)])
    mean, std = (np.array(v)[:, None, None] for v in (model.info.mean, model.info.std))
    expected = seen_by_definition(pixels, aspect, model.input_size).transpose(2, 0, 1) / 255
    assert np.abs(seen[0] * std + mean - expected).max() < 1e-5


@pytest.mark.parametrize(("aspect", "kept", "sides"), [
    ((0, 0), (1, 1), (22, 34)), ((1, 1), (1, 1), (22, 34)), ((16, 11), (16, 11), (22, 49)),
    ((6, 8), (3, 4), (29, 34)), ((0, 1), (1, 1), (22, 34)),
])
def test_files_say_the_shape_of_their_pixels(session, tmp_path, aspect, kept, sides):
    path, clip = tmp_path / "clip.y4m", random_clip("yuv420p")
    write_y4m(path, clip, "yuv420p", aspect=aspect)
    frames = dualpath.read_video(path)
    assert {f.aspect for f in frames} == {kept}
    assert frames[0].to_rgb().shape[:2] == sides
    given = [dualpath.Frame(*planes, format="i420", aspect=kept) for planes in clip]
    assert np.array_equal(session.classify_video(path).logits, session.classify(given).logits)
    assert clips.decode(str(path), 1, 24).shape[1:3] == sides


def test_containers_say_the_shape_of_their_pixels(session, stored, tmp_path):
    path = tmp_path / "wide.mp4"
    write(path, smooth_clip(), "yuv420p", aspect=(16, 11))
    frames = dualpath.read_video(path)
    assert {f.aspect for f in frames} == {(16, 11)}
    assert frames[0].to_rgb().shape == (48, 93, 3)
    for a, b in zip(frames, dualpath.read_video(stored)):
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes))


def test_stretched_pictures():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    wide = dualpath.Frame(pixels, aspect=(2, 1)).to_rgb()
    assert np.array_equal(np.stack([dualpath.Frame(pixels, aspect=(2, 1))] * 2), [wide, wide])
    expected = (pixels[:, [0, 0, 0, 1]] * [[[1], [0.75], [0.25], [0]]]
                + pixels[:, [1, 1, 1, 1]] * [[[0], [0.25], [0.75], [1]]])
    assert np.array_equal(wide, np.rint(expected))
    turned = dualpath.Frame(pixels, aspect=(2, 1), rotation=90).to_rgb()
    assert np.array_equal(turned, np.rot90(wide, -1))
    with pytest.raises(ValueError, match="a picture of 131072 pixels a side"):
        dualpath.Frame(pixels, aspect=(65536, 1)).to_rgb()


@pytest.mark.parametrize("aspect", [(0, 1), (1, 0), (-1, 1), (65537, 1)])
def test_aspects_are_checked(aspect):
    with pytest.raises(ValueError, match="aspect must be 1 .. 65536"):
        dualpath.Frame(np.zeros((2, 2, 3), np.uint8), aspect=aspect)


# ---- colours, subsampling and depth ----

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def rgb_by_definition(planes, color: str) -> np.ndarray:
    """Y = kr R + kg G + kb B; Cb and Cr are B - Y and R - Y, scaled."""
    matrix, span = color.split("-")
    kr, kb = WEIGHTS[matrix]
    height, width = planes[0].shape
    y, cb, cr = (
        plane.astype(float)[np.arange(height)[:, None] * plane.shape[0] // height,
                            np.arange(width) * plane.shape[1] // width]
        for plane in planes
    )
    black, luma, chroma = (0, 255, 255) if span == "full" else (16, 219, 224)
    y = (y - black) / luma * 255
    red = y + (cr - 128) / chroma * 255 * 2 * (1 - kr)
    blue = y + (cb - 128) / chroma * 255 * 2 * (1 - kb)
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.stack([red, green, blue], -1).clip(0, 255)


def as_bytes(samples: np.ndarray, bits: int) -> np.ndarray:
    """To the nearest byte, halves up."""
    return np.floor(samples / (1 << (bits - 8)) + 0.5).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("pix_fmt", "kept"), [
    ("yuv420p", "i420"), ("yuv422p", "rgb24"), ("yuv444p", "rgb24"), ("yuv411p", "rgb24"),
    ("yuv440p", "rgb24"), ("yuv420p10le", "i420"), ("yuv422p10le", "rgb24"),
    ("yuv444p12le", "rgb24"), ("yuv420p16le", "i420"),
])
@pytest.mark.parametrize("color", ["bt601-limited", "bt709-full", "bt2020-limited"])
def test_planes_become_rgb(tmp_path, pix_fmt, kept, color):
    path, clip = tmp_path / "clip.mkv", random_clip(pix_fmt, (24, 32), 2)
    matrix, span = color.split("-")
    write(path, clip, pix_fmt, matrix={"bt601": 6, "bt709": 1, "bt2020": 9}[matrix],
          color_range=2 if span == "full" else 1)
    bits = av.VideoFormat(pix_fmt, 2, 2).components[0].bits
    for planes, frame in zip(clip, dualpath.read_video(path)):
        assert frame.format == kept
        expected = rgb_by_definition([as_bytes(plane, bits) for plane in planes], color)
        assert np.abs(frame.to_rgb() - expected).max() < 0.51
        if kept == "i420":
            assert frame.color == color
            assert all(np.array_equal(a, as_bytes(b, bits)) for a, b in zip(frame.planes, planes))


@pytest.mark.parametrize(("pix_fmt", "color_range", "kept"), [
    ("gray", 2, "gray8"), ("gray", None, "gray8"), ("gray", 1, "i420"), ("gray10le", 2, "gray8"),
])
def test_gray(tmp_path, pix_fmt, color_range, kept):
    path, clip = tmp_path / "clip.mkv", random_clip(pix_fmt, (24, 32), 2)
    write(path, clip, pix_fmt, color_range=color_range)
    bits = av.VideoFormat(pix_fmt, 2, 2).components[0].bits
    for (luma,), frame in zip(clip, dualpath.read_video(path)):
        assert frame.format == kept
        luma = as_bytes(luma, bits).astype(float)
        expected = luma if color_range != 1 else ((luma - 16) / 219 * 255).clip(0, 255)
        assert np.abs(frame.to_rgb() - expected[..., None]).max() < 0.51


@pytest.mark.parametrize(("pix_fmt", "interleaved"), [
    ("yuv420p", "nv12"), ("yuv420p", "nv21"), ("yuv420p10le", "p010le"), ("yuv422p", "nv16"),
    ("yuv422p", "yuyv422"), ("yuv422p", "uyvy422"), ("yuv444p", "yuva444p"),
])
@pytest.mark.parametrize("span", [0, 1, 2])
def test_interleaved_samples_are_the_same(pix_fmt, interleaved, span):
    planes = planes_of(pix_fmt, 1, 24, 32)
    decoded = av.VideoFrame(32, 24, pix_fmt)
    fill(decoded, planes)
    decoded = decoded.reformat(format=interleaved)
    decoded.colorspace, decoded.color_range = 6, span
    frame = as_frame(decoded, Orientation(), (1, 1))
    bits = av.VideoFormat(pix_fmt, 2, 2).components[0].bits
    color = "bt601-full" if span == 2 else "bt601-limited"
    expected = rgb_by_definition([as_bytes(plane, bits) for plane in planes], color)
    assert np.abs(frame.to_rgb() - expected).max() < 0.51


def test_rgb_files(tmp_path):
    path, pixels = tmp_path / "clip.mkv", np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    (frame,) = dualpath.read_video(path)
    assert frame.format == "rgb24" and np.array_equal(frame.to_rgb(), pixels)


@pytest.mark.parametrize(("sides", "matrix", "color_range", "expected"), [
    ((576, 64), None, None, "bt601-limited"), ((578, 64), None, None, "bt709-limited"),
    ((16, 1278), None, None, "bt601-limited"), ((16, 1280), None, None, "bt709-limited"),
    ((16, 1280), None, 2, "bt709-full"), ((16, 64), 1, None, "bt709-limited"),
    ((16, 64), 1, 1, "bt709-limited"), ((16, 64), 7, 2, "bt709-full"),
    ((16, 64), 10, 1, "bt2020-limited"), ((16, 64), 5, 1, "bt601-limited"),
])
def test_what_a_file_does_not_say_is_said(tmp_path, caplog, sides, matrix, color_range, expected):
    caplog.set_level(logging.INFO, "dualpath.video")
    path = tmp_path / "clip.mkv"
    write(path, random_clip("yuv420p", sides, 3), "yuv420p", matrix=matrix, color_range=color_range)
    frames = dualpath.read_video(path)
    assert {f.color for f in frames} == {expected}
    guessed = matrix is None or color_range is None
    sentence = f"clip.mkv: does not say all of its colours: taken as {expected}"
    assert caplog.text.count(sentence) == guessed


# ---- the same on the command line ----


@pytest.mark.parametrize(("pix_fmt", "options"), [
    ("yuv420p", {}), ("yuv420p", {"aspect": (16, 11)}), ("yuv420p", {"color_range": 2}),
    ("yuv422p", {}), ("yuv444p", {}), ("yuv411p", {}), ("gray", {"color_range": 2}),
    ("yuv420p10le", {}), ("yuv422p10le", {"aspect": (3, 4)}), ("yuv444p10le", {"color_range": 2}),
])
@pytest.mark.parametrize("sides", [SIDES, (16, 1280)])
def test_the_program_sees_the_same(program, released, session, tmp_path, pix_fmt, options, sides):
    path, clip = tmp_path / "clip.mkv", random_clip(pix_fmt, sides)
    write(path, clip, pix_fmt, color_range=options.get("color_range"))
    y4m = tmp_path / "clip.y4m"
    write_y4m(y4m, clip, pix_fmt, **options)
    if "aspect" in options:
        path = y4m  # of what is written here, no other format without loss has one
    ran = subprocess.run([program, "classify", released.model, y4m, "--json", "--rate", "1"],
                         capture_output=True, check=True)
    answer, result = json.loads(ran.stdout), session.classify_video(path, rate=1)
    # where both make RGB of planes, a value at a half may be rounded either way
    tolerance = 0 if pix_fmt.startswith(("yuv420", "gray")) else 1e-3
    assert np.allclose(answer["logits"], result.logits, rtol=1e-6, atol=tolerance + 1e-7)
    assert answer["frame_indices"] == result.frame_indices.tolist()
    assert np.allclose(answer["frame_times"], result.frame_times, atol=1e-3)  # of Matroska
    assert np.array_equal(session.classify_video(y4m, rate=1).logits, result.logits)


# ---- files that are not quite whole ----


def test_interlaced(tmp_path, caplog):
    path = tmp_path / "clip.y4m"
    write_y4m(path, random_clip("yuv420p"), "yuv420p", scan="t")
    assert len(dualpath.read_video(path)) == COUNT
    assert caplog.text.count("is interlaced, so what moves has combs") == 1
    assert "bwdif" in caplog.text


def test_cut_off(session, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dualpath.video")
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for planes in random_clip("yuv420p", (48, 64)):
            frame = av.VideoFrame(64, 48, "yuv420p")
            fill(frame, planes)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = dualpath.read_video(whole)
    assert len(frames) == COUNT and "states" not in caplog.text
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 5])
    kept = dualpath.read_video(cut)
    assert 5 < len(kept) < COUNT - 5
    said = caplog.records[-1]
    assert f"{len(kept)} frames are used of {COUNT} that it states" in said.getMessage()
    if hasattr(stream, "index_entries"):
        assert said.levelno == logging.WARNING and "is cut off" in said.getMessage()
    # the last one may be half a picture, as players show it
    assert all(np.array_equal(a.to_rgb(), b.to_rgb()) for a, b in zip(kept[:-1], frames))
    expected = session.classify(kept).logits
    assert np.array_equal(session.classify_video(cut).logits, expected)


def test_damaged(session, tmp_path, caplog):
    path = tmp_path / "clip.y4m"
    write_y4m(path, random_clip("yuv420p"), "yuv420p")
    damaged = path.read_bytes().split(b"FRAME")
    damaged[8] = damaged[8][:-3]
    path.write_bytes(b"FRAME".join(damaged))
    frames = dualpath.read_video(path)
    assert 7 <= len(frames) < COUNT
    assert caplog.text.count("is damaged; the frames that can be decoded are used") == 1
    expected = session.classify(frames).logits
    assert np.array_equal(session.classify_video(path).logits, expected)
    path.write_bytes(b"YUV4MPEG2 W34 H22 F25:1 C420jpeg\n")
    for call in (dualpath.read_video, session.classify_video):
        with pytest.raises(ValueError, match="holds no frame that can be decoded"):
            call(path)


# ---- which frames, and when ----

CLIPS = [
    (count, sampling, rate, views)
    for count, sampling, rate, views in itertools.product(
        (1, 5, 16, 17, 100, 1001), ("center", "first", "uniform"), (1, 3, 65536), (1, 2, 7))
]


def test_sampled_frames_are_the_librarys(model):
    for count, sampling, rate, views in CLIPS:
        clip, T = default(dp_clip), model.frames
        clip.frame_count, clip.rate, clip.views = count, rate, views
        clip.sampling = number_of("sampling", sampling)
        frames = video.sampled_frames(count, T, sampling, rate, views)
        assert frames.shape == (views, T)
        for view in range(views):
            indices = (ctypes.c_size_t * T)()
            pointer = model._opened().pointer
            assert library().dp_model_sample_view(pointer, clip, view, T, indices) == 0
            assert list(indices) == frames[view].tolist()


def test_results_say_their_frames(session, model, tmp_path):
    T = model.frames
    pixels = np.zeros((50, 8, 8, 3), np.uint8)
    result = session.classify(pixels, rate=3, views=2)
    assert np.array_equal(result.frame_indices, video.sampled_frames(50, T, "center", 3, 2))
    assert result.frame_times is None
    own = session.classify(pixels)
    rate = model.sampling_rate
    assert np.array_equal(own.frame_indices, video.sampled_frames(50, T, "center", rate, 1))
    assert np.array_equal(
        session.classify(pixels[:T], sampling="given").frame_indices, [np.arange(T)])
    session.begin_clip()
    for frame in pixels[:T]:
        session.push_frame(frame)
    assert np.array_equal(session.finish_clip().frame_indices, [np.arange(T)])

    path = tmp_path / "late.mkv"  # begins 2 s late and slows down
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 34, 22, "yuv420p"
        for t, planes in enumerate(random_clip("yuv420p")):
            frame = av.VideoFrame(34, 22, "yuv420p")
            fill(frame, planes)
            frame.pts, frame.time_base = 50 + t + (t > 10) * 5, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    result = session.classify_video(path, rate=1)
    expected = np.array([[(t + (t > 10) * 5) / 25 for t in range(2, 18)]])
    assert np.array_equal(result.frame_indices, [np.arange(2, 18)])
    assert np.allclose(result.frame_times, expected, atol=2e-3)
