"""How frames become what a model sees, under every protocol that a file can state, against PyTorch's
own interpolate() in double precision."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the reference is PyTorch's interpolate()")
pytest.importorskip("gguf", reason="the converter needs the gguf package")
import torch.nn.functional as F

import dualpath
from dualpath import convert

FILTERS = list(itertools.product(("bilinear", "bicubic"), (False, True)))
# The model sees 0 .. 255: nothing is subtracted, and 1 / 255 is divided by.
AS_BYTES = ("--mean", "0,0,0", "--std", ",".join(["0.00392156862745098"] * 3))
TOLERANCE = 2e-3  # of 255: some roundings of f32, and of its weights


@pytest.fixture(scope="module")
def opened(released, tmp_path_factory):
    """A session on a model of 32 x 32 pixels with this protocol; each is made once."""
    folder, sessions = tmp_path_factory.mktemp("models"), {}

    def of(*words: str) -> dualpath.Session:
        if words not in sessions:
            path = folder / f"{len(sessions)}.gguf"
            checkpoint = released.model.replace(".gguf", ".pth")
            arguments = [checkpoint, "-o", str(path), "--heads", "2", "--num-frames", "16",
                         *AS_BYTES, *words]
            assert convert.main(arguments) == 0
            sessions[words] = dualpath.Session(dualpath.Model(str(path)), threads=1)
        return sessions[words]

    yield of
    for session in sessions.values():
        session.close()


def flag(name, value):
    return f"--{name}" if value else f"--no-{name}"


# ---- the reference ----


def resized(picture, R, mode, antialias, nearest):
    """[3][H][W] in f64: the short side becomes R."""
    height, width = picture.shape[1:]
    short, long = min(height, width), max(height, width)
    if short == R:
        return picture
    side = (2 * R * long + short) // (2 * short) if nearest else R * long // short
    size = (R, side) if height <= width else (side, R)
    return F.interpolate(
        picture[None], size=size, mode=mode, antialias=antialias, align_corners=False
    )[0]


def offset(margin, crop, crops, down):
    exact = (margin, 2) if crops == 1 else (crop * margin, crops - 1)
    return exact[0] // exact[1] if down else round(exact[0] / exact[1])


def cropped(picture, R, crop, crops, down):
    height, width = picture.shape[1:]
    top, left = (offset(side - R, crop, crops, down) for side in (height, width))
    return picture[:, top : top + R, left : left + R]


def sizes(seed):
    """Up and down, odd, of one pixel, tall and wide: eight for each clip."""
    generator = random.Random(seed)
    sides = [1, 2, 3, 7, 15, 16, 31, 32, 33, 63, 64, 65, 97, 128, 200, 255, 333]
    while True:
        yield [(generator.choice(sides), generator.choice(sides)) if generator.random() < 0.6
               else (generator.randint(1, 300), generator.randint(1, 300)) for _ in range(8)]


def frames_of(shapes, seed):
    """Sixteen frames, of which the spatial path sees every other one."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (*shapes[i // 2], 3), np.uint8) for i in range(16)]


def seen(session, frames, crop, crops):
    spatial, _ = session.preprocess_view(frames, crop=crop, crops=crops, sampling="given")
    return spatial.astype(np.float64)


# ---- the library ----


@pytest.mark.parametrize("mode, antialias", FILTERS)
def test_every_filter_is_that_of_pytorch(opened, mode, antialias):
    session = opened("--resize-filter", mode, flag("resize-antialias", antialias))
    assert session.model.info.resize_filter == mode
    assert session.model.info.resize_antialias == antialias
    worst = 0.0
    for number, shapes in zip(range(30), sizes(mode)):
        frames = frames_of(shapes, number)
        for i, picture in enumerate(seen(session, frames, 0, 1)):
            pixels = torch.from_numpy(frames[2 * i]).permute(2, 0, 1).double()
            expected = cropped(resized(pixels, 32, mode, antialias, False), 32, 0, 1, False)
            difference = np.abs(picture - expected.numpy()).max()
            assert difference < TOLERANCE, (shapes[i], difference)
            worst = max(worst, difference)
    assert worst > 0  # something was resized


def test_filters_differ(opened):
    """Each of the four sees something else of a frame that shrinks, so that none stands for another."""
    frames = frames_of([(97, 131)] * 8, 5)
    answers = [
        seen(opened("--resize-filter", mode, flag("resize-antialias", antialias)), frames, 0, 1)
        for mode, antialias in FILTERS
    ]
    for a, b in itertools.combinations(answers, 2):
        assert np.abs(a - b).max() > 5


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_long_sides_and_crops(opened, mode, nearest, down):
    session = opened("--resize-filter", mode, "--resize-long-side", "nearest" if nearest else "down",
                     "--crop-offset", "down" if down else "half-even")
    info = session.model.info
    assert info.resize_long_side == ("nearest" if nearest else "down")
    assert info.crop_offset == ("down" if down else "half-even")
    for number, shapes in zip(range(6), sizes("crops")):
        frames = frames_of(shapes, number)
        for crop, crops in ((0, 1), (0, 3), (1, 3), (2, 3), (1, 4), (2, 4)):
            for i, picture in enumerate(seen(session, frames, crop, crops)):
                pixels = torch.from_numpy(frames[2 * i]).permute(2, 0, 1).double()
                whole = resized(pixels, 32, mode, False, nearest)
                expected = cropped(whole, 32, crop, crops, down).numpy()
                assert np.abs(picture - expected).max() < TOLERANCE, (shapes[i], crop, crops)


@pytest.mark.parametrize("mode, antialias", FILTERS)
def test_turned_frames_of_any_format(opened, mode, antialias):
    """A turned, mirrored frame is seen as the picture that it stands for; columns are read as rows."""
    session = opened("--resize-filter", mode, flag("resize-antialias", antialias))
    pixels = frames_of([(61, 83)] * 8, 3)[0]
    for rotation, mirrored in itertools.product((0, 90, 180, 270), (False, True)):
        upright = np.rot90(pixels[:, ::-1] if mirrored else pixels, -rotation // 90)
        turned = dualpath.Frame(pixels, rotation=rotation, mirrored=mirrored)
        same = seen(session, [np.ascontiguousarray(upright)] * 16, 0, 1)
        assert np.array_equal(seen(session, [turned] * 16, 0, 1), same)


@pytest.mark.parametrize("mode, antialias", FILTERS[1:])
def test_large_frames(opened, mode, antialias):
    """Hundreds of taps a column, more than are tabled."""
    session = opened("--resize-filter", mode, flag("resize-antialias", antialias))
    frames = frames_of([(1080, 1920), (2160, 1200), (700, 9000), (4000, 33)] * 2, 7)
    for i, picture in enumerate(seen(session, frames, 0, 1)):
        pixels = torch.from_numpy(frames[2 * i]).permute(2, 0, 1).double()
        expected = cropped(resized(pixels, 32, mode, antialias, False), 32, 0, 1, False)
        assert np.abs(picture - expected.numpy()).max() < TOLERANCE, frames[2 * i].shape


# ---- framesets and the map of frame indices ----


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("image_by_image", [False, True])
def test_cells_are_shrunk_as_pytorch_does(opened, antialias, image_by_image):
    """Frames that the spatial path does not see are made row by row; all of them are in framesets."""
    session = opened(flag("grid-antialias", antialias))
    info = session.model.info
    assert info.grid_antialias == antialias
    pixels = np.random.default_rng(1).integers(0, 256, (16, 32, 32, 3), np.uint8)
    _, framesets = session.preprocess_view(pixels, sampling="given")
    small = F.interpolate(torch.from_numpy(pixels).permute(0, 3, 1, 2).double(), size=(8, 8),
                          mode="bilinear", antialias=antialias, align_corners=False)
    tiles = small.reshape(4, 4, 3, 8, 8).permute(2, 0, 3, 1, 4).reshape(3, 32, 32)
    assert np.abs(framesets[0] - tiles.numpy()).max() < TOLERANCE
    # Whether all images are made at once or one by one, and of a stream, the answer has the same bits.
    one = session.classify(pixels, sampling="given").logits
    with dualpath.Session(session.model, image_by_image=image_by_image) as other:
        assert np.array_equal(other.classify(pixels, sampling="given").logits, one)
        with dualpath.Stream(other, rate=1) as stream:
            windows = [w for frame in pixels for w in stream.push(frame, 0.0)]
            windows += stream.finish()
    assert np.array_equal(windows[0].logits, one)
