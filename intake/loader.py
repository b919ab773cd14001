"""From a delivery folder to raw tables: every file is judged while it is written, or none stays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake import manifest
from intake.delivery import Delivery
from intake.errors import DeliveryRefusedError
from intake.folder import FolderPlan, PlannedFile, plan_folder
from intake.judgement import FileJudgement, judge_file, judged_rows
from intake.projection import Projection
from intake.raw_tables import RawWriter, earlier_load, export_schema
from intake.spool import SpoolRack
from intake.unchanged import find_unchanged, open_folder
from privacy.pseudonyms import PseudonymKey

FileProgress = Callable[[str, int], None]
"""Told the name of a file and how many of its bytes were just read."""


def load_delivery(
    delivery: Delivery,
    key: PseudonymKey,
    cursor: Any,
    working_folder: Path | None = None,
    *,
    progress: FileProgress | None = None,
    earlier_database: str | None = None,
) -> pa.Table:
    """Judge a delivery and write its raw tables.

    Every file is read once, and written while it is judged, in one transaction that is taken back
    when a file is refused. The same delivery with the same mapping and key is recognised by the
    hashes of its files and not loaded again; so is each export of it whose files did not change.

    Parameters
    ----------
    delivery : Delivery
        The folder and its mapping.
    key : PseudonymKey
        Key of the pseudonyms.
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own on the warehouse.
    working_folder : Path, optional
        Where large working copies go (unnamed files), for files that feed several exports.
    progress : callable, optional
        Told about the bytes that were read.
    earlier_database : str, optional
        An attached database with the raw tables of an earlier load; unchanged exports are copied
        from it. By default the raw tables that are to be replaced are looked at.

    Returns
    -------
    pyarrow.Table
        The one row of raw.delivery.

    Raises
    ------
    DeliveryRefusedError
        A file cannot be trusted; the raw tables are as before.
    """
    plan = plan_folder(delivery)
    if plan.refusals:
        judge_files(delivery, plan, key, progress)
    earlier = earlier_load(cursor, earlier_database)
    if earlier is not None and earlier.reading_id != manifest.reading_id(delivery, key):
        earlier = None
    unchanged = find_unchanged(cursor, earlier, delivery.folder, plan)
    changed = [planned for planned in plan.files if planned.name not in unchanged.hashes]
    if earlier is not None and earlier_database is None and not changed:
        identity = manifest.load_id(delivery, plan, unchanged.hashes)
        if identity == earlier.load_id:
            return manifest.delivery_row(delivery, plan, key, identity)
    with RawWriter(cursor, unchanged.exports) as writer, SpoolRack(working_folder) as rack:
        for export_name in sorted(unchanged.exports):
            writer.take_over(export_name, earlier)
        judgements: list[FileJudgement] = []
        with open_folder(delivery.folder) as handle:
            for planned in changed:
                judgement = FileJudgement(planned)
                rows = judged_rows(judgement, handle, key, _telling(progress, planned))
                if any(each.refusal for each in judgements):
                    deque(rows, maxlen=0)
                else:
                    _write(writer, rack, judgement, rows)
                judgements.append(judgement)
        _require_none_refused(delivery, plan, judgements)
        for name, stream in rack.readers():
            writer.write(name, stream)
        hashes = unchanged.hashes | {each.planned.name: each.sha256 for each in judgements}
        identity = manifest.load_id(delivery, plan, hashes)
        row = manifest.delivery_row(delivery, plan, key, identity)
        writer.finish(
            {
                "delivery": row,
                "delivery_files": manifest.files_table(delivery, judgements, unchanged, identity),
                "delivery_notices": manifest.notices_table(plan, judgements, unchanged),
                "source_formats": manifest.formats_table(delivery),
                "source_words": manifest.words_table(delivery),
            }
        )
    return row


def _write(
    writer: RawWriter,
    rack: SpoolRack,
    judgement: FileJudgement,
    rows: Iterator[tuple[Projection, pa.Table]],
) -> None:
    """Write the rows of a file while they are judged.

    A file with one use flows straight into its raw table: the database pulls the next rows from
    the judge in one thread and stores the last ones in another. With several uses the rows wait in
    working copies, because a table is written in one go.
    """
    uses = judgement.planned.uses
    if len(uses) > 1:
        for projection, table in rows:
            rack.take(projection, table)
        return
    errors: list[BaseException] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for _, table in rows:
                yield from table.to_batches()
        except BaseException as error:
            errors.append(error)

    # An error in there would come out of the database as text; it is raised again as itself.
    name = uses[0].export_name
    writer.write(name, pa.RecordBatchReader.from_batches(export_schema(name), batches()))
    if errors:
        raise errors[0]


def judge_files(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
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
    judgements = all_judgements(delivery, plan, key, progress)
    _require_none_refused(delivery, plan, judgements)
    return judgements


def _require_none_refused(
    delivery: Delivery, plan: FolderPlan, judgements: list[FileJudgement]
) -> None:
    refusals = [*plan.refusals, *(j.refusal for j in judgements if j.refusal is not None)]
    if refusals:
        raise DeliveryRefusedError(str(delivery.folder), refusals)


def all_judgements(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
    progress: FileProgress | None = None,
) -> list[FileJudgement]:
    """Judge every file of a delivery and return refused ones too; parameters as judge_files."""
    with open_folder(delivery.folder) as handle:
        return [
            judge_file(planned, handle, key, _telling(progress, planned)) for planned in plan.files
        ]


def _telling(progress: FileProgress | None, planned: PlannedFile) -> Callable[[int], None] | None:
    return None if progress is None else lambda n_bytes: progress(planned.name, n_bytes)
