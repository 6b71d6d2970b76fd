"""dualpath-convert on checkpoints that do not say all of their network: what is certain is derived,
what is not is asked for, and nothing is guessed."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive, Sizes
from conversion import HALF

FRAMES = ("--num-frames", "16", "--sampling-rate", "4")
QUICK = ("--activation", "quick_gelu")
GELU = ("--activation", "gelu", *HALF)


def save_state(run, tensors):
    archive = Archive()
    return archive.write(run.folder / "state.pt", archive.state(tensors))


def small(width, **sizes):
    return Sizes(width=width, blocks=1, hidden=8, features=8, bottleneck=8, **sizes)


def told(metadata, *keys):
    return [metadata["dualpath." + key] for key in keys]


# --- heads ---


@pytest.mark.parametrize("width", [192, 384, 512, 640, 768, 896, 1024])
@pytest.mark.parametrize("make", [checkpoints.clip, checkpoints.hugging_face, checkpoints.timm])
def test_heads_of_64(run, width, make):
    options = HALF if make is checkpoints.timm else QUICK
    metadata, _, _ = run(save_state(run, make(small(width))), *options, "--type", "f16")
    assert told(metadata, "attention.head_count") == [width // 64]
    assert "width / 64" in run.printed


@pytest.mark.parametrize(("width", "words"), [
    (1152, "16 of 72 in SO400M, 18 of 64"), (1280, "16 of 80 in ViT-H, 20 of 64"),
    (1408, "16 of 88 in ViT-g, 22 of 64"), (1536, "16 of 96 in ViT-gopt, 24 of 64"),
    (1664, "16 of 104 in ViT-bigG, 26 of 64"), (1792, "16 of 112 in ViT-e, 28 of 64"),
    (2048, "--heads: 32 of 64"), (80, "a divisor of the width 80")])
@pytest.mark.parametrize("make", [checkpoints.clip, checkpoints.timm, checkpoints.dualpath])
def test_heads_that_are_asked_for(run, width, words, make):
    path = save_state(run, make(small(width)))
    message = run.refuse(path, *(FRAMES if make is checkpoints.dualpath else (*QUICK, *HALF)))
    assert f"the heads of attention at width {width}" in message and words in message
    assert "--activation" not in message and "wrong" in message and message.count("\n") == 1


def test_heads_of_openai_are_always_of_64(run):
    source = checkpoints.clip(small(1280))
    path = checkpoints.save_torchscript(run.folder / "clip.pt", source)
    assert told(run(path, "--type", "f16")[0], "attention.head_count") == [20]


# --- activation, epsilon, pixels ---


OPENAI = ["quick_gelu", np.float32(1e-5),
          [np.float32(x) for x in (0.48145466, 0.4578275, 0.40821073)]]
ASKED = ("activation", "attention.layer_norm_epsilon", "image_mean")


def test_files_of_openai_are_certain(run):
    """An archive of its program, or the state of one, which has constants that no other has."""
    source = checkpoints.clip()
    assert told(run(checkpoints.save_torchscript(run.folder / "clip.pt", source))[0],
                *ASKED) == OPENAI
    source.update({name: np.array(7) for name in ("input_resolution", "context_length",
                                                  "vocab_size")})
    assert told(run(save_state(run, source), "--force")[0], *ASKED) == OPENAI
    assert "OpenAI's CLIP, which has written the file" in run.printed


@pytest.mark.parametrize("make", [checkpoints.clip, checkpoints.hugging_face])
def test_clip_of_anybody_is_asked_for_its_activation(run, make):
    """open_clip's models with GELU have the names and shapes of OpenAI's with QuickGELU."""
    path = save_state(run, make())
    message = run.refuse(path)
    assert "--activation: quick_gelu in OpenAI's CLIP, gelu in most of open_clip's" in message
    assert "--heads" not in message and "--ln-eps" not in message
    assert told(run(path, *QUICK)[0], *ASKED) == OPENAI
    message = run.refuse_again(path, "--activation", "gelu")
    assert "--mean" in message and "--std" in message
    assert told(run(path, *GELU)[0], *ASKED) == ["gelu", np.float32(1e-5), [0.5] * 3]


def test_another_archive_of_torchscript_is_asked_for(run):
    path = checkpoints.save_torchscript(run.folder / "open.pt", checkpoints.clip(),
                                        "__torch__.open_clip.model")
    assert "--activation" in run.refuse(path)


def test_clip_without_a_norm_before_its_blocks(run):
    source = {name: array for name, array in checkpoints.clip().items() if "ln_pre" not in name}
    message = run.refuse(save_state(run, source), *QUICK)
    assert all(option in message for option in ("--ln-eps", "--mean", "--std"))


def test_timm_is_asked_for_its_pixels(run):
    """augreg's are scaled to -1 ... 1, those of DeiT and DINO to ImageNet's mean and deviation."""
    path = save_state(run, checkpoints.timm())
    message = run.refuse(path)
    assert "--mean" in message and "0.485,0.456,0.406 of ImageNet" in message
    assert "--activation" not in message and "--ln-eps" not in message
    assert told(run(path, *HALF)[0], *ASKED) == ["gelu", np.float32(1e-6), [0.5] * 3]


def test_timm_of_clip_is_asked_for_all(run):
    source = checkpoints.timm()
    source.update({f"norm_pre.{kind}": np.ones(64, np.float32) for kind in ("weight", "bias")})
    message = run.refuse(save_state(run, source))
    assert all(option in message for option in ("--activation", "--ln-eps", "--mean"))


# --- DualPath ---


def on_another_backbone():
    """What dualpath-train makes of timm's ViT: its form is not that of the released code."""
    source = {name: array for name, array in checkpoints.dualpath().items()
              if "ln_pre" not in name and not name.endswith("visual.proj")}
    source["visual.conv1.bias"] = np.zeros(64, np.float32)
    source["visual.head.linear1.weight"] = np.zeros((32, 128), np.float32)
    return source


OPTIONS = {"--activation": ["gelu"], "--ln-eps": ["1e-6"], "--serial-skip": [], "--mean": [HALF[1]],
           "--std": [HALF[1]], "--num-frames": ["16"], "--sampling-rate": ["4"]}


def test_a_checkpoint_that_lost_what_it_was_trained_with(run):
    path = save_state(run, on_another_backbone())
    message = run.refuse(path)
    assert all(option in message for option in OPTIONS), message
    given = [word for option, words in OPTIONS.items() for word in (option, *words)]
    metadata, _, _ = run(path, *given)
    assert told(metadata, *ASKED) == ["gelu", np.float32(1e-6), [0.5] * 3]
    assert metadata["dualpath.adapter.serial_skip"] is True


@pytest.mark.parametrize("left_out", OPTIONS)
def test_what_is_left_out_is_asked_for_alone(run, left_out):
    given = [word for option, words in OPTIONS.items() for word in (option, *words)
             if option not in (left_out, "--sampling-rate")]
    path = save_state(run, on_another_backbone())
    if left_out == "--sampling-rate":
        assert told(run(path, *given)[0], "sampling_rate") == [4]
        assert "does not say how far apart the frames" in run.printed
        return
    message = run.refuse(path, *given)
    others = [option for option in OPTIONS if option not in (left_out, "--sampling-rate")]
    assert left_out in message
    assert not [option for option in others if option + ":" in message], message


def test_a_released_checkpoint_that_lost_its_arguments(run):
    path = save_state(run, checkpoints.dualpath())
    message = run.refuse(path)
    assert "the frames of a clip (--num-frames: 16 or 32); the distance of frames" in message
    assert "--activation" not in message and "--mean" not in message


def test_adapters_on_clip_may_be_of_anybody(run):
    """The released code keeps the text tower or says its arguments; dualpath-train can train serial
    adapters with a skip on the same tensors."""
    source = {name: array for name, array in checkpoints.dualpath().items()
              if name.startswith("visual.")}
    message = run.refuse(save_state(run, source), *FRAMES)
    assert all(option in message for option in ("--serial-skip", "--activation", "--mean"))
    metadata, _, _ = run(run.save(source, num_frames=16))
    assert metadata["dualpath.adapter.serial_skip"] is False


def test_a_table_without_a_grid_may_be_of_two_kinds(run):
    source = checkpoints.dualpath(grid=False)
    source["visual.temporal_positional_embedding"] = np.zeros((17, 64), np.float32)
    path = save_state(run, source)
    assert "--position: table or sincos-3d" in run.refuse(path, *FRAMES)
    for kind in ("table", "sincos-3d"):
        metadata, _, _ = run(path, *FRAMES, "--position", kind, "--force")
        assert told(metadata, "position.kind") == [kind]
