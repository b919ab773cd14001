"""From a delivery folder to raw tables: judge every file, then write, or refuse the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake import manifest
from intake.delivery import Delivery
from intake.errors import DeliveryRefusedError, FileRefusedError
from intake.folder import FolderPlan, PlannedFile, plan_folder
from intake.judgement import FileJudgement, Sink, judge_file
from intake.pseudonyms import PseudonymKey
from intake.raw_tables import loaded_key, write_raw_tables
from intake.source_bytes import SourceBytes
from intake.spool import SpoolRack

FileProgress = Callable[[str, int], None]
"""Told the name of a file and how many of its bytes were just read."""


def load_delivery(
    delivery: Delivery,
    key: PseudonymKey,
    cursor: Any,
    working_folder: Path | None = None,
    progress: FileProgress | None = None,
) -> pa.Table:
    """Judge a delivery and write its raw tables.

    Every file is read once, and judged before anything is written. The same delivery with the
    same mapping and key is recognised by the hashes of its files and not loaded again.

    Parameters
    ----------
    delivery : Delivery
        The folder and its mapping.
    key : PseudonymKey
        Key of the pseudonyms.
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own on the warehouse.
    working_folder : Path, optional
        Where large working copies go (unnamed files).
    progress : callable, optional
        Told about the bytes that were read.

    Returns
    -------
    pyarrow.Table
        The one row of raw.delivery.

    Raises
    ------
    DeliveryRefusedError
        A file cannot be trusted; the warehouse is as before.
    """
    plan = plan_folder(delivery)
    loaded = loaded_key(cursor)
    if loaded is not None and not plan.refusals:
        hashes = _hashes(delivery.folder, plan)
        identity = manifest.load_id(delivery, plan, hashes) if hashes else ""
        if loaded == (identity, key.fingerprint):
            return manifest.delivery_row(delivery, plan, key, identity)
    with SpoolRack(working_folder) as rack:
        judgements = judge_files(delivery, plan, key, rack.take, progress)
        hashes = {judgement.planned.name: judgement.sha256 for judgement in judgements}
        identity = manifest.load_id(delivery, plan, hashes)
        row = manifest.delivery_row(delivery, plan, key, identity)
        tables = {
            "delivery": row,
            "delivery_files": manifest.files_table(delivery, judgements, identity),
            "delivery_notices": manifest.notices_table(plan, judgements),
            "source_formats": manifest.formats_table(delivery),
            "source_words": manifest.words_table(delivery),
        }
        write_raw_tables(cursor, tables, rack.readers())
    return row


def judge_files(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
    sink: Sink | None = None,
    progress: FileProgress | None = None,
) -> list[FileJudgement]:
    """Judge every file of a delivery.

    Parameters
    ----------
    delivery : Delivery
        The folder and its mapping.
    plan : FolderPlan
        Its files.
    key : PseudonymKey, optional
        Key of the pseudonyms; None makes none.
    sink : callable, optional
        Takes the rows of the raw tables.
    progress : callable, optional
        Told about the bytes that were read.

    Returns
    -------
    list of FileJudgement

    Raises
    ------
    DeliveryRefusedError
        A file is refused; all of them have been judged.
    """
    judgements = all_judgements(delivery, plan, key, sink, progress)
    refusals = [*plan.refusals, *(j.refusal for j in judgements if j.refusal is not None)]
    if refusals:
        raise DeliveryRefusedError(str(delivery.folder), refusals)
    return judgements


def all_judgements(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
    sink: Sink | None = None,
    progress: FileProgress | None = None,
) -> list[FileJudgement]:
    """Judge every file of a delivery and return refused ones too; parameters as judge_files."""
    judgements = []
    with _open_folder(delivery.folder) as handle:
        for planned in plan.files:
            tell = None if progress is None else _telling(progress, planned)
            judgements.append(judge_file(planned, handle, key, sink, tell))
    return judgements


def _telling(progress: FileProgress, planned: PlannedFile) -> Callable[[int], None]:
    return lambda n_bytes: progress(planned.name, n_bytes)


def _hashes(folder: Path, plan: FolderPlan) -> dict[str, str]:
    """Return the hash of every file; none at all when one cannot be read."""
    hashes = {}
    with _open_folder(folder) as handle:
        for planned in plan.files:
            source = None
            try:
                source = SourceBytes(handle, planned.name)
                for _ in source.blocks():
                    pass
                hashes[planned.name] = source.sha256
            except FileRefusedError:
                return {}
            finally:
                if source is not None:
                    source.close()
    return hashes


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
