"""
AIM: every block attends over time first, with the weights that it attends over space with;
adapters after either and beside the MLP.
"""

from torch import nn

from . import vit


class Block(vit.Block):
    def __init__(self, config):
        super().__init__(config)
        self.frames = config.frames
        scales = {"mlp": config.adapter_scale}
        self.adapters = nn.ModuleDict(
            {
                name: vit.Adapter(config, width, scales.get(name, 1.0))
                for name, width in config.adapters.items()
            }
        )

    def over_time(self, x):
        """What a token gets from those at the same place of other frames. [B*T][N][D]"""
        images, tokens, D = x.shape
        places = x.reshape(-1, self.frames, tokens, D).transpose(1, 2)  # [B][N][T][D]
        h = self.ln_1(places.reshape(-1, self.frames, D))
        if "time_in" in self.adapters:
            h = h + self.adapters["time_in"](h)
        h = self.adapters["time"](self.attn(h))
        return h.reshape(-1, tokens, self.frames, D).transpose(1, 2).reshape(images, tokens, D)

    def forward(self, x):
        x = x + self.over_time(x)
        z = self.attn(self.ln_1(x))
        x = x + z + self.adapters["space"](z)
        y = self.ln_2(x)
        return x + self.mlp(y) + self.adapters["mlp"](y)
