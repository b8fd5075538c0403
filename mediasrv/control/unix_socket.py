"""Unix sockets: one that is ours alone, in the place of one that a dead server left, and who is at the other end."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from typing import NamedTuple

_UCRED = struct.Struct("3i")  # pid, uid, gid


class UnixSocketError(Exception):
    """The socket cannot be made; the text says why and what to do."""


class BoundSocket(NamedTuple):
    """A listening socket, and which file it made: another server may have put its own in that place since."""

    socket: socket.socket
    path: str
    inode: int

    def remove(self) -> None:
        """Remove the file, if it is still this one."""
        with contextlib.suppress(OSError):
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)


def bind(path: str) -> BoundSocket:
    """Bind `path` with mode 0600. Raises `UnixSocketError`."""
    _remove_stale(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # not chmod: that would leave a moment in which others may connect
    try:
        made.bind(path)
        return BoundSocket(made, path, os.stat(path).st_ino)
    except OSError as error:
        made.close()
        raise UnixSocketError(
            f"cannot make the Unix socket {path}: {error.strerror}; choose another --control"
        ) from None
    finally:
        os.umask(before)


def peer_uid(connected: socket.socket) -> int:
    """The user id of the process that connected, as the kernel saw it then (SO_PEERCRED)."""
    _pid, uid, _gid = _UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)


def _remove_stale(path: str) -> None:
    """Remove the file of a server that has gone. Raises `UnixSocketError` if it is anything else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnixSocketError(f"cannot look at {path}: {error.strerror}; choose another --control") from None
    if not stat.S_ISSOCK(mode):
        raise UnixSocketError(f"{path} is there, and is no socket: it is left alone; choose another --control")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            reason = error.strerror or "it does not answer"
            raise UnixSocketError(f"cannot tell whether anybody uses the Unix socket {path}: {reason}") from None
    raise UnixSocketError(f"the Unix socket {path} is in use: is another mediasrv running? Choose another --control")
