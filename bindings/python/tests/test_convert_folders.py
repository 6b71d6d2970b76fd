"""dualpath-convert on folders of Hugging Face, open_clip and timm: weights in one or several files,
and the configurations beside them."""

import json
import os
import random

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
safetensors = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
import checkpoints
from checkpoints import Archive, Sizes
from conversion import HALF, assert_tensors, clip_expectation

SIZES = Sizes(width=80)  # heads are not 64 wide
HUGGING_FACE = {
    "model_type": "clip_vision_model", "hidden_size": 80, "num_hidden_layers": 2, "patch_size": 4,
    "image_size": 16, "num_attention_heads": 5, "hidden_act": "gelu", "layer_norm_eps": 1e-4}
PIXELS = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
OPEN_CLIP = {
    "model_cfg": {"embed_dim": 32, "vision_cfg": {"image_size": 16, "layers": 2, "width": 80,
                                                  "head_width": 16, "patch_size": 4},
                  "text_cfg": {}, "quick_gelu": True},
    "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}}


def write_json(folder, name, value):
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))


def save_safetensors(folder, name, tensors):
    safetensors.save_file({key: np.ascontiguousarray(a) for key, a in tensors.items()},
                          folder / name)


def save_bin(folder, name, tensors):
    archive = Archive()
    archive.write(folder / name, archive.state(tensors))


def split(folder, name, tensors, save):
    """Weights in three files and an index; its path."""
    stem, ending = os.path.splitext(name)
    names, weight_map = list(tensors), {}
    for part in range(3):
        file = f"{stem}-{part + 1:05}-of-00003{ending}"
        save(folder, file, {key: tensors[key] for key in names[part::3]})
        weight_map.update(dict.fromkeys(names[part::3], file))
    index = {"metadata": {"total_size": 9}, "weight_map": weight_map}
    write_json(folder, name + ".index.json", index)
    return folder / (name + ".index.json")


@pytest.fixture
def folder(run):
    path = run.folder / "snapshot.v1"
    path.mkdir()
    return path


@pytest.fixture
def hugging_face(folder):
    save_safetensors(folder, "model.safetensors", checkpoints.hugging_face(SIZES))
    write_json(folder, "config.json", HUGGING_FACE)
    write_json(folder, "preprocessor_config.json", PIXELS)
    return folder


@pytest.fixture
def open_clip(folder):
    save_bin(folder, "open_clip_pytorch_model.bin", checkpoints.clip(SIZES))
    write_json(folder, "open_clip_config.json", OPEN_CLIP)
    return folder


def told(metadata):
    return [metadata["dualpath." + key] for key in (
        "attention.head_count", "activation", "attention.layer_norm_epsilon")]


def pixels(metadata):
    return [[round(float(x), 6) for x in metadata["dualpath.image_" + key]]
            for key in ("mean", "std")]


# --- where the weights are ---


@pytest.mark.parametrize("name", [
    "model.safetensors", "pytorch_model.bin", "model.fp16.safetensors"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_folder_or_a_file_of_it(run, folder, name, parts):
    source = checkpoints.hugging_face(SIZES)
    save = save_bin if name.endswith(".bin") else save_safetensors
    write_json(folder, "config.json", HUGGING_FACE)
    write_json(folder, "preprocessor_config.json", PIXELS)
    if parts == 1:
        save(folder, name, source)
        given = [folder, folder / name]
    else:
        index = split(folder, name, source, save)
        first, *_ = sorted(folder.glob("*-of-*"))
        given = [index, first] if "fp16" in name else [folder, index, first]
    for path in given:
        metadata, tensors, _ = run(path, "--force")
        assert told(metadata) == [5, "gelu", np.float32(1e-4)]
        assert pixels(metadata) == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
        np.testing.assert_array_equal(
            tensors["block.1.mlp.up.weight"],
            source["vision_model.encoder.layers.1.mlp.fc1.weight"])


def test_a_folder_names_the_model(run, hugging_face, monkeypatch):
    assert run(hugging_face)[0]["general.name"] == "snapshot.v1"
    run(hugging_face / "model.safetensors", "--force")
    monkeypatch.chdir(hugging_face)
    assert run(".", "--force")[0]["general.name"] == "snapshot.v1"
    assert run.inspect(".")[0] == 0


def test_half_precision(run, folder):
    source = {name: array.astype(np.float16) for name, array in checkpoints.hugging_face().items()}
    split(folder, "model.safetensors", source, save_safetensors)
    _, tensors, _ = run(folder, "--activation", "quick_gelu")
    np.testing.assert_array_equal(tensors["projection.weight"], source["visual_projection.weight"])


def test_a_folder_without_weights(run, folder):
    write_json(folder, "config.json", HUGGING_FACE)
    assert "0 files of weights" in run.refuse(folder)
    for name in ("a.bin", "b.safetensors"):
        (folder / name).write_bytes(b"")
    assert "2 files of weights" in run.refuse(folder)


# --- configurations of Hugging Face ---


def test_a_config_of_both_towers(run, hugging_face):
    whole = {"model_type": "clip", "text_config": {"num_attention_heads": 3, "hidden_act": "relu"},
             "num_attention_heads": 7, "vision_config": HUGGING_FACE}
    write_json(hugging_face, "config.json", whole)
    assert told(run(hugging_face)[0]) == [5, "gelu", np.float32(1e-4)]
    assert "config.json: vision_config: num_attention_heads" in run.printed
    whole["vision_config"] = {**HUGGING_FACE, "num_attention_heads": 2}
    whole["vision_config_dict"] = {"num_attention_heads": 10}  # as older versions wrote it
    write_json(hugging_face, "config.json", whole)
    assert told(run(hugging_face, "--force")[0])[0] == 10


def test_what_a_config_leaves_out_is_as_its_program_has_it(run, folder):
    sizes = Sizes(width=768, patch=32, side=7, blocks=12, hidden=8)
    save_safetensors(folder, "model.safetensors", checkpoints.hugging_face(sizes))
    write_json(folder, "config.json", {"model_type": "clip", "vision_config": {}})
    metadata, _, _ = run(folder, "--type", "q8_0")
    assert told(metadata) == [12, "quick_gelu", np.float32(1e-5)]
    assert metadata["dualpath.image_mean"][0] == np.float32(0.48145466)
    assert "hidden_act (left out)" in run.printed
    write_json(folder, "config.json", {"model_type": "other", "vision_config": {}})
    assert "--activation" in run.refuse_again(folder)


def test_an_option_beats_a_config(run, hugging_face):
    options = ("--heads", "2", "--activation", "relu", "--ln-eps", "1e-3", *HALF)
    metadata, _, _ = run(hugging_face, *options)
    assert told(metadata) == [2, "relu", np.float32(1e-3)]
    assert pixels(metadata) == [[0.5] * 3] * 2


@pytest.mark.parametrize(("key", "value", "words"), [
    ("hidden_act", "gelu_pytorch_tanh", "is gelu_pytorch_tanh, which a weight file cannot say"),
    ("hidden_act", "silu\x1b[2J", "hidden_act is silu"), ("hidden_act", 5, "hidden_act is 5"),
    ("layer_norm_eps", 2, "layer_norm_eps is 2, which a weight file cannot say"),
    ("layer_norm_eps", 0, "layer_norm_eps is 0; expected a number above 0"),
    ("layer_norm_eps", -1e-5, "expected a number above 0"), ("layer_norm_eps", 1e-60, "above 0"),
    ("layer_norm_eps", "1e-5", "expected a number above 0"),
    ("num_attention_heads", 5.0, "num_attention_heads is 5.0; expected a whole number above 0"),
    ("num_attention_heads", True, "is True; expected"), ("num_attention_heads", 0, "is 0; exp"),
    ("num_attention_heads", [5], "is a list; expected"), ("num_attention_heads", {}, "is a dict"),
    ("num_attention_heads", 1 << 80, "expected a whole number above 0"),
    ("num_attention_heads", 1025, "head_count is 1025"),
    ("num_attention_heads", 3, "not a multiple of 3 heads"),
    ("hidden_size", 96, "hidden_size is 96, and the tensors have 80"),
    ("num_hidden_layers", 3, "num_hidden_layers is 3, and the tensors have 2"),
    ("patch_size", 8, "patch_size is 8, and the tensors have 4"),
    ("image_size", 224, "image_size is 224, and the tensors have 16"),
    ("image_size", [16, 17], "image_size is a list"), ("num_channels", 4, "num_channels is 4"),
    ("vision_config", [], "vision_config is a list; expected an object"),
    ("model_type", 3, "model_type is 3; expected text")])
def test_configs_that_cannot_be_used(run, hugging_face, key, value, words):
    write_json(hugging_face, "config.json", {**HUGGING_FACE, key: value})
    message = run.refuse(hugging_face)
    assert words in message and "\x1b" not in message, message


@pytest.mark.parametrize("value", [1e-12, 1e-3, 1])
def test_every_epsilon_that_a_weight_file_has(run, hugging_face, value):
    write_json(hugging_face, "config.json", {**HUGGING_FACE, "layer_norm_eps": value})
    assert told(run(hugging_face)[0])[2] == np.float32(value)


@pytest.mark.parametrize(("change", "mean", "std"), [
    ({}, 0.1, 0.4), ({"do_normalize": False}, 0, 1), ({"rescale_factor": 1 / 255}, 0.1, 0.4),
    ({"rescale_factor": 1 / 127.5}, 0.05, 0.2), ({"do_rescale": False, "image_std": [51] * 3},
                                                 0.1 / 255, 0.2)])
def test_pixels(run, hugging_face, change, mean, std):
    write_json(hugging_face, "preprocessor_config.json", {**PIXELS, **change})
    found = pixels(run(hugging_face)[0])
    assert found[0][0] == pytest.approx(mean, abs=1e-6) and found[1][0] == pytest.approx(std)


@pytest.mark.parametrize(("change", "words"), [
    ({"image_mean": [0, 0]}, "image_mean is a list; expected three numbers"),
    ({"image_mean": 0.5}, "image_mean is 0.5"), ({"image_mean": [0, 0, True]}, "three numbers"),
    ({"image_std": [1, 1, 0]}, "three numbers above 0"), ({"image_std": [1, 1, "1"]}, "above 0"),
    ({"image_mean": [0, 0, 1e39]}, "three numbers"), ({"rescale_factor": 0}, "rescale_factor is 0"),
    ({"do_rescale": 1}, "do_rescale is 1; expected true or false"), ({"size": "b"}, "size is b;"),
    ({"do_rescale": False, "image_std": [1e-4] * 3}, "image_std becomes")])
def test_pixels_that_cannot_be_used(run, hugging_face, change, words):
    write_json(hugging_face, "preprocessor_config.json", {**PIXELS, **change})
    message = run.refuse(hugging_face)
    assert "preprocessor_config.json" in message and words in message, message


@pytest.mark.parametrize(("change", "words"), [
    ({"size": {"shortest_edge": 20}, "crop_size": 16}, "size is 20; this library resizes"),
    ({"size": 20}, "size is 20; this library resizes"), ({"size": {"shortest_edge": 16}}, None),
    ({"size": {"height": 16, "width": 16}, "do_center_crop": False}, "does not cut out the mid")])
def test_images_that_are_cut_otherwise_are_noted(run, hugging_face, change, words):
    write_json(hugging_face, "preprocessor_config.json", {**PIXELS, **change})
    run(hugging_face)
    assert words in run.printed if words else "note" not in run.printed


def test_pixels_of_a_processor(run, hugging_face):
    (hugging_face / "preprocessor_config.json").unlink()
    write_json(hugging_face, "processor_config.json", {"image_processor": PIXELS})
    assert pixels(run(hugging_face)[0])[0] == [0.1, 0.2, 0.3]


def test_without_a_preprocessor_pixels_of_gelu_models_are_asked_for(run, hugging_face):
    (hugging_face / "preprocessor_config.json").unlink()
    message = run.refuse(hugging_face)
    assert "--mean" in message and "--std" in message and "--activation" not in message


def test_a_config_that_is_named(run, hugging_face):
    other = run.folder / "other.json"
    write_json(run.folder, "other.json", {**HUGGING_FACE, "num_attention_heads": 10})
    metadata, _, _ = run(hugging_face, "--config", other, *HALF)
    assert told(metadata)[0] == 10
    write_json(run.folder, "other.json", {"answer": 42})
    assert "other.json is no configuration of Hugging Face CLIP" in run.refuse_again(
        hugging_face, "--config", other)
    assert "nowhere.json" in run.refuse(hugging_face, "--config", "nowhere.json")


# --- open_clip and timm ---


@pytest.mark.parametrize("name", [
    "open_clip_pytorch_model.bin", "open_clip_model.safetensors", "my.pt"])
def test_open_clip(run, folder, name):
    source = checkpoints.clip(SIZES)
    (save_safetensors if "safe" in name else save_bin)(folder, name, source)
    write_json(folder, "open_clip_config.json", OPEN_CLIP)
    for path in (folder, folder / name):
        metadata, tensors, _ = run(path, "--force")
        assert_tensors(tensors, clip_expectation(source))
        assert told(metadata) == [5, "quick_gelu", np.float32(1e-5)]
        assert pixels(metadata) == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]


def changed(vision=(), **model):
    whole = json.loads(json.dumps(OPEN_CLIP))
    whole["model_cfg"].update(model)
    whole["model_cfg"]["vision_cfg"].update(vision)
    return whole


def test_open_clip_without_quick_gelu_is_gelu(run, open_clip):
    whole = changed(quick_gelu=False, vision={"norm_kwargs": {"eps": 1e-6}})
    del whole["preprocess_cfg"]["mean"]
    write_json(open_clip, "open_clip_config.json", whole)
    metadata, _, _ = run(open_clip)
    assert told(metadata) == [5, "gelu", np.float32(1e-6)]
    assert pixels(metadata)[0][0] == pytest.approx(0.481455, abs=1e-6)  # of open_clip


def test_a_model_config_says_nothing_of_pixels(run, open_clip):
    """Models of one shape were trained with several kinds."""
    (open_clip / "open_clip_config.json").unlink()
    model = changed(quick_gelu=False)["model_cfg"]
    write_json(run.folder, "ViT.json", model)
    assert "--mean" in run.refuse(open_clip, "--config", run.folder / "ViT.json")
    metadata, _, _ = run(open_clip, "--config", run.folder / "ViT.json", *HALF)
    assert told(metadata) == [5, "gelu", np.float32(1e-5)]


@pytest.mark.parametrize(("whole", "words"), [
    (changed({"pool_type": "avg"}), "not that of the class token"),
    (changed({"attentional_pool": True}), "not that of the class token"),
    (changed({"act_kwargs": {"approximate": "tanh"}}), "act_kwargs asks for an activation"),
    (changed({"timm_model_name": "vit"}), "no image transformer of open_clip's own"),
    (changed({"head_width": 24}), "width is 80, not a multiple of head_width 24"),
    (changed({"head_width": "16"}), "head_width is 16; expected a whole number"),
    (changed({"width": 96}), "width is 96, and the tensors have 80"),
    (changed({"layers": [3, 4, 6, 3]}), "layers is a list"),
    (changed({"norm_kwargs": {"eps": 3}}), "eps is 3, which a weight file cannot say"),
    (changed(quick_gelu="yes"), "quick_gelu is yes; expected true or false"),
    ({"model_cfg": {"vision_cfg": 3}}, "vision_cfg is 3; expected an object"),
    ({**OPEN_CLIP, "preprocess_cfg": {"std": [0, 0, 0]}}, "std is a list; expected three numbers")])
def test_open_clip_configs_that_cannot_be_used(run, open_clip, whole, words):
    write_json(open_clip, "open_clip_config.json", whole)
    message = run.refuse(open_clip)
    assert "open_clip_config.json" in message and words in message, message


def test_squashed_images_are_noted(run, open_clip):
    pixels_of = {**OPEN_CLIP["preprocess_cfg"], "resize_mode": "squash"}
    whole = {**OPEN_CLIP, "preprocess_cfg": pixels_of}
    write_json(open_clip, "open_clip_config.json", whole)
    run(open_clip)
    assert "resize_mode is squash" in run.printed


def test_a_config_of_another_program_is_left_alone(run, open_clip):
    """Weights of open_clip in a folder that also has the config.json of Hugging Face."""
    write_json(open_clip, "config.json", {**HUGGING_FACE, "num_attention_heads": 8})
    assert told(run(open_clip)[0])[0] == 5
    (open_clip / "open_clip_config.json").unlink()
    assert "--heads" in run.refuse_again(open_clip)


def test_a_config_says_nothing_of_adapted_weights(run, folder):
    write_json(folder, "open_clip_config.json", changed(quick_gelu=False))
    checkpoints.save(folder / "task.pth", checkpoints.dualpath(), num_frames=16, sampling_rate=4)
    assert told(run(folder / "task.pth")[0]) == [1, "quick_gelu", np.float32(1e-5)]


@pytest.mark.parametrize(("architecture", "width", "expected"), [
    ("vit_huge_patch14_224", 1280, [16, "gelu", 1e-6]), ("vit_tiny_patch16_224", 192,
                                                         [3, "gelu", 1e-6]),
    ("vit_base_patch32_clip_224", 768, [12, "gelu", 1e-5]),
    ("vit_base_patch32_clip_quickgelu_224", 768, [12, "quick_gelu", 1e-5])])
def test_timm(run, folder, architecture, width, expected):
    source = checkpoints.timm(Sizes(width=width, hidden=32, blocks=1))
    if "clip" in architecture:
        source.update({f"norm_pre.{kind}": np.ones(width, np.float32)
                       for kind in ("weight", "bias")})
    save_safetensors(folder, "model.safetensors", source)
    write_json(folder, "config.json", {"architecture": architecture, "num_features": width,
                                       "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "crop_pct": 0.9,
                                                          "std": [0.4, 0.5, 0.6]}})
    metadata, _, _ = run(folder, "--type", "f16")
    assert told(metadata) == [*expected[:2], np.float32(expected[2])]
    assert pixels(metadata) == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    assert "crop_pct is 0.9" in run.printed


def test_timm_configs_that_cannot_be_used(run, folder):
    save_safetensors(folder, "model.safetensors", checkpoints.timm())
    for change, words in (({"global_pool": "avg"}, "global_pool is avg"),
                          ({"num_features": 65}, "num_features is 65"),
                          ({"model_args": {"act_layer": "silu"}}, "act_layer is silu")):
        write_json(folder, "config.json", {"architecture": "vit_tiny_patch16_224", **change})
        assert words in run.refuse(folder)


# --- JSON that was made to harm ---


@pytest.mark.parametrize("text", [
    "", "[", "[]", "5", "null", '"text"', '{"a": 1,}', '{"hidden_size": NaN}', '{"a": Infinity}',
    '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "{" + '"a": {' * 100_000, "[" * 100_000,
    '{"a": 1, "a": 1}', '{"a": ' + "9" * 100_000 + "}", '{"a": -' + "9" * 41 + "}", "\xff", "\0",
    '{"hidden_size": 1e999, "model_type": "clip"}', " " * (1 << 24) + "{}"])
def test_json_that_is_none(run, hugging_face, text):
    (hugging_face / "config.json").write_bytes(text.encode("latin-1"))
    message = run.refuse(hugging_face)
    assert "config.json" in message and len(message) < 600


STRANGE = [None, True, -1, 0, 7, 1e308, -0.5, "", "x" * 1000, [], {}, [[]], [1, 2, 3], [None] * 3,
           {"shortest_edge": {}}, {"height": "1"}, 1 << 70]


@pytest.mark.parametrize(("name", "whole", "way"), [
    ("config.json", HUGGING_FACE, ()), ("preprocessor_config.json", {
        **PIXELS, "size": 16, "crop_size": 16, "do_center_crop": True, "do_rescale": True,
        "do_normalize": True, "rescale_factor": 0.00392156862745098}, ()),
    ("open_clip_config.json", OPEN_CLIP, ()), ("open_clip_config.json", OPEN_CLIP, ("model_cfg",)),
    ("open_clip_config.json", OPEN_CLIP, ("preprocess_cfg",)),
    ("open_clip_config.json", OPEN_CLIP, ("model_cfg", "vision_cfg"))])
def test_values_of_every_kind(run, request, name, whole, way):
    """A weight file or a sentence, whatever a configuration says."""
    folder = request.getfixturevalue("open_clip" if "open" in name else "hugging_face")
    value = whole
    for key in way:
        value = value[key]
    for key in value:
        for strange in STRANGE:
            changed_whole = json.loads(json.dumps(whole))
            inner = changed_whole
            for step in way:
                inner = inner[step]
            inner[key] = strange
            write_json(folder, name, changed_whole)
            status, printed = run._main(folder, "-o", run.output, "--force")
            assert status == (0 if printed.err == "" else 1) and printed.err.count("\n") <= 1
            assert len(printed.err) < 1000


@pytest.mark.parametrize("name", [
    "config.json", "preprocessor_config.json", "model.safetensors.index.json"])
def test_random_damage(run, sharded, name):
    """Bytes changed at random: any answer will do, but no other exception than a refusal."""
    seed = int(os.environ.get("DUALPATH_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"DUALPATH_SEED={seed}")
    generator = random.Random(seed)
    whole = (sharded / name).read_bytes()
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        (sharded / name).write_bytes(damaged)
        assert run.inspect(sharded)[0] in (0, 1)


# --- indexes that were made to harm ---


@pytest.fixture
def sharded(folder):
    write_json(folder, "config.json", HUGGING_FACE)
    write_json(folder, "preprocessor_config.json", PIXELS)
    split(folder, "model.safetensors", checkpoints.hugging_face(SIZES), save_safetensors)
    return folder


def rewrite(folder, change):
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"])
    path.write_text(json.dumps(index))


@pytest.mark.parametrize("name", [
    "../secret.safetensors", "/etc/passwd", "/tmp/x.safetensors", "a/b.safetensors", "..", ".", "",
    "sub\\x.safetensors", "x\0.safetensors", "model.safetensors.index.json", "config.json", 5, None,
    ["x.safetensors"], "x" * 5000])
def test_indexes_stay_in_their_folder(run, sharded, name):
    save_safetensors(run.folder, "secret.safetensors", checkpoints.hugging_face(SIZES))
    rewrite(sharded, lambda weight_map: weight_map.update({"logit_scale": name}))
    message = run.refuse(sharded)
    assert "model.safetensors.index.json: puts tensor logit_scale into" in message
    assert len(message) < 500


def test_links_stay_in_their_folder(run, sharded):
    first = sorted(sharded.glob("model-*"))[0]
    secret = run.folder / "secret.safetensors"
    first.rename(secret)
    first.symlink_to(secret)
    assert f"{first.name} is a link to a file outside of the folder" in run.refuse(sharded)
    first.unlink()
    first.symlink_to("/dev/zero")
    assert "outside of the folder" in run.refuse(sharded)
    first.unlink()
    (sharded / "moved.bin").write_bytes(secret.read_bytes())
    first.symlink_to("moved.bin")
    run(sharded)


def test_links_of_the_cache_of_hugging_face(run, sharded):
    """Snapshots hold links to blobs beside them; there and nowhere else."""
    home = run.folder / "models--x" / "snapshots" / "0123"
    blobs = run.folder / "models--x" / "blobs"
    home.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(sharded.iterdir())):
        path.rename(blobs / str(number))
        (home / path.name).symlink_to(f"../../blobs/{number}")
    run(home)
    run(home / "model-00001-of-00003.safetensors", "--force")


def test_a_folder_with_a_link_out_of_it(run, hugging_face):
    (hugging_face / "model.safetensors").rename(run.folder / "secret.safetensors")
    (hugging_face / "model.safetensors").symlink_to(run.folder / "secret.safetensors")
    assert "outside of the folder" in run.refuse(hugging_face)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_configuration_that_is_a_link_out_of_the_folder(run, hugging_face, name):
    (hugging_face / name).rename(run.folder / name)
    (hugging_face / name).symlink_to(run.folder / name)
    for path in (hugging_face, hugging_face / "model.safetensors"):
        assert f"{name} is a link to a file outside of the folder" in run.refuse(path)


def move(weight_map):
    names = sorted(set(weight_map.values()))
    tensor = next(key for key, name in weight_map.items() if name == names[0])
    weight_map[tensor] = names[1]


@pytest.mark.parametrize(("change", "words"), [
    (lambda weights: weights.update({"more": "gone.bin"}), "gone.bin, in which it puts 1 t"),
    (lambda weights: weights.update({"more": weights["logit_scale"]}), "lacks tensor more"),
    (lambda weights: weights.pop("logit_scale"), "has tensor logit_scale, which the index puts"),
    (move, "which the index puts"), (dict.clear, "no weight_map"),
    (lambda weights: weights.update({f"x{i}": f"{i}.bin" for i in range(2000)}), "at most 1000")])
def test_indexes_that_lie(run, sharded, change, words):
    rewrite(sharded, change)
    assert words in run.refuse(sharded)


def test_a_tensor_in_two_files(run, sharded):
    first, second, *_ = sorted(sharded.glob("model-*"))
    name, array = next(iter(safetensors.load_file(first).items()))
    twice = {**safetensors.load_file(second), name: array}
    save_safetensors(sharded, second.name, twice)
    assert "which the index puts elsewhere or nowhere" in run.refuse(sharded)


def test_an_index_with_a_name_twice(run, sharded):
    path = sharded / "model.safetensors.index.json"
    twice = '"logit_scale": "x.bin", "logit_scale"'
    path.write_text(path.read_text().replace('"logit_scale"', twice))
    assert "'logit_scale' stands twice" in run.refuse(sharded)


@pytest.mark.parametrize("weight_map", [None, [], "x", 5, {}])
def test_indexes_without_a_map(run, sharded, weight_map):
    write_json(sharded, "model.safetensors.index.json", {"weight_map": weight_map})
    assert "no weight_map" in run.refuse(sharded)


def test_a_part_that_is_no_dictionary_of_tensors(run, folder):
    archive = Archive()
    state = archive.state(checkpoints.hugging_face(SIZES))
    archive.write(folder / "a.bin", {"model": state})
    write_json(folder, "pytorch_model.bin.index.json", {"weight_map": {"model": "a.bin"}})
    assert "a.bin: model is not a tensor" in run.refuse(folder)
    (folder / "a.bin").write_text('{"weight_map": {"model": "a.bin"}}')
    assert "a.bin: neither a PyTorch archive" in run.refuse(folder)


def test_a_part_that_is_missing_from_the_folder(run, sharded):
    sorted(sharded.glob("model-*"))[1].unlink()
    assert "model-00002-of-00003.safetensors, in which it puts" in run.refuse(sharded)
    (sharded / "model.safetensors.index.json").unlink()
    assert "is missing" in run.refuse(sharded / "model-00001-of-00003.safetensors", "--activation",
                                      "gelu")
