"""dualpath-convert on checkpoints of AIM: tensors, and what the text of their configuration says."""

import copy
import warnings

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import AIM_ADAPTERS, Archive, Sizes
from conversion import HALF, SHARED, assert_tensors, clip_expectation

from dualpath._literals import read_literals
from dualpath._refused import Refused

SCALE = ("--adapter-scale", "0.5")
RATE = ("--sampling-rate", "16")

# The literals of a configuration as mmcv writes it, with the numbers of these tests.
CONFIG = {
    "model": {
        "type": "Recognizer3D",
        "backbone": {"type": "ViT_CLIP", "input_resolution": 16, "patch_size": 4, "num_frames": 8,
                     "width": 64, "layers": 2, "heads": 2, "drop_path_rate": 0.2,
                     "adapter_scale": 0.5},
        "cls_head": {"type": "I3DHead", "in_channels": 64, "num_classes": 3},
        "test_cfg": {"average_clips": "prob", "max_testing_views": 4},
    },
    "data": {"test": {"type": "VideoDataset", "pipeline": [
        {"type": "DecordInit"},
        {"type": "SampleFrames", "clip_len": 8, "frame_interval": 16, "num_clips": 3,
         "test_mode": True},
        {"type": "DecordDecode"},
        {"type": "Resize", "scale": (-1, 16)},
        {"type": "CenterCrop", "crop_size": 16},
        {"type": "Flip", "flip_ratio": 0},
        {"type": "Normalize", "mean": [122.769, 116.74, 104.04], "std": [68.493, 66.63, 70.321],
         "to_bgr": False},
        {"type": "Collect", "keys": ["imgs", "label"], "meta_keys": []}]}},
}


def text_of(value):
    """Python source of a literal, dictionaries as calls of dict()."""
    if isinstance(value, dict):
        return f"dict({', '.join(f'{key}={text_of(item)}' for key, item in value.items())})"
    if isinstance(value, list):
        return f"[{', '.join(map(text_of, value))}]"
    return repr(value)


def source_of(config):
    return "".join(f"{name} = {text_of(value)}\n" for name, value in config.items())


def changed(**changes):
    """CONFIG with other values; the names of nested ones are joined by __, steps by their type."""
    config = copy.deepcopy(CONFIG)
    for way, value in changes.items():
        *path, last = way.split("__")
        place = config
        for key in path:
            steps = place.get("test", {}).get("pipeline") if key not in place else None
            place = next(step for step in steps if step["type"] == key) if steps else place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return config


def save(run, tensors, config=None, key="config", **other):
    archive = Archive()
    text = config if isinstance(config, str) else config and source_of(config)
    meta = {"epoch": 30, "mmcv_version": "1.4.0", **({key: text} if text else {})}
    return archive.write(run.folder / "aim.pth",
                         {"meta": meta, "state_dict": archive.state(tensors), **other})


def expectation(source, on_timm=False):
    """The weight file's tensors of an AIM on CLIP."""
    tower = {name.replace("backbone.", "visual.", 1): array for name, array in source.items()}
    tower["visual.proj"] = np.zeros((1, 1))
    expected = clip_expectation(tower)
    del expected["projection.weight"]
    expected["position.time"] = source["backbone.temporal_embedding"][0]
    expected.update(adapters_of(source, "backbone.transformer.resblocks.{}."))
    return expected


def adapters_of(source, block):
    expected = {f"head.output.{kind}": source[f"cls_head.fc_cls.{kind}"]
                for kind in ("weight", "bias")}
    for i in range(Sizes().blocks):
        for adapter, short in AIM_ADAPTERS.items():
            for layer, side in (("D_fc1", "down"), ("D_fc2", "up")):
                for kind in ("weight", "bias"):
                    name = f"{block.format(i)}{adapter}.{layer}.{kind}"
                    if name in source:
                        expected[f"block.{i}.adapter.{short}.{side}.{kind}"] = source[name]
    return expected


def told(metadata, *keys):
    return [metadata["dualpath." + key] for key in keys]


# --- tensors and keys ---


def test_checkpoint_of_clip(run):
    source = checkpoints.aim()
    metadata, tensors, types = run(save(run, source, CONFIG))
    assert_tensors(tensors, expectation(source))
    assert set(types.values()) == {"f32"}
    expected = {
        "format_version": 1, "method": "aim", "image_size": 16, "patch_size": 4,
        "embedding_length": 64, "block_count": 2, "attention.head_count": 2,
        "attention.layer_norm_epsilon": np.float32(1e-5), "activation": "quick_gelu",
        "adapter.activation": "gelu", "adapter.scale": 0.5, "frames": 8, "sampling_rate": 16,
        "resize.filter": "bilinear", "resize.long_side": "nearest", "resize.antialias": False,
        "crop.offset": "down", "sampling": "interval", "past_end": "wrap", "views": 3, "crops": 1,
        "average": "probabilities",
        "image_mean": [np.float32(x / 255) for x in (122.769, 116.74, 104.04)],
        "image_std": [np.float32(x / 255) for x in (68.493, 66.63, 70.321)]}
    del metadata["dualpath.tensor_crc32"]
    assert {key[len("dualpath."):]: value for key, value in metadata.items()
            if key.startswith("dualpath.")} == expected
    assert "names of AIM, " in run.printed


def test_two_adapters_in_time(run):
    source = checkpoints.aim(frames=4, time_in=True)
    config = changed(model__backbone__num_frames=4, model__backbone__num_tadapter=2,
                     model__backbone__adapter_scale=1, data__SampleFrames__clip_len=4)
    metadata, tensors, _ = run(save(run, source, config))
    assert_tensors(tensors, expectation(source))
    assert told(metadata, "frames", "adapter.scale") == [4, 1.0]


def test_checkpoint_of_timm(run):
    source = checkpoints.aim(on_timm=True)
    config = changed(model__backbone={"type": "ViT_ImageNet", "img_size": 16, "num_heads": 2,
                                      "embed_dim": 64, "depth": 2, "num_frames": 8,
                                      "adapter_scale": 0.5})
    metadata, tensors, _ = run(save(run, source, config))
    assert told(metadata, "method", "activation", "attention.layer_norm_epsilon",
                "attention.head_count") == ["aim", "gelu", np.float32(1e-6), 2]
    for name, array in adapters_of(source, "backbone.blocks.{}.").items():
        np.testing.assert_array_equal(tensors[name], array, err_msg=name)
    np.testing.assert_array_equal(tensors["block.1.attention.qkv.bias"],
                                  source["backbone.blocks.1.attn.qkv.bias"])
    np.testing.assert_array_equal(tensors["post_norm.weight"], source["backbone.ln_post.weight"])
    np.testing.assert_array_equal(tensors["position.spatial"], source["backbone.pos_embed"][0])
    assert not [name for name in tensors if name.startswith("pre_norm")]
    assert len(tensors) == len(source)


def test_types_keep_positions(run):
    _, _, types = run(save(run, checkpoints.aim(), CONFIG), "--type", "f16")
    assert types["position.time"] == types["position.spatial"] == "f32"
    assert types["block.0.adapter.time.down.weight"] == types["head.output.weight"] == "f16"


def test_without_a_head(run):
    source = {name: array for name, array in checkpoints.aim().items() if "cls_head" not in name}
    _, tensors, _ = run(save(run, source, CONFIG))
    assert not [name for name in tensors if name.startswith("head.")]


def test_task_of_a_backbone(run):
    """Its own norm after the blocks must be that of the backbone, which a task has from there."""
    source = checkpoints.aim()
    clip = {name.replace("backbone.", "visual.", 1): array for name, array in source.items()
            if "dapter" not in name and "temporal" not in name and "cls_head" not in name}
    backbone = run.folder / "backbone.gguf"
    archive = Archive()
    run(archive.write(run.folder / "clip.pt", archive.state(clip)), "--activation", "quick_gelu",
        "--heads", 2)
    run.output.rename(backbone)
    path = save(run, source, CONFIG)
    metadata, tensors, _ = run(path, "--task-of", backbone)
    own = {name: array for name, array in expectation(source).items()
           if ".adapter." in name or name.startswith(("class", "position", "head"))}
    assert_tensors(tensors, own)
    assert told(metadata, "method", "backbone.name") == ["aim", "clip"]
    source["backbone.ln_post.weight"] = source["backbone.ln_post.weight"] + 1
    message = run.refuse_again(save(run, source, CONFIG), "--task-of", backbone)
    assert "tensor backbone.ln_post.weight is not that of" in message


# --- what the configuration says ---


@pytest.mark.parametrize(("changes", "expected"), [
    ({"data__SampleFrames__frame_uniform": True}, {"sampling": "segments", "views": 1}),
    ({"data__SampleFrames__out_of_bound_opt": "repeat_last"}, {"past_end": "repeat"}),
    ({"data__SampleFrames__frame_interval": 4}, {"sampling_rate": 4}),
    ({"data__SampleFrames__frame_interval": None}, {"sampling_rate": 1}),
    ({"data__SampleFrames__num_clips": None}, {"views": 1}),
    ({"data__Resize__interpolation": "bicubic"}, {"resize.filter": "bicubic"}),
    ({"data__CenterCrop__type": "ThreeCrop"}, {"crops": 3}),
    ({"model__test_cfg__average_clips": "score"}, {"average": "logits"}),
    ({"model__backbone__adapter_scale": 0.25}, {"adapter.scale": 0.25}),
    ({"model__backbone__heads": 4}, {"attention.head_count": 4}),
    ({"data__Normalize__std": [255, 127.5, 51.0]}, {"image_std": [1, 0.5, np.float32(0.2)]}),
    ({"data__DecordInit__type": "mmaction.datasets.transforms.DecordInit"}, {"views": 3})])
def test_values_of_the_configuration(run, changes, expected):
    metadata, _, _ = run(save(run, checkpoints.aim(), changed(**changes)))
    assert {key: metadata["dualpath." + key] for key in expected} == expected


def test_segments_have_no_rate(run):
    path = save(run, checkpoints.aim(), changed(data__SampleFrames__frame_uniform=True))
    metadata, _, _ = run(path)
    assert "dualpath.sampling_rate" not in metadata
    assert "--sampling-rate says how far apart" in run.refuse_again(path, *RATE)
    metadata, _, _ = run(path, *RATE, "--sampling", "interval", "--views", "3")
    assert told(metadata, "sampling", "sampling_rate", "views") == ["interval", 16, 3]


def test_other_places_of_the_pipeline(run):
    steps = CONFIG["data"]["test"]["pipeline"]
    model = {"model": CONFIG["model"]}
    for config in ({**model, "test_pipeline": steps},
                   {**model, "test_dataloader": {"batch_size": 1, "dataset": {"pipeline": steps}}}):
        metadata, _, _ = run(save(run, checkpoints.aim(), config), "--force")
        assert told(metadata, "sampling", "views", "crops") == ["interval", 3, 1]


def test_mmengine(run):
    """Its meta has the text under another name, and its mmaction places views in another way."""
    steps = [step for step in CONFIG["data"]["test"]["pipeline"] if step["type"] != "Normalize"]
    model = changed()["model"]
    del model["test_cfg"]
    model["cls_head"]["average_clips"] = "prob"
    model["data_preprocessor"] = {"type": "ActionDataPreprocessor", "mean": [127.5] * 3,
                                  "std": [51.0] * 3}
    config = {"model": model, "test_dataloader": {"dataset": {"pipeline": steps}}}
    path = save(run, checkpoints.aim(), config, key="cfg",
                message_hub={"log_scalars": {}, "runtime_info": {"epoch": 3}, "resumed_keys": {}},
                optimizer={"state": {}}, param_schedulers=[{"last_step": 1}])
    metadata, _, _ = run(path)
    assert told(metadata, "sampling", "views", "past_end", "average") == \
        ["spread", 3, "wrap", "probabilities"]
    assert told(metadata, "image_mean", "image_std") == [[0.5] * 3, [np.float32(0.2)] * 3]


@pytest.mark.parametrize(("changes", "words"), [
    ({"data__SampleFrames__twice_sample": True}, "twice_sample"),
    ({"data__SampleFrames__type": "DenseSampleFrames"}, "DenseSampleFrames is a way to sample"),
    ({"data__SampleFrames__type": "UniformSampleFrames"}, "UniformSampleFrames is a way to"),
    ({"data__SampleFrames": {"type": "UniformSample", "clip_len": 8, "num_clips": 2}}, "segments")])
def test_frames_that_a_file_cannot_say_are_asked_for(run, changes, words):
    config = changed(**{key: value for key, value in changes.items() if "__" in key and
                        not isinstance(value, dict)})
    for value in changes.values():
        if isinstance(value, dict):
            config["data"]["test"]["pipeline"][1] = value
    path = save(run, checkpoints.aim(), config)
    message = run.refuse(path)
    assert "which frames a view takes (--sampling-rate or --sampling segments" in message
    run(path, *RATE)
    assert words in run.printed or "several clips" in run.printed


def test_uniform_samples_are_segments(run):
    config = changed()
    config["data"]["test"]["pipeline"][1] = {"type": "UniformSample", "clip_len": 8,
                                             "test_mode": True}
    metadata, _, _ = run(save(run, checkpoints.aim(), config))
    assert told(metadata, "sampling", "views") == ["segments", 1]
    assert "may differ by one" in run.printed


@pytest.mark.parametrize(("changes", "words"), [
    ({"data__CenterCrop__type": "TenCrop"}, "TenCrop is a way to crop"),
    ({"data__Resize__scale": (16, 16)}, "does not resize the shorter side"),
    ({"data__Resize__scale": (-1, 20)}, "Resize: scale is 20; this library resizes")])
def test_what_differs_is_noted(run, changes, words):
    run(save(run, checkpoints.aim(), changed(**changes)))
    assert words in run.printed


@pytest.mark.parametrize(("changes", "words"), [
    ({"model__backbone__num_frames": 16}, "num_frames is 16, and the tensors have 8"),
    ({"model__backbone__width": 128}, "width is 128, and the tensors have 64"),
    ({"model__backbone__layers": 12}, "layers is 12, and the tensors have 2"),
    ({"model__backbone__patch_size": 16}, "patch_size is 16, and the tensors have 4"),
    ({"model__backbone__input_resolution": 224}, "input_resolution is 224"),
    ({"model__backbone__num_tadapter": 2}, "num_tadapter is 2, and the tensors have 1"),
    ({"model__cls_head__num_classes": 400}, "num_classes is 400, and the tensors have 3"),
    ({"model__backbone__heads": -2}, "heads is -2; expected a whole number above 0"),
    ({"model__backbone__heads": 5}, "not a multiple of 5 heads"),
    ({"model__backbone__adapter_scale": "much"}, "adapter_scale is much; expected a number"),
    ({"model__test_cfg__average_clips": "max"}, "average_clips is max, which a weight file"),
    ({"data__SampleFrames__out_of_bound_opt": "stop"}, "out_of_bound_opt is stop"),
    ({"data__SampleFrames__num_clips": 300}, "views is 300"),
    ({"data__Resize__interpolation": "nearest"}, "interpolation is nearest"),
    ({"data__Normalize__to_bgr": True}, "to_bgr is true"),
    ({"data__Normalize__std": [0, 1, 2]}, "std is a list; expected three numbers above 0")])
def test_configurations_that_do_not_fit(run, changes, words):
    assert words in run.refuse(save(run, checkpoints.aim(), changed(**changes)))


def test_what_nobody_says_is_asked_for(run):
    path = save(run, checkpoints.aim())
    message = run.refuse(path)
    assert "the factor on the adapters (--adapter-scale: 0.5 in AIM for Kinetics" in message
    assert "which frames a view takes (--sampling-rate or --sampling segments: in Kinetics" in message
    assert "--num-frames" not in message and "--mean" not in message and "--heads" not in message
    metadata, _, _ = run(path, *SCALE, *RATE)
    assert told(metadata, "frames", "sampling", "views", "adapter.scale") == [8, "interval", 3, 0.5]
    metadata, _, _ = run(path, *SCALE, "--sampling", "segments", "--crops", "3", "--force")
    assert told(metadata, "sampling", "views", "crops") == ["segments", 1, 3]


def test_pixels_on_timm_are_asked_for(run):
    path = save(run, checkpoints.aim(on_timm=True))
    message = run.refuse(path, *SCALE, *RATE)
    assert "--mean" in message and "--std" in message and "--activation" not in message
    run(path, *SCALE, *RATE, *HALF)


@pytest.mark.parametrize(("option", "value", "key"), [
    ("--sampling", "spread", "sampling"), ("--past-end", "repeat", "past_end"),
    ("--views", 5, "views"), ("--crops", 3, "crops"), ("--average", "logits", "average"),
    ("--resize-filter", "bicubic", "resize.filter"),
    ("--resize-long-side", "down", "resize.long_side"),
    ("--crop-offset", "half-even", "crop.offset"), ("--adapter-scale", 2, "adapter.scale")])
def test_options_beat_the_configuration(run, option, value, key):
    metadata, _, _ = run(save(run, checkpoints.aim(), CONFIG), option, value)
    assert told(metadata, key) == [value]


def test_segments_have_one_view(run):
    path = save(run, checkpoints.aim(), changed(data__SampleFrames__frame_uniform=True))
    message = run.refuse(path, "--views", 3)
    assert "sampling segments (" in message and "has one view, not 3 (option)" in message
    message = run.refuse(run.save(checkpoints.dualpath()), "--views", 3, "--sampling", "segments")
    assert "has one view" in message
    run(run.save(checkpoints.dualpath()), "--sampling", "segments")


def test_antialiasing_is_said(run):
    path = save(run, checkpoints.aim(), CONFIG)
    assert told(run(path, "--resize-antialias")[0], "resize.antialias") == [True]
    metadata, _, _ = run(run.save(checkpoints.dualpath()), "--force", "--grid-antialias",
                         "--position-antialias", "--views", 3)
    assert told(metadata, "grid.antialias", "position.antialias", "views") == [True, True, 3]
    assert "dualpath.resize.antialias" not in metadata and "dualpath.crops" not in metadata


@pytest.mark.parametrize("options", ["--grid 4", "--spatial-frames 8", "--position table",
                                     "--serial-skip", "--no-serial-skip"])
def test_options_of_two_paths(run, options):
    message = run.refuse(save(run, checkpoints.aim(), CONFIG), *options.split())
    assert "is of DualPath models; this one is of aim" in message


def test_frames_are_those_of_the_tensor(run):
    message = run.refuse(save(run, checkpoints.aim(), CONFIG), "--num-frames", 16)
    assert "backbone.temporal_embedding is of 8 frames, --num-frames of 16" in message


# --- tensors that do not fit ---


@pytest.mark.parametrize("name", [
    "backbone.temporal_embedding", "cls_head.fc_cls.bias", "backbone.ln_post.weight",
    "backbone.transformer.resblocks.1.S_Adapter.D_fc1.weight",
    "backbone.transformer.resblocks.0.T_Adapter.D_fc2.bias",
    "backbone.transformer.resblocks.1.MLP_Adapter.D_fc1.bias"])
def test_missing_tensors(run, name):
    source = checkpoints.aim()
    del source[name]
    assert f"tensor {name} is missing" in run.refuse(save(run, source, CONFIG), *RATE)


def test_an_adapter_that_no_block_has(run):
    source = {name: array for name, array in checkpoints.aim().items() if "MLP_Adapter" not in name}
    message = run.refuse(save(run, source, CONFIG))
    assert "backbone.transformer.resblocks.0.MLP_Adapter.D_fc1.weight is missing" in message


@pytest.mark.parametrize("name", ["backbone.proj", "cls_head.fc_cls.scale", "backbone.extra.weight",
                                  "backbone.transformer.resblocks.0.X_Adapter.D_fc1.weight"])
def test_unknown_tensors(run, name):
    source = {**checkpoints.aim(), name: np.zeros((2, 2), np.float32)}
    assert f"unknown tensor {name}" in run.refuse(save(run, source, CONFIG))


@pytest.mark.parametrize(("name", "shape"), [
    ("backbone.temporal_embedding", (1, 8, 63)), ("backbone.temporal_embedding", (2, 8, 64)),
    ("cls_head.fc_cls.weight", (3, 32)),
    ("backbone.transformer.resblocks.1.T_Adapter.D_fc1.weight", (23, 64))])
def test_shapes(run, name, shape):
    source = {**checkpoints.aim(), name: np.zeros(shape, np.float32)}
    message = run.refuse(save(run, source, CONFIG))
    assert name in message and "expected" in message


# --- wrappers ---


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module.model._orig_mod.",
                                    "backbone.", "net.module."])
@pytest.mark.parametrize("on_timm", [False, True])
def test_prefixes(run, prefix, on_timm):
    source = checkpoints.aim(on_timm=on_timm)
    config = changed(model__backbone={"heads": 2, "adapter_scale": 0.5})
    wrapped = {prefix + name: array for name, array in source.items()}
    _, tensors, _ = run(save(run, wrapped, config))
    assert len(tensors) == len(source)
    np.testing.assert_array_equal(tensors["head.output.bias"], source["cls_head.fc_cls.bias"])


def test_a_tower_alone(run):
    source = checkpoints.aim()
    alone = {name[len("backbone."):]: array for name, array in source.items()
             if name.startswith("backbone.")}
    _, tensors, _ = run(save(run, alone, CONFIG))
    assert len(tensors) == len(alone)


# --- text that is no configuration, or made to harm ---


@pytest.mark.parametrize("text", [
    "x = (1", "a b c", "x = " + "-" * 10_000 + "1", "x = " + "1 + " * 10_000 + "1",
    "x = " + "[" * 150_000, "x = " + "9" * 10_000, "x = '\0'", "x = " + "not " * 5000 + "1",
    "x = " + "y." * 10_000 + "z", "if 1:\n" + " if 1:\n" * 10, "x = lambda: " * 600,
    "if a:\n 1\n" + "elif a:\n 1\n" * 60_000, "#" * (1 << 20) + "\n"])
def test_text_that_is_no_configuration(run, text):
    message = run.refuse(save(run, checkpoints.aim(), text))
    assert "meta.config: is not Python source" in message or "characters; at most" in message


@pytest.mark.parametrize("text", ["-" * 600 + "1", "1 + " * 600 + "1", "not " * 600 + "1", "9" * 50])
def test_deep_trees_do_not_reach_the_parser(text, monkeypatch):
    """Older versions of Python overflow their stack."""
    monkeypatch.setattr("ast.parse", lambda _text: pytest.fail("it was parsed"))
    with pytest.raises(Refused, match="not Python source"):
        read_literals("x = " + text)


def test_only_literals_are_read():
    text = ("import os\nopen('/tmp/never')\na = 1\nb = dict(x=-2.5, y=[1, (2, None), f()], **z)\n"
            "c = g(1)\nd = {'k': True, 3: 4, 'n': z, **q}\ne = a\nf = dict([('a', 1)])\n"
            "h = 'é' 'b'\ni, j = 1, 2\nk = -True\nl = 1j\nm = b'bytes'\nn = dict(a=dict())\n")
    assert read_literals(text) == {
        "a": 1, "b": {"x": -2.5, "y": [1, [2, None]]}, "d": {"k": True}, "e": 1, "h": "éb",
        "n": {"a": {}}}


def test_names_stand_for_what_they_were_assigned():
    text = ("a = dict(x=1, y=2)\nb = [a, dict(z=3, **a), {**a, 'x': c}]\nc = 5\nc = f()\n"
            "d = [c]\n" + "".join(f"e{i} = [e{i - 1}] * 2\n" for i in range(3))
            + "g0 = [a]\n" + "".join(f"g{i} = [g{i - 1}, g{i - 1}]\n" for i in range(1, 60)))
    values = read_literals(text)
    assert values["b"] == [{"x": 1, "y": 2}, {"z": 3, "x": 1, "y": 2}, {"y": 2}]
    assert "c" not in values and values["d"] == [] and "e1" not in values and "g59" in values


def test_a_pipeline_of_names(run):
    """As the files of configurations are written, before mmcv resolves them."""
    steps = CONFIG["data"]["test"]["pipeline"]
    pixels = {key: value for key, value in steps[6].items() if key != "type"}
    written = [text_of(step) for step in steps]
    written[6] = "dict(type='Normalize', **img_norm_cfg)"
    text = (f"img_norm_cfg = {text_of(pixels)}\ntest_pipeline = [{', '.join(written)}]\n"
            f"model = {text_of(CONFIG['model'])}\n"
            "data = dict(test=dict(type=dataset_type, pipeline=test_pipeline))\n")
    metadata, _, _ = run(save(run, checkpoints.aim(), text))
    assert told(metadata, "views", "sampling_rate") == [3, 16]
    assert told(metadata, "image_mean") == [[np.float32(x / 255) for x in (122.769, 116.74, 104.04)]]


def test_warnings_of_the_parser_are_not_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_literals(r"a = '\d'") == {"a": r"\d"}


def test_a_long_text_is_refused():
    with pytest.raises(Refused, match="characters; at most"):
        read_literals(" " * (1 << 20 | 1))


def test_what_is_no_literal_is_asked_for(run):
    text = source_of(CONFIG).replace("adapter_scale=0.5", "adapter_scale=scale")
    assert "--adapter-scale" in run.refuse(save(run, checkpoints.aim(), text))
    metadata, _, _ = run(save(run, checkpoints.aim(), text), *SCALE)
    assert told(metadata, "views", "adapter.scale") == [3, 0.5]


def test_a_text_of_another_type_is_none(run):
    archive = Archive()
    path = archive.write(run.folder / "aim.pth", {
        "meta": {"config": 7}, "state_dict": archive.state(checkpoints.aim())})
    assert "--adapter-scale" in run.refuse(path)


# --- the released layouts ---


@pytest.mark.skipif(not (SHARED / "golden").is_dir(),
                    reason=f"no folder {SHARED}/golden (DUALPATH_SHARED)")
@pytest.mark.parametrize(("name", "scale", "frames", "adapters"),
                         [("aim64_t8", 0.5, 8, 3), ("aim64_t4_two", 1.0, 4, 4)])
def test_golden_checkpoints(run, name, scale, frames, adapters):
    metadata, tensors, _ = run(SHARED / "golden" / f"{name}.pth", *RATE)
    assert told(metadata, "adapter.scale", "frames") == [scale, frames]
    assert len([tensor for tensor in tensors if ".adapter." in tensor]) == 3 * 4 * adapters
