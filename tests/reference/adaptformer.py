"""
AdaptFormer: an adapter parallel to the MLP, which reads what its layer norm reads.
"""

from torch import nn

from . import vit


class Block(vit.Block):
    def __init__(self, config):
        super().__init__(config)
        adapter = vit.Adapter(config, config.adapters["mlp"], config.adapter_scale)
        self.adapters = nn.ModuleDict({"mlp": adapter})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x)) + self.adapters["mlp"](x)
