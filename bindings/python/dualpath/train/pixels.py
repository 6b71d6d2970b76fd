"""From frames to what the two paths read. Every view of a frame, whether the centre as the library
takes it, a random crop or a turned window, is one affine map that is sampled bilinearly.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import AnyConfig
from .protocol import USUAL, Protocol


def centre_view(height: int, width: int, side: int, protocol: Protocol = USUAL) -> Tensor:
    """The map ``[2][3]`` of the library: shorter side to ``side``, then the centre square."""
    shorter = min(height, width)
    half = shorter // 2 if protocol.resize_long_side == "nearest" else 0
    sizes = [(side * size + half) // shorter for size in (width, height)]
    offsets = [(size - side) // 2 if protocol.crop_offset == "down" else round((size - side) / 2)
               for size in sizes]
    scale = [side / size for size in sizes]
    shift = [(side + 2 * offset) / size - 1 for offset, size in zip(offsets, sizes)]
    return torch.tensor([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])


def random_view(height: int, width: int, smallest: float, draw: torch.Generator) -> Tensor:
    """A crop of about ``smallest`` to 1 of the area of the largest square, stretched a little."""
    u = torch.rand(4, generator=draw).tolist()
    side = min(height, width) * (smallest + (1 - smallest) * u[0]) ** 0.5
    stretch = (4 / 3) ** (u[1] - 0.5)
    across, down = min(side * stretch / width, 1), min(side / stretch / height, 1)
    x, y = (2 * u[2] - 1) * (1 - across), (2 * u[3] - 1) * (1 - down)
    return torch.tensor([[across, 0, x], [0, down, y]])


def look(frames: Tensor, views: Tensor, side: int, filter: str = "bilinear") -> Tensor:
    """Frames ``[n][c][H][W]`` through maps ``[n][2][3]``: ``[n][c][side][side]``."""
    grid = F.affine_grid(views, [len(views), 1, side, side], align_corners=False)
    return _sampled(frames, grid, filter)


def _sampled(frames: Tensor, places: Tensor, filter: str) -> Tensor:
    seen: Tensor = F.grid_sample(
        frames, places, mode=filter, padding_mode="border", align_corners=False)
    return seen


def mirror(views: Tensor) -> Tensor:
    """The same views with left and right exchanged."""
    return views * torch.tensor([-1.0, 1.0, 1.0], device=views.device)


def look_small(frames: Tensor, views: Tensor, side: int, grid: int, filter: str = "bilinear"
               ) -> Tensor:
    """The same, then shrunk to tiles ``[n][3][side/grid][side/grid]`` as the library does it:
    bilinear without antialiasing. Only the pixels that this reads are looked at."""
    places = F.affine_grid(views, [len(views), 3, side, side], align_corners=False)
    tile, middle = side // grid, slice((grid - 1) // 2, grid // 2 + 1)
    places = places.view(-1, tile, grid, tile, grid, 2)[:, :, middle, :, middle]
    size = 1 if grid % 2 else 2
    places = places.reshape(-1, tile * size, tile * size, 2)
    tiles: Tensor = F.avg_pool2d(_sampled(frames, places, filter), size)
    return tiles


class Views(NamedTuple):
    """What the two paths read of clips: of one, or with ``[B]`` in front, of a batch. The methods
    with one path have a frame of the spatial path for each frame, and no tiles."""

    tiles: Tensor  # [T][3][R/g][R/g], or [0][3][1][1]
    spatial: Tensor  # [Ts][3][R][R]

    def map(self, change: Callable[[Tensor], Tensor]) -> Views:
        """The same change of both."""
        return Views(change(self.tiles), change(self.spatial))


def look_twice(frames: Tensor, views: Tensor, config: AnyConfig) -> Views:
    """What each path sees of frames ``[T][3][H][W]`` through maps ``[T][2][3]``."""
    chosen = slice(None, None, config.frames // config.spatial_frames)
    filter = config.protocol.resize_filter
    tiles = frames.new_empty(0, 3, 1, 1)
    if config.grid:
        tiles = look_small(frames, views, config.image_size, config.grid, filter)
    return Views(tiles, look(frames[chosen], views[chosen], config.image_size, filter))


def batch(clips: list[Views]) -> Views:
    """Clips of a batch, in one piece."""
    return Views(torch.stack([c.tiles for c in clips]), torch.stack([c.spatial for c in clips]))


def vary_colours(clips: Views, strength: float, draw: torch.Generator) -> Views:
    """Brightness, contrast and saturation of a batch in 0 to 1, each clip its own."""
    u = 2 * torch.rand(3, len(clips.tiles), 1, 1, 1, 1, generator=draw) - 1

    def change(pixels: Tensor) -> Tensor:
        saturation, contrast, brightness = (strength * u).to(pixels.device)
        grey = pixels.mean(2, keepdim=True)
        pixels = grey + (pixels - grey) * (1 + saturation) - 0.5
        changed: Tensor = pixels * (1 + contrast) + 0.5 + brightness / 2
        return changed.clamp(0, 1)

    return clips.map(change)


def normalise(pixels: Tensor, config: AnyConfig) -> Tensor:
    """Pixels in 0 to 1, ``[..][3][.][.]``, with the statistics of the backbone."""
    mean = torch.tensor(config.mean, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(config.std, device=pixels.device).view(3, 1, 1)
    return (pixels - mean) / std


def framesets(tiles: Tensor, grid: int) -> Tensor:
    """Tiles ``[B][T][3][r][r]`` row by row in squares: ``[B][T/(g*g)][3][g*r][g*r]``."""
    B, T, _, side, _ = tiles.shape
    squares = tiles.view(B, T // grid**2, grid, grid, 3, side, side)
    return squares.permute(0, 1, 4, 2, 5, 3, 6).reshape(B, -1, 3, grid * side, grid * side)
