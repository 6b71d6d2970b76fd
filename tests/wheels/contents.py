"""What is in the wheels: ``contents.py FOLDER WHEEL...``.

All have the Python files of the source tree, the licence, and one library under the name that the
package looks for on that system. Each is small enough, is what its name says, and holds the files
that its RECORD states. Libraries are put into FOLDER/PLATFORM, for those who look into them.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import runpy
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

LARGEST = 1_500_000
PACKAGE = Path("bindings/python/dualpath")
WRITTEN = {"dualpath/_version.py", "dualpath/LICENSE"}
STATED = runpy.run_path(str(PACKAGE / "_version.py"))
library_name = runpy.run_path(str(PACKAGE / "_system.py"))["library_name"]


def library_of(platform: str) -> str:
    system = {"win": "win32", "macosx": "darwin"}.get(platform.split("_")[0], "linux")
    return f"dualpath/{library_name(system, STATED['ABI_VERSION'])}"


def of_tree() -> dict[str, bytes]:
    """The files of the package that no wheel changes."""
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.glob("labels/*.txt"), PACKAGE / "py.typed"]
    known = {path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in known.items() if name not in WRITTEN}


def check_record(files: dict[str, bytes], info: str) -> None:
    """RECORD has each file but itself, with its hash and its size."""
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(files[f"{info}/RECORD"].decode()))}
    assert set(rows) == set(files), set(rows) ^ set(files)
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        expected = ["", ""] if name == f"{info}/RECORD" else [f"sha256={digest}", str(len(data))]
        assert rows[name] == expected, (name, rows[name])


def check_metadata(files: dict[str, bytes], info: str, tag: str) -> None:
    wheel = Parser().parsestr(files[f"{info}/WHEEL"].decode())
    assert wheel.get_all("Tag") == [tag], wheel.get_all("Tag")
    assert wheel["Root-Is-Purelib"] == "false"
    said = Parser().parsestr(files[f"{info}/METADATA"].decode())
    assert (said["Name"], said["Version"]) == ("dualpath", STATED["VERSION"])
    assert said["Requires-Python"] == ">=3.9"
    assert [need for need in said.get_all("Requires-Dist") if "extra" not in need] == ["numpy>=1.22"]


def check_wheel(path: Path, folder: Path) -> None:
    name, version, *tag = path.stem.split("-")
    platform = tag[-1]
    assert (name, version, tag[:2]) == ("dualpath", STATED["VERSION"], ["py3", "none"]), path
    assert path.stat().st_size < LARGEST, f"{path} has {path.stat().st_size} bytes"
    with zipfile.ZipFile(path) as archive:
        files = {member: archive.read(member) for member in archive.namelist()}
    info, library = f"dualpath-{version}.dist-info", library_of(platform)
    check_record(files, info)
    check_metadata(files, info, "-".join(tag))
    of_package = {member for member in files if not member.startswith(info)}
    expected = of_tree()
    assert of_package == {*expected, *WRITTEN, library}, of_package ^ {*expected, *WRITTEN, library}
    assert all(files[member] == data for member, data in expected.items())
    target = folder / platform / Path(library).name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(files[library])
    print(f"{path.name}: {path.stat().st_size} bytes, the library {len(files[library])}")


def main(folder: str, *wheels: str) -> None:
    for wheel in wheels:
        check_wheel(Path(wheel), Path(folder))


main(*sys.argv[1:])
