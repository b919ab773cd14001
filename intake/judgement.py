"""Judging one file of a delivery from its first byte to its last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from intake.csv_reader import CsvReader
from intake.errors import FileRefusedError, shown_name
from intake.file_kinds import check_kind
from intake.folder import PlannedFile
from intake.layout import Layout
from intake.projection import Projection
from intake.records import Tally
from intake.source_bytes import Progress, SourceBytes
from intake.table_records import ParquetReader, WorkbookReader, private_copy
from intake.text_blocks import inflate, to_utf8, with_head, with_line_feeds
from privacy.pseudonyms import PseudonymKey

MOST_FAULTY_SHARE = 0.10
MOST_FAULTY_RECORDS = 5
"""A file is refused when both are exceeded (docs/data_contract.md)."""

_LEAST_UNDECODABLE = 3
_MOST_COLUMNS_NOTED = 50


@dataclass
class FileJudgement:
    """What is known of a file after it was read.

    Attributes
    ----------
    planned : PlannedFile
        Name, format and uses.
    sha256, n_bytes
        Hash of exactly the bytes that were read, and their number.
    tally : Tally
        Records and faults.
    projections : list of Projection
        One per use of the file, with its counts.
    notices : list of tuple
        Code and detail.
    n_unselected : int
        Sound records that no use of the file takes.
    refusal : FileRefusedError or None
        Why the file cannot be trusted.
    """

    planned: PlannedFile
    sha256: str = ""
    n_bytes: int = 0
    tally: Tally = field(default_factory=Tally)
    projections: list[Projection] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    n_unselected: int = 0
    refusal: FileRefusedError | None = None


def judge_file(
    planned: PlannedFile,
    folder_handle: int,
    key: PseudonymKey | None = None,
    progress: Progress | None = None,
) -> FileJudgement:
    """Read a file once, judge it and keep nothing of its rows; parameters as judged_rows."""
    judgement = FileJudgement(planned)
    for _ in judged_rows(judgement, folder_handle, key, progress):
        pass
    return judgement


def judged_rows(
    judgement: FileJudgement,
    folder_handle: int,
    key: PseudonymKey | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Projection, pa.Table]]:
    """Read a file once: hash it, judge it, and hand its rows over on the way.

    Parameters
    ----------
    judgement : FileJudgement
        Names the file, and what is asked of it; the rest is filled in, whole when the rows end.
        With a refusal the rows that were handed over are void.
    folder_handle : int
        Open handle of the delivery folder.
    key : PseudonymKey, optional
        For the patients' pseudonyms; None makes none.
    progress : callable, optional
        Told how many bytes were read.

    Yields
    ------
    tuple
        A projection of the file and rows of its raw table.
    """
    planned = judgement.planned
    source = None
    try:
        source = SourceBytes(folder_handle, planned.name, progress)
        reader = _reader(planned, source)
        judgement.tally, judgement.notices = reader.tally, reader.notices
        for batch in reader.batches():
            if not judgement.projections:
                judgement.projections = _projections(planned, reader.layout, key)
            yield from _projected(judgement, batch)
        if not judgement.projections and reader.layout is not None:
            judgement.projections = _projections(planned, reader.layout, key)
        _note_columns(judgement, reader.layout)
        _judge_whole(judgement)
        judgement.sha256, judgement.n_bytes = source.sha256, source.n_bytes
    except FileRefusedError as refusal:
        refusal.file_name = shown_name(planned.name)
        judgement.refusal = refusal
    finally:
        if source is not None:
            source.close()


def _projected(judgement: FileJudgement, batch: pa.Table) -> Iterator[tuple[Projection, pa.Table]]:
    """Give a batch to every use of the file; count the records that none of them takes."""
    for projection in judgement.projections:
        rows = projection.rows(batch)
        if rows.num_rows:
            yield projection, rows
    if all(projection.use.source.records for projection in judgement.projections):
        is_taken = pc.is_valid(batch.column("record_fault"))
        for projection in judgement.projections:
            is_taken = pc.or_(is_taken, projection.selects(batch))
        judgement.n_unselected += batch.num_rows - (pc.sum(is_taken).as_py() or 0)


def _reader(
    planned: PlannedFile, source: SourceBytes
) -> CsvReader | WorkbookReader | ParquetReader:
    use = planned.uses[0]
    head, blocks = with_head(source.blocks())
    check_kind(head, planned.file_format, use.export.encoding)
    if planned.file_format == "xlsx":
        return WorkbookReader(
            private_copy(blocks),
            planned.contract,
            use.export,
            sheet=use.source.sheet,
            preamble_lines=use.source.preamble_lines,
        )
    if planned.file_format == "parquet":
        return ParquetReader(private_copy(blocks), planned.contract, use.export)
    if planned.file_format == "csv_gz":
        head, blocks = with_head(inflate(blocks))
        check_kind(head, "csv", use.export.encoding)
    return CsvReader(
        with_line_feeds(to_utf8(blocks, use.export.encoding)),
        planned.contract,
        use.export.delimiter,
        use.source.preamble_lines,
    )


def _projections(
    planned: PlannedFile, layout: Layout, key: PseudonymKey | None
) -> list[Projection]:
    return [
        Projection(use, planned.name, layout, key, takes_faulty=number == 0)
        for number, use in enumerate(planned.uses)
    ]


def _note_columns(judgement: FileJudgement, layout: Layout) -> None:
    extra = [shown_name(name.strip()) or "(no name)" for name in layout.extra]
    shown = extra[:_MOST_COLUMNS_NOTED]
    judgement.notices += [("extra_column", f"{name} is not stored") for name in shown]
    if len(extra) > len(shown):
        judgement.notices.append(
            ("extra_column", f"{len(extra) - len(shown)} more columns are not stored")
        )
    absent = dict.fromkeys(
        f"{projection.use.export_name}.{name}"
        for projection in judgement.projections
        for name in projection.absent
    )
    judgement.notices += [("optional_column_absent", name) for name in absent]


def _judge_whole(judgement: FileJudgement) -> None:
    """Refuse a file for what only its end shows."""
    tally = judgement.tally
    uses = judgement.planned.uses
    encoding = uses[0].export.encoding
    if tally.n_undecodable >= _LEAST_UNDECODABLE and tally.n_undecodable > tally.n_beyond_ascii:
        raise FileRefusedError(
            "wrong_encoding",
            f"{tally.n_undecodable} records hold bytes that are not {encoding}, "
            f"{tally.n_beyond_ascii} hold other text beyond ASCII.",
            "Declare the encoding in the mapping, or export the file again.",
        )
    if tally.n_records == 0 and not all(use.source.may_be_empty for use in uses):
        raise FileRefusedError(
            "no_records",
            "holds a header and no record.",
            "Export it again, or declare may_be_empty.",
        )
    if (
        tally.n_faulty > MOST_FAULTY_RECORDS
        and tally.n_faulty > MOST_FAULTY_SHARE * tally.n_records
    ):
        raise FileRefusedError(
            "too_many_faults",
            f"{tally.n_faulty} of {tally.n_records} records are faulty "
            f"(more than {MOST_FAULTY_SHARE:.0%}): {tally.words()}.",
            "Correct the export.",
        )
    for projection in judgement.projections:
        if projection.n_records == 0 and tally.n_records:
            judgement.notices.append(("no_records", f"{projection.source_file}: none selected"))
    if judgement.n_unselected:
        judgement.notices.append(
            ("unselected_records", f"{judgement.n_unselected} records belong to no export")
        )
