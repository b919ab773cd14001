"""Opening one file of a delivery: plain files only, read once, hashed as they are read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator

from intake.errors import FileRefusedError

BLOCK_BYTES = 2 << 20

Progress = Callable[[int], None]
"""Called with the number of bytes that were just read."""


class SourceBytes:
    """The bytes of one file, read once from start to end.

    Parameters
    ----------
    folder_handle : int
        Open handle of the delivery folder: a file is looked up there and nowhere else.
    name : str
        Name in that folder.
    progress : callable, optional
        Told about every block.

    Raises
    ------
    FileRefusedError
        Not a plain file, not readable, or 0 bytes.
    """

    def __init__(self, folder_handle: int, name: str, progress: Progress | None = None) -> None:
        self._progress = progress or (lambda _: None)
        self._hash = hashlib.sha256()
        self.n_bytes = 0
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._handle = os.open(name, flags, dir_fd=folder_handle)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise FileRefusedError(
                    "symbolic_link", "is a symbolic link.", "Deliver the file itself."
                ) from None
            if error.errno == errno.ENOENT:
                raise _changed("vanished before it was read.") from None
            raise FileRefusedError(
                "unreadable",
                f"cannot be opened ({(error.strerror or 'error').lower()}).",
                "Check its permissions.",
            ) from None
        self._state = os.fstat(self._handle)
        if not stat.S_ISREG(self._state.st_mode):
            self.close()
            kind = "a directory" if stat.S_ISDIR(self._state.st_mode) else "not a plain file"
            raise FileRefusedError(
                "not_a_file", f"is {kind}.", "Deliver one plain file per export."
            )
        if self._state.st_size == 0:
            self.close()
            raise FileRefusedError("empty_file", "has 0 bytes.", "Export it again.")

    @property
    def sha256(self) -> str:
        """Hash of the bytes read so far, in hex."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks; afterwards hold it against its state at the start.

        Yields
        ------
        bytes

        Raises
        ------
        FileRefusedError
            The file cannot be read to its end, or changed while it was read.
        """
        while True:
            try:
                block = os.read(self._handle, BLOCK_BYTES)
            except OSError as error:
                raise FileRefusedError(
                    "unreadable",
                    f"cannot be read to its end ({(error.strerror or 'error').lower()}).",
                    "Copy the delivery again.",
                ) from None
            if not block:
                break
            self._hash.update(block)
            self.n_bytes += len(block)
            if self.n_bytes > self._state.st_size:
                raise _changed("grew while it was read.")
            self._progress(len(block))
            yield block
        state = os.fstat(self._handle)
        is_same = state.st_mtime_ns == self._state.st_mtime_ns
        if not is_same or self.n_bytes != self._state.st_size or state.st_size != self.n_bytes:
            raise _changed("changed while it was read.")

    def close(self) -> None:
        """Release the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _changed(cause: str) -> FileRefusedError:
    return FileRefusedError(
        "changed_while_read", cause, "Wait until the delivery is complete, then load it again."
    )
