"""Training on clips: the views that are taken of them, and the job that the loop runs."""

from __future__ import annotations

import re
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..video import sampled_frames
from . import pixels
from .album import Photographs
from .camera import LABELS, MIRRORED, Range, camera_path, flow_lesson, windows
from .clips import Cache, Clip, Frames, stretch
from .config import AnyConfig, Config, OnePathConfig
from .loop import Outcome, seeded
from .model import DualPath
from .one_path import OnePath
from .pixels import Views
from .recipe import Augmentation
from .sampling import random_view
from .stillness import stands_still

TRIES = 200  # of finding a stretch whose camera stands still
IN_A_MIRROR = {
    "left": "right", "right": "left",
    "clockwise": "counterclockwise", "counterclockwise": "clockwise",
}


class Source(Protocol):
    """Where clips come from, for training with something random in them."""

    size: int

    def clip(self, index: int, draw: torch.Generator) -> tuple[Views, int]:
        """Views in 0 to 255 and the label."""


def as_pixels(frames: Any) -> Tensor:
    """Bytes ``[n][H][W][3]`` as ``[n][3][H][W]``."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float()


def mirrored_labels(labels: list[str]) -> list[int] | None:
    """What each class is in a mirror: left and right, clockwise and counter-clockwise exchanged.
    None if a label has such a word, and there is no label with the other."""
    words = [_words(label) for label in labels]
    mirrored = [" ".join(IN_A_MIRROR.get(word, word) for word in own.split()) for own in words]
    if any(own not in words for own in mirrored):
        return None
    return [i if a == b else words.index(b) for i, (a, b) in enumerate(zip(words, mirrored))]


def _words(label: str) -> str:
    """The words of a label in small letters, whether it is a sentence, snake_case or CamelCase."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower()
    return re.sub(r"\b(counter|anti) ?clockwise\b", "counterclockwise",
                  " ".join(re.findall(r"[^\W_]+", apart)))


class HeldOut(Protocol):
    """Clips to measure on."""

    size: int

    def centre(self, index: int, view: int, views: int) -> tuple[Views, int]:
        """One view of several in 0 to 255, the same every time, and the label."""


class RealClips:
    """Videos from a cache: random frames by the rule of the protocol, a random crop, sometimes
    mirrored."""

    def __init__(self, clips: list[Clip], cache: Cache, config: AnyConfig, labels: list[str],
                 augment: Augmentation) -> None:
        self.clips, self.cache, self.config, self.augment = clips, cache, config, augment
        if config.sampling_rate % cache.rate:
            raise ValueError(f"the sampling rate is not a multiple of the cache's, {cache.rate}")
        self.mirrored = mirrored_labels(labels) if augment.flip else None
        self.size = len(clips)

    def clip(self, index: int, draw: torch.Generator) -> tuple[Views, int]:
        path, label = self.clips[index]
        frames, step = self.cache.frames(path), self.cache.step(path, self.config.sampling_rate)
        T = self.config.frames
        chosen = random_view(self.config.protocol, len(frames), T, step, draw)
        view = pixels.random_view(frames.shape[1], frames.shape[2], self.augment.smallest_crop, draw)
        if self.mirrored and torch.rand(1, generator=draw) < 0.5:
            view, label = pixels.mirror(view), self.mirrored[label]
        views = view.expand(T, -1, -1)
        return pixels.look_twice(as_pixels(frames[chosen]), views, self.config), label

    def centre(self, index: int, view: int, views: int) -> tuple[Views, int]:
        """A view that the library takes, of ``views`` along the time; where the cache has not every
        frame, of those that it has."""
        path, label = self.clips[index]
        frames, step = self.cache.frames(path), self.cache.step(path, self.config.sampling_rate)
        T, protocol = self.config.frames, self.config.protocol
        chosen = sampled_frames(
            len(frames), T, protocol.sampling, step, views, protocol.past_end)[view]
        square = pixels.centre_view(
            frames.shape[1], frames.shape[2], self.config.image_size, protocol)
        seen = as_pixels(frames[chosen])
        return pixels.look_twice(seen, square.expand(T, -1, -1), self.config), label


class MovingCamera:
    """Clips of a camera that moves over photographs and over real clips (camera.py), where those
    have a camera that stands still."""

    def __init__(self, config: AnyConfig, photographs: Photographs | None, clips: list[Clip],
                 cache: Cache | None, size: int, amount: Range) -> None:
        if photographs is None and not clips:
            raise ValueError("a moving camera needs photographs or clips to look at")
        if config.grid and config.side % config.grid:
            raise ValueError(
                f"images of {config.image_size} pixels: the tiles of a moving camera must be whole "
                f"patches, so the size must be a multiple of {config.grid * config.patch_size}")
        self.config, self.amount, self.size = config, amount, size
        self.photographs, self.clips, self.cache = photographs, clips, cache
        self.known: dict[tuple[int, int], bool] = {}  # stretches of clips, and whether they are still

    def clip(self, index: int, draw: torch.Generator) -> tuple[Views, int]:
        return self.clip_and_windows(index, draw)[:2]

    def clip_and_windows(self, index: int, draw: torch.Generator) -> tuple[Views, int, Tensor]:
        """The same, and the maps of the camera ``[T][2][3]``."""
        label = index % len(LABELS)
        T = self.config.frames
        picture = self._picture(draw)
        path = camera_path(label, T, self.amount, draw)
        views = windows(path, picture.shape[-2], picture.shape[-1], self.amount, draw)
        if torch.rand(1, generator=draw) < 0.5:
            views, label = pixels.mirror(views), MIRRORED[label]
        return self._look(picture, views, draw), label, views

    def _picture(self, draw: torch.Generator) -> Tensor:
        """What the camera sees: a photograph, a frame, or a clip that goes on, ``[1 or T][3]..``"""
        kind, stills = float(torch.rand(1, generator=draw)), self.amount.stills
        if self.photographs is not None and (kind < stills * 2 / 3 or not self.clips):
            index = int(torch.randint(len(self.photographs), (1,), generator=draw))
            return as_pixels(self.photographs.pixels[[index]])
        if kind < stills:
            return as_pixels(self._frames(*self._place(1, 1, draw), 1))
        frames = as_pixels(self._still_stretch(draw))
        return frames.flip(0) if kind > (1 + stills) / 2 else frames

    def _still_stretch(self, draw: torch.Generator) -> Frames:
        """The frames of a clip while its own camera stands still."""
        T = self.config.frames
        for _ in range(TRIES):
            place = self._place(T, T // 4, draw)
            if place not in self.known:
                self.known[place] = stands_still(self._frames(*place, T))
            if self.known[place]:
                return self._frames(*place, T)
        raise ValueError(
            f"of {TRIES} stretches of {T} frames, of {len(self.clips)} clips, none has a camera that "
            "stands still")

    def _place(self, T: int, step: int, draw: torch.Generator) -> tuple[int, int]:
        """A clip, and a multiple of ``step`` where a stretch of it may begin."""
        assert self.cache is not None
        index = int(torch.randint(len(self.clips), (1,), generator=draw))
        count = len(self.cache.frames(self.clips[index].path))
        starts = max(count - T, 0) // step + 1
        return index, step * int(torch.randint(starts, (1,), generator=draw))

    def _frames(self, index: int, start: int, T: int) -> Frames:
        assert self.cache is not None
        return stretch(self.cache.frames(self.clips[index].path), start, T)

    def _look(self, picture: Tensor, views: Tensor, draw: torch.Generator) -> Views:
        """Through a lens that may be out of focus, with an exposure that drifts and flickers."""
        u = torch.rand(3, generator=draw).tolist()
        T = len(views)
        if u[1] < 0.3:
            picture = F.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)
        clip = pixels.look_twice(picture.expand(T, -1, -1, -1), views, self.config)
        gain = 1 + (u[0] - 0.5) * 0.4 * torch.linspace(-0.5, 0.5, T)
        gain = (gain + 0.01 * torch.randn(T, generator=draw)).view(T, 1, 1, 1)
        return Views(
            clip.tiles * gain[: len(clip.tiles)], clip.spatial * gain[:: T // len(clip.spatial)])


class VideoJob:
    """A model on a source of clips."""

    def __init__(self, name: str, model: DualPath | OnePath, source: Source, held_out: HeldOut | None,
                 augment: Augmentation, smoothing: float, device: str = "cpu") -> None:
        self.name, self.model, self.source, self.held_out = name, model, source, held_out
        self.augment, self.smoothing, self.device = augment, smoothing, torch.device(device)
        self.size = source.size
        self.config: AnyConfig = model.config

    def step(self, indices: Tensor, progress: float, draw: torch.Generator) -> Outcome:
        clips, labels = self._batch([self.source.clip(int(i), draw) for i in indices])
        clips = self._vary(clips, draw)
        other = self.augment.mix * torch.rand(len(labels), generator=draw).to(self.device)
        if self.augment.mix:
            clips = clips.map(lambda x: _mixed(x, other))
        counts = self._counts(len(labels), draw) if self.model.paths == "both" else None
        logits = self._logits(clips, counts)
        own, mixed_in = (
            F.cross_entropy(logits, y, reduction="none", label_smoothing=self.smoothing)
            for y in (labels, labels.roll(1))
        )
        right = int((logits.argmax(-1) == labels).sum())
        return Outcome(((1 - other) * own + other * mixed_in).mean(), right, len(labels))

    def _counts(self, n: int, draw: torch.Generator) -> Tensor:
        """Which paths count, ``[2][n]``: for some clips one of them alone."""
        u, lone = torch.rand(n, generator=draw), self.augment.lone_path
        return torch.stack([u >= lone / 2, u < 1 - lone / 2]).to(self.device)

    def _vary(self, clips: Views, draw: torch.Generator) -> Views:
        clips = pixels.vary_colours(clips, self.augment.colour, draw)
        if self.augment.noise:
            clips = clips.map(lambda x: x + self.augment.noise * _normal_like(x, draw))
        return clips

    def _batch(self, pairs: list[tuple[Views, int]]) -> tuple[Views, Tensor]:
        """In 0 to 1, where the model is."""
        clips = pixels.batch([views for views, _ in pairs]).map(lambda x: x.to(self.device) / 255)
        return clips, torch.tensor([label for _, label in pairs], device=self.device)

    def _logits(self, clips: Views, counts: Tensor | None = None) -> Tensor:
        clips = clips.map(lambda x: pixels.normalise(x, self.model.config))
        if counts is None:
            answer: Tensor = self.model(clips)
            return answer.float()
        assert isinstance(self.model, DualPath) and self.model.visual.head is not None
        features = [y * c[:, None] for y, c in zip(self.model.features(clips), counts)]
        logits: Tensor = self.model.visual.head(*features)
        return logits.float()

    @torch.inference_mode()
    def evaluate(self, views: int = 1) -> str:
        held_out = self.held_out
        if held_out is None:
            return ""
        right = 0
        for indices in torch.split(torch.arange(held_out.size), 16):
            said, labels = zip(*[self._look(indices, v, views) for v in range(views)])
            right += int((sum(said).argmax(-1) == labels[0]).sum())
        return f"held out {right} of {held_out.size}, {right / held_out.size:.2%}"

    def _look(self, indices: Tensor, view: int, views: int) -> tuple[Tensor, Tensor]:
        """What is averaged of the views, and the labels."""
        assert self.held_out is not None
        clips, labels = self._batch([self.held_out.centre(int(i), view, views) for i in indices])
        said, average = self._logits(clips), self.config.protocol.average
        return said.softmax(-1) if average == "probabilities" else said, labels

    def arguments(self) -> dict[str, Any]:
        config: AnyConfig = self.config
        method = {"method": config.method} if isinstance(config, OnePathConfig) else {}
        return {
            **method,
            "num_frames": config.frames,
            "sampling_rate": config.sampling_rate,
            "input_size": config.image_size,
            "nb_classes": config.classes,
        }


class CameraJob(VideoJob):
    """A moving camera is learned with a second lesson: each patch of a frameset tells how the
    picture moves there. Its matrix is not part of the model, and is forgotten after training.
    A model without the temporal path has no patches to ask."""

    model: DualPath
    config: Config

    def __init__(self, name: str, model: DualPath, source: MovingCamera,
                 held_out: HeldOut | None, augment: Augmentation, smoothing: float,
                 device: str = "cpu") -> None:
        super().__init__(name, model, source, held_out, augment, smoothing, device)
        self.camera = source
        self.lesson = nn.Linear(model.config.width, 2).to(self.device)
        model.add_module("flow_lesson", self.lesson)

    def step(self, indices: Tensor, progress: float, draw: torch.Generator) -> Outcome:
        drawn = [self.camera.clip_and_windows(int(i), draw) for i in indices]
        clips, labels = self._batch([(views, label) for views, label, _ in drawn])
        clips = self._vary(clips, draw).map(lambda x: pixels.normalise(x, self.model.config))
        config = self.config
        flow = flow_lesson([windows for _, _, windows in drawn], config.side, config.grid)
        logits, moved = self._both_lessons(clips)
        told = F.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)
        lesson = F.smooth_l1_loss(moved.float(), flow.to(self.device))
        return Outcome(told + lesson, int((logits.argmax(-1) == labels).sum()), len(labels))

    def _both_lessons(self, clips: Views) -> tuple[Tensor, Tensor]:
        """Logits ``[B][C]`` and what the patches say ``[B][Tg * (N - 1)][2]``."""
        model, B = self.model, len(clips.tiles)
        sets = pixels.framesets(clips.tiles, model.config.grid)
        tokens = model.temporal_tokens(sets.flatten(0, 1))
        temporal = model.visual.feature(tokens).view(B, sets.shape[1], -1).mean(1)
        spatial = torch.zeros_like(temporal)
        if model.paths == "both":
            spatial = model.spatial(clips.spatial)
        assert model.visual.head is not None
        moved = self.lesson(model.visual.ln_post(tokens[:, 1:])).view(B, -1, 2)
        return model.visual.head(temporal, spatial), moved


class Fixed:
    """Clips of a source that are the same every time, to be held out."""

    def __init__(self, source: Source, size: int, seed: int) -> None:
        self.source, self.size, self.seed = source, size, seed

    def centre(self, index: int, view: int, views: int) -> tuple[Views, int]:
        """The only view that there is."""
        return self.source.clip(index, seeded(self.seed, index))


def _mixed(pixels: Tensor, other: Tensor) -> Tensor:
    """Clips ``[B]..`` with these parts of their neighbours in the batch."""
    part = other.view(-1, 1, 1, 1, 1)
    return (1 - part) * pixels + part * pixels.roll(1, 0)


def _normal_like(pixels: Tensor, draw: torch.Generator) -> Tensor:
    return torch.randn(pixels.shape, generator=draw).to(pixels.device)
