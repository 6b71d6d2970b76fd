"""
From the frames of a video to what the network reads (sections 1 and 2 of the model): sampling,
resizing, cropping, normalising, and the tiling of framesets. Pixels are float32.
"""

import torch
import torch.nn.functional as F

from .protocol import Protocol


def sample(policy, n, T, rate, views):
    """The indices of the T frames of each view in a video of n frames, as dp_sampling in
    include/dualpath.h defines them."""
    if policy == "given":
        if n != T or views != 1:
            raise ValueError(f"sampling 'given' needs one view and exactly {T} frames, not {n}")
        return [list(range(T))]
    if policy == "uniform":
        V = views
        return [[(2 * i * V + 2 * v + 1) * n // (2 * T * V) for i in range(T)] for v in range(V)]
    every = range(0, n, rate)
    spare = max(len(every) - T, 0)
    if policy == "center":
        starts = [(2 * v + 1) * spare // (2 * views) for v in range(views)]
    elif policy == "first":
        starts = [v * spare // views for v in range(views)]
    else:
        raise ValueError(f"unknown sampling '{policy}'")
    return [[every[min(start + i, len(every) - 1)] for i in range(T)] for start in starts]


def interpolate(images, height, width, protocol):
    """Half-pixel centres. [n][3][.][.] -> [n][3][height][width]"""
    return F.interpolate(
        images,
        size=(height, width),
        mode=protocol.filter,
        align_corners=False,
        antialias=protocol.antialias,
    )


def longer(R, long, short, rounding):
    """The longer side after resizing; "nearest" rounds halves up."""
    return (2 * R * long + short) // (2 * short) if rounding == "nearest" else R * long // short


def resize(frames, R, protocol):
    """Makes the shorter side R. [n][3][H][W]"""
    height, width = frames.shape[-2:]
    if min(height, width) == R:
        return frames
    long = longer(R, max(height, width), min(height, width), protocol.long_side)
    return interpolate(frames, *((R, long) if height <= width else (long, R)), protocol)


def crop_offset(spare, crop, crops, rounding="half-even"):
    """Where crop 0 .. crops-1 begins on a side that is `spare` pixels too long: one crop in the
    centre, several evenly from one end to the other."""
    part, parts = (1, 2) if crops == 1 else (crop, crops - 1)
    return part * spare // parts if rounding == "down" else round(part * spare / parts)


def crop_square(frames, R, crop, crops, rounding):
    height, width = frames.shape[-2:]
    top, left = (crop_offset(side - R, crop, crops, rounding) for side in (height, width))
    return frames[..., top : top + R, left : left + R]


def normalise(frames, mean, std):
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (mean, std))
    return (frames / 255 - mean) / std


def load_views(frames, config, policy="given", rate=None, views=1, crops=1):
    """Frames of a video, bytes [n][H][W][3] -> one [T][3][R][R] for each view and crop"""
    rate = rate or config.sampling_rate
    for indices in sample(policy, len(frames), config.frames, rate, views):
        pixels = torch.from_numpy(frames[indices]).permute(0, 3, 1, 2).float()
        pixels = resize(pixels, config.image_size, config.protocol)
        for crop in range(crops):
            rounding = config.protocol.crop_offset
            square = crop_square(pixels, config.image_size, crop, crops, rounding)
            yield normalise(square, config.mean, config.std)


def framesets(frames, g):
    """Shrinks every frame by g and lays g*g at a time out row by row in one image.
    [B][T][3][R][R] -> [B][T/(g*g)][3][R][R]"""
    B, T, _, R, _ = frames.shape
    small = interpolate(frames.flatten(0, 1), R // g, R // g, Protocol())
    tiles = small.reshape(B, T // (g * g), g, g, 3, R // g, R // g)
    return tiles.permute(0, 1, 4, 2, 5, 3, 6).reshape(B, T // (g * g), 3, R, R)
