"""
From the frames of a video to what the network reads (sections 1 and 2 of the model): sampling,
resizing, cropping, normalising, and the tiling of framesets. Pixels are float32.
"""

import torch
import torch.nn.functional as F

from .protocol import Protocol
from .sampling import sample


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


def chosen(config, policy, rate, views, crops):
    """What is not given (None, 0, "model") is what the model was published with."""
    protocol = config.protocol
    policy = protocol.sampling if policy == "model" else policy
    has_views = policy not in ("given", "segments")
    return {
        "policy": policy,
        "rate": rate or config.sampling_rate,
        "views": views or (protocol.views if has_views else 1),
        "crops": crops or protocol.crops,
    }


def load_views(frames, config, policy="given", rate=None, views=1, crops=1):
    """Frames of a video, bytes [n][H][W][3] -> one [T][3][R][R] for each view and crop"""
    use, protocol = chosen(config, policy, rate, views, crops), config.protocol
    crops = use.pop("crops")
    for indices in sample(n=len(frames), T=config.frames, past_end=protocol.past_end, **use):
        pixels = torch.from_numpy(frames[indices]).permute(0, 3, 1, 2).float()
        pixels = resize(pixels, config.image_size, protocol)
        for crop in range(crops):
            square = crop_square(pixels, config.image_size, crop, crops, protocol.crop_offset)
            yield normalise(square, config.mean, config.std)


def framesets(frames, g, protocol):
    """Shrinks every frame by g and lays g*g at a time out row by row in one image.
    [B][T][3][R][R] -> [B][T/(g*g)][3][R][R]"""
    B, T, _, R, _ = frames.shape
    shrinking = Protocol(antialias=protocol.grid_antialias)
    small = interpolate(frames.flatten(0, 1), R // g, R // g, shrinking)
    tiles = small.reshape(B, T // (g * g), g, g, 3, R // g, R // g)
    return tiles.permute(0, 1, 4, 2, 5, 3, 6).reshape(B, T // (g * g), 3, R, R)
