"""Load a delivery into raw tables: all files are judged and written, or nothing changes."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Self

import duckdb
import pyarrow as pa

from core import duck
from intake import facts
from intake.delivery import Delivery, FolderPlan, plan_folder, require_unchanged
from intake.file_bytes import SourceBytes, open_folder
from intake.judgement import FileJudgement, Projection, judge_files, judged_rows
from intake.raw_tables import RawWriter, are_raw_tables_complete, export_schema
from intake.refusals import DeliveryRefusedError, FileRefusedError, IntakeError
from privacy.pseudonyms import PseudonymKey

_COPY_IN_MEMORY_BYTES = 8 << 20


def load_delivery(
    delivery: Delivery,
    key: PseudonymKey,
    cursor: duckdb.DuckDBPyConnection,
    working_folder: Path | None = None,
) -> dict[str, Any]:
    """Judge a delivery and write its raw tables.

    Every file is read once, and written while it is judged, in one transaction that is rolled back
    when a file is refused. A delivery that the raw tables hold already is not loaded again.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own on the warehouse.
    working_folder : Path, optional
        Where large working copies go (unnamed files), for files that feed several exports.

    Returns
    -------
    dict
        The one row of raw.delivery.

    Raises
    ------
    DeliveryRefusedError
        A file cannot be trusted; the raw tables are as before.
    """
    plan = plan_folder(delivery)
    if plan.refusals:
        _require_none_refused(delivery, plan, judge_files(delivery, plan, key))
    loaded = _loaded_row(delivery, plan, key, cursor)
    if loaded is not None:
        return loaded
    with RawWriter(cursor) as writer, _WorkingCopies(working_folder) as copies:
        judgements: list[FileJudgement] = []
        with open_folder(delivery.folder) as handle:
            for planned in plan.files:
                judgement = FileJudgement(planned)
                rows = judged_rows(judgement, handle, key)
                if any(each.refusal for each in judgements):
                    deque(rows, maxlen=0)
                else:
                    _write(writer, copies, judgement, rows)
                judgements.append(judgement)
        _require_none_refused(delivery, plan, judgements)
        require_unchanged(delivery, plan)
        for name, copied in copies.readers():
            writer.write(name, copied)
        hashes = {each.planned.name: each.sha256 for each in judgements}
        row = facts.delivery_row(delivery, plan, key, hashes)
        writer.finish(facts.small_tables(delivery, plan, judgements, row))
    return row


def _require_none_refused(
    delivery: Delivery, plan: FolderPlan, judgements: list[FileJudgement]
) -> None:
    refusals = [*plan.refusals, *(j.refusal for j in judgements if j.refusal is not None)]
    if refusals:
        raise DeliveryRefusedError(str(delivery.folder), refusals)


def _loaded_row(
    delivery: Delivery, plan: FolderPlan, key: PseudonymKey, cursor: duckdb.DuckDBPyConnection
) -> dict[str, Any] | None:
    """Return the row of raw.delivery when the raw tables hold this delivery, else None."""
    if not are_raw_tables_complete(cursor):
        return None
    stored = dict(
        cursor.execute(
            r"select distinct regexp_replace(source_file, '(@[a-z0-9_-]+)?(\+\d+)?$', ''), n_bytes "
            "from raw.delivery_files"
        ).fetchall()
    )
    hashes = {}
    with open_folder(delivery.folder) as handle:
        for planned in plan.files:
            if any(
                stored.get(u.source_file(planned.name)) != planned.n_bytes for u in planned.uses
            ):
                return None
            hashes[planned.name] = _hash(handle, planned.name)
    row = facts.delivery_row(delivery, plan, key, hashes)
    return row if duck.rows(cursor, "from raw.delivery") == [row] else None


def _hash(handle: int, name: str) -> str:
    """Return the hash of a file; an empty one when it cannot be read, which judging will report."""
    try:
        with closing(SourceBytes(handle, name)) as source:
            deque(source.blocks(), maxlen=0)
            return source.sha256
    except FileRefusedError:
        return ""


def _write(
    writer: RawWriter,
    copies: _WorkingCopies,
    judgement: FileJudgement,
    rows: Iterator[tuple[Projection, pa.Table]],
) -> None:
    """Write the rows of a file while they are judged.

    A file with one use flows straight into its raw table: the database requests the next rows in
    one thread and stores the last ones in another. With several uses the rows wait in working
    copies, because a table is written in one go.
    """
    uses = judgement.planned.uses
    if len(uses) > 1:
        for projection, table in rows:
            copies.add(projection, table)
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


class _WorkingCopies:
    """Judged rows of files that feed several exports, until all files have been judged.

    Small copies stay in memory; large ones are unnamed files, which no crash leaves behind.

    Parameters
    ----------
    folder : Path or None
        Where unnamed files are made; None: the system's folder for temporary files.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._copies: dict[Projection, tuple[IO[bytes], pa.RecordBatchStreamWriter]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file, _writer in self._copies.values():
            file.close()

    def add(self, projection: Projection, rows: pa.Table) -> None:
        """Keep rows of a raw table.

        Raises
        ------
        IntakeError
            The disk is full.
        """
        if projection not in self._copies:
            file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed on exit)
                max_size=_COPY_IN_MEMORY_BYTES, dir=str(self._folder) if self._folder else None
            )
            self._copies[projection] = file, pa.ipc.new_stream(file, projection.schema)
        try:
            self._copies[projection][1].write_table(rows)
        except OSError as error:
            raise IntakeError(
                f"The working copy of the delivery cannot be written ({error.strerror or error}) "
                f"in {self._folder or tempfile.gettempdir()}.",
                "free disk space there and run again",
            ) from None

    def readers(self) -> Iterator[tuple[str, pa.RecordBatchReader]]:
        """Yield raw table and rows, file by file in the order of the delivery's plan."""
        for projection, (file, writer) in self._copies.items():
            writer.close()
            file.seek(0)
            yield projection.use.export_name, pa.ipc.open_stream(file)
