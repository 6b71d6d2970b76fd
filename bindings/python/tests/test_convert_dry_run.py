"""dualpath-convert --dry-run: tables of what becomes of each tensor, and of keys and values."""

import os

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive
from conversion import read

from dualpath import convert

QUICK = ("--activation", "quick_gelu")


class Tables:
    """What is printed: rows of cells below the heads of both tables, and the lines that follow."""

    def __init__(self, text):
        first, second, *rest = text.split("\n\n")
        self.tensors = self._rows(first)
        self.keys = {cells[0]: cells[1:] for cells in self._rows(second)}
        self.rest = "\n".join(rest)

    @staticmethod
    def _rows(text):
        """Cells at the places where the line below the head begins them: the table is aligned."""
        _, rule, *rows = text.splitlines()
        starts = [i for i, c in enumerate(rule) if c == "-" and (i == 0 or rule[i - 1] == " ")]
        for row in rows:
            assert all(row[start - 1:start] in ("", " ") or "(" in row for start in starts[1:]), row
        cut = [[row[a:b].strip() for a, b in zip(starts, [*starts[1:], None])] for row in rows]
        return [cells if "(" not in cells[2] else [*cells[:2], "".join(row[starts[2]:])]
                for cells, row in zip(cut, rows)]

    def row(self, source):
        return next(cells[1:] for cells in self.tensors if cells[0] == source)


@pytest.fixture
def dry(run):
    """Runs with --dry-run, after which the folder must be as it was."""
    def call(checkpoint, *options):
        before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
        status, printed = run._main(checkpoint, "--dry-run", *options)
        assert status == 0, printed.err
        assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
        return Tables(printed.out)

    return call


def test_every_tensor_is_in_the_table(run, dry):
    source = checkpoints.dualpath()
    path = run.save(source)
    tables = dry(path, "--type", "f16")
    _, tensors, types = run(path, "--type", "f16")
    assert [cells[0] for cells in tables.tensors] == list(source)
    assert len(tables.tensors) == len(source)
    kept = {cells[2]: cells[3:] for cells in tables.tensors if not cells[2].startswith("(")}
    assert kept == {name: [str(list(array.shape)), types[name]] for name, array in tensors.items()}
    for name, array in source.items():
        assert tables.row(name)[0] == str(list(array.shape))
    assert tables.row("logit_scale") == ["[]", "(dropped: text tower)"]
    assert f"{len(tensors)} tensors of {len(source)} that were read" in tables.rest


def test_keys_are_those_that_would_be_written(run, dry):
    path = run.save(checkpoints.dualpath())
    labels = run.folder / "labels.txt"
    labels.write_text("walk\nrun\nsit\n")
    words = ["--labels", labels, "--name", "tiny", "--views", 3, "--grid-antialias", "--author", "us",
             "--base-model", "clip"]
    tables = dry(path, *words)
    metadata, _, _ = run(path, *words)
    assert set(tables.keys) == {key for key in metadata if key.startswith(("general", "dualpath"))}
    assert tables.keys["dualpath.frames"] == ["u32", "16", "args.num_frames"]
    assert tables.keys["dualpath.views"] == ["u32", "3", "option"]
    assert tables.keys["dualpath.grid.antialias"] == ["bool", "true", "option"]
    assert tables.keys["dualpath.adapter.scale"] == ["f32", "1.0", "default"]
    assert tables.keys["dualpath.image_mean"][:2] == ["3 f32", "0.485, 0.456, 0.406"]
    assert tables.keys["dualpath.labels"] == ["3 string", "walk, run, sit", "--labels"]
    assert tables.keys["general.name"][:2] == ["string", "tiny"]
    assert tables.keys["general.author"] == ["string", "us", "--author"]
    assert tables.keys["general.base_model.count"][:2] == ["u32", "1"]
    kinds = {key: "string" if cells[0] == "string" else cells[0].split()[-1]
             for key, cells in tables.keys.items()}
    fields = gguf.GGUFReader(run.output).fields
    names = {"STRING": "string", "UINT32": "u32", "FLOAT32": "f32", "BOOL": "bool"}
    assert kinds == {key: names[fields[key].types[-1].name] for key in kinds}


def test_joined_parts_and_other_shapes(run, dry):
    source = checkpoints.hugging_face()
    tables = dry(run.save_safetensors(source), *QUICK)
    layer = "vision_model.encoder.layers.0.self_attn."
    for letter in "qkv":
        assert tables.row(f"{layer}{letter}_proj.weight") == \
            ["[64, 64]", "block.0.attention.qkv.weight", "[192, 64]", "f32"]
    assert tables.row("vision_model.embeddings.patch_embedding.weight")[:3] == \
        ["[64, 3, 4, 4]", "patch.weight", "[64, 48]"]
    assert tables.row("vision_model.embeddings.position_ids") == ["[1, 17]", "(dropped: constants)"]


def test_tensors_that_the_network_does_not_use(run, dry):
    source = checkpoints.dualpath()
    source["visual.temporal_positional_embedding"] = np.zeros((34, 64), np.float32)
    tables = dry(run.save(source, num_frames=32))
    assert tables.row("visual.temporal_positional_embedding")[1] == \
        "(position.table is left out: position kind sincos-time does not use it)"
    assert "visual.temporal_positional_embedding is not used" in tables.rest


def test_tensors_of_a_backbone(run, dry):
    """Those of both files, and what becomes of a projection, of adapters and of a head there."""
    archive = Archive()
    backbone = archive.write(run.folder / "clip.pt", archive.state(checkpoints.dualpath()))
    archive = Archive()
    source = checkpoints.vpt()
    source["ln_post.bias"] = np.ones(64, np.float32)
    path = archive.write(run.folder / "vpt.pth", archive.state(source))
    options = ("--backbone", backbone, *QUICK, "--num-frames", 8, "--sampling-rate", 4, "--mean",
               "0,0,0", "--std", "1,1,1", "--ln-eps", "1e-5")
    tables = dry(path, *options)
    assert tables.row("transformer.resblocks.1.prompt")[:2] == ["[5, 64]", "block.1.prompt"]
    assert tables.row("clip.pt: visual.conv1.weight")[1] == "patch.weight"
    assert tables.row("clip.pt: visual.ln_post.bias")[1] == "(dropped: the checkpoint has its own)"
    assert tables.row("clip.pt: visual.head.linear1.bias")[1] == \
        "(dropped: not of the frozen transformer)"
    assert tables.row("clip.pt: logit_scale")[1] == "(dropped: text tower)"
    assert tables.row("clip.pt: visual.proj")[1] == \
        "(projection.weight is left out: the head does not read it)"
    assert tables.keys["dualpath.method"] == ["string", "vpt", "tensors"]
    _, tensors, _ = run(path, *options)
    assert {cells[2] for cells in tables.tensors if not cells[2].startswith("(")} == set(tensors)


def test_tensors_of_a_task(run, dry):
    source = checkpoints.dualpath()
    run(run.save(source))
    backbone = run.folder / "backbone.gguf"
    run.output.rename(backbone)
    tables = dry(run.save(source), "--task-of", backbone)
    assert tables.row("visual.ln_post.bias")[1] == \
        "(post_norm.bias is left out: frozen, as the backbone has it)"
    assert tables.row("visual.class_embedding")[1] == "class_token"
    assert "dualpath.backbone.hash" in tables.keys


def test_an_output_is_not_looked_at(run, dry):
    path = run.save(checkpoints.dualpath())
    run.output.write_bytes(b"other")
    dry(path, "-o", run.output)
    dry(path, "-o", path)
    dry(path, "-o", run.folder / "nowhere" / "model.gguf")


def test_what_cannot_be_converted_is_refused(run):
    source = checkpoints.dualpath()
    del source["visual.proj"]
    status, printed = run._main(run.save(source), "--dry-run")
    assert status == 1 and "head.hidden.weight" in printed.err and printed.out == ""
    assert "--num-frames" in run._main(run.save(checkpoints.dualpath(), epochs=3), "--dry-run")[1].err


def test_names_cannot_steer_a_terminal(run):
    """Nor a very long name of a model hide the table."""
    archive = Archive()
    path = archive.write(run.folder / "a\x1b[31mb.pt", archive.state(checkpoints.clip()))
    trained = archive.write(run.folder / "vpt.pth", archive.state(checkpoints.vpt()))
    status, printed = run._main(trained, "--dry-run", "--backbone", path, *QUICK, "--num-frames", 8,
                                "--sampling-rate", 4, "--name", "\x1b" * 1000)
    assert status == 0 and "\x1b" not in printed.out


def test_it_needs_no_gguf(run, monkeypatch):
    """Nothing is written, so nothing that writes is needed."""
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    assert run._main(run.save(checkpoints.dualpath()), "--dry-run")[0] == 0


@pytest.mark.parametrize("options", ["x.pth", "x.pth --dry-run --inspect"])
def test_usage(options, capsys):
    with pytest.raises(SystemExit) as stop:
        convert.main(options.split())
    assert stop.value.code == 2 and "--dry-run" in capsys.readouterr().err


def test_reading_back_is_what_the_table_says(run, dry):
    """One of each method, with all its tensors."""
    for name, source in (("aim", checkpoints.aim(time_in=True)), ("timm", checkpoints.aim(on_timm=True))):
        archive = Archive()
        path = archive.write(run.folder / f"{name}.pth", {"state_dict": archive.state(source)})
        options = ("--adapter-scale", "1", "--sampling", "segments", "--mean", "0,0,0",
                   "--std", "1,1,1")
        tables = dry(path, *options)
        assert [cells[0] for cells in tables.tensors] == list(source)
        run(path, *options, "--force")
        assert {cells[2] for cells in tables.tensors} == set(read(run.output)[1])
        os.unlink(run.output)
