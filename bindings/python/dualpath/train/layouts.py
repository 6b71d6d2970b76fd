"""The layouts of checkpoints: DualPath, AIM and ST-Adapter as their own programs write them, the
others alike. All hold tensors and plain values only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from .config import AnyConfig, OnePathConfig

Parts = tuple[tuple[str, str], ...]


class Layout(NamedTuple):
    """Where a checkpoint has the tensors of a model, and what it calls them: of these parts of a
    name, ours and theirs, those that it has are replaced, the first that it begins with and all that
    stand inside."""

    key: str = "model"
    beginnings: Parts = ()
    inside: Parts = ()
    only_trained: bool = False
    leading: Mapping[str, int] = {}  # of tensors of ours: dimensions of one in front

    def name(self, ours: str) -> str:
        theirs = ours
        for old, new in self.beginnings:
            if ours.startswith(old):
                theirs = new + ours[len(old) :]
                break
        for old, new in self.inside:
            theirs = theirs.replace(old, new)
        return theirs


def _adapters(names: Mapping[str, str], down: str, up: str) -> Parts:
    """Names of adapters, and of the two matrices of each."""
    return tuple((f".adapters.{ours}.", f".{theirs}.") for ours, theirs in names.items()) \
        + ((".down_proj.", f".{down}."), (".up_proj.", f".{up}."))


_AIM_ADAPTERS = _adapters({"time_in": "T_Adapter_in", "time": "T_Adapter", "space": "S_Adapter",
                           "mlp": "MLP_Adapter"}, "D_fc1", "D_fc2")
_AIM_HEAD = ("fc.", "cls_head.fc_cls.")
_AIM_TABLE = {"visual.temporal_embedding": 1}
_AIM = Layout("state_dict", (_AIM_HEAD, ("visual.", "backbone.")), _AIM_ADAPTERS,
              leading=_AIM_TABLE)
_AIM_ON_TIMM = Layout(
    "state_dict",
    (_AIM_HEAD, ("visual.conv1.", "backbone.patch_embed.proj."),
     ("visual.class_embedding", "backbone.cls_token"),
     ("visual.positional_embedding", "backbone.pos_embed"),
     ("visual.transformer.resblocks.", "backbone.blocks."), ("visual.", "backbone.")),
    (*_AIM_ADAPTERS, (".ln_1.", ".norm1."), (".ln_2.", ".norm2."), (".attn.in_proj_", ".attn.qkv."),
     (".attn.out_proj.", ".attn.proj."), (".mlp.c_fc.", ".mlp.fc1."), (".mlp.c_proj.", ".mlp.fc2.")),
    leading={**_AIM_TABLE, "visual.class_embedding": 2, "visual.positional_embedding": 1})
_ST_ADAPTER = Layout("model", (("visual.", ""),), _adapters(
    {"conv_attn": "adapter_pre_attn", "conv_mlp": "adapter_pre_mlp"}, "fc1", "fc2"), True)
_OURS = Layout("model", (("visual.", ""),), _adapters({"mlp": "adaptmlp"}, "down", "up"))


def layout_of(config: AnyConfig) -> Layout:
    """The layout of a network's checkpoints."""
    if not isinstance(config, OnePathConfig):
        return Layout()
    if config.method == "aim":
        return _AIM if config.pre_norm else _AIM_ON_TIMM
    return _ST_ADAPTER if config.method == "st-adapter" else _OURS


_PARTS_OF_DUALPATH = ("adapter", "class_embedding", "positional_embedding", "visual.head.")
_HEADS = ("visual.head.", "fc.")


def is_new(name: str) -> bool:
    """Whether no image transformer has this tensor of ours."""
    return name.startswith(_HEADS) or "adapter" in name \
        or name.endswith((".prompt", "temporal_embedding"))


def is_trained(config: AnyConfig, name: str, head_only: bool = False) -> bool:
    """Whether a method trains this tensor of ours. DualPath trains its class token and tables of
    positions, too."""
    if head_only:
        return name.startswith(_HEADS)
    if isinstance(config, OnePathConfig):
        return is_new(name)
    return any(part in name for part in _PARTS_OF_DUALPATH)


def _is_remade(config: AnyConfig, name: str) -> bool:
    """Whether this frozen tensor is not as the backbone has it."""
    return isinstance(config, OnePathConfig) and config.is_resized \
        and name == "visual.positional_embedding"


def pack(config: AnyConfig, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What a checkpoint has of a model."""
    layout = layout_of(config)
    tensors = {
        layout.name(name): tensor.reshape((1,) * layout.leading.get(name, 0) + tensor.shape)
        for name, tensor in state.items()
        if not layout.only_trained or is_trained(config, name) or _is_remade(config, name)}
    if not isinstance(config, OnePathConfig) or config.method != "aim":
        return {layout.key: tensors}
    return {layout.key: tensors, "meta": {"config": aim_config(config)}}


def unpack(config: AnyConfig, names: Collection[str], tensors: Mapping[str, Tensor]
           ) -> dict[str, Tensor]:
    """What a checkpoint has of a model, under our names; those that it has beside them as they
    are."""
    layout = layout_of(config)
    ours = {layout.name(name): name for name in names}
    state = {}
    for theirs, tensor in tensors.items():
        name = ours.get(theirs, theirs)
        leading = layout.leading.get(name, 0)
        if tensor.shape[:leading] != (1,) * leading:
            raise ValueError(f"the tensor {theirs} has the shape {list(tensor.shape)}")
        state[name] = tensor.reshape(tensor.shape[leading:])
    return state


_AIM_CONFIG = """\
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type={kind!r}, {resolution}={c.image_size}, patch_size={c.patch_size},
        num_frames={c.frames}, {width}={c.width}, {depth}={c.blocks}, {heads}={c.heads},
        drop_path_rate=0.0, adapter_scale={c.adapter_scale}, num_tadapter={temporal}),
    cls_head=dict(type='I3DHead', in_channels={c.width}, num_classes={c.classes}),
    test_cfg=dict(average_clips={average!r}))
img_norm_cfg = dict(mean={mean}, std={std}, to_bgr=False)
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', {frames}),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, {c.image_size}), interpolation={c.protocol.resize_filter!r}),
    dict(type={crop!r}, crop_size={c.image_size}),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='FormatShape', input_format='NCTHW'),
]
"""


def aim_config(config: OnePathConfig) -> str:
    """The text that AIM's checkpoints have: network and evaluation as its framework writes them, as
    far as it can say them; what a checkpoint states (``OnePathConfig.stated``) is exact."""
    protocol, is_clip = config.protocol, config.pre_norm
    frames = f"clip_len={config.frames}, frame_interval={config.sampling_rate}, " \
        f"num_clips={protocol.views}"
    if protocol.sampling == "segments":
        frames = f"clip_len={config.frames}, num_clips=1, frame_uniform=True"
    elif protocol.past_end == "repeat":
        frames += ", out_of_bound_opt='repeat_last'"
    return _AIM_CONFIG.format(
        c=config,
        kind="ViT_CLIP" if is_clip else "ViT_ImageNet",
        resolution="input_resolution" if is_clip else "img_size",
        width="width" if is_clip else "embed_dim",
        depth="layers" if is_clip else "depth",
        heads="heads" if is_clip else "num_heads",
        temporal=2 if "time_in" in config.adapters else 1,
        average="prob" if protocol.average == "probabilities" else "score",
        mean=[255 * value for value in config.mean],
        std=[255 * value for value in config.std],
        frames=frames + ", test_mode=True",
        crop="CenterCrop" if protocol.crops == 1 else "ThreeCrop",
    )
