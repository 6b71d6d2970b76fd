"""dualpath-convert on files of torch.save() before PyTorch 1.6: sound ones, and such as lie."""

import os
import random

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import MAGIC, Call, LegacyFile, Name, Persistent, Raw, encode
from conversion import assert_tensors, clip_expectation

from dualpath import convert
from dualpath._checkpoint import open_checkpoint
from dualpath._refused import Refused

TWELVE = np.arange(12, dtype=np.float32)


def write(path, **change):
    file = LegacyFile()
    tensors = {"a": file.tensor(TWELVE.reshape(3, 4)), "b": file.tensor(np.arange(5))}
    return file.write(path, tensors, **change)


def test_a_released_checkpoint(run):
    source, file = checkpoints.dualpath(), LegacyFile()
    path = file.write(run.folder / "old.pth.tar", {
        "model": file.state({"module." + name: array for name, array in source.items()}),
        "args": checkpoints.namespace(num_frames=32, sampling_rate=2)})
    metadata, tensors, _ = run(path)
    assert_tensors(tensors, clip_expectation(source))
    assert metadata["dualpath.frames"] == 32 and metadata["dualpath.sampling_rate"] == 2
    assert "before 1.6" in run.printed


def test_types_and_views(tmp_path):
    file = LegacyFile()
    storage = file.storage(TWELVE)
    half = checkpoints.bfloat16(TWELVE)
    path = file.write(tmp_path / "old.pth", {
        "view": file.view(storage, 2, (3, 2), (1, 3)), "again": file.view(storage, 0, (12,), (1,)),
        "half": file.tensor(half), "double": file.tensor(TWELVE.astype(np.float64)),
        "empty": file.tensor(np.zeros((0, 3), np.float32))})
    tensors = open_checkpoint(path).tensors
    np.testing.assert_array_equal(tensors["view"].array(), TWELVE[2:8].reshape(2, 3).T)
    np.testing.assert_array_equal(tensors["again"].array(), TWELVE)
    np.testing.assert_array_equal(tensors["half"].array(), TWELVE)  # which bfloat16 has
    np.testing.assert_array_equal(tensors["double"].array(), TWELVE)
    assert tensors["empty"].array().shape == (0, 3)


def test_files_of_pytorch(run):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import argparse
    source = checkpoints.dualpath()
    state = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in source.items()}
    state["visual.proj"] = torch.tensor(source["visual.proj"].T.copy()).t()
    parameter = torch.nn.Parameter(torch.zeros(3))
    path = run.folder / "old.pth"
    torch.save({"model": state, "args": argparse.Namespace(num_frames=16, sampling_rate=8),
                "optimizer": torch.optim.AdamW([parameter]).state_dict()}, path,
               _use_new_zipfile_serialization=False)
    assert_tensors(run(path)[1], clip_expectation(source))


def storage_of(key="0", count=12, *more):
    return Persistent(("storage", Name("torch", "FloatStorage"), key, "cpu", count, *more))


def refuse(path, capsys):
    assert convert.main(["--inspect", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("dualpath-convert: ") and error.count("\n") == 1
    return error


DATA = [(12, TWELVE.tobytes()), (5, np.arange(5).tobytes())]


@pytest.mark.parametrize(("change", "words"), [
    ({"magic": Raw(b"\x8a\x0a" + MAGIC[::-1])}, "magic number"), ({"magic": {}}, "magic number"),
    ({"magic": Raw(b"\x8a\xff" + bytes(255))}, "integer of 255 bytes"),
    ({"version": 1002}, "not 1001"), ({"version": None}, "not 1001"), ({"system": 5}, "not 1001"),
    ({"keys": ["0"]}, "lists 1 storages"), ({"keys": ["0", "1", "2"]}, "lists 3 storages"),
    ({"keys": ["0", "0"]}, "lists 2 storages"), ({"keys": {}}, "no list of its storages"),
    ({"keys": [0, 1]}, "no list of its storages"), ({"keys": storage_of()}, "before its value"),
    ({"system": storage_of("0", 12, None)}, "before its value"),
    ({"storages": [(13, TWELVE.tobytes()), DATA[1]]}, "has 13 numbers; the value says 12"),
    ({"storages": [(-1, TWELVE.tobytes()), DATA[1]]}, "has -1 numbers"),
    ({"storages": [(1 << 62, TWELVE.tobytes()), DATA[1]]}, "numbers; the value says 12"),
    ({"storages": DATA[:1]}, "ends before the end of storage 1"), ({"storages": []}, "storage 0"),
    ({"storages": [DATA[0], (5, bytes(39))]}, "ends before the end of storage 1")])
def test_parts_that_lie(change, words, tmp_path, capsys):
    message = refuse(write(tmp_path / "bad.pth", **change), capsys)
    assert words in message, message


@pytest.mark.parametrize(("value", "words"), [
    (storage_of(), "something else than a storage"),
    (storage_of("0", 12, ("1", 0, 12)), "a part of another one"),
    (storage_of("0", -1, None), "PyTorch does not"), (storage_of("0", 1 << 60, None), "storage 0"),
    (storage_of(0, 12, None), "PyTorch does not"),
    (Persistent(("module", Name("torch", "Size"), "x.py", "text")), "something else"),
    ([storage_of("0", 12, None), storage_of("0", 11, None)], "described in two ways"),
    (Name("os", "system"), "os.system"), (Call("builtins", "eval", ("1",)), "nothing was executed"),
    (5, "a int")])
def test_values_that_lie(value, words, tmp_path, capsys):
    file = LegacyFile()
    if not isinstance(value, int):
        file.storage(TWELVE)
    message = refuse(file.write(tmp_path / "bad.pth", value), capsys)
    assert words in message, message


def test_views_outside_of_a_storage(tmp_path, capsys):
    file = LegacyFile()
    storage = file.storage(TWELVE)
    for offset, shape, strides in ((1, (12,), (1,)), (0, (13,), (1,)), (-1, (1,), (1,)),
                                   (0, (2, 2), (11, 1)), (0, (1 << 62,), (0,))):
        path = file.write(tmp_path / "bad.pth", {"a": file.view(storage, offset, shape, strides)})
        refuse(path, capsys)


def test_a_tar_archive_is_refused_by_name(tmp_path, capsys):
    path = tmp_path / "old.tar"
    path.write_bytes(b"model.pth".ljust(257, b"\0") + b"ustar\0" + bytes(300))
    assert "tar archive" in refuse(path, capsys)


def test_a_pickle_of_somebody_else(tmp_path, capsys):
    path = tmp_path / "other.pkl"
    path.write_bytes(b"\x80\x02" + encode({"a": 1}) + b".")
    assert "magic number" in refuse(path, capsys)


def test_cut_anywhere(tmp_path):
    whole = open(write(tmp_path / "good.pth"), "rb").read()
    assert open_checkpoint(str(tmp_path / "good.pth")).tensors["a"].shape == (3, 4)
    path = tmp_path / "cut.pth"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(Refused):
            open_checkpoint(str(path))


def test_random_damage(tmp_path, capsys):
    """Bytes changed at random: any answer will do, but no other exception than a refusal."""
    seed = int(os.environ.get("DUALPATH_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"DUALPATH_SEED={seed}")
    generator = random.Random(seed)
    whole = open(write(tmp_path / "good.pth"), "rb").read()
    path = tmp_path / "damaged.pth"
    for _ in range(600):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            for tensor in open_checkpoint(str(path)).tensors.values():
                tensor.array()
        except Refused:
            pass
