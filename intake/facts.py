"""What is written down about a delivery beside its records: its load id and five small tables."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake.contract import EXPORTS, INTAKE_CONTRACT_VERSION, word_kind
from intake.delivery import Delivery, FolderPlan
from intake.judgement import FileJudgement, Projection
from intake.mapping_schema import DATE_FORMATS
from intake.raw_tables import (
    DELIVERY,
    DELIVERY_FILES,
    DELIVERY_NOTICES,
    SOURCE_FORMATS,
    SOURCE_WORDS,
)
from privacy.pseudonyms import PseudonymKey


def delivery_row(
    delivery: Delivery, plan: FolderPlan, key: PseudonymKey, hashes: dict[str, str]
) -> dict[str, Any]:
    """Return the one row of raw.delivery.

    ``load_id`` is the same for the same files with the same mapping and extraction date;
    ``reading_id`` for the same way to read files: it changes with mapping, key and intake's code.

    Parameters
    ----------
    hashes : dict
        File name -> sha256 of its bytes.
    """
    mapping = delivery.mapping
    files = sorted(
        f"{use.export_name}={use.source_file(planned.name)}={hashes[planned.name]}"
        for planned in plan.files
        for use in planned.uses
    )
    load_id = _sha256(
        *files,
        f"mapping={mapping.name}={mapping.sha256}",
        f"extraction_date={delivery.extraction_date}",
        f"contract={INTAKE_CONTRACT_VERSION}",
        *([f"centre={delivery.about.centre}"] if delivery.about.centre else []),
    )
    return {
        "load_id": load_id,
        "source_system": mapping.content.source_system,
        "study_code": mapping.content.study,
        "mapping_name": mapping.name,
        "mapping_version": mapping.content.version,
        "extraction_date": delivery.extraction_date,
        "is_synthetic": delivery.about.is_synthetic,
        "are_dates_relative": mapping.content.are_dates_relative,
        "delivery_label": delivery.about.label,
        "n_files": len(hashes),
        "key_fingerprint": key.fingerprint,
        "reference_key": key.reference_key(load_id),
        "reading_id": _sha256(
            mapping.name, mapping.sha256, key.fingerprint, _code_sha256(), INTAKE_CONTRACT_VERSION
        ),
    }


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code_sha256() -> str:
    room = Path(__file__).parent
    files = sorted([*room.glob("*.py"), *room.glob("*.csv")])
    return hashlib.sha256(b"\n".join(file.read_bytes() for file in files)).hexdigest()


def small_tables(
    delivery: Delivery, plan: FolderPlan, judgements: list[FileJudgement], row: dict[str, Any]
) -> dict[str, pa.Table]:
    """Return the raw tables about the delivery by name; ``row`` is that of raw.delivery."""
    rows = {
        "delivery": (DELIVERY, [row]),
        "delivery_files": (DELIVERY_FILES, _files(delivery, judgements, row["load_id"])),
        "delivery_notices": (DELIVERY_NOTICES, _notices(plan, judgements)),
        "source_formats": (SOURCE_FORMATS, _formats(delivery)),
        "source_words": (SOURCE_WORDS, _words(delivery)),
    }
    return {name: pa.Table.from_pylist(found, schema) for name, (schema, found) in rows.items()}


def _files(
    delivery: Delivery, judgements: list[FileJudgement], load_id: str
) -> list[dict[str, Any]]:
    """Return one row per export, file, centre and number of the piece of a split cell."""
    return [
        {
            "load_id": load_id,
            "centre_code": centre_code,
            "export_name": projection.use.export_name,
            "source_file": projection.file_of_part(centre_code, piece),
            "sha256": judgement.sha256,
            "n_bytes": judgement.n_bytes,
            "file_format": judgement.planned.file_format,
            "encoding": projection.use.file_form.encoding,
            "n_records_read": n_records,
            "n_records_faulty": projection.n_faulty if is_first else 0,
            "mapping_version": delivery.mapping.content.version,
        }
        for judgement in judgements
        for projection in judgement.projections
        for centre_code, piece, n_records, is_first in _parts(projection)
    ]


def _parts(projection: Projection) -> list[tuple[str, int, int, bool]]:
    """Return centre and piece of each part of a file, its records, and whether it has faulty ones.

    With a column of centres, faulty records have the empty code, which sorts first.
    """
    counts = dict(sorted(projection.n_by_part.items())) or {(projection.centre_code or "", 1): 0}
    if projection.centre_code is None and projection.n_faulty == 0:
        counts = {part: n for part, n in counts.items() if part[0]} or {("", 1): 0}
    return [
        (*part, n_records, number == 0) for number, (part, n_records) in enumerate(counts.items())
    ]


def _notices(plan: FolderPlan, judgements: list[FileJudgement]) -> list[dict[str, Any]]:
    """Return what a data manager should know and refused nothing."""
    notices = list(plan.notices)
    notices += [
        (judgement.planned.name, code, detail)
        for judgement in judgements
        for code, detail in judgement.notices
    ]
    return [
        dict(zip(DELIVERY_NOTICES.names, notice, strict=True)) for notice in dict.fromkeys(notices)
    ]


def _formats(delivery: Delivery) -> list[dict[str, Any]]:
    """Return how values of each export are written in its raw table."""
    content = delivery.mapping.content
    rows = []
    for name in EXPORTS:
        form = next((use.staged_form for use in content.uses if use.export_name == name), None)
        if form is None:
            continue
        # Scores of a file of visits are an export that the mapping need not name.
        export = content.exports.get(name) or content.exports["visits"]
        order, mark = DATE_FORMATS[form.date_format]
        rows.append(
            {
                "export_name": name,
                "decimal_mark": form.decimal_mark,
                "date_order": order,
                "date_separator": mark,
                "are_partial_dates_allowed": form.partial_dates,
                "missing_codes": list(form.missing_codes),
                "repeated_records": export.repeated_records,
            }
        )
    return rows


def _words(delivery: Delivery) -> list[dict[str, Any]]:
    """Return the mapping's own words, the codes that words of a column became, and the criteria."""
    content = delivery.mapping.content
    words = {
        (kind, word.strip().lower()): code
        for kind, codes in delivery.mapping.words.items()
        for word, code in codes.items()
    }
    for use in content.uses:
        for name, source in use.columns.items():
            for code in source.words.values():
                words.setdefault((word_kind(use.export_name, name), code), code)
    words |= {("criterion", code): code for code in content.criteria}
    return [
        dict(zip(SOURCE_WORDS.names, (*word, code), strict=True)) for word, code in words.items()
    ]
