"""Tasks on a backbone: what dualpath-convert --task-of writes and refuses, and models opened so."""

import gc
import io
import weakref

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")

import checkpoints

import dualpath
from dualpath import convert


def is_adapted(name):
    return any(part in name for part in ("_adapter_", ".head.", "class_embedding",
                                         "positional_embedding"))


def frozen_of(source):
    """A checkpoint of the backbone alone, with a class token and positions of its own."""
    kept = {name: array for name, array in source.items()
            if not any(part in name for part in ("_adapter_", ".head.", "spatial_positional"))}
    for name in kept:
        if is_adapted(name):
            kept[name] = kept[name] + np.float32(0.25)
    return kept


class Files:
    """A checkpoint and what is made of it: whole, backbone and task."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.source = checkpoints.dualpath()
        self.whole, self.backbone, self.task = (
            str(folder / f"{name}.gguf") for name in ("whole", "backbone", "task"))

    def convert(self, tensors, output, *options, status=0):
        path = checkpoints.save(self.folder / "checkpoint.pth", tensors, num_frames=16,
                                sampling_rate=8)
        found = convert.main([str(path), "-o", output, "--force", *options])
        printed = self.capsys.readouterr()
        assert found == status, printed.err
        return printed.err if status else printed.out

    def make(self, kind="f32", task_kind=None):
        self.convert(self.source, self.whole, "--type", kind)
        self.convert(frozen_of(self.source), self.backbone, "--type", kind, "--name", "frozen",
                     "--activation", "quick_gelu", "--mean", "0.485,0.456,0.406",
                     "--std", "0.229,0.224,0.225")
        return self.convert(self.source, self.task, "--type", task_kind or kind,
                            "--task-of", self.backbone)

    def refuse(self, tensors, *options):
        return self.convert(tensors, self.task, "--task-of", self.backbone, *options, status=1)


@pytest.fixture
def files(tmp_path, capsys):
    return Files(tmp_path, capsys)


def tensors_of(path):
    return {tensor.name for tensor in gguf.GGUFReader(path).tensors}


def frames():
    return np.random.default_rng(1).integers(0, 256, (40, 24, 20, 3), np.uint8)


def answer(model):
    with dualpath.Session(model) as session:
        return session.classify(frames())


def same(left, right):
    return all(np.array_equal(getattr(left, name), getattr(right, name))
               for name in ("logits", "feature_temporal", "feature_spatial"))


# --- the converter ---


def test_a_task_says_what_was_adapted(files):
    files.make()
    fields = gguf.GGUFReader(files.task).fields
    assert fields["general.base_model.0.name"].contents() == "frozen"
    assert fields["general.base_model.count"].contents() == 1
    assert "general.base_model.count" not in gguf.GGUFReader(files.whole).fields


def test_task_files_hold_what_is_adapted(files):
    printed = files.make()
    assert "frozen tensors are those of" in printed
    both = tensors_of(files.whole)
    task = tensors_of(files.task)
    assert task < both
    assert both - task == {name for name in tensors_of(files.backbone)
                           if not name.startswith(("class_token", "position."))}
    metadata = {key: field.contents() for key, field in gguf.GGUFReader(files.task).fields.items()}
    assert metadata["dualpath.backbone.name"] == "frozen"
    with dualpath.Model(files.backbone) as backbone, dualpath.Model(files.whole) as whole:
        assert metadata["dualpath.backbone.hash"] == backbone.info.backbone == whole.info.backbone


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "q8_0"])
def test_frozen_weights_may_be_rounded(files, kind):
    files.make(kind)
    with dualpath.Model(files.backbone, as_backbone=True) as backbone, \
            backbone.open_task(files.task) as task, dualpath.Model(files.whole) as whole:
        assert same(answer(task), answer(whole))


def test_other_frozen_weights_are_refused(files):
    files.make("q8_0")
    changed = dict(files.source)
    name = "visual.transformer.resblocks.1.mlp.c_fc.weight"
    changed[name] = changed[name].copy()
    changed[name][3, 5] += 0.1 * np.abs(changed[name]).max()
    message = files.refuse(changed)
    assert name in message and "1 of" in message and files.backbone in message


def test_other_blocks_are_refused(files):
    files.make()
    assert "activation is gelu" in files.refuse(files.source, "--activation", "gelu")
    assert "layer_norm_epsilon" in files.refuse(files.source, "--ln-eps", "1e-6")
    less = {name: array for name, array in files.source.items() if ".resblocks.1." not in name}
    assert "block_count is 1" in files.refuse(less)
    less = {name: array for name, array in files.source.items() if "ln_pre" not in name}
    assert "pre_norm" in files.refuse(less, "--no-serial-skip")


def test_wrong_backbones_are_refused(files):
    files.make()
    damaged = bytearray(open(files.backbone, "rb").read())
    damaged[-1] ^= 1
    for content, words in ((b"GGUF", "too early"), (bytes(damaged), "damaged"),
                           (open(files.task, "rb").read(), "task itself")):
        other = files.folder / "other.gguf"
        other.write_bytes(content)
        message = files.convert(files.source, files.task, "--task-of", str(other), status=1)
        assert words in message and str(other) in message
    message = files.convert(files.source, files.backbone, "--task-of", files.backbone, status=1)
    assert "backbone itself" in message


def test_options_are_taken_from_the_backbone(files):
    options = ("--heads", "4", "--ln-eps", "1e-6", "--activation", "gelu",
               "--mean", "0.1,0.2,0.3", "--std", "0.4,0.5,0.6")
    files.convert(frozen_of(files.source), files.backbone, *options)
    files.convert(files.source, files.whole, *options)
    files.convert(files.source, files.task, "--task-of", files.backbone)
    with dualpath.Model(files.backbone, as_backbone=True) as backbone, \
            backbone.open_task(files.task) as task, dualpath.Model(files.whole) as whole:
        assert task.info.heads == 4
        assert task.info.mean == whole.info.mean and task.info.std == whole.info.std
        assert same(answer(task), answer(whole))


# --- models ---


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_tasks_answer_as_whole_models(files, precision):
    files.make()
    with dualpath.Model(files.whole, precision=precision) as whole:
        expected = answer(whole)
        info = whole.info
    backbone = dualpath.Model(files.backbone, precision=precision, as_backbone=True)
    task = backbone.open_task(files.task, verify=True)
    backbone.close()
    assert same(answer(task), expected)
    assert task.info.precision == precision and task.info.parameters == info.parameters
    assert task.info.shared_bytes > task.info.weight_bytes > 0 == info.shared_bytes
    task.close()


def test_backbones_in_memory_live_with_their_tasks(files):
    files.make()
    with dualpath.Model(files.whole) as whole:
        expected = answer(whole)
    with open(files.backbone, "rb") as file:
        backbone = dualpath.Model(file.read(), as_backbone=True)
    first = backbone.open_task(open(files.task, "rb").read())
    del backbone
    gc.collect()
    with open(files.task, "rb") as file:
        second = first.open_task(file)
    first.close()
    gc.collect()
    assert same(answer(second), expected)


def test_backbone_closed_while_a_task_is_opened(files):
    class Closing(io.BytesIO):
        def read(self, size=-1):
            backbone.close()
            return super().read(size)

    files.make()
    with dualpath.Model(files.whole) as whole:
        expected = answer(whole)
    memory = np.fromfile(files.backbone, np.uint8)
    gone = weakref.ref(memory)
    backbone = dualpath.Model(memory, as_backbone=True)
    del memory
    with open(files.task, "rb") as file:
        task = backbone.open_task(Closing(file.read()))
    gc.collect()
    assert gone() is not None and same(answer(task), expected)
    task.close()
    assert gone() is None


def test_tasks_need_their_backbone(files):
    files.make()
    with pytest.raises(dualpath.BackboneError, match="can only be opened on that backbone"):
        dualpath.Model(files.task)
    with dualpath.Model(files.backbone) as backbone, \
            pytest.raises(dualpath.BackboneError, match="as_backbone"):
        backbone.open_task(files.task)
    other = dualpath.Model(files.backbone, as_backbone=True)
    files.source["visual.conv1.weight"] = files.source["visual.conv1.weight"] + 1
    files.make()
    with pytest.raises(dualpath.BackboneError, match=other.info.backbone):
        other.open_task(files.task)
    with pytest.raises(dualpath.BackboneError, match="not a task"):
        other.open_task(files.backbone)
    other.close()
    with pytest.raises(ValueError, match="closed"):
        other.open_task(files.task)
