"""The shape of a network: everything but its weights. Names are those of the weight file
(docs/weight-format.md), where they are explained; a recipe's table ``[model]`` sets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from .._stated import ACTIVATIONS, POSITIONS
from .protocol import USUAL, Protocol

ADAPTERS = ("s1", "s2", "t0", "t1", "t2")

Triple = tuple[float, float, float]


class Method(NamedTuple):
    """A way to adapt a frozen image transformer whose frames all go through one path."""

    adapters: tuple[str, ...] = ()  # that it may have
    needed: tuple[str, ...] = ()  # of these, those that it cannot do without
    activation: str = "gelu"  # of the adapters
    scale: float | None = None  # on what they add, as published; None: there is no such factor


ONE_PATH = {
    "probe": Method(),
    "vpt": Method(),
    "adaptformer": Method(("mlp",), ("mlp",), "relu", 0.1),
    "st-adapter": Method(("conv_attn", "conv_mlp")),
    "aim": Method(("time_in", "time", "space", "mlp"), ("time", "space", "mlp"), "gelu", 0.5),
}
METHODS = ("dualpath", *ONE_PATH)


@dataclass(frozen=True)
class TransformerConfig:
    """An image transformer that looks at clips: what all methods have."""

    image_size: int  # R
    patch_size: int  # p
    width: int  # D
    heads: int  # H
    blocks: int  # L
    mlp_width: int  # F
    frames: int = 16  # T
    sampling_rate: int = 4  # r
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    projection: int | None = None  # O; None: no projection, O = D
    classes: int = 0  # C
    adapters: dict[str, int] = field(default_factory=dict)  # bottleneck b by adapter
    patch_bias: bool = True
    pre_norm: bool = False
    activation: str = "gelu"
    adapter_activation: str = "gelu"
    adapter_scale: float = 1.0
    layer_norm_eps: float = 1e-6
    protocol: Protocol = USUAL

    def __post_init__(self) -> None:
        self._check_multiple("image_size", "patch_size")
        self._check_multiple("width", "heads")
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
    def feature_size(self) -> int:
        """Numbers that a path answers, O."""
        return self.projection or self.width

    def _stated(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "sampling_rate": self.sampling_rate,
            "attention.head_count": self.heads,
            "attention.layer_norm_epsilon": self.layer_norm_eps,
            "activation": self.activation,
            "adapter.activation": self.adapter_activation,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }


@dataclass(frozen=True)
class Config(TransformerConfig):
    """DualPath: framesets through a temporal path, frames through a spatial one."""

    grid: int = 4  # g
    spatial_frames: int = 8  # Ts
    head_width: int | None = None  # M; None: no head, features only
    position: str = "sincos-time"
    position_grid: bool = True  # sincos-time: a table pos_xy of its own
    serial_skip: bool = True  # serial adapters compute z + A(z)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_multiple("image_size", "grid")
        self._check_multiple("frames", "spatial_frames")
        if self.frames % self.grid**2:
            raise ValueError(f"frames = {self.frames} is not a multiple of grid * grid")
        _check_among("adapters", self.adapters, ADAPTERS)
        _check_among("position", {self.position}, POSITIONS)

    @property
    def framesets(self) -> int:
        """Images of the temporal path, Tg."""
        return self.frames // self.grid**2

    def stated(self) -> dict[str, Any]:
        """What a checkpoint says about its network, for the converter (``_stated.py``); of the
        protocol, what is not as a weight file without a word of it has it."""
        usual = USUAL.stated()
        return {
            **self._stated(),
            "grid": self.grid,
            "spatial_frames": self.spatial_frames,
            "adapter.scale": self.adapter_scale,
            "adapter.serial_skip": self.serial_skip,
            "position.kind": self.position,
            **{k: v for k, v in self.protocol.stated().items() if v != usual[k]},
        }


@dataclass(frozen=True)
class OnePathConfig(TransformerConfig):
    """The methods in which every frame is an image of one path."""

    method: str = "probe"
    kernel: tuple[int, int, int] = (3, 1, 1)  # of st-adapter: frames, rows, columns
    first_block: int = 0  # of st-adapter: blocks before it have no adapters
    prompts: int = 0  # P, of vpt
    deep: bool = True  # of vpt: prompts of their own in all blocks; else in the first only
    is_resized: bool = False  # the positions are not the backbone's, but made of them

    grid = 0  # there are no framesets

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_among("method", {self.method}, tuple(ONE_PATH))
        method = ONE_PATH[self.method]
        _check_among("adapters", self.adapters, method.adapters)
        for name in method.needed:
            if name not in self.adapters:
                raise ValueError(f"adapters: {self.method} needs {', '.join(method.needed)}")
        if self.method == "st-adapter" and not self.adapters:
            raise ValueError(f"adapters: st-adapter needs one of {', '.join(method.adapters)}")
        if any(side % 2 == 0 or not 1 <= side <= 15 for side in self.kernel):
            raise ValueError(f"kernel = {list(self.kernel)} is not three odd numbers up to 15")
        if not 0 <= self.first_block < self.blocks:
            raise ValueError(f"first_block = {self.first_block} is not one of the blocks, of which "
                             f"there are {self.blocks}")
        if self.method == "vpt" and self.prompts < 1:
            raise ValueError("prompts is missing: how many learned tokens vpt has an image")

    @property
    def spatial_frames(self) -> int:
        """Images of the path."""
        return self.frames

    def stated(self) -> dict[str, Any]:
        """What a checkpoint says about its network, for the converter (``_stated.py``)."""
        stated = {"method": self.method, **self._stated(), **self.protocol.stated()}
        if ONE_PATH[self.method].scale is not None:
            stated["adapter.scale"] = self.adapter_scale
        return stated


AnyConfig = Union[Config, OnePathConfig]


def _check_among(name: str, values: Iterable[str], known: tuple[str, ...]) -> None:
    strange = sorted(set(values) - set(known))
    if strange:
        raise ValueError(f"{name}: {strange[0]!r} is not one of {', '.join(known) or 'none'}")
