"""dualpath-convert on checkpoints as programs wrap them: prefixes, keys, averages."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive, Raw, encode
from conversion import HALF, assert_tensors, clip_expectation

QUICK = ("--activation", "quick_gelu")
FRAMES = ("--num-frames", "16", "--sampling-rate", "4")


def prefixed(prefix, tensors):
    return {prefix + name: array for name, array in tensors.items()}


def save(run, make, name="wrapped.pth"):
    """A file with the value that `make` describes, given how a state is described."""
    archive = Archive()
    return archive.write(run.folder / name, make(archive.state))


@pytest.fixture(scope="module")
def source():
    return checkpoints.dualpath()


@pytest.mark.parametrize("prefix", [
    "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.",
    "backbone.", "encoder.", "model._orig_mod.module.net.", "module.module.", "a.b.c.d.", "visual_encoder."])
def test_prefixes(run, source, prefix):
    path = save(run, lambda state: {"model": state(prefixed(prefix, source))})
    assert_tensors(run(path, *FRAMES)[1], clip_expectation(source))


@pytest.mark.parametrize(("old", "new"), [
    ("visual.", "visual._orig_mod."), ("visual.", "visual.module."),
    (".resblocks.1.", ".resblocks.1._orig_mod."), (".mlp.", "._fsdp_wrapped_module.mlp."),
    ("resblocks.0.", "resblocks.0._checkpoint_wrapped_module.")])
def test_wrappers_inside(run, source, old, new):
    changed = {name.replace(old, new): array for name, array in source.items()}
    path = save(run, lambda state: {"model": state(prefixed("net.", changed))})
    assert_tensors(run(path, *FRAMES)[1], clip_expectation(source))


@pytest.mark.parametrize("keys", [
    "model", "state_dict", "model_state_dict", "model_state", "module", "net", "network", "params",
    "weights", "my_own_name", "state.model", "checkpoint.model.state_dict", "a.b.c.d"])
def test_keys(run, source, keys):
    def nested(state):
        value = state(source)
        for key in reversed(keys.split(".")):
            value = {key: value}
        return {**value, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": 1.0}}}}

    assert_tensors(run(save(run, nested), *FRAMES)[1], clip_expectation(source))


def test_lightning(run, source):
    path = save(run, lambda state: {
        "state_dict": state(prefixed("model._orig_mod.", source)), "epoch": 3, "global_step": 9,
        "pytorch-lightning_version": "2.1", "callbacks": {"a": {"b": 1}}, "optimizer_states": [],
        "hyper_parameters": {"num_frames": 32, "sampling_rate": 2}})
    metadata, tensors, _ = run(path)
    assert_tensors(tensors, clip_expectation(source))
    assert metadata["dualpath.frames"] == 32 and metadata["dualpath.sampling_rate"] == 2
    assert "hyper_parameters.num_frames" in run.printed


def test_other_families(run):
    half = {**checkpoints.timm(), "n_averaged": np.array(7)}
    metadata, tensors, _ = run(save(run, lambda state: {"net": state(prefixed("module.", half))}),
                               *HALF)
    np.testing.assert_array_equal(tensors["class_token"], half["cls_token"][0, 0])
    assert "dropped  count of averaged steps 1" in run.printed
    vision = checkpoints.hugging_face()
    run(save(run, lambda state: state(prefixed("clip.", vision))), "--force", *QUICK)


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_a_tower_alone(run, prefix):
    """The state of model.visual, or of its kin, lacks the name of the tower."""
    source = checkpoints.clip(text=False)
    alone = {prefix + name[len("visual."):]: array for name, array in source.items()}
    assert_tensors(run(save(run, lambda state: state(alone)), *QUICK)[1], clip_expectation(source))
    vision = {name: array for name, array in checkpoints.hugging_face().items()
              if name.startswith("vision_model.")}
    alone = {prefix + name[len("vision_model."):]: array for name, array in vision.items()}
    _, tensors, _ = run(save(run, lambda state: state(alone)), "--force", *QUICK)
    np.testing.assert_array_equal(tensors["class_token"],
                                  vision["vision_model.embeddings.class_embedding"])


def test_what_stands_beside_the_model_is_refused(run, source):
    for name in ("criterion.weight", "model.extra.weight", "visual.ln_pre.weight"):
        mixed = {**prefixed("model.", source), name: np.zeros(64, np.float32)}
        message = run.refuse(save(run, lambda state: {"state_dict": state(mixed)}), *FRAMES)
        assert name.rpartition("model.")[2] in message, message


def test_names_that_collide(run, source):
    for twice in ({"module.visual.proj": source["visual.proj"]},
                  {"visual._orig_mod.proj": source["visual.proj"]}):
        message = run.refuse(save(run, lambda state: {"model": state({**source, **twice})}))
        assert "two tensors are named visual.proj" in message
    mixed = {**prefixed("a.", source), "logit_scale": np.zeros((), np.float32)}
    assert "two tensors are named logit_scale" in run.refuse(save(run, lambda state: state(mixed)))


# --- averages, and several sets of weights ---


@pytest.mark.parametrize(("main", "averaged", "prefix"), [
    ("model", "model_ema", ""), ("state_dict", "state_dict_ema", "module."), ("model", "ema", ""),
    ("params", "params_ema", ""), ("model", "ema_state_dict", "module."), ("mine", "swa", ""),
    ("model", "ema.module", "")])
def test_averages_are_offered(run, source, main, averaged, prefix):
    """What the file calls the model is taken, and said; --weights ema takes the averages."""
    average = {name: array + 1 for name, array in source.items()}

    def both(state):
        outer, _, inner = averaged.partition(".")
        described = state(prefixed(prefix, average))
        return {outer: {inner: described} if inner else described, main: state(source)}

    path = save(run, both)
    assert_tensors(run(path, *FRAMES)[1], clip_expectation(source))
    assert f"the weights are those of {main}" in run.printed
    assert f"{averaged} are averages (EMA): --weights ema takes them" in run.printed
    for word in ("ema", averaged) if "swa" not in averaged else ("ema", "swa"):
        assert_tensors(run(path, *FRAMES, "--force", "--weights", word)[1],
                       clip_expectation(average))
        assert f"the weights are those of {averaged}" in run.printed
    assert_tensors(run(path, *FRAMES, "--force", "--weights", main)[1], clip_expectation(source))


def test_averages_in_one_dictionary(run, source):
    average = {name: array + 1 for name, array in source.items()}
    mixed = {**prefixed("net.", source), **prefixed("ema_model.module.", average)}
    path = save(run, lambda state: {"state_dict": state(mixed)})
    assert_tensors(run(path, *FRAMES)[1], clip_expectation(source))
    assert "state_dict.ema_model are averages" in run.printed
    _, tensors, _ = run(path, *FRAMES, "--force", "--weights", "ema")
    assert_tensors(tensors, clip_expectation(average))


def test_the_same_weights_in_two_places(run, source):
    """A pickle may refer to one dictionary twice."""
    archive = Archive()
    state = encode(archive.state(source))
    value = Raw(b"}(" + encode("model") + state + b"r\xff\xff\x00\x00" + encode("model_ema")
                + b"j\xff\xff\x00\x00" + b"u")
    run(archive.write(run.folder / "same.pth", value), *FRAMES)
    assert "model_ema are averages (EMA)" in run.printed


def test_averages_only(run, source):
    assert_tensors(run(save(run, lambda state: {"ema": state(source)}), *FRAMES)[1],
                   clip_expectation(source))
    assert "the only weights of the file, ema, are averages" in run.printed


def test_sets_without_an_order_are_asked_for(run, source):
    other = {name: array + 1 for name, array in source.items()}
    path = save(run, lambda state: {"student": state(source), "teacher": state(other)})
    assert "student, teacher: choose one with --weights NAME" in run.refuse(path, *FRAMES)
    _, tensors, _ = run(path, *FRAMES, "--weights", "teacher")
    assert_tensors(tensors, clip_expectation(other))
    assert run._main("--inspect", path, "--weights", "student")[0] == 0


@pytest.mark.parametrize("word", ["ema", "nobody", "", "mod\x1b[2J"])
def test_weights_that_are_not_there(run, source, word):
    message = run.refuse(save(run, lambda state: {"model": state(source)}), "--weights", word)
    assert "means 0 of the sets" in message and ": model" in message and "\x1b" not in message


def test_a_stranger_among_other_weights_does_not_matter(run, source):
    archive = Archive()
    average = Raw(encode(archive.state(source)) + encode("decay") + encode(0.9) + b"s")
    path = archive.write(run.folder / "decay.pth", {"model": archive.state(source), "ema": average})
    assert "decay of the model is not a tensor" in run.refuse(path, *FRAMES, "--weights", "ema")
    run(path, *FRAMES)


# --- types that cannot be read exactly ---


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "uint16", "complex32"])
def test_types_that_are_no_weights(run, name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    state = {key: torch.tensor(array) for key, array in checkpoints.dualpath().items()}
    matrix = state["visual.proj"]
    state["visual.proj"] = matrix.half().to(getattr(torch, name)) if "complex" not in name else \
        torch.complex(matrix, matrix).to(torch.complex32)
    for is_zip in (True, False):
        path = run.folder / "types.pth"
        torch.save({"model": state}, path, _use_new_zipfile_serialization=is_zip)
        message = run.refuse(path, *FRAMES)
        assert f"visual.proj is of type {name}; expected floating point: float16" in message
        assert run.inspect(path)[0] == 0


def test_float8_safetensors(run):
    torch = pytest.importorskip("safetensors.torch", reason="needs PyTorch and safetensors")
    import torch as th
    state = {key: th.tensor(array) for key, array in checkpoints.timm().items()}
    state["blocks.0.mlp.fc1.weight"] = state["blocks.0.mlp.fc1.weight"].to(th.float8_e5m2)
    path = run.folder / "types.safetensors"
    torch.save_file(state, path)
    assert "blocks.0.mlp.fc1.weight is of type float8_e5m2" in run.refuse(path, *HALF)


# --- made to harm ---


def test_dictionaries_without_end(run):
    """One that contains itself, and forty in which each has the one below a thousand times."""
    for data in (b"}q\x00" + encode("a") + b"h\x00s" + encode("b") + b"h\x00s",
                 b"}q\x00" + b"".join(
                     b"}(" + b"".join(encode(f"k{i}") + b"h" + bytes([level]) for i in range(1000))
                     + b"uq" + bytes([level + 1]) for level in range(40))):
        path = Archive().write(run.folder / "loop.pth", None, pickle=b"\x80\x02" + data + b".")
        message = run.refuse(path)
        assert "no tensors" in message or "dictionaries in each other" in message


def test_models_without_end(run):
    archive = Archive()
    tensor = encode(archive.tensor(np.zeros((4, 3, 2, 2), np.float32)))
    names = [encode(f"m{i}.visual.conv1.weight") for i in range(20_000)]
    items = names[0] + tensor + b"q\x01" + b"".join(name + b"h\x01" for name in names[1:])
    path = archive.write(run.folder / "many.pth", Raw(b"}(" + items + b"u"))
    assert "the names are those of 20000 models" in run.refuse(path)
