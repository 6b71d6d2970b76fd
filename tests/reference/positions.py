"""
The fixed position encodings of the temporal path (section 3 of the model). Computed in float64;
the class token stands first.
"""

import torch
import torch.nn.functional as F

MAP_SIDE = 16  # of the map of frame indices


def frame_index(config):
    """Index of the frame that each token of each frameset lies in, from 1; between two frames it is
    interpolated, and 0 for the class token. [Tg][N]"""
    g, G = config.grid, config.patches
    tile = torch.floor((torch.arange(MAP_SIDE, dtype=torch.float64) + 0.5) * g / MAP_SIDE)
    first = tile[:, None] * g + tile[None, :] + 1
    maps = torch.stack([k * g * g + first for k in range(config.framesets)])
    maps = F.interpolate(
        maps[:, None],
        size=(G, G),
        mode="bilinear",
        align_corners=False,
        antialias=config.protocol.position_antialias,
    )
    return F.pad(maps.flatten(1), (1, 0))


def sincos_time(config):
    """The encoding of the frame index, sines and cosines interleaved. [Tg][N][D]"""
    D = config.width
    if D % 2 != 0:
        raise ValueError(f"sincos-time needs an even width, not {D}")
    w = 10000.0 ** (-2 * torch.arange(D // 2, dtype=torch.float64) / D)
    angle = frame_index(config)[..., None] * w
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


def sincos_3d(config):
    """D/4 channels encode time, 3D/8 the row, 3D/8 the column; zeros for the class token.
    [Tg][N][D]"""
    D, g, G = config.width, config.grid, config.patches
    if D % 16 != 0:
        raise ValueError(f"sincos-3d needs a width that is a multiple of 16, not {D}")
    r = torch.arange(G, dtype=torch.float64)
    place = ((r + 0.5) * g / G).frac() * G / g - 0.5  # inside its own tile
    row = place[:, None].expand(G, G).flatten()
    column = place[None, :].expand(G, G).flatten()
    time = frame_index(config)[:, 1:]
    patches = torch.cat(
        [
            sin_then_cos(time, D // 4),
            sin_then_cos(row, 3 * D // 8).expand(config.framesets, -1, -1),
            sin_then_cos(column, 3 * D // 8).expand(config.framesets, -1, -1),
        ],
        dim=-1,
    )
    return F.pad(patches, (0, 0, 1, 0))


def sin_then_cos(position, n):
    """Encodes positions in n channels: first all sines, then all cosines."""
    w = 10000.0 ** (-torch.arange(n // 2, dtype=torch.float64) / (n / 2))
    angle = position[..., None] * w
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
