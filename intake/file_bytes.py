"""The bytes of one file: opened safely, read once, hashed, and turned into UTF-8 text.

Whatever the declared encoding, the text is UTF-8 with LF or CRLF line ends, so that one reader
judges all. Bytes that are no text in the declared encoding are passed on; they are not valid UTF-8
either, and the reader finds the record that holds them.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from intake.refusals import FileRefusedError

BLOCK_BYTES = 2 << 20
_INFLATE_BYTES = 1 << 20
_HEAD_BYTES = 4096
_SINGLE_BYTE = ("cp1252", "latin-1", "iso-8859-15")
_CR_TO_LF = bytes.maketrans(b"\r", b"\n")

Progress = Callable[[int], None]
"""Called with the number of bytes that were just read."""

_KINDS = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\xff\xfe\x00\x00", "UTF-32 text"),
    (b"\x00\x00\xfe\xff", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_TEXT_KINDS = (
    ((b"<!doctype html", b"<html", b"<head", b"<body"), "an HTML page"),
    ((b"<",), "an XML or HTML document"),
    ((b"{", b"["), "a JSON document"),
)
_WORKBOOK = "an Excel workbook"

EXPECTED_KIND = {"csv_gz": "a gzip archive", "xlsx": _WORKBOOK, "parquet": "a Parquet file"}


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Keep a delivery folder open and yield its handle; files are looked up there only."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


class SourceBytes:
    """The bytes of one file, read once from start to end.

    Parameters
    ----------
    folder_handle : int
        Open handle of the delivery folder: a file is looked up there and nowhere else.
    progress : callable, optional
        Called with the size of every block.

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
                raise FileRefusedError("symbolic_link", "is a symbolic link.") from None
            if error.errno == errno.ENOENT:
                raise _changed("vanished before it was read.") from None
            raise FileRefusedError(
                "unreadable", f"cannot be opened ({(error.strerror or 'error').lower()})."
            ) from None
        self._state = os.fstat(self._handle)
        if not stat.S_ISREG(self._state.st_mode):
            self.close()
            kind = "a directory" if stat.S_ISDIR(self._state.st_mode) else "not a plain file"
            raise FileRefusedError("not_a_file", f"is {kind}.")
        if self._state.st_size == 0:
            self.close()
            raise FileRefusedError("empty_file", "has 0 bytes.")

    @property
    def sha256(self) -> str:
        """Hash of the bytes read so far, in hex."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks; afterwards compare it with its state at the start.

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
    return FileRefusedError("changed_while_read", cause)


def kind_of(head: bytes) -> str | None:
    """Return the kind of a file by its first bytes, in words; None for plain text."""
    for magic, kind in _KINDS:
        if head.startswith(magic):
            is_workbook = b"xl/" in head or b"[Content_Types].xml" in head
            return _WORKBOOK if kind == "a zip archive" and is_workbook else kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    found = [kind for starts, kind in _TEXT_KINDS if text.startswith(starts)]
    if not found and len(head) >= 64 and _looks_like_utf16(head[:2048]):
        found = ["UTF-16 text without a byte order mark"]
    return found[0] if found else None


def _looks_like_utf16(head: bytes) -> bool:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    return max(even, odd) > 0.9 * half and min(even, odd) < 0.1 * half


def check_kind(head: bytes, file_format: str, encoding: str = "utf-8") -> None:
    """Refuse a file whose bytes are not what its name or the mapping says.

    Parameters
    ----------
    file_format : str
        csv, csv_gz, xlsx or parquet.

    Raises
    ------
    FileRefusedError
        The file is of another kind.
    """
    kind = kind_of(head)
    if kind == EXPECTED_KIND.get(file_format):
        return
    if kind is not None and kind.startswith("UTF-16") and encoding.startswith("utf-16"):
        return
    if kind is not None and kind.startswith("UTF-"):
        raise FileRefusedError("wrong_encoding", f"looks like {kind}, and {encoding} is declared.")
    name = {"csv": "text", "csv_gz": "a gzip archive"}.get(file_format, f"a {file_format} file")
    raise FileRefusedError("wrong_kind", f"looks like {kind or 'plain text'}, not like {name}.")


def check_first_line(head: bytes, encoding: str) -> None:
    """Refuse text whose first line is not of the declared encoding, before its header is judged.

    Parameters
    ----------
    head : bytes
        The first bytes; nothing is judged when they hold no whole line.
    encoding : str
        Python's name of the declared encoding.

    Raises
    ------
    FileRefusedError
        Otherwise the columns would be reported as missing.
    """
    line, is_ended, _ = head.partition(b"\n")
    if not is_ended or line.isascii() or encoding.startswith("utf-16"):
        return
    try:
        line.decode("utf-8")
        is_utf8 = True
    except UnicodeDecodeError:
        is_utf8 = False
    if is_utf8 != (encoding == "utf-8"):
        found = "is UTF-8 text" if is_utf8 else "is not UTF-8 text"
        raise FileRefusedError("wrong_encoding", f"{found}, and {encoding} is declared.")


def inflate(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate a gzip file of one or more members, at most 1 MiB at a time.

    Raises
    ------
    FileRefusedError
        The archive is cut or damaged; nothing that still inflates is used.
    """
    engine = zlib.decompressobj(wbits=31)
    is_between_members = True
    for block in blocks:
        rest = block
        while rest or not is_between_members:
            if is_between_members and not rest.strip(b"\0"):
                break  # zero padding after the last member, as tapes leave it
            is_between_members = False
            try:
                text = engine.decompress(rest, _INFLATE_BYTES)
            except zlib.error:
                raise FileRefusedError("damaged_archive", "is a damaged gzip archive.") from None
            if text:
                yield text
            rest = engine.unconsumed_tail
            if engine.eof:
                rest = engine.unused_data
                engine = zlib.decompressobj(wbits=31)
                is_between_members = True
            elif not rest and len(text) < _INFLATE_BYTES:
                break
    if not is_between_members:
        raise FileRefusedError("cut_file", "is a gzip archive that ends too early.")


def with_head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first 4,096 bytes or more of a stream, and the whole stream."""
    head = b""
    while len(head) < _HEAD_BYTES:
        block = next(blocks, None)
        if block is None:
            break
        head += block

    def whole() -> Iterator[bytes]:
        if head:
            yield head
        yield from blocks

    return head, whole()


def to_utf8(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Turn text into UTF-8; bytes that are no text in the declared encoding are passed on.

    Parameters
    ----------
    encoding : str
        Python's name of the declared encoding.

    Raises
    ------
    FileRefusedError
        The text is plainly of another encoding than declared.
    """
    if encoding == "utf-8":
        yield from blocks
    elif encoding in _SINGLE_BYTE:
        yield from _from_single_byte(blocks, encoding)
    else:
        yield from _from_utf16(blocks, encoding)


def _from_single_byte(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    n_utf8 = n_other = 0
    probe = codecs.getincrementaldecoder("utf-8")()
    for block in blocks:
        if block.isascii():
            yield block
            continue
        if not n_other:
            try:
                probe.decode(block)
                n_utf8 += 1
            except UnicodeDecodeError:
                n_other += 1
        # An undefined byte becomes a lone surrogate and then the same byte again.
        yield block.decode(encoding, "surrogateescape").encode("utf-8", "surrogateescape")
    if n_utf8 and not n_other:
        raise FileRefusedError(
            "wrong_encoding",
            f"is UTF-8 text, and {encoding} is declared.",
            "Declare encoding: utf-8 in the mapping.",
        )


def _from_utf16(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    head, blocks = with_head(blocks)
    if encoding == "utf-16" and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileRefusedError(
            "wrong_encoding",
            "has no byte order mark, and utf-16 is declared.",
            "Declare utf-16-le or utf-16-be, or the encoding that it really has.",
        )
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise FileRefusedError(
            "cut_file",
            "ends in the middle of a character.",
            "The file is cut or not UTF-16; export it again.",
        ) from None


def with_line_feeds(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Turn lone carriage returns into line feeds in a file that has no other line end.

    Raises
    ------
    FileRefusedError
        The first line ends in CR and another one in LF.
    """
    head, blocks = with_head(blocks)
    first = head.find(b"\r")
    if first < 0 or first + 1 == len(head) or b"\n" in head[: first + 2]:
        yield from blocks
        return
    for block in blocks:
        if b"\n" in block:
            raise FileRefusedError("mixed_line_ends", "ends its first line in CR and others in LF.")
        yield block.translate(_CR_TO_LF)
