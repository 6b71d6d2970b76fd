"""Linear probes of frozen models."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from dualpath.convert import main as convert
from dualpath.train.loop import seeded
from dualpath.train.probe import choose_decay
from dualpath.train.probe import main as probe


def test_a_linear_probe_of_a_frozen_model(five_clips, capsys):
    gguf = str(five_clips / "backbone.gguf")
    assert convert([str(five_clips / "backbone.pth"), "-o", gguf, "--heads", "2", "--activation",
                    "gelu", "--ln-eps", "1e-6", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5",
                    "--num-frames", "16"]) == 0
    files = sorted((five_clips / "clips").glob("*/*.npy"))
    for file in files:
        np.save(file, np.load(file)[:16])
    lines = [f"{file.relative_to(five_clips)},{split},{int(file.parent.name == 'dark')}\n"
             for split in ("train", "test") for file in files]
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(lines))
    probe([gguf, str(five_clips / "list.csv")])
    assert "linear probe: 5 of 5 clips" in capsys.readouterr().out
    (five_clips / "other.csv").write_text("path,split,label\n" + lines[-1] + lines[0])
    probe([gguf, str(five_clips / "list.csv"), "--test-list", str(five_clips / "other.csv")])
    assert "linear probe: 1 of 1 clips" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="probe: .*none.gguf"):
        probe([str(five_clips / "none.gguf"), str(five_clips / "list.csv")])


def test_a_probe_is_not_misled_by_clips_of_one_scene():
    draw = seeded(1)
    labels = torch.arange(2).repeat_interleave(50)  # two classes of fifty scenes, hard to tell apart
    scenes = torch.randn(100, 200, generator=draw)
    scenes[:, 0] += 2.0 * labels - 1
    clips = scenes.repeat_interleave(4, 0) + 0.01 * torch.randn(400, 200, generator=draw)
    assert choose_decay(clips, labels.repeat_interleave(4), 2) >= 1
