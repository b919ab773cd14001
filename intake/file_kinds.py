"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from intake.errors import FileRefusedError

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

EXPECTED_KIND = {
    "csv_gz": "a gzip archive",
    "xlsx": _WORKBOOK,
    "parquet": "a Parquet file",
}


def kind_of(head: bytes) -> str | None:
    """Name the kind of a file.

    Parameters
    ----------
    head : bytes
        Its first bytes, a few thousand if there are as many.

    Returns
    -------
    str or None
        In words, with article; None when nothing but text can be said.
    """
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
    head : bytes
        Its first bytes.
    file_format : str
        csv, csv_gz, xlsx or parquet.
    encoding : str
        Declared encoding, for csv.

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
        raise FileRefusedError(
            "wrong_encoding",
            f"looks like {kind}, and {encoding} is declared.",
            "Declare the encoding in the mapping, or export the file again.",
        )
    name = {"csv": "text", "csv_gz": "a gzip archive"}.get(file_format, f"a {file_format} file")
    raise FileRefusedError(
        "wrong_kind",
        f"looks like {kind or 'plain text'}, not like {name}.",
        "Export it in the format that its name says, or correct the name.",
    )
