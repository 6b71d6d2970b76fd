"""dualpath-convert on checkpoints that hold only what was trained on a frozen CLIP: ST-Adapter, VPT,
AdaptFormer and linear probes, with the image transformer from another file."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import ST_ADAPTERS, Archive, Sizes
from conversion import HALF, SHARED, assert_tensors, clip_expectation

K400 = ("--data-set", "kinetics-400")
CLIP = ("--num-frames", "8", "--sampling-rate", "4")
QUICK = ("--activation", "quick_gelu")
BLOCK = "transformer.resblocks.{}."


@pytest.fixture(scope="module")
def clip():
    return checkpoints.clip()


@pytest.fixture
def backbone(run, clip):
    """The path of a file that OpenAI's program wrote."""
    return checkpoints.save_torchscript(run.folder / "ViT-B-16.pt", clip)


def save(run, tensors, prefix="", name="trained.pth", key="model", **other):
    archive = Archive()
    named = {prefix + name: array for name, array in tensors.items()}
    return archive.write(run.folder / name, {key: archive.state(named), "next_epoch": 12, **other})


def frozen(clip):
    """What the weight file has of the CLIP, of which the models of one path have no projection."""
    expected = clip_expectation(clip)
    del expected["projection.weight"]
    return expected


def head_of(source):
    return {f"head.output.{kind}": source[f"fc.{kind}"] for kind in ("weight", "bias")}


def st_adapter_of(source):
    expected = head_of(source)
    for i in range(Sizes().blocks):
        for adapter, short in ST_ADAPTERS.items():
            if (prefix := BLOCK.format(i) + adapter) + ".conv.bias" in source:
                target = f"block.{i}.adapter.{short}"
                for layer, side in (("fc1", "down"), ("conv", "conv"), ("fc2", "up")):
                    for kind in ("weight", "bias"):
                        expected[f"{target}.{side}.{kind}"] = source[f"{prefix}.{layer}.{kind}"]
                expected[f"{target}.conv.weight"] = source[prefix + ".conv.weight"][:, 0]
    return expected


def told(metadata, *keys):
    return [metadata["dualpath." + key] for key in keys]


def keys_of(metadata):
    return {key[len("dualpath."):]: value for key, value in metadata.items()
            if key.startswith("dualpath.") and key != "dualpath.tensor_crc32"}


# --- ST-Adapter ---


def test_st_adapter(run, clip, backbone):
    source = checkpoints.st_adapter()
    metadata, tensors, types = run(save(run, source), "--backbone", backbone, *K400, "--name", "st")
    assert_tensors(tensors, {**frozen(clip), **st_adapter_of(source)})
    assert keys_of(metadata) == {
        "format_version": 1, "method": "st-adapter", "image_size": 16, "patch_size": 4,
        "embedding_length": 64, "block_count": 2, "attention.head_count": 1,
        "attention.layer_norm_epsilon": np.float32(1e-5), "activation": "quick_gelu",
        "adapter.activation": "gelu", "adapter.first_block": 0, "frames": 8, "sampling_rate": 16,
        "resize.filter": "bicubic", "resize.long_side": "down", "resize.antialias": False,
        "crop.offset": "down", "sampling": "spread", "past_end": "repeat", "views": 3, "crops": 1,
        "average": "probabilities",
        "image_mean": [np.float32(x) for x in (0.48145466, 0.4578275, 0.40821073)],
        "image_std": [np.float32(x) for x in (0.26862954, 0.26130258, 0.27577711)]}
    assert tensors["block.1.adapter.conv_mlp.conv.weight"].shape == (24, 3, 1, 1)
    assert "frozen is that of" in run.printed and "ViT-B-16.pt" in run.printed
    _, _, types = run(save(run, source), "--backbone", backbone, *K400, "--force", "--type", "f16")
    assert types["block.0.adapter.conv_mlp.conv.weight"] == "f32"
    assert types["block.0.adapter.conv_mlp.up.weight"] == "f16"


def test_st_adapter_of_something_something(run, backbone):
    metadata, _, _ = run(save(run, checkpoints.st_adapter()), "--backbone", backbone,
                         "--data-set", "something-something-v2")
    assert told(metadata, "frames", "sampling", "views", "crops") == [8, "segments", 1, 3]
    assert "dualpath.sampling_rate" not in metadata


@pytest.mark.parametrize("adapters", [["adapter_pre_attn"], ["adapter_pre_mlp"]])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kernel", [(3, 1, 1), (1, 3, 5), (15, 1, 3)])
def test_forms_of_st_adapter(run, clip, backbone, adapters, first, kernel):
    source = checkpoints.st_adapter(adapters=adapters, first=first, kernel=kernel)
    metadata, tensors, _ = run(save(run, source), "--backbone", backbone, *K400)
    assert_tensors(tensors, {**frozen(clip), **st_adapter_of(source)})
    assert told(metadata, "adapter.first_block") == [first]


def test_numbers_instead_of_a_data_set(run, backbone):
    path = save(run, checkpoints.st_adapter())
    message = run.refuse(path, "--backbone", backbone)
    assert "--num-frames, or --data-set" in message and "--sampling segments" in message
    assert "--activation" not in message and "--mean" not in message
    metadata, _, _ = run(path, "--backbone", backbone, "--num-frames", 16, "--sampling-rate", 8,
                         "--views", 1, "--crops", 3)
    assert told(metadata, "frames", "sampling_rate", "sampling", "views", "crops") == \
        [16, 8, "spread", 1, 3]
    metadata, _, _ = run(path, "--backbone", backbone, "--num-frames", 8, "--sampling", "segments",
                         "--force")
    assert told(metadata, "sampling", "views", "crops") == ["segments", 1, 1]
    metadata, _, _ = run(path, "--backbone", backbone, *K400, "--views", 10, "--num-frames", 32,
                         "--force")
    assert told(metadata, "frames", "sampling_rate", "views") == [32, 16, 10]


def test_data_sets_of_other_methods(run, backbone):
    message = run.refuse(save(run, checkpoints.vpt()), "--backbone", backbone, *K400)
    assert "--data-set kinetics-400: no evaluation of vpt is known there; there is none" in message
    assert "no evaluation of dualpath is known" in run.refuse(run.save(checkpoints.dualpath()), *K400)


def test_a_scale_that_no_adapter_has(run, backbone):
    message = run.refuse(save(run, checkpoints.st_adapter()), "--backbone", backbone, *K400,
                         "--adapter-scale", 2)
    assert "--adapter-scale: st-adapter has no such factor" in message


@pytest.mark.parametrize(("kernel", "words"), [
    ((2, 1, 1), "kernel of [2, 1, 1]; expected odd"), ((17, 1, 1), "at most 15"),
    ((0, 1, 1), "kernel of [0, 1, 1]")])
def test_kernels_that_the_format_does_not_have(run, backbone, kernel, words):
    message = run.refuse(save(run, checkpoints.st_adapter(kernel=kernel)), "--backbone", backbone, *K400)
    assert "transformer.resblocks.0.adapter_pre_attn.conv.weight" in message and words in message


@pytest.mark.parametrize("shape", [(24, 2, 3, 1, 1), (24, 3, 1, 1), (23, 1, 3, 1, 1), (24, 1, 5, 1, 1)])
def test_convolutions_of_other_shapes(run, backbone, shape):
    source = checkpoints.st_adapter()
    name = BLOCK.format(1) + "adapter_pre_mlp.conv.weight"
    source[name] = np.zeros(shape, np.float32)
    message = run.refuse(save(run, source), "--backbone", backbone, *K400)
    assert name in message and "expected" in message


@pytest.mark.parametrize("name", [
    "adapter_pre_mlp.conv.bias", "adapter_pre_mlp.fc1.weight", "adapter_pre_attn.fc2.bias"])
def test_adapters_that_lack_a_tensor(run, backbone, name):
    source = checkpoints.st_adapter()
    del source[BLOCK.format(1) + name]
    message = run.refuse(save(run, source), "--backbone", backbone, *K400)
    assert f"tensor {BLOCK.format(1)}{name} is missing" in message


def test_a_gap_between_adapted_blocks(run):
    sizes = Sizes(blocks=3)
    source = {name: array for name, array in checkpoints.st_adapter(sizes).items()
              if ".1." not in name}
    backbone = checkpoints.save_torchscript(run.folder / "3.pt", checkpoints.clip(sizes))
    message = run.refuse(save(run, source), "--backbone", backbone, *K400)
    assert "resblocks.1.adapter_pre_attn.fc1.weight is missing" in message


def test_more_blocks_than_the_backbone(run, backbone):
    source = checkpoints.st_adapter(Sizes(blocks=3))
    message = run.refuse(save(run, source), "--backbone", backbone, *K400)
    assert "transformer.resblocks.2.ln_1.weight is missing" in message


# --- VPT, AdaptFormer, probe ---


@pytest.mark.parametrize("blocks", [None, [0]])
def test_vpt(run, clip, backbone, blocks):
    source = checkpoints.vpt(blocks=blocks)
    metadata, tensors, types = run(save(run, source), "--backbone", backbone, *CLIP, "--type", "f16")
    prompts = {f"block.{i}.prompt": source[BLOCK.format(i) + "prompt"] for i in blocks or range(2)}
    assert set(tensors) == {*frozen(clip), *prompts, *head_of(source)}
    for name, array in prompts.items():
        np.testing.assert_array_equal(tensors[name], array)
        assert types[name] == "f32"
    assert told(metadata, "method", "sampling", "average", "views", "crop.offset", "frames") == \
        ["vpt", "center", "logits", 1, "half-even", 8]
    assert "dualpath.adapter.scale" not in metadata


@pytest.mark.parametrize("blocks", [[1], [0, 2]])
def test_prompts_of_some_blocks(run, blocks):
    sizes = Sizes(blocks=3)
    backbone = checkpoints.save_torchscript(run.folder / "3.pt", checkpoints.clip(sizes))
    message = run.refuse(save(run, checkpoints.vpt(sizes, blocks=blocks)), "--backbone", backbone, *CLIP)
    missing = 0 if 0 not in blocks else 1
    assert f"transformer.resblocks.{missing}.prompt is missing" in message


def test_prompts_of_another_length(run, backbone):
    source = checkpoints.vpt()
    source[BLOCK.format(1) + "prompt"] = np.zeros((4, 64), np.float32)
    message = run.refuse(save(run, source), "--backbone", backbone, *CLIP)
    assert "resblocks.1.prompt becomes block.1.prompt of shape [4, 64]; expected [5, 64]" in message


def test_adaptformer(run, clip, backbone):
    source = checkpoints.adaptformer()
    path = save(run, source)
    assert "--adapter-scale" in run.refuse(path, "--backbone", backbone, *CLIP)
    metadata, tensors, _ = run(path, "--backbone", backbone, *CLIP, "--adapter-scale", "0.1")
    adapters = {f"block.{i}.adapter.mlp.{side}.{kind}": source[f"{BLOCK.format(i)}adaptmlp.{side}.{kind}"]
                for i in range(2) for side in ("down", "up") for kind in ("weight", "bias")}
    assert_tensors(tensors, {**frozen(clip), **adapters, **head_of(source)})
    assert told(metadata, "method", "adapter.activation", "adapter.scale") == \
        ["adaptformer", "relu", np.float32(0.1)]


def test_probe(run, clip, backbone):
    source = checkpoints.probe()
    metadata, tensors, _ = run(save(run, source), "--backbone", backbone, *CLIP)
    assert_tensors(tensors, {**frozen(clip), **head_of(source)})
    assert told(metadata, "method", "frames") == ["probe", 8]


MAKERS = {"st-adapter": checkpoints.st_adapter, "vpt": checkpoints.vpt,
          "adaptformer": checkpoints.adaptformer, "probe": checkpoints.probe}
SCALE = {"adaptformer": ("--adapter-scale", "0.1")}


@pytest.mark.parametrize("method", MAKERS)
@pytest.mark.parametrize("said", ["args", "dualpath"])
def test_a_method_that_is_said(run, backbone, method, said):
    """By dualpath-train, in the arguments or beside them; another one than the tensors' is refused."""
    def value(name):
        return {said: checkpoints.namespace(method=name) if said == "args" else {"method": name}}

    options = ("--backbone", backbone, *CLIP, *SCALE.get(method, ()))
    metadata, _, _ = run(save(run, MAKERS[method](), **value(method)), *options)
    assert told(metadata, "method") == [method]
    message = run.refuse_again(save(run, MAKERS[method](), **value("aim")), *options)
    assert f"says method aim, and the tensors are those of {method}" in message
    run(save(run, MAKERS[method](), **value("anything else")), *options)


def test_what_our_training_states(run, backbone):
    stated = {"method": "vpt", "frames": 4, "sampling_rate": 2, "sampling": "uniform", "views": 2,
              "average": "probabilities", "resize.filter": "bicubic", "activation": "gelu",
              "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resize.antialias": True,
              "attention.layer_norm_epsilon": 1e-6, "attention.head_count": 4}
    metadata, _, _ = run(save(run, checkpoints.vpt(), dualpath=stated), "--backbone", backbone)
    assert {key: pytest.approx(value) if isinstance(value, float) else value
            for key, value in stated.items()} == {key: metadata["dualpath." + key] for key in stated}


@pytest.mark.parametrize(("key", "value"), [
    ("sampling", "all"), ("views", 2.5), ("resize.antialias", 1), ("average", None), ("crops", "3")])
def test_statements_that_are_none(run, backbone, key, value):
    message = run.refuse(save(run, checkpoints.vpt(), dualpath={key: value}), "--backbone", backbone)
    assert f"the checkpoint says that {key} is" in message


# --- where the frozen transformer comes from ---


@pytest.mark.parametrize("method", MAKERS)
def test_without_a_backbone(run, method):
    message = run.refuse(save(run, MAKERS[method]()))
    assert "a checkpoint with --backbone for a whole model" in message and "--task-of" in message


@pytest.mark.parametrize("method", MAKERS)
def test_whole_checkpoints_need_none(run, clip, backbone, method):
    """The whole state of a model, its frozen transformer and CLIP's projection among it."""
    tower = {name[len("visual."):]: array for name, array in clip.items()
             if name.startswith("visual.")}
    path = save(run, {**tower, **MAKERS[method]()})
    options = (*CLIP, *SCALE.get(method, ()), *QUICK)
    metadata, tensors, _ = run(path, *options)
    assert told(metadata, "method") == [method] and set(frozen(clip)) < set(tensors)
    assert "projection, which the head does not read 1" in run.printed
    message = run.refuse_again(path, *options, "--backbone", backbone)
    assert "has the image transformer itself, and needs no --backbone" in message


def test_a_dualpath_model_needs_no_backbone(run, backbone):
    message = run.refuse(run.save(checkpoints.dualpath()), "--backbone", backbone)
    assert "needs no --backbone" in message


@pytest.mark.parametrize("method", MAKERS)
def test_tasks_of_a_weight_file(run, clip, backbone, method):
    """The frozen tensors are those of the file, which must not have a projection."""
    source = MAKERS[method]()
    options = (*CLIP, *SCALE.get(method, ()))
    _, whole, _ = run(save(run, source), "--backbone", backbone, *options)
    run.output.unlink()
    weight_file = run.folder / "clip.gguf"
    run(backbone, "--name", "CLIP", "--type", "f16")
    run.output.rename(weight_file)
    message = run.refuse(save(run, source), "--task-of", weight_file, *options)
    assert "clip.gguf has a projection" in message and "--no-projection" in message
    run(backbone, "--name", "CLIP", "--type", "f16", "--no-projection")
    assert "dropped  projection, by --no-projection 1" in run.printed
    run.output.rename(weight_file)
    metadata, tensors, _ = run(save(run, source), "--task-of", weight_file, *options)
    own = {name: array for name, array in whole.items() if name not in frozen(clip)
           or name in ("class_token", "position.spatial")}
    assert_tensors(tensors, own)
    assert told(metadata, "method", "backbone.name", "activation") == [method, "CLIP", "quick_gelu"]
    assert len(metadata["dualpath.backbone.hash"]) == 16
    message = run.refuse_again(save(run, source), "--task-of", weight_file, "--backbone", backbone,
                               *options)
    assert "not both" in message


@pytest.mark.parametrize("method", ["vpt", "adaptformer", "probe"])
def test_a_head_that_reads_the_projection(run, clip, backbone, method):
    """Which its columns tell; that of the released ST-Adapter never does."""
    options = (*CLIP, *SCALE.get(method, ()))
    source = MAKERS[method]()
    source["fc.weight"] = np.ones((3, 32), np.float32)
    _, tensors, _ = run(save(run, source), "--backbone", backbone, *options)
    np.testing.assert_array_equal(tensors["projection.weight"], clip["visual.proj"].T)
    weight_file = run.folder / "clip.gguf"
    run(backbone, "--name", "CLIP", "--force")
    run.output.rename(weight_file)
    _, tensors, _ = run(save(run, source), "--task-of", weight_file, *options)
    assert tensors["head.output.weight"].shape == (3, 32)
    source = checkpoints.st_adapter()
    source["fc.weight"] = np.ones((3, 32), np.float32)
    message = run.refuse_again(save(run, source), "--backbone", backbone, *K400)
    assert "fc.weight becomes head.output.weight of shape [3, 32]; expected [3, 64]" in message


def test_a_square_projection_is_left_out(run):
    """The head fits what it answers and what it reads; published heads read the width."""
    sizes = Sizes(features=64)
    backbone = checkpoints.save_torchscript(run.folder / "square.pt", checkpoints.clip(sizes))
    _, tensors, _ = run(save(run, checkpoints.probe()), "--backbone", backbone, *CLIP)
    assert "projection.weight" not in tensors


def test_arguments_of_our_training(run, backbone):
    """All that they tell, if they say the method."""
    arguments = {"num_frames": 4, "sampling_rate": 2, "heads": 4, "activation": "relu",
                 "adapter_activation": "gelu", "adapter_scale": 0.25, "ln_eps": 1e-3,
                 "mean": (0.5, 0.25, 0.0), "std": (1, 2.0, 4.0)}
    path = save(run, checkpoints.adaptformer(),
                args=checkpoints.namespace(method="adaptformer", **arguments))
    metadata, _, _ = run(path, "--backbone", backbone)
    assert told(metadata, "frames", "sampling_rate", "attention.head_count", "activation",
                "adapter.activation", "adapter.scale", "image_mean", "image_std") == \
        [4, 2, 4, "relu", "gelu", 0.25, [0.5, 0.25, 0], [1, 2, 4]]
    assert "args.adapter_scale" in run.printed
    path = save(run, checkpoints.adaptformer(), args=checkpoints.namespace(**arguments))
    metadata, _, _ = run(path, "--backbone", backbone, "--force")
    assert told(metadata, "frames", "adapter.scale", "activation", "attention.head_count") == \
        [4, 0.25, "quick_gelu", 1]
    run.output.unlink()
    path = save(run, checkpoints.adaptformer(),
                args=checkpoints.namespace(method="adaptformer", **{**arguments, "ln_eps": 7}))
    assert "layer_norm_epsilon is" in run.refuse(path, "--backbone", backbone)


def test_more_frames_than_images(run, backbone):
    message = run.refuse(save(run, checkpoints.vpt()), "--backbone", backbone, "--num-frames", 257,
                         "--sampling-rate", 1)
    assert "257 frames make more than 256 images" in message


def test_backbones_of_other_programs(run):
    """Hugging Face's folder with its configuration, and timm's ViT."""
    source = checkpoints.vpt()
    folder = run.folder / "hf"
    folder.mkdir()
    safetensors = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
    vision = {name: np.ascontiguousarray(array) for name, array in checkpoints.hugging_face().items()}
    safetensors.save_file(vision, folder / "model.safetensors")
    (folder / "config.json").write_text(
        '{"model_type": "clip_vision_model", "hidden_size": 64, "num_hidden_layers": 2, '
        '"patch_size": 4, "image_size": 16, "num_attention_heads": 2}')
    metadata, tensors, _ = run(save(run, source), "--backbone", folder, *CLIP)
    assert told(metadata, "attention.head_count", "activation") == [2, "quick_gelu"]
    np.testing.assert_array_equal(tensors["block.1.mlp.up.bias"],
                                  vision["vision_model.encoder.layers.1.mlp.fc1.bias"])
    timm = checkpoints.timm()
    archive = Archive()
    path = archive.write(run.folder / "timm.pth", archive.state(timm))
    message = run.refuse_again(save(run, source), "--backbone", path, *CLIP)
    assert "--mean" in message and "--activation" not in message
    metadata, tensors, _ = run(save(run, source), "--backbone", path, *CLIP, *HALF)
    assert told(metadata, "activation", "image_mean") == ["gelu", [0.5] * 3]
    np.testing.assert_array_equal(tensors["patch.bias"], timm["patch_embed.proj.bias"])


def test_a_configuration_of_the_backbone(run, clip):
    archive = Archive()
    path = archive.write(run.folder / "clip.pth", archive.state(clip))
    config = run.folder / "open_clip.json"
    config.write_text('{"model_cfg": {"quick_gelu": true, "vision_cfg": {"layers": 2, "width": 64, '
                      '"patch_size": 4, "image_size": 16, "head_width": 32}}}')
    metadata, _, _ = run(save(run, checkpoints.vpt()), "--backbone", path, *CLIP, "--config", config)
    assert told(metadata, "attention.head_count") == [2]
    config.write_text(config.read_text().replace('"layers": 2', '"layers": 12'))
    message = run.refuse_again(save(run, checkpoints.vpt()), "--backbone", path, *CLIP,
                               "--config", config)
    assert "layers is 12, and the tensors have 2" in message


def test_a_backbone_of_another_width(run):
    path = checkpoints.save_torchscript(run.folder / "wide.pt", checkpoints.clip(Sizes(width=128)))
    message = run.refuse(save(run, checkpoints.st_adapter()), "--backbone", path, *K400)
    assert "adapter_pre_attn.fc1.weight" in message and "expected [24, 128]" in message


def test_a_backbone_that_is_adapted_itself(run):
    archive = Archive()
    other = archive.write(run.folder / "aim.pth", archive.state(checkpoints.aim()))
    message = run.refuse(save(run, checkpoints.st_adapter()), "--backbone", other, *K400)
    assert "aim.pth: has the names of AIM; expected those of a plain image transformer" in message


def test_a_backbone_that_is_not_there(run):
    assert "nowhere.pt" in run.refuse(save(run, checkpoints.vpt()), "--backbone", "nowhere.pt", *CLIP)


def test_a_backbone_that_is_a_weight_file(run, backbone):
    run(backbone)
    run.output.rename(run.folder / "clip.gguf")
    message = run.refuse(save(run, checkpoints.vpt()), "--backbone", run.folder / "clip.gguf", *CLIP)
    assert "clip.gguf" in message and "a GGUF weight file" in message


# --- names ---


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "backbone.", "visual.",
                                    "module.model._orig_mod.", "net.backbone.module."])
@pytest.mark.parametrize("method", MAKERS)
def test_prefixes(run, clip, backbone, prefix, method):
    source = MAKERS[method]()
    _, tensors, _ = run(save(run, source, prefix), "--backbone", backbone, *CLIP, *SCALE.get(method, ()))
    np.testing.assert_array_equal(tensors["head.output.weight"], source["fc.weight"])
    assert len(tensors) == len(frozen(clip)) + len(source)


@pytest.mark.parametrize("method", MAKERS)
def test_strangers(run, backbone, method):
    source = {**MAKERS[method](), "fc2.weight": np.zeros((2, 2), np.float32)}
    message = run.refuse(save(run, source), "--backbone", backbone, *K400)
    known = "unknown tensor fc2.weight" if method != "probe" else "tensors of an unknown program"
    assert known in message


def test_another_network_with_a_layer_fc(run):
    """A ResNet is no linear probe."""
    source = {"conv1.weight": np.zeros((2, 3, 7, 7), np.float32), "bn1.weight": np.zeros(2, np.float32),
              **checkpoints.probe()}
    assert "tensors of an unknown program" in run.refuse(save(run, source))
    many = {f"m{i}.fc.weight": np.zeros((2, 2), np.float32) for i in range(20)}
    assert "tensors of an unknown program" in run.refuse(save(run, many))


@pytest.mark.skipif(not (SHARED / "golden").is_dir(),
                    reason=f"no folder {SHARED}/golden (DUALPATH_SHARED)")
@pytest.mark.parametrize(("name", "count", "kernels"),
                         [("st64_t8", 81, 6), ("st80_t4_pre_mlp_only", 63, 3)])
def test_golden_checkpoints(run, name, count, kernels):
    golden = SHARED / "golden"
    metadata, tensors, _ = run(golden / f"{name}.pth", "--backbone", golden / f"{name}.backbone.pt",
                               *K400)
    assert told(metadata, "method", "activation") == ["st-adapter", "quick_gelu"]
    assert len(tensors) == count
    assert len([name for name in tensors if name.endswith("conv.weight")]) == kernels
