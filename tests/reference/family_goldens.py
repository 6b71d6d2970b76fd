"""
The golden cases of the methods with one path: small models that together cover all that the weight
file can say about them. generate_family.py makes the files.
"""

from dataclasses import replace

from .config import CLIP_MEAN, CLIP_STD, MethodConfig
from .goldens import HALF, Golden
from .presets import AIM_PROTOCOL, ST_PROTOCOL
from .protocol import Protocol

PROBE = MethodConfig(
    method="probe",
    image_size=16,
    patch_size=4,
    width=24,
    heads=2,
    blocks=2,
    mlp_width=40,
    frames=4,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    classes=7,
)
VPT = replace(PROBE, method="vpt", prompts=3)
ADAPTFORMER = replace(
    PROBE,
    method="adaptformer",
    adapters={"mlp": 6},
    adapter_activation="relu",
    adapter_scale=0.1,
)
AIM = replace(
    PROBE,
    method="aim",
    frames=8,
    adapters={"time": 6, "space": 6, "mlp": 6},
    adapter_scale=0.5,
)
AIM_TWO = replace(AIM, frames=4, adapters={"time_in": 6, **AIM.adapters})
ST = replace(PROBE, method="st-adapter", frames=8, adapters={"conv_attn": 12, "conv_mlp": 12})

PUBLISHED = {"sampling": "model", "views": 0, "crops": 0}

FAMILY = (
    Golden("probe", "linear probe", PROBE, (4, 16, 16)),
    Golden(
        "probe_projection",
        "linear probe on projected features, one frame, f16",
        replace(PROBE, frames=1, projection=12),
        (1, 16, 16),
        type="f16",
    ),
    Golden(
        "features",
        "no head: features of frozen blocks",
        replace(PROBE, classes=0, blocks=1),
        (4, 16, 16),
    ),
    Golden("vpt_deep", "three prompts a block", replace(VPT, blocks=3), (4, 16, 16)),
    Golden(
        "vpt_shallow",
        "three prompts in the first block",
        replace(VPT, blocks=3, deep=False),
        (4, 16, 16),
    ),
    Golden(
        "vpt_timm",
        "one prompt a block in a plain ViT: patch bias, no LN_pre, erf GELU, eps 1e-6; 9 patches",
        replace(
            VPT,
            image_size=12,
            prompts=1,
            patch_bias=True,
            pre_norm=False,
            activation="gelu",
            layer_norm_eps=1e-6,
            mean=HALF,
            std=HALF,
        ),
        (4, 12, 12),
    ),
    Golden("adaptformer", "ReLU, scale 0.1", ADAPTFORMER, (4, 16, 16)),
    Golden("aim", "one temporal adapter, scale 0.5", replace(AIM, blocks=3), (8, 16, 16)),
    Golden("aim_two", "two temporal adapters, scale 0.5", AIM_TWO, (4, 16, 16)),
    Golden(
        "aim_widths",
        "T = 5, 26 tokens, every adapter with a width of its own, heads of 8 channels, scale 1",
        replace(
            AIM,
            image_size=20,
            frames=5,
            heads=3,
            adapters={"time_in": 3, "time": 9, "space": 16, "mlp": 5},
            adapter_scale=1.0,
        ),
        (5, 20, 20),
    ),
    Golden(
        "aim_timm",
        "a plain ViT: patch bias, no LN_pre, erf GELU, eps 1e-6, mean = std = 0.5",
        replace(
            AIM,
            patch_bias=True,
            pre_norm=False,
            activation="gelu",
            layer_norm_eps=1e-6,
            mean=HALF,
            std=HALF,
        ),
        (8, 16, 16),
    ),
    Golden(
        "aim_q8_0",
        "q8_0",
        replace(
            AIM,
            width=64,
            blocks=1,
            mlp_width=96,
            adapters={"time": 32, "space": 32, "mlp": 32},
        ),
        (8, 16, 16),
        type="q8_0",
    ),
    Golden(
        "aim_resized",
        "bilinear, the longer side rounded to nearest (20.8 to 21), crop offsets rounded down",
        replace(
            AIM_TWO,
            blocks=1,
            protocol=Protocol(long_side="nearest", crop_offset="down"),
        ),
        (4, 20, 26),
    ),
    Golden("st", "adapters at both sites, kernel 3x1x1", ST, (8, 16, 16)),
    Golden(
        "st_mlp_only",
        "one adapter a block, from the second of three blocks on",
        replace(ST, blocks=3, frames=4, adapters={"conv_mlp": 8}, first_block=1),
        (4, 16, 16),
    ),
    Golden(
        "st_attn_only",
        "before attention only, in the last block; kernel 5x1x3: longer than T = 2; bf16",
        replace(ST, frames=2, adapters={"conv_attn": 8}, kernel=(5, 1, 3), first_block=1),
        (2, 16, 16),
        type="bf16",
    ),
    Golden(
        "st_3x3x3",
        "kernel 3x3x3, T = 5, 26 tokens, different widths",
        replace(
            ST, image_size=20, frames=5, adapters={"conv_attn": 6, "conv_mlp": 10}, kernel=(3, 3, 3)
        ),
        (5, 20, 20),
    ),
    Golden(
        "st_bicubic",
        "bicubic, longer side and crop offsets rounded down, the height is the longer side",
        replace(
            ST,
            blocks=1,
            frames=4,
            protocol=Protocol(filter="bicubic", crop_offset="down"),
        ),
        (4, 29, 20),
    ),
    Golden(
        "published_aim",
        "as published for AIM: every second frame from three places on, three crops, the longer "
        "side rounded to nearest, mean of probabilities",
        replace(
            AIM_TWO,
            blocks=1,
            sampling_rate=2,
            protocol=replace(AIM_PROTOCOL, crops=3),
        ),
        (17, 20, 26),
        **PUBLISHED,
    ),
    Golden(
        "published_aim_short",
        "the same of fewer frames than a view spans: all views wrap around",
        replace(AIM_TWO, blocks=1, sampling_rate=2, protocol=AIM_PROTOCOL),
        (5, 16, 16),
        **PUBLISHED,
    ),
    Golden(
        "published_st",
        "as published for ST-Adapter on Kinetics: from the first start to the last, bicubic",
        replace(ST, blocks=1, frames=4, sampling_rate=3, protocol=ST_PROTOCOL),
        (21, 19, 27),
        **PUBLISHED,
    ),
    Golden(
        "published_st_segments",
        "as published for ST-Adapter on Something-Something V2: middles of segments, three crops",
        replace(
            ST,
            blocks=1,
            frames=4,
            protocol=replace(ST_PROTOCOL, sampling="segments", views=1, crops=3),
        ),
        (11, 28, 21),
        **PUBLISHED,
    ),
)
