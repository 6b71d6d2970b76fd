"""
The image transformer that every method leaves frozen. Module and parameter names are those of
CLIP, so that a state_dict is what its files hold. Symbols and shapes: config.py.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": F.gelu, "relu": F.relu}


class Adapter(nn.Module):
    """A(x) = GELU(x Wd + bd) Wu + bu, times an optional scale"""

    def __init__(self, config, width, scale=1.0):
        super().__init__()
        self.down_proj = nn.Linear(config.width, width)
        self.up_proj = nn.Linear(width, config.width)
        self.activation = ACTIVATIONS[config.adapter_activation]
        self.scale = scale

    def forward(self, x):
        return self.scale * self.up_proj(self.activation(self.down_proj(x)))


class Attention(nn.Module):
    """Multi-head self-attention over the tokens of each image."""

    def __init__(self, config):
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * D, D))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * D))
        self.out_proj = nn.Linear(D, D)

    def forward(self, x):
        images, tokens, D = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        qkv = qkv.reshape(images, tokens, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [images][heads][tokens][D/H]
        scores = q @ k.transpose(-1, -2) / math.sqrt(D // self.heads)
        out = scores.softmax(dim=-1) @ v
        return self.out_proj(out.transpose(1, 2).reshape(images, tokens, D))


class MLP(nn.Module):
    """MLP(n) = QG(n W1 + b1) W2 + b2"""

    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.width, config.mlp_width)
        self.c_proj = nn.Linear(config.mlp_width, config.width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x):
        return self.c_proj(self.activation(self.c_fc(x)))


class Block(nn.Module):
    """One transformer block as it was trained on images."""

    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.resblocks = nn.ModuleList(blocks)


class VisionTransformer(nn.Module):
    """Everything around the blocks, and the blocks."""

    def __init__(self, config, blocks):
        super().__init__()
        D, p, eps = config.width, config.patch_size, config.layer_norm_eps
        self.conv1 = nn.Conv2d(3, D, kernel_size=p, stride=p, bias=config.patch_bias)
        self.class_embedding = nn.Parameter(torch.zeros(D))
        for name, rows in self.position_tables(config).items():
            setattr(self, name, nn.Parameter(torch.zeros(rows, D)))
        self.ln_pre = nn.LayerNorm(D, eps=eps) if config.pre_norm else nn.Identity()
        self.transformer = Transformer(blocks)
        self.ln_post = nn.LayerNorm(D, eps=eps)
        has_projection = config.projection is not None
        self.proj = nn.Parameter(torch.zeros(D, config.projection)) if has_projection else None

    def position_tables(self, config):
        """Names of the learned tables and how many rows of D channels they have."""
        return {"positional_embedding": config.tokens}

    def tokens(self, images):
        """[n][3][R][R] -> [n][N][D], the class token first"""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        class_token = self.class_embedding.expand(len(images), 1, -1)
        return torch.cat([class_token, patches], dim=1)

    def feature(self, class_token):
        """[n][D] -> [n][O]"""
        y = self.ln_post(class_token)
        return y if self.proj is None else y @ self.proj
