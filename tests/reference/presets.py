"""
Models by name: the paper's two, the other methods as they were released, and tiny ones that the
golden cases vary.
"""

from dataclasses import replace

from .config import ADAPTERS, CLIP_MEAN, CLIP_STD, Config, MethodConfig
from .protocol import Protocol


def released(width):
    """The adapters of the released code: all five, of one width."""
    return dict.fromkeys(ADAPTERS, width)


B16 = Config(
    image_size=224,
    patch_size=16,
    width=768,
    heads=12,
    blocks=12,
    mlp_width=3072,
    frames=16,
    projection=512,
    head_width=512,
    classes=400,
    adapters=released(192),
    position_grid=True,
)

L14 = replace(
    B16,
    patch_size=14,
    width=1024,
    heads=16,
    blocks=24,
    mlp_width=4096,
    projection=768,
    head_width=768,
    adapters=released(256),
)

# A small one, as docs/training.md trains it on a ViT-Ti/16, and the shape of the models that are
# shipped: examples/models/human-action.gguf.
TI16 = Config(
    image_size=224,
    patch_size=16,
    width=192,
    heads=3,
    blocks=12,
    mlp_width=768,
    frames=16,
    head_width=192,
    classes=10,
    adapters=dict.fromkeys(("s1", "s2", "t1", "t2"), 48),
    patch_bias=True,
    pre_norm=False,
    activation="gelu",
    layer_norm_eps=1e-6,
    serial_skip=True,
    position_grid=True,
)
SHIPPED = replace(TI16, image_size=96, patch_size=8, blocks=8, adapters=released(48),
                  position="sincos-3d", position_grid=False)

AIM_PROTOCOL = Protocol(
    long_side="nearest",
    crop_offset="down",
    sampling="interval",
    past_end="wrap",
    views=3,
    average="probabilities",
)
ST_PROTOCOL = Protocol(
    filter="bicubic", crop_offset="down", sampling="spread", views=3, average="probabilities"
)

AIM_B16 = MethodConfig(
    method="aim",
    image_size=224,
    patch_size=16,
    width=768,
    heads=12,
    blocks=12,
    mlp_width=3072,
    frames=8,
    sampling_rate=16,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    classes=400,
    adapters=dict.fromkeys(("time", "space", "mlp"), 192),
    adapter_scale=0.5,
    protocol=AIM_PROTOCOL,
)

# 12 x 384 as for Kinetics; 24 x 384 as for Something-Something V2.
ST_B16_12 = replace(
    AIM_B16,
    method="st-adapter",
    adapters={"conv_mlp": 384},
    adapter_scale=1.0,
    protocol=ST_PROTOCOL,
)
ST_B16 = replace(ST_B16_12, adapters={"conv_attn": 384, "conv_mlp": 384})

TINY = Config(
    image_size=32,
    patch_size=8,
    width=32,
    heads=2,
    blocks=2,
    mlp_width=128,
    frames=16,
    projection=16,
    head_width=24,
    classes=10,
    adapters=released(8),
    position_grid=True,
)

PRESETS = {
    "b16": B16,
    "b16-t32": replace(B16, frames=32),
    "l14": L14,
    "ti16": TI16,
    "shipped": SHIPPED,
    "aim-b16": AIM_B16,
    "aim-b16-t16": replace(AIM_B16, frames=16, sampling_rate=8),
    "aim-b16-t32": replace(AIM_B16, frames=32, sampling_rate=4),
    "st-b16": ST_B16,
    "st-b16-12": ST_B16_12,
    "tiny": TINY,
    "tiny-t32": replace(TINY, frames=32),
}
