"""Bytes to text: inflating, decoding and line ends, block by block.

Whatever the declared encoding, the result is UTF-8 with LF or CRLF line ends, so that one reader
judges all. Bytes that are no text in the declared encoding stay as they are; they are no valid
UTF-8 either, and the record that holds them is found by the reader.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator

from intake.errors import FileRefusedError

_INFLATE_BYTES = 1 << 20
_ENOUGH_TO_TELL = 4096

_SINGLE_BYTE = ("cp1252", "latin-1", "iso-8859-15")


def inflate(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate a gzip file of one or more members.

    Parameters
    ----------
    blocks : iterator of bytes
        The file.

    Yields
    ------
    bytes
        At most 1 MiB at a time.

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
                raise FileRefusedError(
                    "damaged_archive", "is a damaged gzip archive.", "Deliver it again."
                ) from None
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
        raise FileRefusedError(
            "cut_file", "is a gzip archive that ends too early.", "Deliver it again."
        )


def with_head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of a stream, and the whole stream.

    Parameters
    ----------
    blocks : iterator of bytes
        The stream.

    Returns
    -------
    tuple
        At least 4,096 bytes if there are as many, and an iterator that starts with them.
    """
    head = b""
    while len(head) < _ENOUGH_TO_TELL:
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
    """Turn text of the declared encoding into UTF-8.

    Parameters
    ----------
    blocks : iterator of bytes
        The text.
    encoding : str
        Python's name of the declared encoding.

    Yields
    ------
    bytes
        UTF-8; bytes that are no text in the declared encoding are passed on.

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

    Parameters
    ----------
    blocks : iterator of bytes
        UTF-8 text.

    Yields
    ------
    bytes
        Text whose lines end in LF or CRLF.

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
            raise FileRefusedError(
                "mixed_line_ends",
                "ends its first line in CR and others in LF.",
                "Export it again with one kind of line end.",
            )
        yield block.translate(_CR_TO_LF)


_CR_TO_LF = bytes.maketrans(b"\r", b"\n")
