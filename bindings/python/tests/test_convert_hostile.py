"""Checkpoints that were made to harm: each must be refused with a sentence, and nothing in one may
ever be executed.
"""

import os
import pickle
import random
import struct
import subprocess
import zipfile
from pathlib import Path

import checkpoints
import numpy as np
import pytest
from checkpoints import Archive, Call, Name, Object, Persistent, Raw, encode, pickle_of

from dualpath import convert
from dualpath._checkpoint import open_checkpoint
from dualpath._refused import Refused


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A file that a pickle would create if any of it were executed, in the working directory."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "executed"
    assert not (tmp_path / "executed").exists()


def refuse(path, capsys):
    status = convert.main(["--inspect", str(path)])
    error = capsys.readouterr().err
    assert status == 1 and error.startswith("dualpath-convert: ") and error.count("\n") == 1
    return error


def refuse_pickle(data, tmp_path, capsys, entries=None):
    path = tmp_path / "bad.pth"
    path.write_bytes(checkpoints.zip_bytes({"archive/data.pkl": data, **(entries or {})}))
    return refuse(path, capsys)


class Reducer:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


TOUCH = "touch executed"
CALLS = {
    "posix.system": (os.system, (TOUCH,)),
    "builtins.eval": (eval, ("open('executed', 'w')",)),
    "builtins.exec": (exec, ("open('executed', 'w')",)),
    "builtins.open": (open, ("executed", "w")),
    "builtins.getattr": (getattr, ("x", "upper")),
    "subprocess.Popen": (subprocess.Popen, (["touch", "executed"],)),
    "subprocess.check_output": (subprocess.check_output, (["touch", "executed"],)),
    "builtins.__import__": (__import__, ("os",)),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", CALLS)
def test_calls_are_refused_by_name(name, protocol, marker, tmp_path, capsys):
    function, arguments = CALLS[name]
    data = pickle.dumps({"model": {}, "args": Reducer(function, arguments)}, protocol)
    message = refuse_pickle(data, tmp_path, capsys)
    assert name.rpartition(".")[2] in message and "nothing was executed" in message


def global_line(module, name):
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize("module, name", [
    ("os", "system"), ("nt", "system"), ("builtins", "eval"), ("__builtin__", "eval"),
    ("__builtin__", "getattr"), ("collections", "OrderedDict.__class__"),
    ("collections", "OrderedDict.__init__.__globals__"), ("argparse", "Namespace.__class__"),
    ("torch", "load"), ("torch.hub", "load"), ("torch.storage", "_load_from_bytes"),
    ("torch.serialization", "load"), ("numpy", "load"), ("numpy", "fromfile"),
    ("numpy.core.multiarray", "fromfile"), ("_codecs", "decode"), ("functools", "partial"),
    ("operator", "attrgetter"), ("importlib", "import_module"), ("pickle", "loads"),
    ("copyreg", "_reconstructor"), ("dualpath._pickle", "load"), ("dualpath", "convert"),
    ("", "eval"), ("os.path", ""), ("__torch__", "x"), ("x.__torch__", "y"),
    ("torch", "Float" * 99)])
def test_names_are_refused(module, name, marker, tmp_path, capsys):
    full = f"{'builtins' if module == '__builtin__' else module}.{name}"
    for data in (global_line(module, name), encode(module) + encode(name) + b"\x93"):
        message = refuse_pickle(b"\x80\x04" + data + encode((TOUCH,)) + b"R.", tmp_path, capsys)
        assert full[:100] in message, message


def test_a_name_cannot_write_to_the_terminal(tmp_path, capsys):
    message = refuse_pickle(b"\x80\x02" + global_line("os\x1b[2J", "x\rsystem") + b".", tmp_path,
                            capsys)
    assert "\x1b" not in message and "\r" not in message and "os\\x1b[2J.x\\rsystem" in message


ORDERED = global_line("collections", "OrderedDict")
NAMESPACE = global_line("argparse", "Namespace")
STATE = encode({"x": 1})
ITEM_A = b"}" + encode("a")  # a dictionary, and the key of its only value
TRICKS = {
    "call of a type": (global_line("torch", "FloatStorage") + b")R", "torch.FloatStorage"),
    "call of a record type": (NAMESPACE + b")R", "argparse.Namespace"),
    "call of a value": (encode("os.system") + encode((TOUCH,)) + b"R", "a str"),
    "call of a call": (ORDERED + b")R)R", "Dictionary"),
    "arguments in a list": (ORDERED + b"]R", "tuple of arguments"),
    "object of a function": (ORDERED + b")\x81", "collections.OrderedDict"),
    "object of a text": (encode("os.system") + b")\x81", "object of a str"),
    "object with arguments": (NAMESPACE + encode((1,)) + b"\x81", "argparse.Namespace"),
    "state of a name": (ORDERED + STATE + b"b", "state of collections.OrderedDict"),
    "state of a record type": (NAMESPACE + STATE + b"b", "state of argparse.Namespace"),
    "state of a dictionary": (b"}" + STATE + b"b", "state of a dict"),
    "state of a tuple": (b")" + STATE + b"b", "state of a tuple"),
    "state of slots": (NAMESPACE + b")\x81N" + STATE + b"\x86b", "state of a argparse"),
    "state with other keys": (NAMESPACE + b")\x81" + encode({1: 2}) + b"b", "argparse.Namespace"),
    "INST": (b"(" + encode(TOUCH) + b"ios\nsystem\n", "os.system"),
    "INST of a known name": (b"(icollections\nOrderedDict\n", "collections.OrderedDict"),
    "OBJ": (b"(" + ORDERED + b"o", "instruction 0x6f"),
    "extension registry": (b"\x82\x01", "instruction 0x82"),
    "persistent text": (b"P0\n", "instruction 0x50"),
    "text integer": (b"I01\n", "instruction 0x49"),
    "NEWOBJ_EX": (NAMESPACE + b")}\x92", "instruction 0x92"),
    "out-of-band buffer": (b"\x97", "instruction 0x97"),
    "STACK_GLOBAL of numbers": (b"K\x01K\x02\x93", "not text"),
    "STACK_GLOBAL of a name": (ORDERED + encode("x") + b"\x93", "not text"),
    "memo that is empty": (b"h\x05", "value 5"),
    "memo beyond": (b"j\xff\xff\xff\xff", "value 4294967295"),
    "memo of nothing": (b"q\x00", "more values than it has put"),
    "memo across a mark": (b"](q\x00", "more values than it has put"),
    "empty stack": (b"0", "more values than it has put"),
    "no mark": (b"t", "no mark"),
    "append to a tuple": (b")Na", "a tuple as if it were a list"),
    "append to a name": (ORDERED + b"Na", "Global as if it were a list"),
    "item of a list": (b"]NNs", "list as if it were a dict"),
    "item of a record": (NAMESPACE + b")\x81NNs", "Record as if it were a dict"),
    "odd dictionary": (b"(Nd", "no value"),
    "list as key": (b"}]Ns", "key that is a list"),
    "tuple as key": (b"}))\x86Ns", "key that is a tuple"),
    "name as key": (b"}" + ORDERED + b"Ns", "key that is a Global"),
    "list in a set": (b"\x8f(]\x90", "key that is a list"),
    "list in a frozen set": (b"(]\x91", "key that is a list"),
    "text of 2^63 bytes": (b"\x8d" + struct.pack("<Q", 1 << 63), "ends too early"),
    "text of 4 GiB": (b"X\xff\xff\xff\xff", "ends too early"),
    "bytes of 2^64-1": (b"\x8e" + b"\xff" * 8, "ends too early"),
    "text of -1 bytes": (b"T\xff\xff\xff\xff", "ends too early"),
    "integer of -1 bytes": (b"\x8b\xff\xff\xff\xff", "ends too early"),
    "integer of a megabyte": (b"\x8b" + struct.pack("<i", 1 << 20) + bytes(1 << 20), "integer of"),
    "text that is not UTF-8": (b"\x8c\x01\xff", "no sense"),
    "name that is not UTF-8": (b"c\xff\nx\n", "no sense"),
    "name without an end": (b"cos", "ends too early"),
    "protocol 9": (b"\x80\x09", "protocol 9"),
    "storage without a tuple": (b"NQ", "something else than a storage"),
    "class that was never made": (encode(Call("torch._tensor", "_rebuild_from_type_v2",
                                              (Name("torch", "Tensor"), None, (), None))),
                                  "rebuilt by something else"),
    "dictionary of pairs": (encode(Call("collections", "OrderedDict", ([["a", 1]],))),
                            "OrderedDict is made from values"),
    "path of numbers": (encode(Call("pathlib", "PosixPath", (1, 2))), "no sense"),
    "device of a list": (encode(Call("torch", "device", ([],))), "key that is a list"),
    "array of objects": (encode(Call("numpy", "dtype", ("O8", False, True))), "O8"),
    "array of records": (encode(Call("numpy", "dtype", ("f4,f4", False, True))), "f4,f4"),
    "dtype of a list": (encode(Call("numpy", "dtype", ([], False, True))), "list"),
    "scalar without bytes": (encode(Call("numpy.core.multiarray", "scalar",
                                         (Call("numpy", "dtype", ("f8", False, True)), 1))),
                             "scalar is not a plain number"),
    "scalar of too few bytes": (encode(Call("numpy.core.multiarray", "scalar",
                                            (Call("numpy", "dtype", ("f8", False, True)),
                                             Raw(b"C\x01a")))), "no sense"),
    "encode to another encoding": (encode(Call("_codecs", "encode", ("x", "rot13"))), "latin1"),
    "calls with too many arguments": (encode(Call("torch", "Size", (1, 2, 3))), "no sense"),
    "name of a parameter": (encode(Call("torch._utils", "_rebuild_parameter", ())), "no sense"),
}


@pytest.mark.parametrize("name", TRICKS)
def test_tricks(name, marker, tmp_path, capsys):
    data, words = TRICKS[name]
    message = refuse_pickle(b"\x80\x02" + data + b".", tmp_path, capsys)
    assert words in message, message


@pytest.mark.parametrize("data", [
    b")" + b"\x85" * 1_000_000, b"]" * 1_000_000 + b"a" * 999_999,
    b"}N" * 500_000 + b"}" + b"s" * 500_000,
    NAMESPACE + b")\x81" + (ITEM_A + NAMESPACE + b")\x81") * 100_000 + b"sb" * 100_000],
    ids=["tuples", "lists", "dictionaries", "records"])
def test_deep_nesting(data, tmp_path, capsys):
    """Neither building, nor looking at, nor freeing it may run out of stack."""
    message = refuse_pickle(b"\x80\x02" + data + b".", tmp_path, capsys)
    assert "expected a dictionary" in message or "no tensors" in message


def test_deep_nesting_of_modules(tmp_path, capsys):
    name = global_line("__torch__.a", "B") + b")\x81"
    data = name + (ITEM_A + name) * 100_000 + b"sb" * 100_000
    assert "contain each other" in refuse_pickle(b"\x80\x02" + data + b".", tmp_path, capsys)


def test_modules_that_contain_themselves(tmp_path, capsys):
    name = global_line("__torch__.a", "B") + b")\x81q\x00"
    data = b"\x80\x02" + name + ITEM_A + b"h\x00sb."
    assert "contain each other" in refuse_pickle(data, tmp_path, capsys)


def test_modules_that_double(tmp_path, capsys):
    """Forty levels of a module that has the one below twice: 2^40 when walked as a tree."""
    name = global_line("__torch__.a", "B") + b")\x81"
    data = name + b"q\x00"
    for level in range(40):
        below = b"h" + bytes([level])
        data += (name + b"}(" + encode("a") + below + encode("b") + below + b"ub"
                 + b"q" + bytes([level + 1]))
    assert "contain each other" in refuse_pickle(b"\x80\x02" + data + b".", tmp_path, capsys)


def test_pickle_cut_anywhere(tmp_path):
    """Every beginning of a sound pickle is refused; none gets as far as a value."""
    archive = Archive()
    state = archive.state({"a": np.ones((2, 3), np.float32)})
    data = pickle_of({"model": state, "args": checkpoints.namespace(num_frames=16)})
    archive.write(tmp_path / "good.pth", None, pickle=data)
    assert open_checkpoint(str(tmp_path / "good.pth")).tensors["a"].shape == (2, 3)
    for size in range(len(data)):
        path = archive.write(tmp_path / "cut.pth", None, pickle=data[:size])
        with pytest.raises(Refused):
            open_checkpoint(path)


def read_all(path):
    try:
        for tensor in open_checkpoint(path).tensors.values():
            tensor.array()
    except Refused:
        pass


def test_random_damage(tmp_path, capsys, monkeypatch):
    """Bytes changed at random: any answer will do, but no other exception than a refusal."""
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("DUALPATH_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"DUALPATH_SEED={seed}")
    generator = random.Random(seed)
    good = checkpoints.save("good.pth", {"a": np.ones(4, np.float32)}, num_frames=16, lr=0.5)
    with zipfile.ZipFile(good) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    whole = Path(good).read_bytes()
    for _ in range(400):
        pickled = bytearray(entries["archive/data.pkl"])
        zipped = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            pickled[generator.randrange(len(pickled))] = generator.randrange(256)
            zipped[generator.randrange(len(zipped))] = generator.randrange(256)
        for data in (checkpoints.zip_bytes({**entries, "archive/data.pkl": bytes(pickled)}),
                     bytes(zipped)):
            with open("damaged.pth", "wb") as file:
                file.write(data)
            if convert.main(["--inspect", "damaged.pth"]) == 0:
                read_all("damaged.pth")
            capsys.readouterr()


# --- storages and views ---


def tensor_file(tmp_path, storage, offset, shape, strides, entries=None, archive=None):
    archive = archive or Archive()
    if isinstance(storage, np.ndarray):
        storage = archive.storage(storage)
    archive.entries.update(entries or {})
    view = Call("torch._utils", "_rebuild_tensor_v2",
                (storage, offset, shape, strides, False, Call("collections", "OrderedDict", ())))
    return archive.write(tmp_path / "tensor.pth", {"a": view})


TWELVE = np.arange(12, dtype=np.float32)


@pytest.mark.parametrize("offset, shape, strides", [
    (0, (12,), (1,)), (3, (2, 3), (3, 1)), (0, (3, 4), (1, 3)), (11, (1,), (5,)), (0, (), ()),
    (11, (1, 1), (99, 99)), (0, (0, 5), (5, 1)), (2, (2, 2, 2), (4, 2, 1)), (0, (6,), (2,))])
def test_views_of_a_storage(offset, shape, strides, tmp_path):
    array = open_checkpoint(tensor_file(tmp_path, TWELVE, offset, shape, strides)) \
        .tensors["a"].array()
    expected = np.lib.stride_tricks.as_strided(TWELVE[offset:], shape, [4 * s for s in strides])
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("offset, shape, strides", [
    (0, (13,), (1,)), (1, (12,), (1,)), (12, (1,), (1,)), (-1, (2,), (1,)), (0, (-2,), (1,)),
    (0, (2,), (-1,)), (5, (2,), (-4,)), (0, (2, 2), (11, 1)), (0, (3,), (6,)), (0, (12, 2), (1, 0)),
    (0, (1 << 62, 1 << 62), (0, 0)), (0, (2,), (1 << 62,)), (1 << 62, (1,), (1,)),
    (0, (2, 2), (1,)), (0, (1,) * 17, (1,) * 17), (0, (2.0,), (1,)), (0, (True,), (1,)),
    (0, ("2",), (1,)), (0.0, (2,), (1,)), (None, (2,), (1,)), (0, None, (1,)), (0, "ab", (1, 1))])
def test_views_outside_of_a_storage(offset, shape, strides, tmp_path, capsys):
    refuse(tensor_file(tmp_path, TWELVE, offset, shape, strides), capsys)


@pytest.mark.parametrize("storage, words", [
    (Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 13)), "48 bytes; 13"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 11)), "48 bytes; 11"),
    (Persistent(("storage", Name("torch", "DoubleStorage"), "0", "cpu", 12)), "48 bytes"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", -12)), "PyTorch does not"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 1 << 61)), "48 bytes"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "1", "cpu", 12)), "data/1 is missing"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "../data.pkl", "cpu", 12)), "missing"),
    (Persistent(("storage", Name("torch", "FloatStorage"), 0, "cpu", 12)), "PyTorch does not"),
    (Persistent(("storage", Name("torch", "float32"), "0", "cpu", 12)), "PyTorch does not"),
    (Persistent(("storage", "FloatStorage", "0", "cpu", 12)), "PyTorch does not"),
    (Persistent(("module", Name("torch", "FloatStorage"), "0", "cpu", 12)), "something else"),
    (Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu")), "something else"),
    (Persistent(("storage", Name("torch", "QInt8Storage"), "0", "cpu", 12)), "torch.QInt8Storage"),
    (None, "no storage"), ({}, "no storage")])
def test_storages(storage, words, tmp_path, capsys):
    entries = {"data/0": TWELVE.tobytes()}
    message = refuse(tensor_file(tmp_path, storage, 0, (12,), (1,), entries), capsys)
    assert words in message, message


@pytest.mark.parametrize("kind", [k for k in checkpoints.STORAGES if k != "u2"])
@pytest.mark.parametrize("order", ["little", "big"])
def test_types_of_storages(kind, order, tmp_path):
    numbers = np.array([0, 1, 0, 3, 100, 1], np.float64).astype(kind)
    path = tensor_file(tmp_path, numbers, 1, (2, 2), (2, 1), archive=Archive(order))
    array = open_checkpoint(path).tensors["a"].array()
    np.testing.assert_array_equal(array, numbers[1:5].reshape(2, 2))
    assert array.dtype == np.dtype(kind)


@pytest.mark.parametrize("order", ["little", "big"])
def test_bfloat16_storage(order, tmp_path):
    numbers = np.array([1, -2.5, 0.00390625, 3e38, 0, 7], np.float32)
    path = tensor_file(tmp_path, checkpoints.bfloat16(numbers), 1, (2, 2), (2, 1),
                       archive=Archive(order))
    tensor = open_checkpoint(path).tensors["a"]
    assert tensor.dtype == "bfloat16"
    np.testing.assert_allclose(tensor.array(), numbers[1:5].reshape(2, 2), rtol=2.0 ** -7)


def test_untyped_storage(tmp_path):
    archive = Archive()
    archive.entries["data/0"] = TWELVE.tobytes()
    storage = Persistent(("storage", Name("torch.storage", "UntypedStorage"), "0", "cpu", 48))

    def write(dtype, shape):
        view = Call("torch._utils", "_rebuild_tensor_v3",
                    (storage, 0, shape, (1,), False, {}, dtype, None))
        return archive.write(tmp_path / "tensor.pth", {"a": view})

    tensor = open_checkpoint(write(Name("torch", "float32"), (12,))).tensors["a"]
    np.testing.assert_array_equal(tensor.array(), TWELVE)
    for dtype, shape in ((Name("torch", "float32"), (13,)), (Name("torch", "float64"), (7,)),
                         (Name("torch", "Size"), (1,)), ("float32", (1,)), (None, (1,))):
        with pytest.raises(Refused):
            open_checkpoint(write(dtype, shape))


def test_views_of_a_shared_storage(tmp_path):
    archive = Archive()
    storage = archive.storage(TWELVE)
    views = {"a": archive.view(storage, 0, (6,), (1,)),
             "b": archive.view(storage, 6, (3, 2), (2, 1)),
             "c": archive.view(storage, 0, (4, 3), (3, 1))}
    tensors = open_checkpoint(archive.write(tmp_path / "shared.pth", views)).tensors
    np.testing.assert_array_equal(tensors["b"].array(), TWELVE[6:].reshape(3, 2))
    np.testing.assert_array_equal(tensors["c"].array(), TWELVE.reshape(4, 3))


# --- archives ---


@pytest.fixture
def good(tmp_path):
    return checkpoints.save(tmp_path / "good.pth", {"a": TWELVE}, num_frames=16)


def test_archive_cut_anywhere(good, tmp_path, capsys):
    data = Path(good).read_bytes()
    for size in range(0, len(data), 5):
        path = tmp_path / "cut.pth"
        path.write_bytes(data[:size])
        refuse(path, capsys)


def test_flipped_bit_in_a_storage(good, tmp_path):
    data = bytearray(Path(good).read_bytes())
    data[data.index(TWELVE.tobytes())] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(data)
    with pytest.raises(Refused, match="archive/data/0"):
        open_checkpoint(str(path)).tensors["a"].array()


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_entries(compression, tmp_path, capsys):
    archive = Archive()
    path = archive.write(tmp_path / "bomb.pth", {"a": archive.tensor(np.zeros(1 << 20, "f4"))},
                         compression=compression)
    assert "compressed" in refuse(path, capsys)


def test_compressed_code_of_torchscript_is_not_looked_at(good, tmp_path):
    with zipfile.ZipFile(good, "a") as file:
        file.writestr("archive/code/x.py", "x" * 9999, zipfile.ZIP_DEFLATED)
    assert open_checkpoint(good).tensors["a"].shape == (12,)


def test_overlapping_entries(tmp_path, capsys):
    """Many entries of the central directory that share one local entry."""
    data = checkpoints.zip_bytes({"archive/data.pkl": pickle_of({}),
                                  "archive/data/0": bytes(100_000)})
    with zipfile.ZipFile(tmp_path / "twice.pth", "w") as file:
        file.writestr("archive/data.pkl", pickle_of({}))
        file.writestr("archive/data/0", bytes(100_000))
        info = file.getinfo("archive/data/0")
        for key in range(1, 50):
            copy = zipfile.ZipInfo(f"archive/data/{key}")
            copy.CRC, copy.compress_size, copy.file_size = info.CRC, 100_000, 100_000
            copy.header_offset = info.header_offset
            file.filelist.append(copy)
            file.NameToInfo[copy.filename] = copy
    assert os.path.getsize(tmp_path / "twice.pth") < 2 * len(data)
    assert "overlap" in refuse(tmp_path / "twice.pth", capsys)


def test_entry_twice(good, capsys):
    with pytest.warns(UserWarning), zipfile.ZipFile(good, "a") as file:
        file.writestr("archive/data/0", TWELVE.tobytes())
    assert "occurs twice" in refuse(good, capsys)


@pytest.mark.parametrize("names", [[], ["a/data.pkl", "b/data.pkl"], ["a/b/data.pkl"],
                                   ["model.json"]])
def test_archives_of_others(names, tmp_path, capsys):
    path = tmp_path / "other.pth"
    path.write_bytes(checkpoints.zip_bytes({name: pickle_of({}) for name in ["x", *names]}))
    assert "not a file of torch.save()" in refuse(path, capsys)


def test_byte_order_of_no_machine(good, tmp_path, capsys):
    path = checkpoints.rezip(good, tmp_path / "order.pth",
                             lambda entries: {**entries, "archive/byteorder": b"middle"})
    assert "byteorder" in refuse(path, capsys)


def test_pickle_of_100_megabytes(tmp_path, capsys):
    assert "data.pkl has" in refuse_pickle(bytes(100 << 20), tmp_path, capsys)


@pytest.mark.parametrize("data", [b"", b"P", b"PK", b"hello, world, this is text", bytes(100),
                                  b"\x1f\x8b" + bytes(50)])
def test_files_of_others(data, tmp_path, capsys):
    path = tmp_path / "other"
    path.write_bytes(data)
    refuse(path, capsys)


@pytest.mark.parametrize("value, words", [
    ([1], "a list"), ({}, "no tensors"), ({"model": {}}, "no tensors"), (Name("torch", "float32"),
                                                                         "a Global"),
    ({"model": {"x": 1}}, "no tensors"), (Object("argparse", "Namespace", {}), "a Record")])
def test_values_without_tensors(value, words, tmp_path, capsys):
    assert words in refuse_pickle(pickle_of(value), tmp_path, capsys)


def test_model_with_something_else_than_tensors(tmp_path, capsys):
    archive = Archive()
    model = {"a": archive.tensor(TWELVE), "b": 5}
    path = archive.write(tmp_path / "strange.pth", {"model": model})
    assert "b of the model is not a tensor" in refuse(path, capsys)


HEADER = b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'.ljust(64)


@pytest.mark.parametrize("data", [
    (1 << 60).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{x",
    (64).to_bytes(8, "little") + HEADER])
def test_safetensors_that_lie(data, tmp_path, capsys):
    pytest.importorskip("safetensors", reason="needs the safetensors package")
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    assert "safetensors" in refuse(path, capsys)


def test_entries_before_the_beginning_of_the_file_are_refused(tmp_path, capsys):
    data = bytearray(checkpoints.zip_bytes({"archive/data.pkl": pickle_of({})}))
    end = data.rindex(b"PK\5\6") + 16  # where the directory begins, of which entries are counted
    data[end:end + 4] = struct.pack("<I", struct.unpack_from("<I", data, end)[0] + 1000)
    path = tmp_path / "bad.pth"
    path.write_bytes(data)
    assert "archive/data.pkl lies outside of the file" in refuse(path, capsys)
