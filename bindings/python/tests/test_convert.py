"""dualpath-convert on synthetic checkpoints of every family: what it writes."""

import json
import shlex
import zlib

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
import dualpath
from checkpoints import Sizes
from conversion import HALF, SHARED, assert_tensors, clip_expectation


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


def test_what_hubs_show_is_written_where_it_is_given(run):
    path = run.save(checkpoints.dualpath())
    metadata, _, _ = run(path, "--author", "J. Doe", "--license", "CC-BY-4.0", "--description",
                         "tells Drücken from Ziehen", "--source", "https://example.org/model",
                         "--base-model", "openai/clip-vit-base-patch16", "--name", "")
    expected = {
        "general.architecture": "dualpath", "general.author": "J. Doe",
        "general.license": "CC-BY-4.0", "general.description": "tells Drücken from Ziehen",
        "general.source.url": "https://example.org/model", "general.base_model.count": 1,
        "general.base_model.0.name": "openai/clip-vit-base-patch16",
    }
    assert {key: metadata[key] for key in metadata if key.startswith("general")} == expected
    assert dualpath.Model(run.output).info.name == ""


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
    metadata, tensors, _ = run(path, "--activation", "quick_gelu")
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
    metadata, tensors, _ = run(run.save_safetensors(source), "--activation", "quick_gelu")
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
    metadata, tensors, _ = run(run.save_safetensors(source), *HALF)
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
    _, tensors, _ = run(path, *HALF)
    expected = (half["blocks.1.mlp.fc1.weight"].astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(tensors["block.1.mlp.up.weight"], expected)


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
        _, tensors, _ = run(path, "--force", "--activation", "quick_gelu")
        assert_tensors(tensors, clip_expectation(expected))


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
    metadata, tensors, _ = run(models / "vit-ti16-in1k.safetensors", "--force", *HALF)
    assert len(tensors) == 150 and metadata["dualpath.activation"] == "gelu"
