"""What the tests of dualpath.train share: small models, five clips, recipes for them."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import checkpoints
import numpy as np
import pytest
from conftest import ROOT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from dualpath.train import pixels
from dualpath.train.build import Folders, build_job
from dualpath.train.config import ONE_PATH, AnyConfig, Config, OnePathConfig
from dualpath.train.loop import Trainer, seeded
from dualpath.train.model import DualPath
from dualpath.train.one_path import OnePath
from dualpath.train.protocol import Protocol
from dualpath.train.recipe import read_recipe
from dualpath.train.video import as_pixels

needs_converter = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("gguf", "dualpath._families"))),
    reason="dualpath-convert takes DualPath only, or gguf is not installed")

SMALL = Config(
    image_size=32, patch_size=8, width=32, heads=2, blocks=2, mlp_width=64, head_width=16,
    classes=3, adapters={"s1": 8, "s2": 8, "t0": 8, "t1": 8, "t2": 8},
)
VARIANTS = {
    "small": SMALL,
    "no skip": dataclasses.replace(SMALL, serial_skip=False),
    "paper": dataclasses.replace(
        SMALL, position="sincos-3d", position_grid=False, adapters={"s1": 4, "t1": 12}
    ),
    "table": dataclasses.replace(SMALL, position="table", frames=32, projection=24),
    "clip": dataclasses.replace(
        SMALL, activation="quick_gelu", pre_norm=True, patch_bias=False, layer_norm_eps=1e-5,
        adapter_scale=0.5, adapter_activation="relu", grid=2, image_size=48,
    ),
}


TINY = OnePathConfig(
    image_size=32, patch_size=8, width=32, heads=2, blocks=2, mlp_width=64, frames=4, classes=3)
CLIP_FORM = {"pre_norm": True, "patch_bias": False, "activation": "quick_gelu",
             "layer_norm_eps": 1e-5}


def one_path(method: str, adapters: str = "", **options) -> OnePathConfig:
    """A small network of a method; its adapters are named, and each has a width of its own."""
    widths = {name: 4 + 2 * i for i, name in enumerate(adapters.split())}
    activation = ONE_PATH[method].activation
    return dataclasses.replace(
        TINY, method=method, adapters=widths, adapter_activation=activation, **options)


METHODS = {
    "probe": one_path("probe"),
    "vpt": one_path("vpt", prompts=3),
    "vpt shallow": one_path("vpt", prompts=3, deep=False, **CLIP_FORM),
    "adaptformer": one_path("adaptformer", "mlp", adapter_scale=0.1),
    "st-adapter": one_path("st-adapter", "conv_attn conv_mlp", **CLIP_FORM),
    "st-adapter late": one_path(
        "st-adapter", "conv_attn", kernel=(1, 3, 5), first_block=1),
    "aim": one_path("aim", "time space mlp", adapter_scale=0.5, **CLIP_FORM),
    "aim timm": one_path("aim", "time_in time space mlp", frames=5),
    "aim protocol": one_path("aim", "time space mlp", protocol=Protocol(
        resize_filter="bicubic", resize_long_side="nearest", crop_offset="down")),
}


def network_of(config: AnyConfig) -> DualPath | OnePath:
    return OnePath(config) if isinstance(config, OnePathConfig) else DualPath(config)


def with_weights(config: AnyConfig) -> DualPath | OnePath:
    """A model in which every tensor counts; adapters begin as zero."""
    model, draw = network_of(config), seeded(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def some_frames(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, height, width, 3), np.uint8)


def answer_of_reference(model: DualPath | OnePath, frames: np.ndarray) -> np.ndarray:
    """Logits of the network of tests/reference that has the same shape and weights."""
    sys.path.insert(0, str(ROOT))
    try:
        pytest.importorskip("tests.reference.network", reason="no tests/reference here")
        from tests.reference.network import network
        from tests.reference.run import classify
    finally:
        sys.path.remove(str(ROOT))
    other = network(config_of_reference(model.config)).eval()
    other.load_state_dict(model.state_dict())
    return classify(other, frames)["logits"]


def config_of_reference(config: AnyConfig):
    from tests.reference.config import Config as TwoPaths
    from tests.reference.config import MethodConfig
    from tests.reference.protocol import Protocol as TheirProtocol

    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    values.pop("is_resized", None)
    ours = config.protocol
    values["protocol"] = TheirProtocol(
        filter=ours.resize_filter, long_side=ours.resize_long_side, crop_offset=ours.crop_offset)
    return (MethodConfig if "method" in values else TwoPaths)(**values)


def answer(model: DualPath | OnePath, frames: np.ndarray) -> np.ndarray:
    """Logits for as many frames as the model takes."""
    config = model.config
    view = pixels.centre_view(*frames.shape[1:3], config.image_size, config.protocol)
    clip = pixels.look_twice(as_pixels(frames), view.expand(len(frames), -1, -1), config)
    batch = pixels.batch([clip]).map(lambda x: pixels.normalise(x / 255, config))
    with torch.inference_mode():
        return model(batch)[0].numpy()


def assert_close(logits: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(logits - expected).max() <= 1e-3 * np.abs(expected).max()


def write_clips(folder) -> None:
    """Five short clips in two classes, as arrays: bright ones and dark ones. The camera stands
    still, and something moves at the top."""
    for index, name in enumerate(["bright", "bright", "bright", "dark", "dark"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        level = 150 if name == "bright" else 10
        rng = np.random.default_rng(index)
        frames = np.tile(rng.integers(level, level + 80, (48, 64, 3), np.uint8), (20, 1, 1, 1))
        frames[:, :12] = rng.integers(level, level + 80, (20, 12, 64, 3), np.uint8)
        np.save(folder / name / f"{index}.npy", frames)


def write_backbone(path) -> None:
    frozen = dataclasses.replace(SMALL, adapters={}, head_width=None, classes=0)
    state = DualPath(frozen).state_dict()
    torch.save({"model": {k: v for k, v in state.items() if "spatial_pos" not in k}}, path)


RECIPE = """
name = "levels"
kind = "clips"
[model]
backbone = "backbone.pth"
heads = 2
image_size = 48
sampling_rate = 1
head_width = 16
adapters = { s1 = 8, s2 = 8, t0 = 8, t1 = 8, t2 = 8 }
[data]
clips = "clips"
cache_side = 48
[train]
epochs = 12
batch = 2
learning_rate = 5e-3
"""
CAMERA = """
name = "camera"
kind = "camera"
[model]
backbone = "backbone.pth"
heads = 2
spatial_frames = 2
image_size = 64
position = "table"
adapters = { t0 = 8, t1 = 8, t2 = 8 }
[data]
clips = "clips"
cache_side = 48
cache_rate = 1
size = 20
[train]
epochs = 1
batch = 10
learning_rate = 1e-3
"""
IMAGES = """
name = "images"
kind = "images"
[model]
image_size = 32
heads = 2
sizes = { width = 32, patch_size = 8, blocks = 2, mlp_width = 64 }
[data]
photographs = "train"
held_out_photographs = "train"
more_photographs = ["frames"]
classes = 3
clips = "clips"
cache_side = 48
[images]
teacher = "teacher.pth"
teacher_blocks = 2
mosaics = 2
mosaic_size = 32
[train]
epochs = 2
batch = 8
learning_rate = 1e-3
"""


def write_teacher(folder):
    """A random one of two blocks, with patches of 4 pixels."""
    checkpoints.save(folder / "teacher.pth", checkpoints.timm())


def command(folder, *more: str) -> list[str]:
    work = ["--data", str(folder), "--work", str(folder), "--threads", "1"]
    return [str(folder / "recipe.toml"), *work, *more]


def trainer_of(folder, *changes: str) -> Trainer:
    recipe = read_recipe(str(folder / "recipe.toml"), list(changes))
    job = build_job(recipe, Folders(str(folder), str(folder)))
    return Trainer(job, recipe.train, str(folder / "levels.pth"))
