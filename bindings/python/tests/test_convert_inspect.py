"""dualpath-convert --inspect: what it says of sound and of damaged files."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints


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
