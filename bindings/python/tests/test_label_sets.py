"""The names of classes that the package has, and dualpath-convert --labels with the name of a data set."""

import os
import zlib
from pathlib import Path

import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import Archive

import dualpath
from dualpath._label_sets import LABEL_SETS, label_file
from dualpath._lists import read_labels

# Classes, some of their numbers, and the CRC-32 of the file, as they were when each list was compared
# with a public one.
KNOWN = {
    "kinetics-400": (400, {0: "abseiling", 171: "juggling soccer ball", 399: "zumba"}, 0xED29475A),
    "kinetics-600": (600, {0: "abseiling", 45: "bowling", 599: "zumba"}, 0xB1D806CF),
    "kinetics-700": (700, {0: "abseiling", 13: "arresting", 699: "zumba"}, 0x0B984833),
    "something-something-v2": (174, {0: "Approaching something with your camera",
                                     26: "Lifting a surface with something on it until it starts sliding down",
                                     173: "Wiping something off of something"}, 0xF637044E),
    "hmdb51": (51, {0: "brush_hair", 50: "wave"}, 0xB6F07092),
    "ucf101": (101, {6: "BaseballPitch", 35: "HammerThrow", 46: "JumpingJack", 47: "JumpRope",
                     92: "ThrowDiscus", 100: "YoYo"}, 0xDE2914BD),
    "diving-48": (48, {0: "Back 15som 05Twis FREE", 47: "Reverse Dive NoTwis TUCK"}, 0xEBEEFF01),
}


def test_all_sets_are_known():
    assert set(LABEL_SETS) == set(KNOWN)
    folder = Path(dualpath.__file__).parent / "labels"
    assert {path.stem for path in folder.iterdir()} == set(LABEL_SETS)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_lists_are_whole_and_in_order(name):
    count, some, crc = KNOWN[name]
    labels = read_labels(label_file(name))
    assert len(labels) == len(set(labels)) == count
    assert labels == sorted(labels, key=str.lower)
    assert {number: labels[number] for number in some} == some
    assert all(label == label.strip() and label.isascii() and label.isprintable() for label in labels)
    assert zlib.crc32(Path(label_file(name)).read_bytes()) == crc


def test_kinetics_is_what_torchvision_has():
    meta = pytest.importorskip("torchvision.models._meta", reason="torchvision is not installed")
    assert read_labels(label_file("kinetics-400")) == meta._KINETICS400_CATEGORIES


def test_sets_of_kinetics_share_most_of_their_names():
    """Of 400 classes 368 are in 600 under the same name, and of those all but 25 are in 700."""
    four, six, seven = (set(read_labels(label_file(f"kinetics-{n}"))) for n in (400, 600, 700))
    assert len(four & six) == 368 and len(six - seven) == 4 and len(seven - six) == 104


def save(run, classes, name="aim.pth"):
    sizes = checkpoints.Sizes(classes=classes)
    archive = Archive()
    return archive.write(run.folder / name, archive.state(checkpoints.aim(sizes)))


OPTIONS = ("--adapter-scale", "0.5", "--sampling-rate", "16")


@pytest.mark.parametrize("name", LABEL_SETS)
def test_labels_of_a_data_set(run, name):
    path = save(run, KNOWN[name][0])
    metadata, _, _ = run(path, *OPTIONS, "--labels", name)
    assert metadata["dualpath.labels"] == read_labels(label_file(name))


def test_labels_of_another_data_set(run):
    path = save(run, 400)
    message = run.refuse(path, *OPTIONS, "--labels", "kinetics-700")
    assert "kinetics-700: 700 labels; the model has 400 classes" in message
    assert "kinetics-710" in run.refuse(path, *OPTIONS, "--labels", "kinetics-710")


def test_a_file_of_the_same_name(run, monkeypatch):
    monkeypatch.chdir(run.folder)
    (run.folder / "hmdb51").write_text("a\nb\nc\n")
    path = save(run, 3)
    metadata, _, _ = run(path, *OPTIONS, "--labels", os.path.join(".", "hmdb51"))
    assert metadata["dualpath.labels"] == ["a", "b", "c"]
    assert "51 labels" in run.refuse_again(path, *OPTIONS, "--labels", "hmdb51")


def test_labels_without_a_head(run):
    source = {name: array for name, array in checkpoints.aim().items() if "cls_head" not in name}
    archive = Archive()
    path = archive.write(run.folder / "aim.pth", archive.state(source))
    assert "without a head" in run.refuse(path, *OPTIONS, "--labels", "hmdb51")
