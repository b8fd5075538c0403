"""The folder that holds what a server keeps, and the lock that makes it the only server that uses it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

LOCK_NAME = "lock"


class DataFolderError(Exception):
    """The folder cannot be used; the text says why and what to do."""


def default_data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where data goes if nobody says: the folder systemd gives (`StateDirectory=`), else the user's for state."""
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    if state := environment.get("XDG_STATE_HOME"):
        return Path(state) / "mediasrv"
    return Path(environment.get("HOME") or "/var/lib") / ".local" / "state" / "mediasrv"


class DataFolder:
    """A folder only its owner can read. The lock goes with the process, however it ends."""

    def __init__(self, path: Path, lock: BinaryIO, *, temporary: bool = False) -> None:
        self.path = path
        self.temporary = temporary
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Make the folder if it is missing, and lock it. Raises `DataFolderError`."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (path / LOCK_NAME).open("ab")
        except OSError as error:
            raise DataFolderError(
                f"cannot write to the data folder {path}: {error.strerror}; choose another with --data-dir"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise DataFolderError(f"cannot lock the data folder {path}: {error.strerror}") from None
            raise DataFolderError(
                f"the data folder {path} is in use by another mediasrv: stop it, or give this one "
                "its own with --data-dir"
            ) from None
        return cls(path, lock)

    @classmethod
    def make_temporary(cls) -> DataFolder:
        """A folder that is gone when it is closed. Raises `DataFolderError`."""
        try:
            path = Path(tempfile.mkdtemp(prefix="mediasrv-"))
        except OSError as error:
            raise DataFolderError(f"cannot make a temporary folder: {error.strerror}; give --data-dir") from None
        folder = cls.open(path)
        folder.temporary = True
        return folder

    def close(self) -> None:
        """Give the lock back; idempotent."""
        self._lock.close()
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)
