"""What ``python -m dualpath`` reads, beside the program in C."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from command_line import both, folder, known, run_python, y4m  # noqa: F401

import dualpath


@pytest.mark.parametrize("color", [None, "bt709-full"])
@pytest.mark.parametrize("clip", ["420p10", "444p12", "411", "mono16", "420mpeg2", "420", "422"])
def test_y4m(both, released, folder, clip, color):
    given = ["--color", color] if color else []
    path = folder / f"{clip}.y4m"
    from_file = both("classify", released.model, path, "--json", *given)
    assert from_file.status == 0
    piped = both("classify", released.model, "-", "--json", *given, stdin=path.read_bytes())
    assert known(piped) == known(from_file)


@pytest.mark.parametrize("fps", ["3", "12.5", "100"])
@pytest.mark.parametrize("options", [(), ("--sampling", "uniform", "--views", "2")], ids=str)
def test_by_time(both, released, folder, fps, options):
    path = folder / "420.y4m"
    for source, stdin in [(path, b""), ("-", path.read_bytes())]:
        ended = both("classify", released.model, source, "--json", "--sample-fps", fps, *options, stdin=stdin)
        assert json.loads(ended.out)["frame_times"]
    ended = both("classify", released.model, folder / "clip.npy", "--sample-fps", fps)
    assert ended.status == 1 and b"does not say when its frames are shown" in ended.err


@pytest.mark.parametrize("format", ["rgb24", "bgr24", "rgba", "bgra", "gray8", "nv12", "i420"])
def test_raw_frames(both, released, folder, format):
    for options in ([], ["--color", "bt2020-full"]):
        ended = both("classify", released.model, folder / "clip.rgb", "--size", "8x6", "--json",
                     "--format", format, *options)
        assert ended.status == 0 and json.loads(ended.out)["source"]["format"] == format
    ended = both("classify", released.model, folder / "clip.rgb", "--size", "35x7", "--format", format)
    assert ended.status == 1 and b"--size or --format may be another" in ended.err


def test_given(both, released, folder):
    assert both("classify", released.model, folder / "given.npy", "--sampling", "given").status == 0
    for source, stdin in [(folder / "clip.npy", b""), ("-", (folder / "clip.npy").read_bytes())]:
        ended = both("classify", released.model, source, "--sampling", "given", stdin=stdin)
        assert ended.status == 1 and b"holds 40 frames" in ended.err


def test_a_cut_off_recording(both, released, folder):
    film = (folder / "420.y4m").read_bytes()
    for stdin in (film[:-7], film[:-(37 * 21 + 2 * 19 * 11) - 3], film + b"FRA"):
        ended = both("classify", released.model, "-", "--json", stdin=stdin)
        assert ended.status == 0 and b"cut off within frame" in ended.err
        assert json.loads(ended.out)["source"]["cut_off"]


def test_interlaced(both, released):
    film = y4m("420", 32, 24, 20, np.random.default_rng(1), "F25:1 It A16:11")
    ended = both("classify", released.model, "-", "--json", stdin=film)
    assert b"warning: interlaced" in ended.err and json.loads(ended.out)["source"]["aspect"] == [16, 11]


Y4M_HEADERS = [
    "W16 H16 C420 F0:0", "W16 H16 XCOLORRANGE=FULL", "W16 H16 XYSCSS=444", "W16 H16 C420 XYSCSS=444",
    "W1300 H2", "W2 H577", "W16 H16 A0:0", "W16 H16 A200000:100000", "W16 H16 Ip F25", "W16 H16 C420p8",
    "W16 H16 C444p16", "W16 H16 Cmono XCOLORRANGE=LIMITED", "W0 H16", "W16", "W16 H70000", "W16 Hx",
    "W16 H16 C410", "W16 H16 C420p17", "W16 H16 A1:x", "W16 H16 A1", "", "W16 H16 Zx  F30:1 I?",
]


@pytest.mark.parametrize("header", Y4M_HEADERS)
def test_headers_of_y4m(both, released, header):
    ended = both("classify", released.model, "-", "--json", "--rate", "1",
                 stdin=f"YUV4MPEG2 {header}\n".encode() + 3 * (b"FRAME\n" + bytes(range(256)) * 14))
    assert ended.status in (0, 1)


@pytest.mark.parametrize("stdin", [
    b"", b"Y", b"YUV4MPEG2", b"YUV4MPEG\n", b"YUV4MPEG2 W16 H16\n", b"YUV4MPEG2 W16 \0 H16\n",
    b"YUV4MPEG2 W16 H16\nFRAMES\n" + bytes(384), b"Y" * 5000, b"GGUF" + bytes(40), b"\x1f\x8b" + bytes(40),
    b"\x89PNG\r\n" + bytes(40), b"0000ftypisom" + bytes(40), b"hello, world", b"\x93NUMPI" + bytes(40),
    b"\x93NUMPY\x04\0" + bytes(40),
], ids=repr)
def test_foreign_bytes(both, released, stdin):
    ended = both("classify", released.model, "-", stdin=stdin)
    assert ended.status == 1 and ended.out == b"" and ended.err.count(b"\n") == 1


def test_arrays_that_are_refused(both, released, tmp_path):
    path = tmp_path / "clip.npy"
    for array, sentence in [
        (np.zeros((2, 4, 4, 3), np.float32), "the array is of type '<f4'"),
        (np.zeros((2, 4, 4, 4), np.uint8), "the last of them not 3"),
        (np.zeros((4, 4, 3), np.uint8), "an array of 3 dimensions"),
        (np.asfortranarray(np.zeros((2, 4, 5, 3), np.uint8)), "Fortran order"),
        (np.zeros((0, 4, 4, 3), np.uint8), "holds no frames"),
    ]:
        np.save(path, array)
        ended = both("classify", released.model, path)
        assert ended.status == 1 and sentence.encode() in ended.err
    np.save(path, np.zeros((4, 4, 4, 3), np.uint8))
    whole = path.read_bytes()
    for stdin, sentence in [(whole + b"x", b"goes on after the array"), (whole[:-5], b"is cut short")]:
        assert sentence in both("classify", released.model, "-", stdin=stdin).err


def test_frames_that_have_no_room(capfdbinary, monkeypatch, released):
    film = y4m("420", 640, 480, 1, np.random.default_rng(0)) + b"FRAME\n" + bytes(640 * 480 * 3 // 2)
    with dualpath.Model(released.model, max_memory=1 << 30) as model, dualpath.Session(model):
        taken = model.counted_bytes()
    ended = run_python(capfdbinary, monkeypatch, ["classify", released.model, "-", "--sampling", "uniform",
                                                  "--max-memory", f"{(taken >> 10) + 600}K"], film)
    assert ended.status == 1 and b"frame 2 of 640 x 480 pixels and those before it take" in ended.err


# ---- with PyAV ----


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Video files by ffmpeg."""
    pytest.importorskip("av", reason="PyAV is not installed")
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("there is no ffmpeg, or no ffprobe")
    folder = tmp_path_factory.mktemp("films")
    for name, source, options in [
        ("plain.mp4", "size=64x48:rate=25", "-c:v mpeg4 -bf 2 -pix_fmt yuv420p"),
        ("tagged.mkv", "size=64x48:rate=25", "-c:v ffv1 -pix_fmt yuv422p10le -colorspace bt709 -color_range tv"),
        ("full.mkv", "size=64x48:rate=25,setsar=16/11", "-c:v ffv1 -pix_fmt yuv444p -color_range pc"),
        ("gray.mkv", "size=64x48:rate=25", "-c:v ffv1 -pix_fmt gray"),
        ("rgb.mkv", "size=64x48:rate=25", "-c:v ffv1 -pix_fmt bgr0"),
        ("wide.mkv", "size=1280x8:rate=25", "-c:v ffv1 -pix_fmt yuv420p"),
    ]:
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                        f"testsrc2=duration=3:{source}", *options.split(), folder / name], check=True)
    return folder


FILMS = ["plain.mp4", "tagged.mkv", "full.mkv", "gray.mkv", "rgb.mkv", "wide.mkv"]


@pytest.mark.parametrize("options", [(), ("--sample-fps", "9.5"), ("--color", "bt2020-full", "--rotate", "270"),
                                     ("--mirror", "--aspect", "2:1", "--views", "2")], ids=str)
@pytest.mark.parametrize("name", FILMS)
def test_films(both, released, films, name, options):
    assert both("classify", released.model, films / name, "--json", *options).status == 0
    if "--views" not in options:
        assert both("watch", released.model, films / name, "--json", *options).out.count(b"\n") > 1


def test_interlaced_films(both, released, films, tmp_path):
    path = tmp_path / "combed.mkv"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=2",
                    "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p", path], check=True)
    ended = both("classify", released.model, path, "--json", same_errors=False)
    assert json.loads(ended.out)["source"]["interlaced"]
    assert f"dualpath: {path}: warning: is interlaced".encode() in ended.err


def test_an_array_that_states_too_much(both, released, tmp_path):
    """The header is no measure of what is there."""
    path = tmp_path / "clip.npy"
    np.save(path, np.zeros((20, 4, 4, 3), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(20, 4, 4, 3)", b"(99999999999999, 4, 4, 3)")[:200])
    ended = both("classify", released.model, path, same_errors=False)
    assert ended.status == 1 and ended.err.count(b"\n") == 1


def test_files_that_are_no_film(both, released, films, tmp_path):
    path = tmp_path / "no.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    ended = both("classify", released.model, path, same_errors=False)
    assert ended.status == 1 and ended.err.startswith(f"dualpath: {path}: ".encode()) and ended.err.count(b"\n") == 1


def test_without_pyav(capfdbinary, monkeypatch, released, films):
    monkeypatch.setitem(sys.modules, "av", None)
    ended = run_python(capfdbinary, monkeypatch, ["classify", released.model, str(films / "plain.mp4")])
    assert ended.status == 1 and b"reading video files needs PyAV: pip install 'dualpath[video]'" in ended.err


@pytest.mark.parametrize("mode", ["rgb24", "gray", "pal8", "rgba", "ya8", "monob", "rgb48be", "gray16be", "rgba64be", "ya16be"])
def test_directories_of_pictures(both, released, films, tmp_path, mode):
    """Numbers in names count as numbers."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=48x32:rate=20:duration=1",
                    "-pix_fmt", mode, "-start_number", "0", tmp_path / "frame%d.png"], check=True)
    (tmp_path / "notes.txt").write_text("no picture")
    assert both("classify", released.model, tmp_path, "--json", "--rate", "1").status == 0
    both("watch", released.model, tmp_path, "--rate", "1", "--hop", "1")


def test_cameras(capfdbinary, monkeypatch, released):
    """A device of FFmpeg that draws stands for a camera."""
    pytest.importorskip("av", reason="PyAV is not installed")
    source = "testsrc2=size=64x48:rate=20:duration=4"
    ended = run_python(capfdbinary, monkeypatch, ["watch", released.model, source, "--device", "lavfi",
                                                  "--rate", "1", "--hop", "4", "--json"])
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.status == 0 and lines and lines[0]["start"] >= 0
    for line in lines:  # frames may be lost, never times
        assert np.allclose(np.diff(line["frames"]), np.diff(line["frames"]).astype(int))
        assert 0 <= line["start"] < line["end"] < 4
    ended = run_python(capfdbinary, monkeypatch, ["watch", released.model, "/dev/video99", "--device", "v4l2"])
    assert ended.status == 1 and ended.err.startswith(b"dualpath: /dev/video99: ")
    ended = run_python(capfdbinary, monkeypatch, ["watch", released.model, "x", "--device", "no such"])
    assert ended.status == 1 and ended.err.count(b"\n") == 1
