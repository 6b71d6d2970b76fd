"""
Two versions of the library, built side by side out of the source tree. CC, CFLAGS, CPPFLAGS,
LDFLAGS and ZLIB of the environment are used for both, and by their makefiles as well.
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "ZLIB")


@dataclass(frozen=True)
class Build:
    """A version that was built: its sources, and what came out of them."""

    name: str  # twelve digits of its commit, or "tree"
    source: Path
    folder: Path

    @property
    def static(self):
        return self.folder / "libdualpath.a"

    @property
    def shared(self):
        return (self.folder / "libdualpath.so").resolve()

    def program(self, name):
        """A program of this folder, compiled against this version's header and static library."""
        made = self.folder / name
        options = [*split("CPPFLAGS"), *split("CFLAGS"), *split("LDFLAGS")]
        run([*split("CC"), "-std=c11", "-I", self.source / "include", *options, "-o", made,
             HERE / f"{name}.c", self.static, *split("LIBS")])  # fmt: skip
        return made


def split(variable):
    return shlex.split(os.environ.get(variable, ""))


def run(command, **options):
    done = subprocess.run([str(word) for word in command], check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"same-bits: failed: {shlex.join(str(word) for word in command)}")
    return done


def commit_of(revision):
    command = ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise SystemExit(f"same-bits: there is no commit {revision!r}")
    return found.stdout.strip()


def extract_commit(commit, folder):
    """The files of a commit. A folder that is there is complete: it gets its name at the end."""
    if folder.exists():
        return
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    archive = run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE).stdout
    run(["tar", "-x", "-C", partial], input=archive)
    partial.rename(folder)


def drop_build_with_other_flags(folder):
    """The makefile of early versions looks at times only: what was built with other flags has to go."""
    record = folder / "flags.txt"
    flags = "".join(f"{name}={os.environ.get(name, '')}\n" for name in FLAGS)
    if not record.exists() or record.read_text() != flags:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        record.write_text(flags)


def build_version(revision, scratch):
    """Builds a commit, or, without a revision, the working tree."""
    name = commit_of(revision)[:12] if revision else "tree"
    source = scratch / name / "source" if revision else ROOT
    if revision:
        extract_commit(name, source)
    folder = (scratch / name / "build").resolve()
    drop_build_with_other_flags(folder)
    # The makefile gets its variables from the environment, not from the make that started us.
    environment = {key: value for key, value in os.environ.items() if "MAKEFLAGS" not in key}
    run(["make", "-s", f"-j{os.cpu_count()}", "-C", source, f"BUILD={folder}", "static", "shared"],
        env=environment)  # fmt: skip
    return Build(name, source, folder)


def build_both(base, head, scratch):
    if not base:
        raise SystemExit("same-bits: give REV=<commit>, and HEAD=<commit> if not the working tree")
    return build_version(base, scratch), build_version(head, scratch)


def vit_model(make_vit, scratch, name, *arguments):
    """A weight file with the sizes of ViT-B/16 and random weights, made once."""
    path = scratch / f"{name}.gguf"
    if not path.exists() or path.stat().st_mtime < Path(make_vit).stat().st_mtime:
        partial = path.with_suffix(".partial")
        run([make_vit, partial, *arguments])
        partial.rename(path)
    return path


def add_common_options(parser):
    parser.add_argument("--base", required=True)
    parser.add_argument("--head", default="", help="without it, the working tree")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for all that is made")
    parser.add_argument("--make-vit", type=Path, required=True, help="the program of make_vit.c")
