"""Faults of bytes and files: encodings, incomplete copies, other formats named CSV."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

from simulator.faults.bench import Bench

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def _every_file(bench: Bench, change: Callable[[str], bytes]) -> None:
    for export in bench.tables:
        bench.write_bytes(export, change(bench.text(export)))


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content)
    return buffer.getvalue()


def bom(bench: Bench) -> None:
    """Put a byte order mark before every export."""
    _every_file(bench, lambda text: b"\xef\xbb\xbf" + text.encode())


def utf16_with_tabs(bench: Bench) -> None:
    """Write every export as UTF-16 with tabs, like a spreadsheet's "Unicode text"."""
    for export in bench.tables:
        text = bench.text(export, delimiter="\t", lineterminator="\r\n")
        bench.write_bytes(export, b"\xff\xfe" + text.encode("utf-16-le"))


def cp1252(bench: Bench) -> None:
    """Write prescriptions in Windows-1252 with accents and typographic marks in a free text."""
    for row in bench.pick("prescriptions", 5, "drug_name"):
        bench.put("prescriptions", row, "body_site", "dell’avambraccio – più volte, 12 €")
    bench.write_bytes("prescriptions", bench.text("prescriptions").encode("cp1252"))


def nul_tail(bench: Bench) -> None:
    """Pad visits with NUL bytes."""
    bench.write_bytes("visits", bench.read_bytes("visits") + b"\x00" * 4096)


def empty_file(bench: Bench) -> None:
    """Write visits as an empty file."""
    bench.write_bytes("visits", b"")


def cut_inside_last_number(bench: Bench) -> None:
    """Cut the last digit of an end date and the line end off prescriptions."""
    rows = bench.pick("prescriptions", 1, "end_date", lambda cell: cell[-2:-1] not in ("", "0"))
    table = bench.tables["prescriptions"]
    table.rows.append(table.rows.pop(rows[0]))
    bench.touch("prescriptions", len(table.rows) - 1, "end_date")
    bench.write_bytes("prescriptions", bench.read_bytes("prescriptions")[:-2])


def gzip_named_csv(bench: Bench) -> None:
    """Compress visits under the same name."""
    bench.write_bytes("visits", gzip.compress(bench.read_bytes("visits"), mtime=0))


def truncated_gzip(bench: Bench) -> None:
    """Replace visits by a compressed file cut at 70%."""
    packed = gzip.compress(bench.read_bytes("visits"), mtime=0)
    bench.replace_file("visits", "visits.csv.gz").write_bytes(packed[: len(packed) * 7 // 10])


def zip_named_csv(bench: Bench) -> None:
    """Put visits into an archive under the same name."""
    bench.write_bytes("visits", _zipped({"visits.csv": bench.read_bytes("visits")}))


def workbook_named_csv(bench: Bench) -> None:
    """Replace visits by a minimal workbook under the same name."""
    members = {
        "[Content_Types].xml": b'<?xml version="1.0"?><Types xmlns='
        b'"http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "xl/workbook.xml": b'<?xml version="1.0"?><workbook xmlns='
        b'"http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
    }
    bench.write_bytes("visits", _zipped(members))


def crlf(bench: Bench) -> None:
    """End every line with CR LF."""
    _every_file(bench, lambda text: text.replace("\n", "\r\n").encode())


def cr_only(bench: Bench) -> None:
    """End every line with CR."""
    _every_file(bench, lambda text: text.replace("\n", "\r").encode())


def blank_tail(bench: Bench) -> None:
    """Append blank lines and an end-of-file mark to visits."""
    bench.write_bytes("visits", bench.read_bytes("visits") + b"\n\n\n\x1a")


def concatenated_twice(bench: Bench) -> None:
    """Write visits twice into the same file, header included."""
    bench.write_bytes("visits", bench.read_bytes("visits") * 2)


def directory_as_file(bench: Bench) -> None:
    """Replace visits by a directory of the same name."""
    bench.replace_file("visits", "visits.csv").mkdir()


def upper_case_name(bench: Bench) -> None:
    """Name visits in upper case."""
    bench.replace_file("visits", "VISITS.CSV").write_bytes(bench.read_bytes("visits"))


FAULTS = {
    "F001": bom,
    "F002": utf16_with_tabs,
    "F003": cp1252,
    "F007": nul_tail,
    "F008": empty_file,
    "F013": cut_inside_last_number,
    "F014": gzip_named_csv,
    "F016": truncated_gzip,
    "F017": zip_named_csv,
    "F018": workbook_named_csv,
    "F021": crlf,
    "F022": cr_only,
    "F024": blank_tail,
    "F026": concatenated_twice,
    "F063": directory_as_file,
    "F065": upper_case_name,
}
