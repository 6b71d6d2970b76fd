"""
Everything that defines a DualPath network besides its weights. The symbols in the comments are
those of docs/weight-format.md, and so are the defaults.
"""

from dataclasses import dataclass, field

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

ADAPTERS = ("s1", "s2", "t0", "t1", "t2")
POSITIONS = ("sincos-time", "sincos-3d", "table")


@dataclass(frozen=True)
class Config:
    image_size: int  # R
    patch_size: int  # p
    width: int  # D
    heads: int  # H
    blocks: int  # L
    mlp_width: int  # F
    frames: int  # T
    grid: int = 4  # g
    spatial_frames: int = 8  # Ts
    sampling_rate: int = 4  # r
    mean: tuple = IMAGENET_MEAN
    std: tuple = IMAGENET_STD

    projection: int | None = None  # O; None: no projection, O = D
    head_width: int | None = None  # M; None: no head, features only
    classes: int = 0  # C
    adapters: dict = field(default_factory=dict)  # bottleneck b by adapter; absent: no such adapter

    position: str = "sincos-time"
    position_grid: bool = False  # sincos-time has its own table pos_xy; otherwise pos_xy is pos_s
    patch_bias: bool = False
    pre_norm: bool = True
    activation: str = "quick_gelu"
    adapter_activation: str = "gelu"
    adapter_scale: float = 1.0
    serial_skip: bool = False  # serial adapters compute z + A(z)
    layer_norm_eps: float = 1e-5

    def __post_init__(self):
        for whole, part in (
            ("image_size", "patch_size"),
            ("image_size", "grid"),
            ("width", "heads"),
            ("frames", "spatial_frames"),
        ):
            multiple = getattr(self, whole) % getattr(self, part) == 0
            require(multiple, f"{whole} must be a multiple of {part}")
        require(self.frames % self.grid**2 == 0, "frames must be a multiple of grid * grid")
        require(set(self.adapters) <= set(ADAPTERS), f"adapters must be among {ADAPTERS}")
        require(self.position in POSITIONS, f"position must be one of {POSITIONS}")

    @property
    def patches(self):  # G, a side
        return self.image_size // self.patch_size

    @property
    def tokens(self):  # N
        return self.patches**2 + 1

    @property
    def framesets(self):  # Tg
        return self.frames // self.grid**2

    @property
    def feature_size(self):  # O
        return self.projection or self.width


def require(condition, message):
    if not condition:
        raise ValueError(message)
