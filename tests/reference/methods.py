"""
The methods in which every frame is an image of one path: linear probe, VPT, AdaptFormer,
ST-Adapter, AIM. They differ in their blocks and in little else.
"""

from torch import nn

from . import adaptformer, aim, st_adapter, vit, vpt


def blocks(config):
    if config.method == "vpt":
        return vpt.blocks(config)
    if config.method == "st-adapter":
        return st_adapter.blocks(config)
    block = {"probe": vit.Block, "adaptformer": adaptformer.Block, "aim": aim.Block}[config.method]
    return [block(config) for _ in range(config.blocks)]


class VisionTransformer(vit.VisionTransformer):
    def __init__(self, config):
        super().__init__(config, blocks(config))

    def position_tables(self, config):
        tables = super().position_tables(config)
        if config.method == "aim":
            tables["temporal_embedding"] = config.frames
        return tables


class SinglePath(nn.Module):
    """Normalised frames [B][T][3][R][R] -> logits [B][C] (None without a head), features [B][O]"""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.visual = VisionTransformer(config)
        self.fc = nn.Linear(config.feature_size, config.classes) if config.classes else None

    def positions(self, frames):
        """What is added to the tokens of each frame, [B*T][N][D]"""
        visual = self.visual
        if self.config.method != "aim":
            return visual.positional_embedding
        both = visual.temporal_embedding[:, None] + visual.positional_embedding
        return both.repeat(len(frames), 1, 1)

    def pool(self, class_tokens):
        """[B][T][D] -> [B][O]. ST-Adapter takes the mean of frames first, the others at last."""
        visual = self.visual
        if self.config.method == "st-adapter":
            return visual.feature(class_tokens.mean(dim=1))
        return visual.feature(class_tokens).mean(dim=1)

    def forward(self, frames):
        visual = self.visual
        x = visual.ln_pre(visual.tokens(frames.flatten(0, 1)) + self.positions(frames))
        for block in visual.transformer.resblocks:
            x = block(x)
        features = self.pool(x[:, 0].reshape(*frames.shape[:2], -1))
        return (self.fc(features) if self.fc else None), features
