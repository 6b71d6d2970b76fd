"""
The reference as peers run it: the same formulas and weights, from normalised images to logits.
Adapters are separate products, as in the research code.
"""

import torch
import torch.nn.functional as F
from torch import nn

from tests.reference.presets import PRESETS
from tests.reference.run import load_model
from tests.reference.video import framesets, load_views
from tests.reference.vit import Attention


class KnownAttention(Attention):
    """The same attention through the function that PyTorch has fast code for."""

    def forward(self, x):
        images, tokens, D = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.reshape(images, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(out.transpose(1, 2).reshape(images, tokens, D))


def know_attention(network):
    """Gives all blocks of a network that attention."""
    for block in network.visual.transformer.resblocks:
        attention = KnownAttention(network.config)
        attention.load_state_dict(block.attn.state_dict())
        block.attn = attention
    return network


class TwoPaths(nn.Module):
    """DualPath: [Ts][3][R][R], [Tg][3][R][R] -> logits [1][C]"""

    inputs = ("spatial", "framesets")

    def __init__(self, model):
        super().__init__()
        self.config = model.config
        self.visual = model.visual
        self.register_buffer("temporal_position", model.temporal_position().detach().clone())

    def forward(self, spatial, framesets):
        visual = self.visual
        x = visual.ln_pre(visual.tokens(spatial) + visual.positional_embedding)
        z = visual.ln_pre(visual.tokens(framesets) + self.temporal_position)
        for block in visual.transformer.resblocks:
            x, z = block.spatial(x), block.temporal(z)
        y_s = visual.feature(x[:, 0]).mean(dim=0, keepdim=True)
        y_t = visual.feature(z[:, 0]).mean(dim=0, keepdim=True)
        return visual.head(y_t, y_s)


class OnePath(nn.Module):
    """The other methods: [T][3][R][R] -> logits [1][C]. The convolutions of ST-Adapter take 1 to
    2 % of a clip, whether in three dimensions, in one or as sums of shifted rows."""

    inputs = ("frames",)

    def __init__(self, model):
        super().__init__()
        self.config = model.config
        self.visual = model.visual
        self.model = model

    def forward(self, frames):
        return self.model(frames[None])[0]


def peer_network(config):
    return TwoPaths if config.method == "dualpath" else OnePath


def load_network(case):
    config = PRESETS[case.preset]
    model = load_model(str(case.checkpoint), **vars(config))
    return peer_network(config)(model).eval()


def peer_inputs(frames, config):
    """Bytes [T][R][R][3] -> the inputs of the network by name"""
    view = next(load_views(frames, config))[None]
    if config.method != "dualpath":
        return {"frames": view[0].contiguous()}
    every = config.frames // config.spatial_frames
    tiled = framesets(view, config.grid, config.protocol)[0]
    return {"spatial": view[0, ::every].contiguous(), "framesets": tiled.contiguous()}


def as_tensors(case):
    return tuple(torch.from_numpy(array) for array in case.tensors().values())
