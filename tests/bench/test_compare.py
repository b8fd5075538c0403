"""When the comparison with an earlier commit fails, and with which commit it compares."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench import base_build, compare
from bench.base_build import NoBaseError, find_base, is_same

BASE_TREE = Path("/nowhere/base")
FORWARD, SEAL = "bench/a.py::forward ns_per_packet", "bench/a.py::seal ns_per_packet"


class Machine:
    """Measures what `cost` says, given whether it is the base and how often that was measured."""

    def __init__(self, cost: Callable[[bool, int], dict[str, float]]) -> None:
        self.cost = cost
        self.turns = {True: 0, False: 0}
        self.asked: list[list[str]] = []

    def measure(self, tree: Path, wanted: Iterable[str]) -> dict[str, float]:
        is_base = tree == BASE_TREE
        self.turns[is_base] += 1
        names = list(wanted)
        self.asked.append(names)
        measured = self.cost(is_base, self.turns[is_base])
        return {key: value for key, value in measured.items() if not names or key.rpartition(" ")[0] in names}


def compared(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> list[str]:
    """What is too dear in the end."""
    monkeypatch.setattr(compare, "measure", machine.measure)
    base, head = compare.compare(BASE_TREE, [], 25.0)
    return compare.too_dear(base, head, 25.0)


def test_what_costs_the_same_is_measured_no_more_than_needed(monkeypatch):
    machine = Machine(lambda is_base, turn: {FORWARD: 40.0, SEAL: 100.0 if is_base else 120.0})
    assert compared(monkeypatch, machine) == []
    assert machine.turns == {True: compare.TURNS, False: compare.TURNS}


def test_what_is_dearer_each_time_fails(monkeypatch):
    machine = Machine(lambda is_base, turn: {FORWARD: 40.0, SEAL: 100.0 if is_base else 130.0})
    assert compared(monkeypatch, machine) == [SEAL]
    assert machine.turns == dict.fromkeys((True, False), compare.TURNS + compare.MORE_TURNS)
    assert machine.asked[-1] == ["bench/a.py::seal"]


def test_a_disturbance_is_measured_again_and_forgotten(monkeypatch):
    def cost(is_base: bool, turn: int) -> dict[str, float]:
        return {FORWARD: 400.0 if not is_base and turn <= compare.TURNS + 1 else 40.0}

    machine = Machine(cost)
    assert compared(monkeypatch, machine) == []
    assert machine.turns[False] == compare.TURNS + 2


def test_a_disturbed_base_hides_nothing(monkeypatch):
    def cost(is_base: bool, turn: int) -> dict[str, float]:
        return {FORWARD: (90.0 if turn == 1 else 40.0) if is_base else 60.0}

    assert compared(monkeypatch, Machine(cost)) == [FORWARD]


def test_what_only_one_of_them_has_is_not_compared(monkeypatch):
    machine = Machine(lambda is_base, turn: {FORWARD: 40.0} if is_base else {SEAL: 1000.0})
    assert compared(monkeypatch, machine) == []


# --- the base -------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Run git in a repository with one commit on main."""

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    monkeypatch.setattr(base_build, "ROOT", tmp_path)
    commit(git, tmp_path, "one")
    return git, tmp_path


def commit(git: Callable[..., str], folder: Path, text: str) -> str:
    (folder / "ext").mkdir(exist_ok=True)
    (folder / "ext" / "a.pyx").write_text(text)
    git("add", "-A")
    git("commit", "-q", "-m", text)
    return git("rev-parse", "HEAD")


def test_a_branch_is_compared_with_where_it_left_main(repository):
    git, folder = repository
    left = git("rev-parse", "HEAD")
    commit(git, folder, "two")
    commit(git, folder, "three")
    git("update-ref", "refs/remotes/origin/main", left)
    assert find_base() == left
    assert not is_same(left)


def test_main_is_compared_with_the_commit_before(repository):
    git, folder = repository
    before = git("rev-parse", "HEAD")
    now = commit(git, folder, "two")
    assert find_base() == before  # there is no origin
    git("update-ref", "refs/remotes/origin/main", now)
    assert find_base() == before
    assert find_base("HEAD") == now
    assert is_same(now)


def test_what_is_not_committed_is_compared_with_the_last_commit(repository):
    git, folder = repository
    now = commit(git, folder, "two")
    (folder / "ext" / "a.pyx").write_text("three")
    assert find_base() == now
    assert not is_same(now)


def test_without_anything_to_compare_with_it_is_said_why(repository, tmp_path_factory, monkeypatch):
    git, folder = repository
    with pytest.raises(NoBaseError, match="has no parent here"):
        find_base()
    with pytest.raises(NoBaseError, match="no-such-commit"):
        find_base("no-such-commit")
    commit(git, folder, "two")
    shallow = tmp_path_factory.mktemp("clone") / "shallow"
    git("clone", "-q", "--depth", "1", f"file://{folder}", str(shallow))
    git("-C", str(shallow), "update-ref", "-d", "refs/remotes/origin/main")
    monkeypatch.setattr(base_build, "ROOT", shallow)
    with pytest.raises(NoBaseError, match="shallow"):
        find_base()


def test_a_base_is_built_without_what_no_benchmark_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(base_build, "FOLDER", tmp_path)
    package = tmp_path / "ext" / "mediaplane"
    (package / "wire").mkdir(parents=True)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "bench_a.py").write_text("from mediaplane.a import A\n")
    (tmp_path / "bench" / "server.py").write_text("from mediaplane.worker import Worker\n")
    (package / "a.pyx").write_text("from libc.stdint cimport int64_t\nfrom mediaplane.wire cimport b\n")
    (package / "a.pxd").write_text("from mediaplane.c cimport (\n    c_t,\n)\n")
    (package / "wire" / "b.pyx").write_text('def b():\n    __import__("mediaplane.d")\n')
    (package / "worker.pyx").write_text("from mediaplane.a cimport A\n")
    for name in ("c", "d", "mixer"):
        (package / f"{name}.pyx").touch()
    base_build.leave_out_what_is_not_measured()
    assert {path.stem for path in package.rglob("*.pyx")} == {"a", "b", "c", "d"}
