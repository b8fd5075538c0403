"""A commit of this repository, built in a folder of its own, next to which the working tree can be measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bench-base"
MEASURED = ("ext", "setup.py", "bench")
BUILD_TIMEOUT_S = 300
# A module of the package in `from m cimport a`, `from m import a`, `import m` and `__import__("m")`.
_NEEDED = re.compile(
    r"""^\s*(?:from|import|__import__\(["'])\s*(mediaplane[\w.]*)(?:\s+c?import\s+(\w+))?""", re.MULTILINE
)


class NoBaseError(Exception):
    """There is nothing to compare with; the text says why."""


def git(*arguments: str) -> str:
    """Raises `NoBaseError`."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise NoBaseError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise NoBaseError(f"git {' '.join(arguments)}: {error.stderr.strip()}") from None
    return done.stdout.strip()


def find_base(wanted: str = "") -> str:
    """`wanted`; else where this branch left origin/main; else, on main itself, the commit before. Its full name."""
    if wanted:
        return git("rev-parse", "--verify", f"{wanted}^{{commit}}")
    head = git("rev-parse", "HEAD")
    try:
        left = git("merge-base", "origin/main", "HEAD")
    except NoBaseError:
        left = head
    if left != head:
        return left
    if git("status", "--porcelain", "--untracked-files=no", "--", *MEASURED):
        return head
    try:
        return git("rev-parse", "--verify", "HEAD~1^{commit}")
    except NoBaseError:
        raise NoBaseError("this commit has no parent here: it is the first one, or the clone is shallow") from None


def is_same(commit: str) -> bool:
    """Whether nothing that is measured differs between `commit` and the working tree."""
    changed = git("diff", "--name-only", commit, "--", *MEASURED)
    return not changed and not git("ls-files", "--others", "--exclude-standard", "--", *MEASURED)


def build(commit: str) -> Path:
    """Its source tree with the native modules built in place. Raises `NoBaseError`."""
    stamp = FOLDER / ".built"
    if stamp.is_file() and stamp.read_text() == commit:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    git("archive", "--format=tar", f"--output={FOLDER}.tar", commit)
    shutil.unpack_archive(f"{FOLDER}.tar", FOLDER, filter="data")
    Path(f"{FOLDER}.tar").unlink()
    if not (FOLDER / "bench").is_dir():
        raise NoBaseError(f"{commit[:12]} has no benchmarks")
    leave_out_what_is_not_measured()
    _take_over_what_is_built()
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise NoBaseError(f"{commit[:12]} did not build within {BUILD_TIMEOUT_S} s") from None
    if done.returncode:
        raise NoBaseError(f"{commit[:12]} does not build here: {(done.stderr or done.stdout).strip()[-2000:]}")
    stamp.write_text(commit)
    return FOLDER


def leave_out_what_is_not_measured() -> None:
    """A native module that no benchmark needs, not even through another one, would be compiled for nothing."""
    needed: set[Path] = set()
    found = [path for benchmark in (FOLDER / "bench").glob("bench_*.py") for path in _needed_by(benchmark)]
    while found:
        path = found.pop()
        if path not in needed:
            needed.add(path)
            found += [more for part in (path, path.with_suffix(".pxd")) if part.is_file() for more in _needed_by(part)]
    for path in (FOLDER / "ext").rglob("*.pyx"):
        if path not in needed:
            path.unlink()


def _needed_by(source: Path) -> Iterator[Path]:
    for package, name in _NEEDED.findall(source.read_text(encoding="utf-8")):
        for module in (package, f"{package}.{name}"):
            path = FOLDER / "ext" / Path(*module.split(".")).with_suffix(".pyx")
            if path.is_file():
                yield path


def _take_over_what_is_built() -> None:
    """Modules whose sources, and whatever these include, are the same there need not be compiled again.

    The build goes by the times of files: what is the same gets the time that it has here, what differs is of now.
    """
    sources = [path for path in FOLDER.rglob("*") if path.is_file()]
    unlike = {path for path in sources if not _is_copy(path)}
    if any(path.suffix == ".h" or path.name in ("setup.py", "pyproject.toml") for path in unlike):
        return
    for path in sources:
        if path in unlike:
            os.utime(path)
        else:
            shutil.copystat(_here(path), path)
    for path in sources:
        if path.suffix == ".pyx":
            for built in _built_of(path):
                there = FOLDER / built.relative_to(ROOT)
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(built, there)


def _built_of(path: Path) -> Iterator[Path]:
    """The C of a module, and its library where setuptools looks whether it is up to date."""
    code = _here(path).with_suffix(".c")
    if code.is_file():
        yield code
    folder = path.parent.relative_to(FOLDER / "ext")
    for libraries in (ROOT / "build").glob("lib.*"):
        yield from (libraries / folder).glob(f"{path.stem}.*.so")


def _here(path: Path) -> Path:
    return ROOT / path.relative_to(FOLDER)


def _is_copy(path: Path) -> bool:
    here = _here(path)
    return here.is_file() and here.read_bytes() == path.read_bytes()
