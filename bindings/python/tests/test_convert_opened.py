"""The library opens what dualpath-convert writes of each method, whole and as a task, and answers the same."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive, Sizes

import dualpath

pytestmark = pytest.mark.skipif("method" not in dualpath.ModelInfo.__annotations__,
                                reason="the library has one method only")

SIZES = Sizes(hidden=64)
FRAMES = ("--num-frames", "4", "--sampling-rate", "2")
SCALE = ("--adapter-scale", "0.5")
CASES = {
    "aim": (checkpoints.aim(SIZES, frames=4), "aim", (*SCALE, *FRAMES)),
    "aim_two": (checkpoints.aim(SIZES, frames=4, time_in=True), "aim", (*SCALE, *FRAMES)),
    "aim_timm": (checkpoints.aim(SIZES, frames=4, on_timm=True), "aim",
                 (*SCALE, *FRAMES, "--mean", "0,0,0", "--std", "1,1,1")),
    "st": (checkpoints.st_adapter(SIZES), "st-adapter", FRAMES),
    "st_late": (checkpoints.st_adapter(SIZES, adapters=["adapter_pre_mlp"], first=1, kernel=(3, 3, 1)),
                "st-adapter", FRAMES),
    "vpt": (checkpoints.vpt(SIZES), "vpt", FRAMES),
    "vpt_shallow": (checkpoints.vpt(SIZES, blocks=[0]), "vpt", FRAMES),
    "adaptformer": (checkpoints.adaptformer(SIZES), "adaptformer", (*SCALE, *FRAMES)),
    "probe": (checkpoints.probe(SIZES), "probe", FRAMES),
}
TRAINED = [name for name in CASES if not name.startswith("aim")]


def write(run, name, tensors):
    archive = Archive()
    return archive.write(run.folder / f"{name}.pth", {"model": archive.state(tensors)})


@pytest.fixture
def clip_file(run):
    return checkpoints.save_torchscript(run.folder / "clip.pt", checkpoints.clip(SIZES))


@pytest.fixture
def clip():
    """uint8 [9, 20, 24, 3]: as many frames as views may take."""
    return np.random.default_rng(1).integers(0, 256, (9, 20, 24, 3), np.uint8)


def convert(run, clip_file, name, *options):
    """The path of a weight file of a case."""
    tensors, _, own = CASES[name]
    backbone = ("--backbone", clip_file) if name in TRAINED and "--task-of" not in options else ()
    run(write(run, name, tensors), *own, *backbone, *options)
    return run.output.rename(run.folder / f"{name}.gguf")


def answer(model, clip):
    with dualpath.Session(model, threads=1) as session:
        return session.classify(clip).logits


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["f32", "q8_0"])
def test_whole_models(run, clip_file, clip, name, kind):
    with dualpath.Model(convert(run, clip_file, name, "--type", kind)) as model:
        assert model.info.method == CASES[name][1]
        assert (model.info.frames, model.info.classes) == (4, 3)
        assert np.isfinite(answer(model, clip)).all()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sampling", ["interval", "spread", "segments", "center"])
def test_evaluations(run, clip_file, clip, name, sampling):
    views = "1" if sampling == "segments" else "2"
    rate = [option for option in CASES[name][2] if sampling != "segments" or option not in FRAMES[2:]]
    tensors, _, _ = CASES[name]
    backbone = ("--backbone", clip_file) if name in TRAINED else ()
    run(write(run, name, tensors), *rate, *backbone, "--sampling", sampling, "--views", views,
        "--crops", "3", "--resize-filter", "bicubic", "--average", "probabilities")
    with dualpath.Model(run.output) as model:
        assert model.info.sampling == sampling and model.info.views == int(views)
        assert (model.info.crops, model.info.resize_filter) == (3, "bicubic")
        assert np.isfinite(answer(model, clip)).all()


@pytest.mark.parametrize("name", TRAINED)
def test_tasks_answer_as_whole_models(run, clip_file, clip, name):
    with dualpath.Model(convert(run, clip_file, name)) as model:
        expected = answer(model, clip)
    run(clip_file, "--no-projection")
    backbone = run.output.rename(run.folder / "backbone.gguf")
    task = convert(run, clip_file, name, "--task-of", backbone)
    with dualpath.Model(backbone, as_backbone=True) as shared, shared.open_task(task) as model:
        assert model.info.method == CASES[name][1]
        np.testing.assert_array_equal(answer(model, clip), expected)
