"""The methods whose frames all go through one path, in PyTorch, for training: linear probe, VPT,
AdaptFormer, ST-Adapter, AIM. They differ in their blocks (adapted_blocks.py) and in little else.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .adapted_blocks import make_block
from .config import OnePathConfig
from .model import ImageTransformer
from .pixels import Views


class OnePath(nn.Module):
    """Frames of clips, normalised, to logits ``[B][C]``."""

    paths = "one"

    def __init__(self, config: OnePathConfig) -> None:
        super().__init__()
        self.config = config
        is_timed = config.method == "aim"
        tables = {"temporal_embedding": config.frames} if is_timed else {}
        self.visual = ImageTransformer(config, tables, lambda index: make_block(config, index))
        if is_timed:  # it begins as zero, as adapters do
            nn.init.zeros_(self.visual.temporal_embedding)
        self.fc: nn.Linear | None = None
        if config.classes:
            self.fc = nn.Linear(config.feature_size, config.classes)
            nn.init.normal_(self.fc.weight, std=0.02)
            nn.init.zeros_(self.fc.bias)

    def forward(self, clips: Views) -> Tensor:
        if self.fc is None:
            raise ValueError("a model without a head has no logits")
        logits: Tensor = self.fc(self.feature(clips.spatial))
        return logits

    def feature(self, frames: Tensor) -> Tensor:
        """Frames ``[B][T][3][R][R]`` to ``[B][O]``. ST-Adapter takes the mean of the frames before
        the last norm, the others behind it."""
        B, T = frames.shape[:2]
        x = self.visual.embed(frames.flatten(0, 1), self._position(B))
        for block in self.visual.transformer.resblocks:
            x = block(x)
        x = x[:, :1]  # the class tokens
        if self.config.method == "st-adapter":
            return self.visual.feature(x.reshape(B, T, 1, -1).mean(1))
        return self.visual.feature(x).view(B, T, -1).mean(1)

    def _position(self, B: int) -> Tensor:
        """``[N][D]``, or where frames have positions of their own ``[B * T][N][D]``."""
        visual = self.visual
        if self.config.method != "aim":
            return visual.positional_embedding
        both = torch.add(visual.temporal_embedding[:, None], visual.positional_embedding)
        return both.repeat(B, 1, 1)
