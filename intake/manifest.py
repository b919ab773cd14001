"""What is written down about a delivery: its load id, files, notices, formats and words."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake.contract import EXPORTS, INTAKE_CONTRACT_VERSION
from intake.delivery import Delivery
from intake.folder import FolderPlan
from intake.judgement import FileJudgement
from intake.raw_tables import (
    DELIVERY,
    DELIVERY_FILES,
    DELIVERY_NOTICES,
    SOURCE_FORMATS,
    SOURCE_WORDS,
)
from intake.unchanged import Unchanged
from privacy.pseudonyms import PseudonymKey


def load_id(delivery: Delivery, plan: FolderPlan, hashes: dict[str, str]) -> str:
    """Return the identity of a load: the same for the same files read in the same way.

    Parameters
    ----------
    delivery : Delivery
        Its mapping and extraction date count.
    plan : FolderPlan
        Which file feeds which export.
    hashes : dict
        File name -> sha256 of its bytes.

    Returns
    -------
    str
        64 hex characters.
    """
    parts = sorted(
        f"{use.export_name}={use.source_file(planned.name)}={hashes[planned.name]}"
        for planned in plan.files
        for use in planned.uses
    )
    parts += [
        f"mapping={delivery.mapping.name}={delivery.mapping.sha256}",
        f"extraction_date={delivery.extraction_date}",
        f"contract={INTAKE_CONTRACT_VERSION}",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reading_id(delivery: Delivery, key: PseudonymKey) -> str:
    """Return the identity of a way to read files: one file gives the same raw rows under it.

    Parameters
    ----------
    delivery : Delivery
        Its mapping counts.
    key : PseudonymKey
        Key of the pseudonyms.

    Returns
    -------
    str
        64 hex characters; another one after any change to the code of intake.
    """
    parts = [delivery.mapping.name, delivery.mapping.sha256, key.fingerprint, _code_sha256()]
    return hashlib.sha256("\n".join([*parts, INTAKE_CONTRACT_VERSION]).encode()).hexdigest()


def _code_sha256() -> str:
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\n".join(module.read_bytes() for module in modules)).hexdigest()


def delivery_row(
    delivery: Delivery, plan: FolderPlan, key: PseudonymKey, identity: str
) -> pa.Table:
    """Return the one row of raw.delivery."""
    content = delivery.mapping.content
    row = {
        "load_id": identity,
        "source_system": content.source_system,
        "mapping_name": delivery.mapping.name,
        "mapping_version": content.version,
        "extraction_date": delivery.extraction_date,
        "is_synthetic": delivery.about.is_synthetic,
        "delivery_label": delivery.about.label,
        "n_files": len(plan.files),
        "key_fingerprint": key.fingerprint,
        "reading_id": reading_id(delivery, key),
    }
    return pa.Table.from_pylist([row], DELIVERY)


def files_table(
    delivery: Delivery, judgements: list[FileJudgement], unchanged: Unchanged, identity: str
) -> pa.Table:
    """Return raw.delivery_files: one row per file and export that it feeds."""
    rows = [row | {"load_id": identity} for row in unchanged.files]
    rows += [
        {
            "load_id": identity,
            "export_name": projection.use.export_name,
            "source_file": projection.source_file,
            "sha256": judgement.sha256,
            "n_bytes": judgement.n_bytes,
            "file_format": judgement.planned.file_format,
            "encoding": projection.use.export.encoding,
            "n_records_read": projection.n_records,
            "n_records_faulty": projection.n_faulty,
            "mapping_version": delivery.mapping.content.version,
        }
        for judgement in judgements
        for projection in judgement.projections
    ]
    return pa.Table.from_pylist(rows, DELIVERY_FILES)


def notices_table(
    plan: FolderPlan, judgements: list[FileJudgement], unchanged: Unchanged
) -> pa.Table:
    """Return raw.delivery_notices: what a data manager should know and refused nothing."""
    notices = list(plan.notices)
    notices += [
        (judgement.planned.name, code, detail)
        for judgement in judgements
        for code, detail in judgement.notices
    ]
    names = DELIVERY_NOTICES.names
    rows = [dict(zip(names, notice, strict=True)) for notice in notices]
    return pa.Table.from_pylist(unchanged.notices + rows, DELIVERY_NOTICES)


def formats_table(delivery: Delivery) -> pa.Table:
    """Return raw.source_formats: how values of each export are written."""
    rows: list[dict[str, Any]] = []
    for name in EXPORTS:
        export = delivery.mapping.content.exports.get(name)
        if export is not None:
            row = {
                "export_name": name,
                "decimal_mark": export.decimal_mark,
                "date_order": export.date_order,
                "date_separator": export.date_separator,
                "are_partial_dates_allowed": export.partial_dates,
                "missing_codes": list(export.missing_codes),
                "repeated_records": export.repeated_records,
            }
            rows.append(row)
    return pa.Table.from_pylist(rows, SOURCE_FORMATS)


def words_table(delivery: Delivery) -> pa.Table:
    """Return raw.source_words: the mapping's own words, and the criteria that apply."""
    content = delivery.mapping.content
    words = [
        (kind, word.strip().lower(), code)
        for kind, codes in content.words.items()
        for word, code in codes.items()
    ]
    words += [("criterion", code, code) for code in content.criteria]
    rows = [dict(zip(SOURCE_WORDS.names, word, strict=True)) for word in words]
    return pa.Table.from_pylist(rows, SOURCE_WORDS)
