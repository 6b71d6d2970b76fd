"""The shape of a DualPath network: everything but its weights. Names are those of the weight file
(docs/weight-format.md), where they are explained; a recipe's table ``[model]`` sets them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._stated import ACTIVATIONS, POSITIONS

ADAPTERS = ("s1", "s2", "t0", "t1", "t2")

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Config:
    """Sizes and variants of a network."""

    image_size: int  # R
    patch_size: int  # p
    width: int  # D
    heads: int  # H
    blocks: int  # L
    mlp_width: int  # F
    frames: int = 16  # T
    grid: int = 4  # g
    spatial_frames: int = 8  # Ts
    sampling_rate: int = 4  # r
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    projection: int | None = None  # O; None: no projection, O = D
    head_width: int | None = None  # M; None: no head, features only
    classes: int = 0  # C
    adapters: dict[str, int] = field(default_factory=dict)  # bottleneck b by adapter
    position: str = "sincos-time"
    position_grid: bool = True  # sincos-time: a table pos_xy of its own
    patch_bias: bool = True
    pre_norm: bool = False
    activation: str = "gelu"
    adapter_activation: str = "gelu"
    adapter_scale: float = 1.0
    serial_skip: bool = True  # serial adapters compute z + A(z)
    layer_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        self._check_multiple("image_size", "patch_size")
        self._check_multiple("image_size", "grid")
        self._check_multiple("width", "heads")
        self._check_multiple("frames", "spatial_frames")
        if self.frames % self.grid**2:
            raise ValueError(f"frames = {self.frames} is not a multiple of grid * grid")
        _check_among("adapters", set(self.adapters), ADAPTERS)
        _check_among("position", {self.position}, POSITIONS)
        _check_among("activation", {self.activation, self.adapter_activation}, ACTIVATIONS)

    def _check_multiple(self, whole: str, part: str) -> None:
        values = getattr(self, whole), getattr(self, part)
        if min(values) < 1 or values[0] % values[1]:
            raise ValueError(f"{whole} = {values[0]} is not a multiple of {part} = {values[1]}")

    @property
    def side(self) -> int:
        """Patches a side, G."""
        return self.image_size // self.patch_size

    @property
    def tokens(self) -> int:
        """Tokens an image, N."""
        return self.side**2 + 1

    @property
    def framesets(self) -> int:
        """Images of the temporal path, Tg."""
        return self.frames // self.grid**2

    @property
    def feature_size(self) -> int:
        """Numbers that a path answers, O."""
        return self.projection or self.width


    def stated(self) -> dict[str, Any]:
        """What a checkpoint says about its network, for the converter (``_stated.py``)."""
        return {
            "grid": self.grid,
            "frames": self.frames,
            "spatial_frames": self.spatial_frames,
            "sampling_rate": self.sampling_rate,
            "attention.head_count": self.heads,
            "attention.layer_norm_epsilon": self.layer_norm_eps,
            "activation": self.activation,
            "adapter.activation": self.adapter_activation,
            "adapter.scale": self.adapter_scale,
            "adapter.serial_skip": self.serial_skip,
            "position.kind": self.position,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }


def _check_among(name: str, values: set[str], known: tuple[str, ...]) -> None:
    strange = sorted(values - set(known))
    if strange:
        raise ValueError(f"{name}: {strange[0]!r} is not one of {', '.join(known)}")
