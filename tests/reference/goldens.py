"""
The golden cases: small models that together cover every variant of the weight file and every way
of sampling. generate_goldens.py makes the files.
"""

from dataclasses import dataclass, replace

from .config import CLIP_MEAN, CLIP_STD, Config
from .presets import TINY, released
from .protocol import Protocol

HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Golden:
    name: str
    covers: str
    config: Config
    frames: tuple  # count, height, width
    sampling: str = "given"
    rate: int = 0  # 0: the model's
    views: int = 1
    crops: int = 1
    type: str = "f32"
    labels: tuple = ()
    keep_checkpoint: bool = False


SMALL = replace(
    TINY, image_size=16, patch_size=4, width=24, mlp_width=61, adapters=released(6), classes=7
)
SMALLEST = replace(SMALL, width=16, blocks=1, mlp_width=32, adapters=released(4), classes=3)

VARIANTS = (
    Golden(
        "released",
        "the released code: five adapters, sincos-time with both tables, QuickGELU; three labels",
        replace(TINY, mlp_width=96, classes=3),
        (16, 32, 32),
        labels=("bow", "jump", "wave"),
        keep_checkpoint=True,
    ),
    Golden(
        "released-t32",
        "T = 32: two framesets; 5 patches a side, so that frame indices are interpolated; frames "
        "resized up, half a pixel to crop",
        replace(SMALL, image_size=20, frames=32),
        (32, 15, 25),
    ),
    Golden(
        "paper",
        "the paper: no A_t0, sincos-3d, 7 patches a side on a grid of 4",
        replace(
            SMALL,
            image_size=28,
            width=32,
            heads=1,
            adapters={"s1": 5, "s2": 5, "t1": 5, "t2": 5},
            position="sincos-3d",
            position_grid=False,
        ),
        (16, 28, 28),
    ),
    Golden(
        "grid2-3d",
        "sincos-3d with g = 2, 3 patches a side, two framesets",
        replace(
            SMALL,
            image_size=24,
            patch_size=8,
            width=16,
            grid=2,
            frames=8,
            position="sincos-3d",
            position_grid=False,
        ),
        (8, 24, 24),
    ),
    Golden(
        "plain-skip",
        "a plain ViT: patch bias, no LN_pre, no projection, erf GELU, eps 1e-6, mean = std = 0.5; "
        "serial adapters with their own skip, no A_t0",
        replace(
            SMALL,
            heads=3,
            projection=None,
            patch_bias=True,
            pre_norm=False,
            activation="gelu",
            layer_norm_eps=1e-6,
            mean=HALF,
            std=HALF,
            serial_skip=True,
            adapters={"s1": 6, "s2": 6, "t1": 6, "t2": 6},
        ),
        (16, 20, 26),
        keep_checkpoint=True,
    ),
    Golden(
        "skip-scaled",
        "own skip with A_t0 too, adapters scaled by 0.5 and with QuickGELU, heads of 15 channels",
        replace(
            SMALL,
            width=30,
            serial_skip=True,
            adapter_scale=0.5,
            adapter_activation="quick_gelu",
        ),
        (16, 16, 16),
    ),
    Golden(
        "widths-bf16",
        "every adapter with a width of its own, patches of 7x7, heads of 5 channels",
        replace(
            SMALL,
            image_size=28,
            patch_size=7,
            width=20,
            heads=4,
            adapters={"s1": 5, "s2": 9, "t0": 3, "t1": 16, "t2": 7},
        ),
        (16, 28, 28),
        type="bf16",
    ),
    Golden(
        "subset-f16",
        "only A_s1 and A_t2, scaled by -1.5; three blocks",
        replace(SMALL, blocks=3, adapters={"s1": 8, "t2": 11}, adapter_scale=-1.5),
        (16, 16, 16),
        type="f16",
    ),
    Golden(
        "relu",
        "ReLU in MLP and adapters, large eps, four spatial frames",
        replace(
            SMALL,
            width=36,
            heads=3,
            activation="relu",
            adapter_activation="relu",
            layer_norm_eps=0.01,
            spatial_frames=4,
        ),
        (16, 16, 16),
    ),
    Golden(
        "table-f16",
        "a position table, an odd width, g = 2, two framesets",
        replace(
            SMALL,
            width=15,
            heads=3,
            grid=2,
            frames=8,
            spatial_frames=4,
            position="table",
            position_grid=False,
        ),
        (8, 16, 16),
        type="f16",
    ),
    Golden(
        "grid1",
        "g = 1: the temporal path sees whole frames; only A_t0 and A_s2",
        replace(
            SMALL, grid=1, frames=4, spatial_frames=1, adapters={"t0": 6, "s2": 6}, mlp_width=33
        ),
        (4, 16, 16),
    ),
    Golden(
        "features-bf16",
        "no head; CLIP's own mean and std",
        replace(SMALL, head_width=None, classes=0, mean=CLIP_MEAN, std=CLIP_STD),
        (16, 16, 16),
        type="bf16",
    ),
    Golden(
        "frozen-f16",
        "no adapters, no projection; one learned position table for both paths; every frame in the "
        "spatial path",
        replace(SMALL, adapters={}, projection=None, position_grid=False, spatial_frames=16),
        (16, 16, 16),
        type="f16",
    ),
    Golden(
        "quantised-q8_0",
        "q8_0, two framesets",
        replace(
            SMALL,
            image_size=32,
            patch_size=8,
            width=64,
            mlp_width=160,
            frames=32,
            projection=32,
            head_width=32,
            adapters=released(32),
            classes=10,
        ),
        (32, 32, 32),
        type="q8_0",
    ),
)

SAMPLINGS = (
    Golden(
        "views-center",
        "three views, every second frame, resized down",
        SMALLEST,
        (45, 18, 25),
        sampling="center",
        rate=2,
        views=3,
    ),
    Golden(
        "crops-first",
        "two views from the start on, every third frame, three crops along the width",
        SMALLEST,
        (60, 17, 31),
        sampling="first",
        rate=3,
        views=2,
        crops=3,
    ),
    Golden(
        "crops-uniform",
        "two uniform views of fewer frames than T, two crops along the height, resized up",
        SMALLEST,
        (11, 31, 13),
        sampling="uniform",
        views=2,
        crops=2,
    ),
    Golden(
        "short-center",
        "the model's sampling rate, the last sampled frame repeated; nothing to resize, half a "
        "pixel to crop",
        replace(SMALLEST, sampling_rate=2),
        (6, 16, 23),
        sampling="center",
    ),
)

# In a folder of their own: what a version answers that does not know a protocol is not the same.
PROTOCOLS = (
    Golden(
        "antialiased",
        "frames, cells of framesets and the map of frame indices shrunk with antialiasing",
        replace(
            SMALLEST,
            protocol=Protocol(antialias=True, grid_antialias=True, position_antialias=True),
        ),
        (16, 27, 37),
    ),
    Golden(
        "antialiased-3d",
        "the same bicubic, with 5 patches a side and sincos-3d; longer side rounded to nearest, "
        "crop offset down",
        replace(
            SMALLEST,
            image_size=20,
            position="sincos-3d",
            position_grid=False,
            protocol=Protocol(
                filter="bicubic",
                long_side="nearest",
                crop_offset="down",
                antialias=True,
                grid_antialias=True,
                position_antialias=True,
            ),
        ),
        (16, 41, 30),
    ),
)

GOLDENS = VARIANTS + SAMPLINGS
