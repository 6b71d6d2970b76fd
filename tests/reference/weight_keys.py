"""
What the metadata of a weight file states: keys, and the fields of the configuration that they are.
"""

# metadata key after "dualpath.", field of TransformerConfig
KEYS = (
    ("attention.head_count", "heads"),
    ("attention.layer_norm_epsilon", "layer_norm_eps"),
    ("activation", "activation"),
    ("adapter.activation", "adapter_activation"),
    ("frames", "frames"),
    ("sampling_rate", "sampling_rate"),
    ("image_mean", "mean"),
    ("image_std", "std"),
)

# The same for fields that only some methods have.
SCALE = ("adapter.scale", "adapter_scale")
METHOD_KEYS = {
    "dualpath": (
        SCALE,
        ("adapter.serial_skip", "serial_skip"),
        ("position.kind", "position"),
        ("grid", "grid"),
        ("spatial_frames", "spatial_frames"),
    ),
    "aim": (SCALE,),
    "adaptformer": (SCALE,),
    "st-adapter": (("adapter.first_block", "first_block"),),
}


def keys(method):
    return KEYS + METHOD_KEYS.get(method, ())


def stated_keys(config):
    """Those that a file of `config` has: segments divide a clip, and no rate is asked for."""
    rate = config.protocol.sampling != "segments"
    return [(key, name) for key, name in keys(config.method) if rate or name != "sampling_rate"]
