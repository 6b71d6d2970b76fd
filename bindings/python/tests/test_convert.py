"""dualpath-convert on synthetic checkpoints of every family: what it writes, what it says, what it
refuses. Read back with gguf's own reader.
"""

import json
import os
import shlex
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")

import checkpoints
from checkpoints import ADAPTERS, Sizes

from dualpath import convert

SHARED = Path(os.environ.get("DUALPATH_SHARED", Path(__file__).parents[3].parent / "shared"))


def read(path):
    """Metadata, and tensors as f32 with their types."""
    reader = gguf.GGUFReader(path)
    metadata = {key: field.contents() for key, field in reader.fields.items()}
    tensors = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
               for tensor in reader.tensors}
    types = {tensor.name: tensor.tensor_type.name.lower() for tensor in reader.tensors}
    return metadata, tensors, types


class Run:
    """Runs the converter in a folder: run() must succeed, refuse() must fail with a message."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.output = folder / "model.gguf"

    def _main(self, *arguments):
        status = convert.main([str(argument) for argument in arguments])
        return status, self.capsys.readouterr()

    def __call__(self, checkpoint, *options):
        status, printed = self._main(checkpoint, "-o", self.output, *options)
        assert status == 0, printed.err
        self.printed = printed.out
        return read(self.output)

    def refuse(self, checkpoint, *options):
        status, printed = self._main(checkpoint, "-o", self.output, *options)
        assert status == 1 and printed.err.startswith("dualpath-convert: ")
        assert not self.output.exists() and not list(self.folder.glob(".dualpath*"))
        return printed.err

    def inspect(self, path):
        status, printed = self._main("--inspect", path)
        return status, printed.out, printed.err

    def save(self, tensors, **arguments):
        return checkpoints.save(self.folder / "checkpoint.pth", tensors,
                                **(arguments or {"num_frames": 16, "sampling_rate": 8}))

    def save_safetensors(self, tensors):
        numpy = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
        path = self.folder / "checkpoint.safetensors"
        numpy.save_file({name: np.ascontiguousarray(a) for name, a in tensors.items()}, path)
        return path


@pytest.fixture
def run(tmp_path, capsys):
    return Run(tmp_path, capsys)


def clip_expectation(source):
    """The weight file's tensors of a model with CLIP's names."""
    d = len(source["visual.class_embedding"])
    expected = {"patch.weight": source["visual.conv1.weight"].reshape(d, -1),
                "class_token": source["visual.class_embedding"],
                "position.spatial": source["visual.positional_embedding"],
                "projection.weight": source["visual.proj"].T}
    names = {"ln_1.": "norm1.", "ln_2.": "norm2.", "attn.in_proj_": "attention.qkv.",
             "attn.out_proj.": "attention.out.", "mlp.c_fc.": "mlp.up.", "mlp.c_proj.": "mlp.down."}
    for adapter, short in ADAPTERS.items():
        names.update({f"{adapter}.{side}_proj.": f"adapter.{short}.{side}."
                      for side in ("down", "up")})
    for i in range(Sizes().blocks):
        expected.update({f"block.{i}.{target}{kind}": source[name]
                         for origin, target in names.items() for kind in ("weight", "bias")
                         if (name := f"visual.transformer.resblocks.{i}.{origin}{kind}") in source})
    for origin, target in {"ln_pre": "pre_norm", "ln_post": "post_norm",
                           "head.linear1": "head.hidden", "head.linear2": "head.output"}.items():
        expected.update({f"{target}.{kind}": source[f"visual.{origin}.{kind}"]
                         for kind in ("weight", "bias") if f"visual.{origin}.{kind}" in source})
    if "visual.spatial_positional_embedding" in source:
        expected["position.grid"] = source["visual.spatial_positional_embedding"]
    return expected


def assert_tensors(tensors, expected):
    assert set(tensors) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[name], array, err_msg=name)


# --- families ---


def test_released_checkpoint(run):
    source = checkpoints.dualpath()
    labels = run.folder / "labels.txt"
    labels.write_text("walk\nrun\nDrücken, ziehen\n", encoding="utf-8")
    metadata, tensors, types = run(run.save(source), "--labels", labels, "--name", "tiny")
    assert_tensors(tensors, clip_expectation(source))
    assert set(types.values()) == {"f32"}
    expected = {
        "general.architecture": "dualpath", "general.name": "tiny", "dualpath.format_version": 1,
        "dualpath.image_size": 16, "dualpath.patch_size": 4, "dualpath.embedding_length": 64,
        "dualpath.block_count": 2, "dualpath.attention.head_count": 1,
        "dualpath.attention.layer_norm_epsilon": np.float32(1e-5),
        "dualpath.activation": "quick_gelu", "dualpath.adapter.activation": "gelu",
        "dualpath.adapter.scale": 1.0, "dualpath.adapter.serial_skip": False,
        "dualpath.position.kind": "sincos-time", "dualpath.grid": 4, "dualpath.frames": 16,
        "dualpath.spatial_frames": 8, "dualpath.sampling_rate": 8,
        "dualpath.image_mean": [np.float32(x) for x in (0.485, 0.456, 0.406)],
        "dualpath.image_std": [np.float32(x) for x in (0.229, 0.224, 0.225)],
        "dualpath.labels": ["walk", "run", "Drücken, ziehen"],
    }
    assert {key: metadata[key] for key in metadata if key.startswith(("general", "dualpath"))
            and key != "dualpath.tensor_crc32"} == expected


def test_types_of_metadata_are_those_of_the_format(run):
    run(run.save(checkpoints.dualpath()))
    fields = gguf.GGUFReader(run.output).fields
    kinds = {key: [kind.name for kind in field.types] for key, field in fields.items()}
    assert kinds["dualpath.tensor_crc32"] == ["ARRAY", "UINT32"]
    assert kinds["dualpath.image_mean"] == ["ARRAY", "FLOAT32"]
    assert kinds["dualpath.adapter.serial_skip"] == ["BOOL"]
    assert kinds["dualpath.adapter.scale"] == ["FLOAT32"]
    assert kinds["dualpath.frames"] == ["UINT32"]


def test_checksums_are_of_the_bytes_in_the_file(run):
    metadata, _, _ = run(run.save(checkpoints.dualpath()), "--type", "q8_0")
    data = run.output.read_bytes()
    reader = gguf.GGUFReader(run.output)
    assert metadata["dualpath.tensor_crc32"] == [
        zlib.crc32(data[tensor.data_offset:tensor.data_offset + int(tensor.n_bytes)])
        for tensor in reader.tensors]


def test_every_option_is_written(run):
    options = ("--num-frames 18 --sampling-rate 2 --spatial-frames 6 --grid 3 --heads 4 "
               "--mean 0.1,0.2,-0.3 --std 1,2,3 --position sincos-3d --activation relu "
               "--adapter-activation quick_gelu --adapter-scale -0.5 --ln-eps 1e-3 --serial-skip")
    source = checkpoints.dualpath(Sizes(side=6, patch=2))
    metadata, tensors, _ = run(run.save(source), *options.split())
    expected = {"frames": 18, "sampling_rate": 2, "spatial_frames": 6, "grid": 3,
                "attention.head_count": 4, "position.kind": "sincos-3d", "activation": "relu",
                "adapter.activation": "quick_gelu", "adapter.scale": -0.5,
                "attention.layer_norm_epsilon": np.float32(1e-3), "adapter.serial_skip": True,
                "image_std": [1, 2, 3], "image_mean": [np.float32(x) for x in (0.1, 0.2, -0.3)]}
    assert {key: metadata["dualpath." + key] for key in expected} == expected
    assert "position.grid" not in tensors
    assert "visual.spatial_positional_embedding is not used" in run.printed


def test_wrapped_model_without_prefix_in_the_file(run):
    source = checkpoints.dualpath()
    path = run.save({"module." + name: array for name, array in source.items()})
    assert_tensors(run(path)[1], clip_expectation(source))


def test_clip_state_dict_is_a_backbone(run):
    source = checkpoints.clip()
    archive = checkpoints.Archive()
    path = archive.write(run.folder / "clip.pt", archive.state(source))
    metadata, tensors, _ = run(path)
    assert_tensors(tensors, clip_expectation(source))
    assert metadata["dualpath.frames"] == 16 and metadata["dualpath.position.kind"] == "sincos-time"
    assert metadata["dualpath.image_mean"][0] == np.float32(0.48145466)
    assert metadata["general.name"] == "clip"
    assert "dualpath.labels" not in metadata
    assert "dropped  text tower 7" in run.printed


def test_torchscript_archive(run):
    source = {name: array.astype(np.float16) for name, array in checkpoints.clip().items()}
    source.update({name: np.array(7) for name in ("input_resolution", "context_length")})
    path = checkpoints.save_torchscript(run.folder / "clip.pt", source)
    _, tensors, _ = run(path)
    assert_tensors(tensors, clip_expectation(source))
    assert "dropped  constants 2" in run.printed


def test_hugging_face(run):
    source = checkpoints.hugging_face()
    metadata, tensors, _ = run(run.save_safetensors(source))
    vision = "vision_model."
    layer = vision + "encoder.layers.1."
    for kind in ("weight", "bias"):
        np.testing.assert_array_equal(
            tensors[f"block.1.attention.qkv.{kind}"],
            np.concatenate([source[f"{layer}self_attn.{x}_proj.{kind}"] for x in "qkv"]))
        np.testing.assert_array_equal(tensors[f"pre_norm.{kind}"],
                                      source[f"{vision}pre_layrnorm.{kind}"])
        np.testing.assert_array_equal(tensors[f"block.1.mlp.down.{kind}"],
                                      source[f"{layer}mlp.fc2.{kind}"])
    np.testing.assert_array_equal(tensors["projection.weight"], source["visual_projection.weight"])
    assert metadata["dualpath.image_std"][0] == np.float32(0.26862954)
    assert metadata["dualpath.activation"] == "quick_gelu"
    assert len(tensors) == len(clip_expectation(checkpoints.clip()))


def test_hugging_face_without_keys_names_them(run):
    source = checkpoints.hugging_face()
    missing = "vision_model.encoder.layers.0.self_attn.k_proj.bias"
    del source[missing]
    assert f"tensor {missing} is missing" in run.refuse(run.save_safetensors(source))


def test_timm(run):
    source = {name: array.astype(np.float16) for name, array in checkpoints.timm().items()}
    metadata, tensors, _ = run(run.save_safetensors(source))
    np.testing.assert_array_equal(tensors["class_token"], source["cls_token"][0, 0])
    np.testing.assert_array_equal(tensors["position.spatial"], source["pos_embed"][0])
    np.testing.assert_array_equal(tensors["patch.bias"], source["patch_embed.proj.bias"])
    np.testing.assert_array_equal(tensors["block.0.attention.qkv.weight"],
                                  source["blocks.0.attn.qkv.weight"])
    assert not [name for name in tensors if name.startswith(("head", "pre_norm", "projection"))]
    assert metadata["dualpath.activation"] == "gelu"
    assert metadata["dualpath.attention.layer_norm_epsilon"] == np.float32(1e-6)
    assert metadata["dualpath.image_mean"] == metadata["dualpath.image_std"] == [0.5, 0.5, 0.5]
    assert "dropped  image classification head 2" in run.printed


def test_bfloat16_safetensors(run):
    pytest.importorskip("safetensors", reason="needs the safetensors package")
    source = checkpoints.timm()
    half = {name: checkpoints.bfloat16(array) for name, array in source.items()}
    path = run.folder / "model.safetensors"
    header, data = {}, b""
    for name, bits in half.items():
        header[name] = {"dtype": "BF16", "shape": list(bits.shape),
                        "data_offsets": [len(data), len(data) + bits.nbytes]}
        data += bits.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    _, tensors, _ = run(path)
    expected = (half["blocks.1.mlp.fc1.weight"].astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(tensors["block.1.mlp.up.weight"], expected)


# --- position encodings ---


def test_without_grid_positions_the_kind_is_sincos_3d(run):
    source = checkpoints.dualpath(grid=False, serial_input=False)
    metadata, tensors, _ = run(run.save(source))
    assert metadata["dualpath.position.kind"] == "sincos-3d"
    assert_tensors(tensors, clip_expectation(source))
    assert "no spatial_positional_embedding" in run.printed


def test_sincos_time_needs_grid_positions(run):
    path = run.save(checkpoints.dualpath(grid=False))
    assert "visual.spatial_positional_embedding" in run.refuse(path, "--position", "sincos-time")


def test_position_table(run):
    source = checkpoints.dualpath()
    table = np.random.default_rng(5).standard_normal((34, 64)).astype(np.float32)
    source["visual.temporal_positional_embedding"] = table
    path = run.save(source, num_frames=32)
    metadata, tensors, _ = run(path, "--position", "table")
    np.testing.assert_array_equal(tensors["position.table"], table)
    assert metadata["dualpath.position.kind"] == "table" and "position.grid" not in tensors
    _, tensors, _ = run(path, "--force")
    assert "position.table" not in tensors and "position.grid" in tensors
    assert "temporal_positional_embedding is not used" in run.printed


def test_position_table_of_another_length(run):
    source = checkpoints.dualpath()
    source["visual.temporal_positional_embedding"] = np.zeros((18, 64), np.float32)
    path = run.save(source, num_frames=32)
    for options in ((), ("--position", "table")):
        message = run.refuse(path, *options)
        assert "visual.temporal_positional_embedding" in message and "[34, 64]" in message


def test_position_table_missing(run):
    message = run.refuse(run.save(checkpoints.dualpath()), "--position", "table")
    assert "visual.temporal_positional_embedding" in message


# --- types ---


@pytest.mark.parametrize("kind, bound", [("f16", 2.0 ** -11), ("bf16", 2.0 ** -8)])
def test_half_precision(run, kind, bound):
    source = clip_expectation(checkpoints.dualpath())
    _, tensors, types = run(run.save(checkpoints.dualpath()), "--type", kind)
    for name, array in source.items():
        is_matrix = array.ndim == 2 and not name.startswith("position.")
        assert types[name] == (kind if is_matrix else "f32"), name
        error = np.abs(tensors[name] - array)
        assert (error <= (bound * np.abs(array) + 1e-7 if is_matrix else 0)).all(), name


def test_q8_0(run):
    source = clip_expectation(checkpoints.dualpath())
    _, tensors, types = run(run.save(checkpoints.dualpath()), "--type", "q8_0")
    for name, array in source.items():
        if array.ndim != 2 or name.startswith("position."):
            assert types[name] == "f32", name
            np.testing.assert_array_equal(tensors[name], array)
        elif array.shape[1] % 32:
            assert types[name] == "f16", name
            np.testing.assert_allclose(tensors[name], array, rtol=2.0 ** -10, atol=1e-6)
        else:
            assert types[name] == "q8_0", name
            blocks = np.abs(array).reshape(len(array), -1, 32).max(axis=2, keepdims=True)
            error = np.abs(tensors[name] - array).reshape(len(array), -1, 32)
            assert (error <= blocks * (0.5 / 127 + 2.0 ** -10)).all(), name
    assert {types["block.0.adapter.s1.up.weight"], types["block.0.mlp.up.weight"]} == \
        {"f16", "q8_0"}


def test_too_large_for_f16(run):
    source = checkpoints.dualpath()
    source["visual.transformer.resblocks.1.mlp.c_fc.weight"][3, 5] = 1e6
    path = run.save(source)
    message = run.refuse(path, "--type", "f16")
    assert "block.1.mlp.up.weight" in message and "too large for f16" in message
    run(path)


# --- refusals ---


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(run, value):
    source = checkpoints.dualpath()
    source["visual.ln_post.bias"][7] = value
    message = run.refuse(run.save(source))
    assert "visual.ln_post.bias" in message and "not finite" in message


def test_f64_too_large_for_f32(run):
    source = checkpoints.dualpath()
    source["visual.ln_post.bias"] = np.full(64, 1e300)
    assert "visual.ln_post.bias" in run.refuse(run.save(source))


@pytest.mark.parametrize("name", [
    "visual.transformer.resblocks.0.s_adapter_attn.scale", "visual.attnpool.c_proj.weight",
    "visual.transformer.resblocks.00.ln_1.weight", "visual.ln_pre.weight2", "xvisual.proj",
    "transformer.resblocks.0.other.weight", "text.unknown", "head.weight\n\x1b[31m"])
def test_unknown_tensors(run, name):
    source = checkpoints.dualpath()
    source[name] = np.ones(1, np.float32)
    message = run.refuse(run.save(source))
    assert "unknown tensor" in message and name[:11] in message and "\x1b" not in message


@pytest.mark.parametrize("name", [
    "visual.class_embedding", "visual.positional_embedding", "visual.ln_post.weight",
    "visual.ln_pre.bias", "visual.head.linear2.bias", "visual.head.linear1.weight",
    "visual.transformer.resblocks.1.attn.in_proj_bias",
    "visual.transformer.resblocks.0.mlp.c_fc.weight",
    "visual.transformer.resblocks.1.t_adapter_attn_b.up_proj.weight",
    "visual.transformer.resblocks.0.s_adapter_mlp.down_proj.weight"])
def test_missing_tensors(run, name):
    source = checkpoints.dualpath()
    del source[name]
    assert f"tensor {name} is missing" in run.refuse(run.save(source))


@pytest.mark.parametrize("name, shape", [
    ("visual.conv1.weight", (64, 3, 4, 5)), ("visual.conv1.weight", (64, 1, 4, 4)),
    ("visual.conv1.weight", (64, 48)), ("visual.class_embedding", (63,)),
    ("visual.class_embedding", (2, 64)), ("visual.positional_embedding", (18, 64)),
    ("visual.positional_embedding", (1, 64)), ("visual.positional_embedding", (0, 64)),
    ("visual.spatial_positional_embedding", (10, 64)), ("visual.proj", (32, 64)),
    ("visual.proj", (64,)), ("visual.proj", (64, 0)), ("visual.ln_post.bias", (64, 1)),
    ("visual.head.linear1.weight", (32, 32)), ("visual.head.linear2.bias", (4,)),
    ("visual.transformer.resblocks.0.attn.in_proj_weight", (64, 64)),
    ("visual.transformer.resblocks.1.mlp.c_fc.weight", (95, 64)),
    ("visual.transformer.resblocks.0.mlp.c_fc.weight", ()),
    ("visual.transformer.resblocks.1.s_adapter_attn.down_proj.weight", (23, 64))])
def test_shapes(run, name, shape):
    source = checkpoints.dualpath()
    source[name] = np.zeros(shape, np.float32)
    message = run.refuse(run.save(source))
    related = {"visual.positional_embedding": "spatial_positional_embedding"}
    assert name in message or related.get(name, "") in message and name in related
    assert "expected" in message


def test_integers_are_not_weights(run):
    source = checkpoints.dualpath()
    source["visual.ln_post.bias"] = np.zeros(64, np.int64)
    assert "visual.ln_post.bias is of type int64" in run.refuse(run.save(source))


def test_blocks_beyond_the_bound(run):
    source = checkpoints.dualpath()
    source["visual.transformer.resblocks.999.ln_1.weight"] = np.zeros(64, np.float32)
    assert "block_count is 1000" in run.refuse(run.save(source))


def test_another_program(run):
    message = run.refuse(run.save({"features.0.weight": np.zeros((2, 2), np.float32)}))
    assert "unknown program" in message and "features.0.weight" in message


@pytest.mark.parametrize("options, words", [
    ("--num-frames 17", "17 frames"), ("--num-frames 0", "frames is 0"),
    ("--num-frames 4112", "frames is 4112"), ("--spatial-frames 3", "multiple of 4x4"),
    ("--grid 3 --num-frames 72", "image size 16"), ("--grid 17", "grid is 17"),
    ("--heads 5", "5 heads"), ("--heads 0", "head_count is 0"),
    ("--sampling-rate 65537", "sampling_rate is 65537")])
def test_options_out_of_bounds(run, options, words):
    assert words in run.refuse(run.save(checkpoints.dualpath()), *options.split())


def test_frames_must_be_known(run):
    path = run.save(checkpoints.dualpath(), epochs=3)
    assert "--num-frames" in run.refuse(path)
    metadata, _, _ = run(path, "--num-frames", 32)
    assert metadata["dualpath.frames"] == 32 and metadata["dualpath.sampling_rate"] == 4


def test_frames_that_are_no_number(run):
    message = run.refuse(run.save(checkpoints.dualpath(), num_frames="16"))
    assert "args.num_frames" in message


def test_option_beats_argument(run):
    metadata, _, _ = run(run.save(checkpoints.dualpath()), "--num-frames", 48)
    assert metadata["dualpath.frames"] == 48 and metadata["dualpath.sampling_rate"] == 8


def test_heads_of_other_widths(run):
    path = run.save(checkpoints.dualpath(Sizes(width=48)))
    assert "--heads" in run.refuse(path)
    assert run(path, "--heads", 3)[0]["dualpath.attention.head_count"] == 3


@pytest.mark.parametrize("text, words", [
    ("a\nb\n", "2 labels; the model has 3 classes"), ("a\nb\nc\nd\n", "4 labels"),
    ("a\n\nc\n", "line 2"), (b"a\nb\n\xff\n", "UTF-8")])
def test_labels(run, text, words):
    labels = run.folder / "labels.txt"
    labels.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = run.refuse(run.save(checkpoints.dualpath()), "--labels", labels)
    assert words in message and "labels.txt" in message


def test_labels_without_a_head(run):
    labels = run.folder / "labels.txt"
    labels.write_text("a\n")
    assert "without a head" in run.refuse(run.save(checkpoints.clip()), "--labels", labels)


def test_labels_that_are_not_there(run):
    assert "nowhere.txt" in run.refuse(run.save(checkpoints.dualpath()), "--labels", "nowhere.txt")


# --- command line ---


def test_output_is_whole_or_not_there(run, monkeypatch):
    path = run.save(checkpoints.dualpath())
    run.output.write_bytes(b"old")
    status, printed = run._main(path, "-o", run.output)
    assert status == 1 and "--force" in printed.err and run.output.read_bytes() == b"old"

    def full_disk(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full_disk)
        status, printed = run._main(path, "-o", run.output, "--force")
    assert status == 1 and "No space left" in printed.err
    assert run.output.read_bytes() == b"old"
    assert sorted(os.listdir(run.folder)) == ["checkpoint.pth", "model.gguf"]
    run(path, "--force")


def test_checkpoint_is_not_overwritten(run):
    path = run.save(checkpoints.dualpath())
    before = Path(path).read_bytes()
    status, printed = run._main(path, "-o", path, "--force")
    assert status == 1 and "checkpoint itself" in printed.err
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("options", [
    "x.pth", "x.pth -o y --inspect", "-o y", "x.pth -o y --mean 1,2", "x.pth -o y --std 1,2,0",
    "x.pth -o y --mean 1,2,nan", "x.pth -o y --ln-eps 0", "x.pth -o y --ln-eps 1e-60",
    "x.pth -o y --ln-eps 2", "x.pth -o y --adapter-scale 1e39", "x.pth -o y --type q4",
    "x.pth -o y --position learned", "x.pth -o y --num-frames 1.5"])
def test_usage(options, capsys):
    with pytest.raises(SystemExit) as stop:
        convert.main(options.split())
    assert stop.value.code == 2
    assert "usage: dualpath-convert" in capsys.readouterr().err


def test_file_that_is_not_there(run):
    assert "nowhere.pth" in run.refuse("nowhere.pth")


def test_module_needs_no_optional_package(run):
    """python -m dualpath.convert imports numpy only, and says what is missing when it is used."""
    program = ("import sys; sys.modules['gguf'] = sys.modules['safetensors'] = None; "
               "sys.modules['torch'] = None; from dualpath import convert; "
               "sys.exit(convert.main(sys.argv[1:]))")
    path = run.save(checkpoints.dualpath())
    environment = {**os.environ, "PYTHONPATH": str(Path(convert.__file__).parents[1])}
    command = [sys.executable, "-c", program, path, "-o", str(run.output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "pip install 'dualpath[convert]'" in done.stderr


# --- inspect ---


def test_inspect_checkpoint(run):
    path = run.save(checkpoints.dualpath(), num_frames=16, data_set="K400", bad="\x1b[2J")
    status, out, _ = run.inspect(path)
    assert status == 0 and "args.num_frames = 16" in out and "args.data_set = K400" in out
    assert "visual.conv1.weight" in out and "[64, 3, 4, 4]" in out and "\x1b" not in out


def test_inspect_safetensors(run):
    status, out, _ = run.inspect(run.save_safetensors(checkpoints.timm()))
    assert status == 0 and "cls_token" in out and "[1, 1, 64]" in out


def test_inspect_weight_file(run):
    run(run.save(checkpoints.dualpath()), "--type", "q8_0")
    status, out, _ = run.inspect(run.output)
    assert status == 0 and "dualpath.frames = 16" in out
    assert "checksums of 77 tensors agree" in out
    assert any(line.split() == ["block.0.attention.qkv.weight", "q8_0", "[192,", "64]"]
               for line in out.splitlines())


def test_inspect_finds_a_flipped_bit(run):
    run(run.save(checkpoints.dualpath()))
    data = bytearray(run.output.read_bytes())
    tensor = gguf.GGUFReader(run.output).tensors[-1]
    data[tensor.data_offset] ^= 1
    run.output.write_bytes(data)
    status, _, err = run.inspect(run.output)
    assert status == 1 and "head.output.bias" in err


def test_inspect_truncated_weight_files(run):
    run(run.save(checkpoints.dualpath()))
    data = run.output.read_bytes()
    for size in list(range(4, 400, 7)) + [len(data) // 2]:
        run.output.write_bytes(data[:size])
        status, _, err = run.inspect(run.output)
        assert status == 1 and "weight file" in err or "tensor" in err, size


@pytest.mark.parametrize("seed", range(3))
def test_inspect_damaged_weight_files(run, seed):
    """Any answer will do but an exception; what is printed cannot steer a terminal."""
    run(run.save(checkpoints.dualpath()))
    generator = np.random.default_rng(seed)
    data = run.output.read_bytes()
    for _ in range(100):
        damaged = bytearray(data)
        for place in generator.integers(4, 9000, 3):
            damaged[place] = generator.integers(256)
        run.output.write_bytes(damaged)
        status, out, err = run.inspect(run.output)
        assert status in (0, 1) and "\x1b" not in out + err


@pytest.mark.parametrize("place, value, words", [
    (4, (2).to_bytes(4, "little"), "version 3"), (4, (3).to_bytes(4, "big"), "version 3"),
    (8, b"\xff" * 8, "tensors; at most"), (16, b"\xff" * 8, "metadata entries; at most"),
    (24, b"\xff" * 8, "bytes in a key; at most")])
def test_inspect_absurd_counts(run, place, value, words):
    run(run.save(checkpoints.dualpath()))
    data = bytearray(run.output.read_bytes())
    data[place:place + len(value)] = value
    run.output.write_bytes(data)
    status, _, err = run.inspect(run.output)
    assert status == 1 and words in err


def test_inspect_absurd_array(run):
    run(run.save(checkpoints.dualpath()))
    data = bytearray(run.output.read_bytes())
    place = data.index(b"dualpath.image_mean") + len(b"dualpath.image_mean") + 8
    data[place:place + 8] = (1 << 60).to_bytes(8, "little")
    run.output.write_bytes(data)
    status, _, err = run.inspect(run.output)
    assert status == 1 and "elements in an array; at most" in err


# --- against PyTorch and real files ---


def test_files_of_pytorch(run):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import argparse
    import pathlib
    source = checkpoints.dualpath()
    state = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in source.items()}
    state["visual.proj"] = torch.tensor(source["visual.proj"].T.copy()).t()  # strides of a view
    state["visual.ln_post.bias"] = torch.tensor(source["visual.ln_post.bias"]).double()
    state["visual.ln_post.weight"] = torch.stack(
        [torch.tensor(source["visual.ln_post.weight"])] * 2, dim=1)[:, 1]
    arguments = argparse.Namespace(num_frames=32, device=torch.device("cuda", 1), lr=np.float64(2),
                                   output_dir=pathlib.Path("/a/b"), dtype=torch.bfloat16,
                                   sizes=torch.Size([1, 2]), table=np.arange(6).reshape(2, 3))
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    path = run.folder / "model.pth"
    torch.save({"model": state, "args": arguments, "optimizer": optimizer.state_dict()}, path)
    metadata, tensors, _ = run(path)
    assert_tensors(tensors, clip_expectation(source))
    assert metadata["dualpath.frames"] == 32
    _, out, _ = run.inspect(path)
    assert "args.lr = 2.0" in out and "args.device = cuda:1" in out
    assert "args.output_dir = /a/b" in out


def test_bfloat16_and_protocols_of_pytorch(run):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    state = {name: torch.tensor(array).bfloat16() for name, array in checkpoints.clip().items()}
    expected = {name: tensor.float().numpy() for name, tensor in state.items()}
    for protocol in (2, 3, 4, 5):
        path = run.folder / f"{protocol}.pt"
        torch.save(state, path, pickle_protocol=protocol)
        assert_tensors(run(path, "--force")[1], clip_expectation(expected))


@pytest.mark.skipif(not (SHARED / "golden").is_dir(),
                    reason=f"no folder {SHARED}/golden (DUALPATH_SHARED)")
@pytest.mark.parametrize("name", ["tiny64_t16", "tiny112_t32", "paper112_t32"])
def test_golden_checkpoints(run, name):
    metadata, tensors, _ = run(SHARED / "golden" / f"{name}.pth")
    kind = "sincos-3d" if name.startswith("paper") else "sincos-time"
    assert metadata["dualpath.position.kind"] == kind
    assert ("position.grid" in tensors) == (kind == "sincos-time")


@pytest.mark.skipif(not (SHARED / "models").is_dir(),
                    reason=f"no folder {SHARED}/models (DUALPATH_SHARED)")
def test_real_checkpoints(run):
    models = SHARED / "models"
    options = shlex.split((models / "convert.args").read_text())
    metadata, tensors, _ = run(models / "dualpath-vit-ti16-ufc10.pth", *options,
                               "--labels", SHARED / "clips" / "labels.txt")
    assert len(tensors) == 347 and len(metadata["dualpath.labels"]) == 10
    assert metadata["dualpath.adapter.serial_skip"] is True
    metadata, tensors, _ = run(models / "vit-ti16-in1k.safetensors", "--force")
    assert len(tensors) == 150 and metadata["dualpath.activation"] == "gelu"
