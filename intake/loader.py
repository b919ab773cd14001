"""From a delivery folder to raw tables: judge every file, then write, or refuse the whole."""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from typing import Any

import pyarrow as pa

from intake.contract import EXPORTS, INTAKE_CONTRACT_VERSION, column_names, required_columns
from intake.delivery import Delivery
from intake.errors import DeliveryRefused, FileRefused
from intake.pseudonyms import PseudonymKey
from intake.raw_tables import (
    DELIVERY,
    DELIVERY_FILES,
    DELIVERY_NOTICES,
    SOURCE_FORMATS,
    SOURCE_WORDS,
    export_schema,
    loaded_key,
    write_raw_tables,
)


def load_delivery(delivery: Delivery, key: PseudonymKey, cursor: Any) -> pa.Table:
    """Judge a delivery and write its raw tables.

    Parameters
    ----------
    delivery : Delivery
        The folder and its mapping.
    key : PseudonymKey
        Key of the pseudonyms.
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own on the warehouse.

    Returns
    -------
    pyarrow.Table
        The one row of raw.delivery.

    Raises
    ------
    DeliveryRefused
        A file cannot be trusted; the warehouse is as before.
    """
    content = delivery.mapping.content
    rows: dict[str, list] = {name: [] for name in EXPORTS}
    files, notices, refusals = [], [], []
    for export_name, export in content.exports.items():
        for source in export.files:
            path = delivery.folder / f"{source.file}.csv"
            try:
                data = path.read_bytes()
                records = list(
                    csv.reader(
                        io.StringIO(
                            data.decode(export.encoding).removeprefix("\ufeff"), newline=""
                        ),
                        delimiter=export.delimiter,
                        strict=True,
                    )
                )
            except (OSError, UnicodeDecodeError, csv.Error) as error:
                refusals.append(
                    FileRefused(
                        "unreadable", f"cannot be read ({type(error).__name__}).", "", path.name
                    )
                )
                continue
            header = [cell.strip().lower() for cell in records[0]]
            names = source.columns
            missing = []
            faulty = 0
            for number, record in enumerate(records[1:], 1):
                row: dict[str, Any] = {
                    "source_file": path.name,
                    "record_number": number,
                    "line_number": number + 1,
                }
                if len(record) != len(header):
                    faulty += 1
                    row["record_fault"] = "field_count"
                    row["record_fault_detail"] = (
                        f"{len(record)} fields where {len(header)} are declared"
                    )
                else:
                    cells = dict(zip(header, record, strict=True))
                    for name in column_names(export_name):
                        if not names:
                            value = cells.get(name)
                        elif name not in names:
                            value = None
                        elif names[name].constant is not None:
                            value = names[name].constant
                        else:
                            value = names[name].separator.join(
                                cells[head.lower()] for head in names[name].headers
                            )
                        row[name] = None if value is None else unicodedata.normalize("NFC", value)
                    if export_name == "patients":
                        row["pseudonym"] = key.pseudonym(row["patient_id"])
                rows[export_name].append(row)
            if not names:
                missing = [c for c in required_columns(export_name) if c not in header]
            if missing:
                refusals.append(
                    FileRefused("header", f"columns missing: {', '.join(missing)}.", "", path.name)
                )
            files.append(
                {
                    "export_name": export_name,
                    "source_file": path.name,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "n_bytes": len(data),
                    "file_format": "csv",
                    "encoding": export.encoding,
                    "n_records_read": len(records) - 1,
                    "n_records_faulty": faulty,
                    "mapping_version": content.version,
                }
            )
    if refusals:
        raise DeliveryRefused(str(delivery.folder), refusals)
    load_id = _load_id(delivery, files)
    for row in files:
        row["load_id"] = load_id
    delivery_row = pa.Table.from_pylist(
        [
            {
                "load_id": load_id,
                "source_system": content.source_system,
                "mapping_name": delivery.mapping.name,
                "mapping_version": content.version,
                "extraction_date": delivery.extraction_date,
                "is_synthetic": delivery.about.is_synthetic,
                "delivery_label": delivery.about.label,
                "n_files": len(files),
                "key_fingerprint": key.fingerprint,
            }
        ],
        DELIVERY,
    )
    if loaded_key(cursor) == (load_id, key.fingerprint):
        return delivery_row
    tables = {name: pa.Table.from_pylist(rows[name], export_schema(name)) for name in EXPORTS}
    tables["delivery"] = delivery_row
    tables["delivery_files"] = pa.Table.from_pylist(files, DELIVERY_FILES)
    tables["delivery_notices"] = pa.Table.from_pylist(notices, DELIVERY_NOTICES)
    tables["source_formats"] = pa.Table.from_pylist(_format_rows(delivery), SOURCE_FORMATS)
    tables["source_words"] = pa.Table.from_pylist(_word_rows(delivery), SOURCE_WORDS)
    write_raw_tables(cursor, {n: (lambda t=t: [t.to_reader()]) for n, t in tables.items()})
    return delivery_row


def _load_id(delivery: Delivery, files: list[dict]) -> str:
    parts = sorted(f"{row['export_name']}={row['sha256']}" for row in files)
    parts += [
        f"mapping={delivery.mapping.sha256}",
        f"extraction_date={delivery.extraction_date}",
        f"contract={INTAKE_CONTRACT_VERSION}",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _format_rows(delivery: Delivery) -> list[dict[str, Any]]:
    rows = []
    for name in EXPORTS:
        export = delivery.mapping.content.exports.get(name)
        if export is None:
            continue
        rows.append(
            {
                "export_name": name,
                "decimal_mark": export.decimal_mark,
                "date_order": export.date_order,
                "date_separator": export.date_separator,
                "are_partial_dates_allowed": export.partial_dates,
                "missing_codes": list(export.missing_codes),
                "repeated_records": export.repeated_records,
            }
        )
    return rows


def _word_rows(delivery: Delivery) -> list[dict[str, str]]:
    content = delivery.mapping.content
    rows = [
        {"word_kind": kind, "source_word": word.strip().lower(), "code": code}
        for kind, words in content.words.items()
        for word, code in words.items()
    ]
    return rows + [
        {"word_kind": "criterion", "source_word": code, "code": code} for code in content.criteria
    ]
