"""Model cards: ``dualpath-convert --card``, and ``dualpath-evaluate --json``, which they quote."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("gguf", reason="the converter needs the gguf package")
yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter again")
import checkpoints

import dualpath
from dualpath import _card, convert, evaluate
from dualpath._front_matter import front_matter, licence_entries

HOSTILE = ['"', "\\", "a: b", "- x", "# no comment", "---", "...", "!!python/object:os.system", "{{ x }}", "'", "*a", "&a",
           "%YAML", "\n---\nlicense: mit", "\x00\x07\x1b[31m", "\x85\u2028\u2029\ufeff", "\u00e4\u6f22\U0001f600",
           "\ud800", "yes", "null", "1.0", "0x1F", "2020-01-01", "[a](javascript:x)", "<script>alert(1)</script>",
           "| a | b |", "`code`", "$x$", "**bold**", "\t", " "]


def parts_of(card) -> tuple[dict, str]:
    """What YAML reads of the front matter, and the text."""
    text = card.read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    assert text.startswith("---\n")
    return yaml.safe_load(head), body


@pytest.fixture
def converted(run):
    """The converter's run, after which there is a model of three classes."""
    labels = run.folder / "labels.txt"
    labels.write_text("".join(f"move_{i}|<b>*\n" for i in range(3)))
    run(run.save(checkpoints.dualpath()), "--labels", labels)
    return run


def card_of(run, *options):
    card = run.folder / "card.md"
    status, printed = run._main(run.output, "--card", card, "--force", *options)
    assert status == 0, printed.err
    assert "wrote" in printed.out
    return card


# ---- YAML ----


@settings(max_examples=300, deadline=None)
@given(st.text(), st.lists(st.text(), max_size=3))
@example("\ud800", ["\x85"])
def test_yaml_reads_any_text(text, several):
    read = yaml.safe_load(front_matter({"one": text, "several": several or ["x"]})[4:].rsplit("---\n", 1)[0])
    whole = [re.sub("[\ud800-\udfff]", "\ufffd", each) for each in (text, *(several or ["x"]))]
    assert [read["one"], *read["several"]] == whole


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_yaml_reads_hostile_text(text):
    entries = {"license_name": text, "base_model": [text]}
    made = front_matter(entries)
    assert made.count("\n") == 5 and made.startswith("---\n") and made.endswith("\n---\n")
    read = yaml.safe_load(made[4:-4])
    assert read["license_name"] == read["base_model"][0] == text.replace("\ud800", "\ufffd")


@pytest.mark.parametrize("licence, expected", [
    ("CC-BY-NC-4.0", {"license": "cc-by-nc-4.0"}), ("Apache-2.0", {"license": "apache-2.0"}), ("", {}),
    ("GPL-3.0-only", {"license": "gpl-3.0"}), ("AGPL-3.0-or-later", {"license": "agpl-3.0"}),
    ("my own", {"license": "other", "license_name": "my own"}),
])
def test_licences(licence, expected):
    assert licence_entries(licence) == expected


# ---- cards ----


def test_card_of_a_conversion(run):
    path = run.save(checkpoints.dualpath())
    card = run.folder / "card.md"
    run(path, "--card", card, "--name", "Ten exercises", "--author", "J. Doe", "--license", "CC-BY-NC-4.0",
        "--base-model", "openai/clip-vit-base-patch16", "--source", "https://example.org/a_b.pth",
        "--description", "- Tells Dr\u00fccken from Ziehen.")
    assert f"wrote    {card}: the card of {run.output}" in run.printed
    head, body = parts_of(card)
    assert head == {"license": "cc-by-nc-4.0", "base_model": ["openai/clip-vit-base-patch16"],
                    "pipeline_tag": "video-classification", "library_name": "libdualpath",
                    "tags": ["video", "action-recognition", "cpu", "gguf", "libdualpath", "dualpath"]}
    with dualpath.Model(run.output) as model:
        info = model.info
    for words in (info.protocol, f"{info.parameters:,}, of which {info.adapter_parameters:,}",
                  f"{info.macs:,} for one view", f"{run.output.stat().st_size:,} bytes, matrices in f32",
                  "[DualPath](https://arxiv.org/abs/2303.09857)", f"{info.blocks} blocks of width {info.width}",
                  "# Ten exercises\n", "\\- Tells Dr\u00fccken from Ziehen.", "| made by | J. Doe |",
                  "| checkpoint | <https://example.org/a_b.pth> |", "dualpath classify model.gguf clip.mp4",
                  'dp_model_open("model.gguf", NULL, &model);', "Nothing was measured with this file."):
        assert words in body, words


def test_python_of_the_card_runs(converted, tmp_path, monkeypatch, capsys):
    """With another clip."""
    _, body = parts_of(card_of(converted))
    (code,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    monkeypatch.chdir(converted.folder)
    monkeypatch.setattr(dualpath.Session, "classify_video",
                        lambda self, path: self.classify(np.zeros((4, 8, 8, 3), np.uint8)))
    capsys.readouterr()
    exec(compile(code, "card", "exec"), {})
    assert "Prediction(index=" in capsys.readouterr().out


def test_labels_are_text(converted):
    _, body = parts_of(card_of(converted))
    assert "0 move\\_0\\|\\<b\\>\\*, 1 move\\_1" in body and "<b>" not in body


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.strip() and "\x00" not in one], ids=ascii)
def test_hostile_texts(run, text):
    path = run.save(checkpoints.dualpath())
    card = run.folder / "card.md"
    given = [f"--{option}={text}" for option in ("name", "author", "license", "description", "source", "base-model")]
    run(path, "--card", card, *given)
    head, body = parts_of(card)
    whole = text.encode("utf-8", "replace").decode()
    assert head["license"] == "other" and head["license_name"] == whole and head["base_model"] == [whole]
    assert set(head) == {"license", "license_name", "base_model", "pipeline_tag", "library_name", "tags"}
    assert "<script>" not in body and "](javascript" not in body and "**" not in body and "\x1b" not in body
    titles = [line for line in body.splitlines() if line.startswith("#")]
    assert titles[1:] == ["## Model", "## How it looks at a clip", "## Classes", "## How to run it",
                          "## What was measured"]
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


@pytest.mark.parametrize("name", ["released", "paper", "features-bf16", "family/aim", "family/vpt_deep",
                                  "family/probe", "family/st", "family/adaptformer"])
def test_card_of_any_weight_file(released, tmp_path, capsys, name):
    path = released.model.replace("released", name)
    card = tmp_path / "card.md"
    assert convert.main([path, "--card", str(card)]) == 0
    head, body = parts_of(card)
    with dualpath.Model(path) as model:
        assert model.info.method in head["tags"] and model.info.protocol in body
        assert ("None: the model has no head." in body) == (model.classes == 0)


def test_task_and_backbone(capsys, tmp_path):
    from test_tasks import Files

    files = Files(tmp_path, capsys)
    files.make()
    card = tmp_path / "card.md"
    assert convert.main([str(files.task), "--card", str(card)]) == 1
    assert "--task-of MODEL.gguf names it" in capsys.readouterr().err and not card.exists()
    assert convert.main([str(files.task), "--card", str(card), "--task-of", str(files.backbone)]) == 0
    _, body = parts_of(card)
    assert "A task file, which goes with its backbone" in body and "--backbone backbone.gguf" in body
    assert "dp_model_open_task(backbone" in body


def test_what_is_refused(converted, capsys):
    card = card_of(converted)
    model = str(converted.output)

    def refused(*arguments) -> str:
        assert convert.main([str(argument) for argument in arguments]) == 1
        return capsys.readouterr().err

    assert "exists; --force replaces it" in refused(model, "--card", card)
    assert "is what the card is made of" in refused(model, "--card", model, "--force")
    assert "not a little-endian GGUF file" in refused(card, "--card", card.with_name("other.md"))
    checkpoint = converted.folder / "checkpoint.pth"
    assert "is the output, too" in refused(checkpoint, "-o", card, "--card", card, "--force")
    assert parts_of(card)[0]["library_name"] == "libdualpath"
    for wrong in (["--dry-run", "--card", "x"], ["--inspect", "--card", "x"], ["-o", "x", "--measured", "x"], []):
        with pytest.raises(SystemExit) as ended:
            convert.main([model, *map(str, wrong)])
        assert ended.value.code == 2
    assert not list(converted.folder.glob(".dualpath*"))


# ---- what was measured ----


@pytest.fixture
def measured(converted, capsys):
    """What dualpath-evaluate printed about the model, in a file."""
    folder = converted.folder
    random = np.random.default_rng(0)
    for i in range(6):
        np.save(folder / f"{i}.npy", random.integers(0, 256, (16, 20, 20, 3), np.uint8))
    (folder / "list.csv").write_text("path,split,label\n" + "".join(f"{i}.npy,test,{i % 2}\n" for i in range(6)))
    capsys.readouterr()
    evaluate.main([str(converted.output), str(folder / "list.csv"), "--split", "test", "--json",
                   "--precision", "f32", "int8", "--threads", "1"])
    (folder / "measured.json").write_text(capsys.readouterr().out)
    return folder / "measured.json"


def test_evaluate_prints_json(converted, measured, capsys):
    known = json.loads(measured.read_text())
    assert known["sha256"] == hashlib.sha256(converted.output.read_bytes()).hexdigest()
    assert (known["file"], known["list"], known["split"], known["clips"]) == ("model.gguf", "list.csv", "test", 6)
    assert known["library"] == dualpath.library_version() and known["backbone_sha256"] is None
    evaluate.main([str(converted.output), str(measured.parent / "list.csv"), "--precision", "f32", "int8"])
    printed = capsys.readouterr().out
    for one in known["results"]:
        assert f"precision: {one['precision']}\ntop-1: {one['top_1']} of 6 clips" in printed
        assert one["threads"] == 1 and one["clips_per_second"] > 0
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["m", "l", "--json", "--confusion", "x.png"])
    assert ended.value.code == 2


def test_card_has_what_was_measured(converted, measured):
    _, body = parts_of(card_of(converted, "--measured", measured))
    assert "On the 6 clips of list.csv, split test, with 1 view and 1 crop of a clip" in body
    known = json.loads(measured.read_text())
    for one in known["results"]:
        assert f"| {one['precision']} | {one['top_1'] / 6:.1%} ({one['top_1']}) | " in body
    assert "Nothing was measured" not in body


def test_measurements_of_another_file(converted, measured):
    known = json.loads(measured.read_text())
    measured.write_text(json.dumps({**known, "sha256": "0" * 64}))
    status, printed = converted._main(converted.output, "--card", converted.folder / "c.md", "--measured", measured)
    assert status == 1 and "was measured with a file of other bytes than" in printed.err
    assert not (converted.folder / "c.md").exists()


@pytest.mark.parametrize("change, sentence", [
    ({"results": []}, "there are no results"), ({"results": [1]}, "a result is no object"),
    ({"clips": 0}, "clips is missing, or not a whole number from 1"), ({"clips": True}, "clips is missing"),
    ({"list": None}, "list is missing, or no text"), ({"split": 3}, "split is missing, or no text"),
    ({"results": [{"precision": "f32"}]}, "kernels is missing"), ({"clips": 1}, "top_1 is missing, or not"),
])
def test_measurements_that_are_none(converted, measured, change, sentence):
    known = json.loads(measured.read_text())
    known["results"][0]["top_1"] = 3
    measured.write_text(json.dumps({**known, **change}))
    status, printed = converted._main(converted.output, "--card", converted.folder / "c.md", "--measured", measured)
    assert status == 1 and sentence in printed.err


def test_methods_are_those_of_the_library():
    names = {dualpath._lib.name_of("method", number) for number in range(32)} - {"unknown"}
    assert set(_card._METHODS) == names - {"probe"}
