"""The methods with one path in dualpath.train: networks, what is trained of them, checkpoints."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from conftest import ROOT
from test_sampling_rules import RULES
from training import (
    METHODS,
    answer,
    answer_of_reference,
    assert_close,
    command,
    config_of_reference,
    needs_converter,
    network_of,
    one_path,
    some_frames,
    trainer_of,
    with_weights,
)

import dualpath
from dualpath.train import pixels
from dualpath.train.checkpoint import freeze
from dualpath.train.layouts import is_trained, pack, unpack
from dualpath.train.loop import seeded
from dualpath.train.main import main as train
from dualpath.train.protocol import Protocol
from dualpath.train.recipe import parse
from dualpath.train.sampling import random_view
from dualpath.video import sampled_frames

EACH = pytest.mark.parametrize("name", METHODS)

# What each method trains beside its head, of the parts of a tensor's name.
TRAINED = {
    "probe": set(), "vpt": {"prompt"}, "adaptformer": {"adapters"}, "st-adapter": {"adapters"},
    "aim": {"adapters", "temporal_embedding"},
}

RECIPES = {
    "probe": "",
    "vpt": "prompts = 2",
    "vpt shallow": "prompts = 2\ndeep = false",
    "adaptformer": "adapters = { mlp = 4 }\nadapter_scale = 0.2",
    "st-adapter": "adapters = { conv_attn = 4 }\nkernel = [3, 3, 1]\nfirst_block = 1",
    "aim": "adapters = { time_in = 4, time = 4, space = 4, mlp = 4 }",
}
RECIPE = """
name = "levels"
kind = "clips"
[model]
backbone = "backbone.pth"
method = "{}"
heads = 2
frames = 4
image_size = 48
sampling_rate = 1
{}
[data]
clips = "clips"
cache_side = 48
[train]
epochs = 6
batch = 2
learning_rate = 5e-3
"""


@pytest.fixture(params=RECIPES)
def method(request, five_clips):
    """A folder with a recipe of a method."""
    recipe = RECIPE.format(request.param.split()[0], RECIPES[request.param])
    (five_clips / "recipe.toml").write_text(recipe)
    return five_clips


# ---- networks ----


@EACH
def test_against_reference(name):
    config = METHODS[name]
    model, frames = with_weights(config), some_frames(config.frames, 70, 51)
    assert_close(answer(model, frames), answer_of_reference(model, frames))


@needs_converter
@EACH
def test_against_library(name, tmp_path):
    """Through a checkpoint in the layout of the method, and the converter."""
    from dualpath.convert import main as convert

    config = METHODS[name]
    model, frames = with_weights(config), some_frames(config.frames, 64, 93)
    state = model.state_dict()
    pth, frozen, gguf = (str(tmp_path / each) for each in ("m.pth", "frozen.pth", "m.gguf"))
    torch.save({**pack(config, state), "args": {"method": config.method},
                "dualpath": config.stated()}, pth)
    words = [pth, "-o", gguf]
    if config.method == "st-adapter":
        torch.save({part: t for part, t in state.items() if not is_trained(config, part)}, frozen)
        words += ["--backbone", frozen]
    assert convert(words) == 0
    with dualpath.Model(gguf) as opened, dualpath.Session(opened) as session:
        assert opened.info.method == config.method
        logits = session.classify(list(frames), sampling="given").logits
    assert_close(answer(model, frames), logits)


@EACH
def test_begins_as_the_frozen_transformer(name):
    """New adapters and the table of times change nothing; prompts do from the first on."""
    model = network_of(METHODS[name])
    x = torch.randn(model.config.frames, model.config.tokens, model.config.width)
    for index, block in enumerate(model.visual.transformer.resblocks):
        prompted = name == "vpt" or (name == "vpt shallow" and index == 0)
        y, plain = block(x), block.plain(x)
        assert (y.shape != plain.shape) if prompted else torch.equal(y, plain)
    assert not getattr(model.visual, "temporal_embedding", torch.zeros(1)).any()


@EACH
def test_gradients_flow_to_all_that_is_trained(name):
    """Of ST-Adapter, what the last block adds to patches after its attention is not read."""
    config = METHODS[name]
    model = with_weights(config)
    freeze(model)
    frames = torch.randn(2, config.frames, 3, 32, 32, generator=seeded(4))
    model(pixels.Views(frames.new_empty(2, 0, 3, 1, 1), frames)).square().sum().backward()
    unread = f"resblocks.{config.blocks - 1}.adapters.conv_mlp."
    for part, parameter in model.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert reached == (is_trained(config, part) and unread not in part), part


@EACH
def test_what_is_trained(name):
    config = METHODS[name]
    model = network_of(config)
    freeze(model)
    trained = {part for part, p in model.named_parameters() if p.requires_grad}
    kinds = {word for part in trained for word in part.split(".")}
    assert {"fc.weight", "fc.bias"} <= trained
    assert kinds & {"adapters", "prompt", "temporal_embedding"} == TRAINED[config.method]
    assert not kinds & {"ln_1", "ln_2", "ln_post", "conv1", "attn", "c_fc", "class_embedding",
                        "positional_embedding"}
    freeze(model, head_only=True)
    assert sum(p.requires_grad for p in model.parameters()) == 2


# ---- training ----


def test_steps_change_what_is_trained(method):
    trainer = trainer_of(method)
    model = trainer.job.model
    before = {part: tensor.clone() for part, tensor in model.state_dict().items()}

    def changed():
        return {part for part, tensor in model.state_dict().items()
                if not torch.equal(tensor, before[part])}

    trained = {part for part, p in model.named_parameters() if p.requires_grad}
    trainer._learn()
    assert {"fc.weight", "fc.bias"} <= changed() <= trained
    for _ in range(3):  # what is behind or before a matrix of zeros waits for it
        trainer._learn()
    assert changed() == trained


def test_it_learns(method):
    """Bright clips from dark ones, by the head if by nothing else."""
    assert train(command(method, "--set", "train.epochs=12", "--set", "train.bf16=false")) == 0
    trainer = trainer_of(method)
    trainer.load(str(method / "levels.pth"))
    trainer.job.held_out = trainer.job.source
    assert "held out 5 of 5" in trainer.evaluate() and "held out 5 of 5" in trainer.evaluate(2)


def test_views_are_averaged_as_the_protocol_says(five_clips):
    """Two views that are sure of one class, and one that is surer of the other."""
    (five_clips / "recipe.toml").write_text(RECIPE.format("probe", ""))
    logits = torch.tensor([[[2.0, 0.0]], [[2.0, 0.0]], [[0.0, 9.0]]])
    for average, right in (("logits", 0), ("probabilities", 1)):
        job = trainer_of(five_clips, f'protocol.average="{average}"').job
        job.held_out = job.source
        job.held_out.size = 1
        said = iter(logits)
        job._logits = lambda clips, said=said: next(said)
        assert job.evaluate(3).startswith(f"held out {right} of 1")


@pytest.mark.parametrize("method_and_options", [
    ("vpt", "prompts = 2"), ("aim", "adapters = { time = 4, space = 4, mlp = 4 }")])
def test_a_moving_camera_is_learned_by_all(five_clips, method_and_options):
    recipe = RECIPE.format(*method_and_options).replace('"clips"', '"camera"', 1)
    recipe = recipe.replace("cache_side = 48", "cache_side = 48\nsize = 4")
    (five_clips / "recipe.toml").write_text(recipe)
    trainer = trainer_of(five_clips, "train.epochs=1")
    assert trainer.run() and len(trainer.losses) == 2


def test_a_run_that_was_stopped_goes_on(method):
    """With the losses of one that was not, from a checkpoint of tensors and plain values."""
    whole = trainer_of(method)
    assert whole.run()
    first = trainer_of(method)
    for _ in range(5):
        first._learn()
    first.save()
    path = str(method / "levels.pth")
    saved = torch.load(path, weights_only=True)
    assert saved["args"]["method"] == whole.job.config.method == saved["dualpath"]["method"]
    second = trainer_of(method)
    second.resume(path)
    assert second.run() and second.losses == whole.losses[5:]
    for part, tensor in whole.job.model.state_dict().items():
        assert torch.equal(tensor, second.job.model.state_dict()[part]), part


def test_checkpoints_of_other_methods(method, capsys):
    assert train(command(method, "--set", "train.epochs=1")) == 0
    recipe = (method / "recipe.toml").read_text()
    other = RECIPE.format("adaptformer", RECIPES["adaptformer"])
    if 'method = "adaptformer"' in recipe:
        other = RECIPE.format("aim", RECIPES["aim"])
    (method / "recipe.toml").write_text(other)
    capsys.readouterr()
    for words in (["--resume", "--set", "train.epochs=1"],
                  ["--evaluate", str(method / "levels.pth")]):
        assert train(command(method, *words)) == 1
        assert "levels.pth" in capsys.readouterr().err


def test_what_stays_frozen(method):
    """--frozen writes the transformer at the recipe's image size, whatever the method."""
    frozen = str(method / "frozen.pth")
    assert train(command(method, "--frozen", frozen)) == 0
    tensors = torch.load(frozen, weights_only=True)["model"]
    assert tensors["visual.positional_embedding"].shape == (37, 32)
    assert not any("adapter" in name or "head" in name for name in tensors)


# ---- checkpoints ----


def released_names(config) -> set[str]:
    return set(next(iter(pack(config, network_of(config).state_dict()).values())))


@EACH
def test_a_checkpoint_comes_back(name):
    config = METHODS[name]
    state = with_weights(config).state_dict()
    packed = pack(config, state)
    tensors = packed["state_dict" if config.method == "aim" else "model"]
    back = unpack(config, state, tensors)
    kept = {part for part in state if config.method != "st-adapter" or is_trained(config, part)}
    assert set(back) == kept and all(torch.equal(back[part], state[part]) for part in kept)


@EACH
def test_reference_reads_a_checkpoint(name, tmp_path, monkeypatch):
    """The independent readers of the layouts answer what the model answers."""
    monkeypatch.syspath_prepend(str(ROOT))
    pytest.importorskip("tests.reference.checkpoint", reason="no tests/reference here")
    from argparse import Namespace

    from tests.reference import checkpoint

    config = METHODS[name]
    model = with_weights(config)
    state, path = model.state_dict(), tmp_path / "model.pth"
    args = Namespace(method=config.method, num_frames=config.frames)
    torch.save({**pack(config, state), **({} if name.startswith("st") else {"args": args})}, path)
    if config.method == "st-adapter":
        frozen = {part: t for part, t in state.items() if not is_trained(config, part)}
        torch.save(frozen, tmp_path / "model.backbone.pt")
    theirs, read = checkpoint.load(str(path), heads=config.heads, frames=config.frames)
    assert set(read) == set(state) and all(torch.equal(read[part], state[part]) for part in state)
    if config.method == "aim":
        wanted = config_of_reference(config)
        assert (theirs.adapter_scale, theirs.frames, theirs.heads) == (
            wanted.adapter_scale, wanted.frames, wanted.heads)


def test_names_of_released_checkpoints():
    """As their own programs write them."""
    block = "backbone.transformer.resblocks.1."
    assert {"backbone.conv1.weight", "backbone.ln_pre.bias", "backbone.temporal_embedding",
            block + "T_Adapter.D_fc1.weight", block + "S_Adapter.D_fc2.bias",
            block + "MLP_Adapter.D_fc1.bias", block + "attn.in_proj_weight",
            "cls_head.fc_cls.weight"} <= released_names(METHODS["aim"])
    block = "backbone.blocks.1."
    assert {"backbone.patch_embed.proj.bias", "backbone.cls_token", "backbone.pos_embed",
            block + "T_Adapter_in.D_fc1.weight", block + "norm1.weight", block + "attn.qkv.weight",
            block + "attn.proj.bias", block + "mlp.fc2.weight", "backbone.ln_post.weight"
            } <= released_names(METHODS["aim timm"])
    tables = pack(METHODS["aim timm"], network_of(METHODS["aim timm"]).state_dict())["state_dict"]
    assert [list(tables["backbone." + name].shape) for name in (
        "temporal_embedding", "pos_embed", "cls_token")] == [[1, 5, 32], [1, 17, 32], [1, 1, 32]]
    block = "transformer.resblocks.1."
    assert released_names(METHODS["st-adapter late"]) == {"fc.weight", "fc.bias"} | {
        f"{block}adapter_pre_attn.{layer}.{kind}"
        for layer in ("fc1", "conv", "fc2") for kind in ("weight", "bias")}
    assert {block + "prompt", "conv1.weight", "fc.bias"} <= released_names(METHODS["vpt"])
    assert {block + "adaptmlp.down.weight", block + "adaptmlp.up.bias"
            } <= released_names(METHODS["adaptformer"])


def test_positions_that_were_resized_are_part_of_a_checkpoint(five_clips):
    """Else a converter would take those of the backbone, which are of images of another size."""
    recipe = RECIPE.format("st-adapter", RECIPES["st-adapter"])
    (five_clips / "recipe.toml").write_text(recipe)
    for size, rows in ((48, 37), (32, None)):  # the backbone is for 32 pixels
        trainer = trainer_of(five_clips, f"model.image_size={size}")
        trainer.save()
        saved = torch.load(five_clips / "levels.pth", weights_only=True)["model"]
        table = saved.pop("positional_embedding", None)
        assert (None if table is None else len(table)) == rows
        assert all("adapter" in part or part.startswith("fc.") for part in saved)
        trainer.load(str(five_clips / "levels.pth"))


# ---- sampling ----


@pytest.mark.parametrize("rule", [*RULES, "uniform"])
def test_random_views(rule):
    """Inside of the clip and in order; all the places that there are come about."""
    protocol, draw = Protocol(sampling=rule), seeded(9)
    views = [random_view(protocol, 20, 4, 3, draw) for _ in range(300)]
    assert all(0 <= view[0] and view == sorted(view) and view[-1] < 20 for view in views)
    starts = {view[0] for view in views}
    if rule in ("uniform", "segments"):
        assert starts == set(range(5)) and {view[-1] for view in views} == set(range(15, 20))
    elif rule in ("center", "first"):
        assert starts == {0, 3, 6, 9}
    else:
        assert starts == set(range(11))
    short = random_view(protocol, 2, 4, 1, draw)
    assert short == ([0, 0, 1, 1] if rule in ("uniform", "segments") else [0, 1, 1, 1])
    wrapped = random_view(Protocol(sampling=rule, past_end="wrap"), 2, 4, 1, draw)
    assert wrapped == ([0, 0, 1, 1] if rule in ("uniform", "segments") else [0, 1, 0, 1])


@pytest.mark.parametrize("rule", [*RULES, "uniform"])
def test_held_out_views_are_the_librarys(five_clips, rule):
    """What is held out is looked at in the frames that the protocol says, of the ones kept."""
    (five_clips / "recipe.toml").write_text(RECIPE.format("probe", ""))
    source = trainer_of(five_clips, f'protocol.sampling="{rule}"', "model.image_size=48").job.source
    path = source.clips[0].path
    frames = source.cache.frames(path)
    for view in range(2):
        wanted = sampled_frames(len(frames), 4, rule, 1, 2)[view]
        seen = source.centre(0, view, 2)[0].spatial
        expected = torch.from_numpy(frames[wanted][:, :, 8:56].copy()).permute(0, 3, 1, 2).float()
        torch.testing.assert_close(seen, expected, atol=1e-2, rtol=0)


# ---- recipes ----


def recipe_with(model: dict, **more):
    schedule = {"epochs": 1, "batch": 1, "learning_rate": 1e-3}
    return parse({"name": "n", "kind": "clips", "train": schedule, "model": model, **more})


def test_protocols_of_methods():
    aim = recipe_with({"method": "aim"}).protocol
    assert (aim.sampling, aim.past_end, aim.views, aim.average) == (
        "interval", "wrap", 3, "probabilities")
    assert recipe_with({"method": "st-adapter"}).protocol.resize_filter == "bicubic"
    assert recipe_with({"method": "vpt"}).protocol == recipe_with({}).protocol == Protocol()
    segments = recipe_with({"method": "aim"}, protocol={"sampling": "segments"}).protocol
    assert (segments.sampling, segments.views, segments.past_end) == ("segments", 1, "wrap")


@pytest.mark.parametrize(("model", "more", "words"), [
    ({"method": "lora"}, {}, "model.method = 'lora' is not one of dualpath, probe"),
    ({"method": "aim", "grid": 2}, {}, "model.grid is not an option of aim, but of dualpath"),
    ({"method": "probe", "adapters": {"mlp": 4}}, {}, "model.adapters is not an option of probe"),
    ({"method": "vpt", "kernel": [1, 1, 1]}, {}, "kernel is not an option of vpt"),
    ({"prompts": 4}, {}, "prompts is not an option of dualpath, but of vpt"),
    ({"method": "st-adapter", "adapter_scale": 2.0}, {}, "adapter_scale is not an option"),
    ({"method": "st-adapter", "kernel": [3, 1]}, {}, "is not three numbers"),
    ({}, {"protocol": {"sampling": "all"}}, "protocol.sampling = 'all' is not one of center"),
    ({}, {"protocol": {"views": 0}}, "protocol.views = 0 is not between 1 and 256"),
    ({}, {"protocol": {"view": 1}}, "unknown key 'view'"),
    ({}, {"protocol": 3}, "protocol is not a table"),
    ({}, {"protocol": {"sampling": "segments", "views": 2}}, "protocol.views = 2: segments"),
])
def test_recipes_that_are_refused(model, more, words):
    with pytest.raises(ValueError) as caught:
        recipe_with(model, **more)
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "options", "words"), [
    ("vpt", {"prompts": 0}, "prompts is missing"),
    ("aim", {"adapters": {"time": 4}}, "aim needs time, space, mlp"),
    ("aim", {"adapters": {"s1": 4}}, "'s1' is not one of time_in"),
    ("st-adapter", {"adapters": {}}, "needs one of conv_attn, conv_mlp"),
    ("st-adapter", {"kernel": (2, 1, 1)}, "three odd numbers"),
    ("st-adapter", {"kernel": (17, 1, 1)}, "three odd numbers up to 15"),
    ("st-adapter", {"first_block": 2}, "first_block = 2 is not one of the blocks"),
])
def test_networks_that_are_refused(name, options, words):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(METHODS[name], **options)
    assert words in str(caught.value)


def test_small_networks_are_what_they_say():
    assert one_path("probe").spatial_frames == 4 and one_path("probe").grid == 0
