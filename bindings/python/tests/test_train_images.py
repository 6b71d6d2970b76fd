"""Pre-training of a backbone on photographs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import IMAGES, RECIPE, command, write_teacher

from dualpath.train.album import Photographs
from dualpath.train.build import Folders, build_job
from dualpath.train.config import Config
from dualpath.train.images import School, part_told
from dualpath.train.loop import seeded
from dualpath.train.main import main as train
from dualpath.train.model import VisionTransformer
from dualpath.train.mosaics import look_ahead
from dualpath.train.positions import sincos_3d
from dualpath.train.recipe import read_recipe


def test_pre_training_makes_a_backbone(five_clips, capsys):
    rng = np.random.default_rng(1)
    np.save(five_clips / "train_x.npy", rng.integers(0, 256, (24, 32, 32, 3), np.uint8))
    np.save(five_clips / "train_y.npy", np.arange(24) % 3)
    np.save(five_clips / "frames_x.npy", rng.integers(0, 256, (8, 48, 48, 3), np.uint8))
    np.save(five_clips / "frames_y.npy", np.full(8, -1))
    write_teacher(five_clips)
    (five_clips / "recipe.toml").write_text(IMAGES)
    assert train(command(five_clips)) == 0
    said = capsys.readouterr().err
    assert " of 24, " in said and ", told " in said and ", movement " in said
    assert train(command(five_clips, "--evaluate", str(five_clips / "images.pth"))) == 0
    assert capsys.readouterr().out.strip() == said.strip().split("left  ")[-1]  # of the last epoch
    saved = torch.load(five_clips / "images.pth", weights_only=False)
    assert all(name.startswith("visual.") for name in saved["model"])
    assert not any("spatial_positional" in name for name in saved["model"])
    for change, complaint in (
            ("model.sizes.layers=3", "model.sizes are to be blocks, mlp_width, patch_size, width"),
            ("data.classes=0", "data.classes is missing"),
            ('data.held_out_photographs="frames"', "of the shape [48, 48, 3]; expected [32, 32, 3]"),
            ("data.classes=2", "train_y.npy has the class 2, and data.classes = 2"),
            ("images.mosaic_size=48", "a multiple of 32"),
            ('images.teacher="none.pth"', "none.pth"),
            ("images.teacher_blocks=0", "teacher_blocks = 0"),
            ("images.teacher_blocks=3", "teacher_blocks = 3, and ")):
        assert train(command(five_clips, "--force", "--set", change)) == 1
        error = capsys.readouterr().err
        assert error.startswith("dualpath-train: ") and complaint in error
    assert {"mosaics.moved.weight", "mosaics.moved.bias"} <= set(saved["lessons"])
    for part, array, complaint in (
            ("x", rng.random((8, 48, 48, 3)), ": not bytes"),
            ("x", np.zeros((0, 48, 48, 3), np.uint8), ": not bytes"),
            ("y", np.zeros(7, np.int64), ": not a number"), ("y", np.array(["a"] * 8), ": not a number"),
            ("y", np.full(8, 3, ">i4"), " has the class 3")):
        path = five_clips / f"frames_{part}.npy"
        whole = path.read_bytes()
        np.save(path, array)
        assert train(command(five_clips, "--force")) == 1
        assert f"frames_{part}.npy{complaint}" in capsys.readouterr().err
        path.write_bytes(whole)
    (five_clips / "recipe.toml").write_text(IMAGES.replace('teacher = "teacher.pth"\n', ""))
    assert train(command(five_clips, "--force")) == 1
    assert "images.teacher is missing" in capsys.readouterr().err
    (five_clips / "recipe.toml").write_text(RECIPE.replace("backbone.pth", "images.pth"))
    assert train(command(five_clips, "--set", "train.epochs=1")) == 0


def image_job(five_clips):
    """A job of pre-training on eight photographs of noise, the first without a label."""
    rng = np.random.default_rng(2)
    np.save(five_clips / "train_x.npy", rng.integers(0, 256, (8, 32, 32, 3), np.uint8))
    np.save(five_clips / "train_y.npy", np.array([-1, 0, 1, 2, 0, 1, 2, 0]))
    write_teacher(five_clips)
    text = IMAGES.replace('more_photographs = ["frames"]\n', "").replace("mosaics = 2", "mosaics = 0")
    (five_clips / "recipe.toml").write_text(text)
    recipe = read_recipe(str(five_clips / "recipe.toml"))
    return build_job(recipe, Folders(str(five_clips), str(five_clips)))


def test_labels_change_nothing_of_the_transformer(five_clips):
    job = image_job(five_clips)
    gradients = []
    for labels in (job.school.sets[0].labels.clone(), torch.tensor([-1, 2, 2, 2, 2, 2, 2, 2])):
        job.school.sets[0].labels[:] = labels
        job.model.zero_grad()
        outcome = job.step(torch.arange(8), 1.0, seeded(1))
        assert outcome.size == 7
        outcome.loss.backward()
        gradients.append({name: p.grad.clone() for name, p in job.model.named_parameters()
                          if p.grad is not None})
    first, second = gradients
    assert first.keys() == second.keys()
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == {"image_head.weight", "image_head.bias"}
    assert first["visual.class_embedding"].abs().max() > 0


def test_which_part_is_told():
    there = torch.randn(50, 4, generator=seeded(1)) * 3 + torch.arange(4.0)
    mean = there.mean(0)
    for told, part in ((there, 1.0), (mean, 0.0), ((there + mean) / 2, 0.75), (2 * mean - there, -3.0)):
        assert part_told(told.expand_as(there), there) == pytest.approx(part, abs=1e-5)


@pytest.mark.parametrize("progress", [0.0, 1.0])  # half of the patches, all of them
def test_each_patch_learns_what_the_teacher_says_there(five_clips, progress):
    """Red grows to the right, green downwards; both tell the mean colours of their patches, and of
    the whole. The teacher looks at a side of 96 pixels."""
    job, n = image_job(five_clips), 50
    levels = 8 * np.arange(32)
    pictures = np.zeros((n, 32, 32, 3), np.uint8)
    pictures[..., 0], pictures[..., 1] = levels, levels[:, None]
    np.save(five_clips / "train_x.npy", pictures)
    np.save(five_clips / "train_y.npy", np.full(n, -1))
    job.school = School([Photographs(str(five_clips / "train"))], 3)
    job.model.teacher_class = job.model.teacher_patch = torch.nn.Identity()

    def colours(images):
        return torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(2).transpose(1, 2)

    def tokens(images):
        seen.append(images)
        patches = colours(images)
        return torch.cat([patches.mean(1, keepdim=True), patches], 1)

    seen = []
    job.teacher.side, job.teacher.tokens = 96, tokens
    job.augment = dataclasses.replace(job.augment, colour=0.0)
    job.model.visual.image_tokens = lambda images, keep=None: (
        tokens(images) if keep is None
        else tokens(images).gather(1, keep[..., None].expand(-1, -1, 3)))
    loss = job.step(torch.arange(n), progress, seeded(4)).loss
    # Along a line, means of 8 and of 24 points are the same, but for crops that touch the edge of their
    # picture, where its outermost pixels are repeated: 2e-6 seen, and 6 when the teacher looks at another crop.
    assert float(loss) < 1e-4
    for_teacher, images = seen
    assert images.shape == (n, 3, 32, 32) and for_teacher.shape == (n, 3, 96, 96)
    assert colours(images)[:, 0, 0].std() > 0.4  # mirrored ones, and crops: 0.65 seen


def test_two_heads_begin_by_looking_at_the_tiles_above_and_below():
    torch.manual_seed(1)
    config = Config(image_size=96, patch_size=8, width=192, heads=3, blocks=1, mlp_width=8)
    visual = VisionTransformer(config)
    look_ahead(visual, config)
    x = visual.embed(torch.rand(1, 3, 96, 96) - 0.5, sincos_3d(config).float())
    block = visual.transformer.resblocks[0]
    qkv = torch.nn.functional.linear(block.ln_1(x), block.attn.in_proj_weight).view(145, 3, 3, 64)
    scores = torch.einsum("qhd,khd->hqk", qkv[:, 0], qkv[:, 1])
    inside = 1 + torch.arange(144).view(12, 12)
    below, above = scores[0].argmax(-1), scores[1].argmax(-1)
    assert (below[inside[3:6]] == inside[6:9]).float().mean() > 0.5  # by chance 1 in 145
    assert (above[inside[6:9]] == inside[3:6]).float().mean() > 0.5  # by chance 1 in 145
