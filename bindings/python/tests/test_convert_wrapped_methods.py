"""dualpath-convert on checkpoints of AIM and ST-Adapter as programs wrap them: prefixes, keys, averages,
Lightning, MMEngine, files of before PyTorch 1.6, weights in several files, folders of Hugging Face."""

import itertools
import json

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive, Call, LegacyFile, Name, Object, Raw, encode

RATE = ("--sampling-rate", "4")
SCALE = ("--adapter-scale", "0.5")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")


class Case:
    """Tensors of a method, options that they need, and what tells that they were found."""

    def __init__(self, tensors, head, *options):
        self.tensors, self.head, self.options = tensors, head, options

    def wrapped(self, prefix="", change=0):
        return {prefix + name: array + np.float32(change) for name, array in self.tensors.items()}

    def check(self, tensors, change=0):
        for kind in ("weight", "bias"):
            np.testing.assert_array_equal(tensors[f"head.output.{kind}"],
                                          self.tensors[f"{self.head}.{kind}"] + np.float32(change))
        assert "block.1.adapter.space.up.weight" in tensors or \
            "block.1.adapter.conv_mlp.up.weight" in tensors


@pytest.fixture(params=["aim", "aim_timm", "st"])
def case(request, tmp_path):
    if request.param == "st":
        backbone = checkpoints.save_torchscript(tmp_path / "clip.pt", checkpoints.clip())
        return Case(checkpoints.st_adapter(), "fc", "--backbone", backbone, "--num-frames", "8", *RATE)
    on_timm = request.param == "aim_timm"
    pixels = ("--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5") if on_timm else ()
    return Case(checkpoints.aim(on_timm=on_timm), "cls_head.fc_cls", *SCALE, *RATE, *pixels)


def save(run, make):
    archive = Archive()
    return archive.write(run.folder / "wrapped.pth", make(archive.state))


# --- prefixes ---


@pytest.mark.parametrize("order", [*itertools.permutations(PREFIXES)], ids="".join)
def test_prefixes_in_any_order(run, case, order):
    path = save(run, lambda state: {"state_dict": state(case.wrapped("".join(order)))})
    case.check(run(path, *case.options)[1])


@pytest.mark.parametrize("prefix", [
    *PREFIXES, "module.module.", "model.model.model.", "backbone.backbone.", "_orig_mod._orig_mod.",
    "model.backbone.model.", "backbone.module.backbone._orig_mod.", "recognizer.net.", "a.b.c.d.e."])
def test_prefixes_in_any_number(run, case, prefix):
    case.check(run(save(run, lambda state: state(case.wrapped(prefix))), *case.options)[1])


@pytest.mark.parametrize(("old", "new"), [
    ("resblocks.1.", "resblocks.1._orig_mod."), ("blocks.0.", "blocks.0.module."),
    ("_fc1.", "_fc1._fsdp_wrapped_module."), (".conv.", ".conv._checkpoint_wrapped_module.")])
def test_wrappers_inside(run, case, old, new):
    changed = {name.replace(old, new): array for name, array in case.tensors.items()}
    case.check(run(save(run, lambda state: {"model": state(changed)}), *case.options)[1])


def test_a_tower_in_a_module_of_another_name(run):
    """Only the tower's names have it in front; those of the head have not."""
    source = checkpoints.aim()
    renamed = {name.replace("backbone.", "backbone.vit.", 1): array for name, array in source.items()}
    _, tensors, _ = run(save(run, lambda state: state(renamed)), *SCALE, *RATE)
    np.testing.assert_array_equal(tensors["head.output.bias"], source["cls_head.fc_cls.bias"])
    assert len(tensors) == len(source)


# --- keys, and several sets of weights ---


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state", "module", "checkpoint", "mine"])
def test_keys(run, case, key):
    path = save(run, lambda state: {key: state(case.wrapped("module.")), "epoch": 3, "iter": 7})
    case.check(run(path, *case.options)[1])


@pytest.mark.parametrize(("main", "averaged"), [
    ("model", "model_ema"), ("state_dict", "state_dict_ema"), ("state_dict", "ema_state_dict")])
def test_averages(run, case, main, averaged):
    path = save(run, lambda state: {main: state(case.wrapped()),
                                    averaged: state(case.wrapped("module.", 1))})
    case.check(run(path, *case.options)[1])
    assert f"{averaged} are averages (EMA): --weights ema takes them" in run.printed
    case.check(run(path, *case.options, "--weights", "ema", "--force")[1], 1)


def test_a_student_and_a_teacher(run, case):
    both = {**case.wrapped("student.model."), **case.wrapped("teacher.model.", 1)}
    path = save(run, lambda state: {"model": state(both)})
    message = run.refuse(path, *case.options)
    assert "student" in message and "teacher" in message and "choose one with --weights" in message
    case.check(run(path, *case.options, "--weights", "teacher")[1], 1)


# --- programs ---


@pytest.mark.parametrize("prefix", ["model.", "net.", "model._orig_mod."])
def test_lightning(run, case, prefix):
    path = save(run, lambda state: {
        "epoch": 3, "global_step": 900, "pytorch-lightning_version": "2.2.0",
        "state_dict": state(case.wrapped(prefix)), "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"monitor": "val/acc", "best_model_path": "/a/b.ckpt"}},
        "optimizer_states": [{"state": {}, "param_groups": []}], "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"adapter_scale": 0.25, "sampling_rate": 2, "lr": 1e-3, "name": "a"}})
    options = [option for option in case.options if option not in (*SCALE, *RATE)]
    metadata, tensors, _ = run(path, *options)
    case.check(tensors)
    assert metadata["dualpath.sampling_rate"] == 2
    assert metadata.get("dualpath.adapter.scale", 0.25) == 0.25
    assert "hyper_parameters.sampling_rate" in run.printed


def numpy_array(values):
    """A NumPy array as protocol 2 writes it."""
    array = np.asarray(values, np.float64)
    dtype = Raw(encode(Call("numpy", "dtype", ("f8", False, True)))
                + encode((3, "<", None, None, None, -1, -1, 0)) + b"b")
    made = encode(Call("numpy.core.multiarray", "_reconstruct", (Name("numpy", "ndarray"), (0,), "b")))
    data = encode(Call("_codecs", "encode", (array.tobytes().decode("latin1"), "latin1")))
    state = b"(" + encode(1) + encode(array.shape) + encode(dtype) + encode(False) + data + b"t"
    return Raw(made + state + b"b")


HISTORY = ("mmengine.logging.history_buffer", "HistoryBuffer")


def history():
    """As the class itself writes it, with its functions."""
    methods = {name: Call("__builtin__", "getattr", (Name(*HISTORY), name))
               for name in ("min", "max", "current", "mean")}
    return Object(*HISTORY, {"max_length": 1000000, "_log_history": numpy_array([1.5, 1.25]),
                             "_count_history": numpy_array([1, 1]), "statistics_methods": methods})


CONFIG = ("model = dict(backbone=dict(adapter_scale=0.5, num_frames=8), "
          "cls_head=dict(num_classes=3, average_clips='prob'))\n"
          "test_pipeline = [dict(type='SampleFrames', clip_len=8, frame_interval=16, num_clips=3, "
          "test_mode=True), dict(type='CenterCrop', crop_size=16)]\n")


def mmengine(state, **meta):
    return {"meta": {"epoch": 3, "iter": 900, "seed": 1, "experiment_name": "aim_k400",
                     "mmengine_version": "0.10.7", "time": "20260101_000000", **meta},
            "state_dict": state, "optimizer": {"state": {}, "param_groups": []},
            "message_hub": {"log_scalars": {"train/loss": history(), "train/lr": history()},
                            "runtime_info": {"epoch": 3, "loop_stage": None},
                            "resumed_keys": {"train/loss": True}},
            "param_schedulers": [{"last_step": 900, "_global_step": 901}]}


@pytest.mark.parametrize("key", ["cfg", "config"])
def test_mmengine(run, key):
    source = checkpoints.aim()
    path = save(run, lambda state: mmengine(state(source), **{key: CONFIG}))
    metadata, tensors, _ = run(path)
    Case(source, "cls_head.fc_cls").check(tensors)
    assert [metadata[f"dualpath.{name}"] for name in ("sampling", "sampling_rate", "views")] == \
        ["spread", 16, 3]
    assert run.inspect(path)[0] == 0


def test_averages_of_mmengine(run, case):
    """Which are under state_dict: MMEngine exchanges them with what was averaged, and counts steps."""
    def make(state):
        value = mmengine(state(case.wrapped("", 1)))
        value["ema_state_dict"] = state({**case.wrapped("module."), "steps": np.array(7)})
        return value

    path = save(run, make)
    for options in ((), ("--weights", "ema"), ("--weights", "state_dict")):
        case.check(run(path, *case.options, "--force", *options)[1], 1)
        assert "state_dict are averages (EMA), which MMEngine puts there" in run.printed
        assert "takes them" not in run.printed
    case.check(run(path, *case.options, "--force", "--weights", "ema_state_dict")[1])
    assert "dropped  count of averaged steps 1" in run.printed


def test_mmengine_without_a_configuration(run, case):
    path = save(run, lambda state: mmengine(state(case.wrapped("module."))))
    case.check(run(path, *case.options)[1])


def test_mmengine_of_other_models(run):
    source = checkpoints.timm()
    path = save(run, lambda state: mmengine(state(source), cfg=CONFIG))
    run(path, "--mean", "0,0,0", "--std", "1,1,1")
    assert "names of timm" in run.printed


@pytest.mark.parametrize("arguments", [
    (Name(*HISTORY), "__init__"), (Name(*HISTORY), "__globals__"), ("text", "upper"),
    (Name("torch", "Tensor"), "min"), (Name(*HISTORY),), (), (Name(*HISTORY), 7)])
def test_attributes_of_anything_else_are_refused(run, arguments):
    path = Archive().write(run.folder / "bad.pth", {"a": Call("__builtin__", "getattr", arguments)})
    assert "calls builtins.getattr for something else" in run.refuse(path)


def test_methods_are_only_mentioned(run):
    """What stands for a function of the class cannot be called, nor has it attributes."""
    method = Call("__builtin__", "getattr", (Name(*HISTORY), "min"))
    called = Raw(encode(method) + encode((1,)) + b"R")
    further = Call("__builtin__", "getattr", (method, "min"))
    for value, words in ((called, "which is not a function"),
                         (further, "calls builtins.getattr for something else")):
        path = Archive().write(run.folder / "bad.pth", {"a": value})
        assert words in run.refuse(path)


# --- containers ---


def test_files_of_before_pytorch_1_6(run, case):
    file = LegacyFile()
    path = file.write(run.folder / "old.pth", {
        "meta": {"epoch": 3}, "state_dict": file.state(case.wrapped("module."))})
    case.check(run(path, *case.options)[1])
    assert "before 1.6" in run.printed


def write_shards(folder, tensors, count=3):
    """Weights in several files, with their index."""
    numpy = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
    names, weight_map = sorted(tensors), {}
    for part in range(count):
        file = f"model-{part + 1:05}-of-{count:05}.safetensors"
        own = {name: np.ascontiguousarray(tensors[name]) for name in names[part::count]}
        numpy.save_file(own, folder / file)
        weight_map.update(dict.fromkeys(own, file))
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return index


@pytest.mark.parametrize("prefix", ["", "model.backbone.", "module."])
def test_weights_in_several_files(run, case, prefix):
    """An index, one of its files, and the folder, whose config.json is of any program."""
    folder = run.folder / "sharded"
    folder.mkdir()
    index = write_shards(folder, case.wrapped(prefix))
    for path in (index, folder / "model-00002-of-00003.safetensors", folder):
        case.check(run(path, *case.options, "--force")[1])
    for text in ('{"model_type": "aim", "num_frames": 8}', '{"model_type": "clip_vision_model"}'):
        (folder / "config.json").write_text(text)
        metadata, tensors, _ = run(folder, *case.options, "--force")
        case.check(tensors)
        assert metadata["general.name"] == "sharded"


def test_a_configuration_of_such_a_folder_cannot_be_given(run):
    """AIM's is in its checkpoint; one of Hugging Face is of an image transformer."""
    source = checkpoints.aim()
    (run.folder / "config.json").write_text('{"model_type": "clip"}')
    message = run.refuse(save(run, lambda state: state(source)), *SCALE, *RATE,
                         "--config", run.folder / "config.json")
    assert "no configuration file is read for AIM" in message


# --- what is not known ---


@pytest.mark.parametrize("name", ["backbone.extra.weight", "model.decoder.weight", "loss.weight"])
def test_strangers_are_named(run, case, name):
    mixed = {**case.wrapped("model."), name: np.zeros((2, 2), np.float32)}
    message = run.refuse(save(run, lambda state: {"state_dict": state(mixed)}), *case.options)
    assert "unknown tensor" in message and name.removeprefix("model.") in message


def test_an_unknown_program_hears_what_is_looked_for(run):
    message = run.refuse(save(run, lambda state: {"state_dict": state(
        {"encoder.layer.0.attention.weight": np.zeros((2, 2), np.float32)})}))
    for landmark in ("visual.conv1.weight", "patch_embed.proj.weight", "S_Adapter.D_fc1.weight",
                     "adapter_pre_mlp.conv.weight", "resblocks.{i}.prompt", "adaptmlp.down.weight"):
        assert landmark in message
    assert "encoder.layer.0.attention.weight" in message
