"""dualpath-convert: what it refuses, and what its command line may say."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Sizes

from dualpath import convert


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
    message = run.refuse(run.save(checkpoints.clip()), "--labels", labels, "--activation", "gelu",
                         "--mean", "0,0,0", "--std", "1,1,1")
    assert "without a head" in message


def test_labels_that_are_not_there(run):
    assert "nowhere.txt" in run.refuse(run.save(checkpoints.dualpath()), "--labels", "nowhere.txt")


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
