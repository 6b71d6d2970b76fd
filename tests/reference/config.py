"""
Everything that defines a network besides its weights. The symbols in the comments are those of
docs/weight-format.md, and so are the defaults.
"""

from dataclasses import dataclass, field

from .protocol import Protocol

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

ADAPTERS = ("s1", "s2", "t0", "t1", "t2")
POSITIONS = ("sincos-time", "sincos-3d", "table")

# The adapters of the methods with one path.
METHOD_ADAPTERS = {
    "probe": (),
    "vpt": (),
    "adaptformer": ("mlp",),
    "st-adapter": ("conv_attn", "conv_mlp"),
    "aim": ("time_in", "time", "space", "mlp"),
}


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """An image transformer that watches frames: what all methods have."""

    image_size: int  # R
    patch_size: int  # p
    width: int  # D
    heads: int  # H
    blocks: int  # L
    mlp_width: int  # F
    frames: int  # T
    sampling_rate: int = 4  # r
    mean: tuple = IMAGENET_MEAN
    std: tuple = IMAGENET_STD
    protocol: Protocol = Protocol()

    projection: int | None = None  # O; None: no projection, O = D
    classes: int = 0  # C; 0: no head, features only
    adapters: dict = field(default_factory=dict)  # bottleneck b by adapter; absent: no such adapter

    patch_bias: bool = False
    pre_norm: bool = True
    activation: str = "quick_gelu"
    adapter_activation: str = "gelu"
    adapter_scale: float = 1.0
    layer_norm_eps: float = 1e-5

    def __post_init__(self):
        require_multiple(self, "image_size", "patch_size")
        require_multiple(self, "width", "heads")

    @property
    def patches(self):  # G, a side
        return self.image_size // self.patch_size

    @property
    def tokens(self):  # N
        return self.patches**2 + 1

    @property
    def feature_size(self):  # O
        return self.projection or self.width


@dataclass(frozen=True, kw_only=True)
class Config(TransformerConfig):
    """DualPath"""

    method = "dualpath"

    grid: int = 4  # g
    spatial_frames: int = 8  # Ts
    head_width: int | None = None  # M; None: no head
    position: str = "sincos-time"
    position_grid: bool = False  # sincos-time has its own table pos_xy; otherwise pos_xy is pos_s
    serial_skip: bool = False  # serial adapters compute z + A(z)

    def __post_init__(self):
        super().__post_init__()
        require_multiple(self, "image_size", "grid")
        require_multiple(self, "frames", "spatial_frames")
        require(self.frames % self.grid**2 == 0, "frames must be a multiple of grid * grid")
        require(set(self.adapters) <= set(ADAPTERS), f"adapters must be among {ADAPTERS}")
        require(self.position in POSITIONS, f"position must be one of {POSITIONS}")

    @property
    def framesets(self):  # Tg
        return self.frames // self.grid**2


@dataclass(frozen=True, kw_only=True)
class MethodConfig(TransformerConfig):
    """The methods with one path, in which every frame is an image."""

    method: str  # one of METHOD_ADAPTERS
    prompts: int = 0  # P, of vpt
    deep: bool = True  # vpt: every block has prompts of its own; otherwise only the first
    kernel: tuple = (3, 1, 1)  # of st-adapter's convolutions: frames, rows, columns
    first_block: int = 0  # of st-adapter: blocks before it have no adapters

    def __post_init__(self):
        super().__post_init__()
        require(self.method in METHOD_ADAPTERS, f"method must be among {tuple(METHOD_ADAPTERS)}")
        known = METHOD_ADAPTERS[self.method]
        require(set(self.adapters) <= set(known), f"adapters of {self.method} are among {known}")
        require(all(side % 2 for side in self.kernel), "sides of the kernel must be odd")


def require_multiple(config, whole, part):
    multiple = getattr(config, whole) % getattr(config, part) == 0
    require(multiple, f"{whole} must be a multiple of {part}")


def require(condition, message):
    if not condition:
        raise ValueError(message)
