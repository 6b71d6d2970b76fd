"""
From the frames of a video to what the network reads (sections 1 and 2 of the model): sampling,
resizing, cropping, normalising, and the tiling of framesets. Pixels are float32.
"""

import torch
import torch.nn.functional as F


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


def shrink(images, height, width):
    """Bilinear, half-pixel centres, no antialiasing. [n][3][.][.] -> [n][3][height][width]"""
    return F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)


def resize(frames, R):
    """Makes the shorter side R. [n][3][H][W]"""
    height, width = frames.shape[-2:]
    if min(height, width) == R:
        return frames
    if height <= width:
        return shrink(frames, R, R * width // height)
    return shrink(frames, R * height // width, R)


def crop_offset(spare, crop, crops):
    """Where crop 0 .. crops-1 begins on a side that is `spare` pixels too long: one crop in the
    centre, several evenly from one end to the other."""
    return round(spare / 2) if crops == 1 else round(crop * spare / (crops - 1))


def crop_square(frames, R, crop, crops):
    height, width = frames.shape[-2:]
    top, left = crop_offset(height - R, crop, crops), crop_offset(width - R, crop, crops)
    return frames[..., top : top + R, left : left + R]


def normalise(frames, mean, std):
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (mean, std))
    return (frames / 255 - mean) / std


def load_views(frames, config, policy="given", rate=None, views=1, crops=1):
    """Frames of a video, bytes [n][H][W][3] -> one [T][3][R][R] for each view and crop"""
    rate = rate or config.sampling_rate
    for indices in sample(policy, len(frames), config.frames, rate, views):
        pixels = torch.from_numpy(frames[indices]).permute(0, 3, 1, 2).float()
        pixels = resize(pixels, config.image_size)
        for crop in range(crops):
            square = crop_square(pixels, config.image_size, crop, crops)
            yield normalise(square, config.mean, config.std)


def framesets(frames, g):
    """Shrinks every frame by g and lays g*g at a time out row by row in one image.
    [B][T][3][R][R] -> [B][T/(g*g)][3][R][R]"""
    B, T, _, R, _ = frames.shape
    small = shrink(frames.flatten(0, 1), R // g, R // g)
    tiles = small.reshape(B, T // (g * g), g, g, 3, R // g, R // g)
    return tiles.permute(0, 1, 4, 2, 5, 3, 6).reshape(B, T // (g * g), 3, R, R)
