"""What the tests of jobs on clusters share: videos, the answers of one machine, and its comparison."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batches import batch
from conftest import ROOT
from videos import write_video

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

MODEL = str(ROOT / "tests" / "golden" / "released.gguf")
OPTIONS = {"logits": True, "features": True, "views": 2, "top": 3}
FILES = 60
BAD = 2
SHARED = Path(os.environ.get("DUALPATH_SHARED", ROOT.parent / "shared"))


class Videos:
    """Absolute paths, and the table of ``python -m dualpath batch``: OPTIONS are its options."""

    def __init__(self, folder: Path) -> None:
        for number in range(4):
            write_video(folder / f"{number}.avi", count=20 + number, seed=number)
        self.paths = [str(folder / f"{number:03}.mp4") for number in range(FILES)]
        for number, path in enumerate(self.paths[:-BAD]):
            Path(path).symlink_to(folder / f"{number % 4}.avi")
        Path(self.paths[-1]).write_text("no video")  # and the one before is missing
        (folder / "list.txt").write_text("\n".join(self.paths))
        out = folder / "one-machine.parquet"
        ran = batch(MODEL, folder / "list.txt", "-o", out, "--logits", "--features", "--views", "2", "--top", "3")
        assert ran.status == 3, ran
        self.expected = rows_of(out)


def rows_of(*files: str | Path) -> list[dict]:
    """Without what differs from run to run, in the order of paths. Floats are compared bit for bit."""
    return sorted_rows([row for file in files for row in parquet.ParquetFile(file).read().to_pylist()])


def sorted_rows(rows: list[dict]) -> list[dict]:
    known = [{**row, "decode_ms": None, "compute_ms": None, "duration": row["duration"] and f"{row['duration']:.9g}"}
             for row in rows]  # as many digits of the duration as a journal has
    return sorted(known, key=lambda row: row["path"])


def answers_in(folder: Path) -> list[dict]:
    return rows_of(*folder.glob("*.parquet"))


def parts_of(folder: Path) -> int:
    """How many batches a run has answered."""
    return len(glob.glob(str(folder / "_running-*" / "*.parquet")))


def wait_for(condition, what: str, seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s: {what}"
        time.sleep(0.01)


def processes(is_wanted) -> list[int]:
    """Of this machine, those whose command line is wanted."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if is_wanted(Path(path).read_bytes().replace(b"\0", b" ").decode(errors="replace")):
                found.append(int(path.split("/")[2]))
    return found


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def kill_in_the_middle(program: str, folder: Path, *arguments: str) -> None:
    """Runs a driver until some batches are answered, and kills it."""
    driver = subprocess.Popen([sys.executable, "-c", program, str(folder), *arguments],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_for(lambda: parts_of(folder) >= 3 or driver.poll() is not None, "no batch was answered")
        assert driver.poll() is None, (driver.communicate()[1] or b"").decode()[-2000:]
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()


def real_clips() -> list[str]:
    """A few clips that are not part of the repository."""
    clips = sorted(map(str, SHARED.glob("clips/test/*/*")))[::40]
    if not clips:
        pytest.skip(f"no {SHARED}/clips/test (DUALPATH_SHARED)")
    return clips


def small_models() -> dict[str, str]:
    """The model of actions that is shipped, as a task on its backbone."""
    models = ROOT / "examples" / "models"
    return {"model": str(models / "human-action.gguf"), "backbone": str(models / "backbone.gguf")}


def answers_of_one_machine(clips: list[str], tmp_path: Path) -> list[dict]:
    (tmp_path / "clips.txt").write_text("\n".join(clips))
    known = small_models()
    ran = batch(known["model"], tmp_path / "clips.txt", "-o", tmp_path / "clips.parquet", "--logits",
                "--backbone", known["backbone"], "--precision", "int8")
    assert ran.status == 0, ran
    return rows_of(tmp_path / "clips.parquet")
