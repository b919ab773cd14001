"""Judge one file of a delivery from its first byte to its last, and map it to raw tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from intake.cells import private_copy
from intake.contract import column_names
from intake.csv_reader import CsvReader
from intake.delivery import Delivery, FileUse, FolderPlan, PlannedFile
from intake.file_bytes import (
    Progress,
    SourceBytes,
    check_first_line,
    check_kind,
    inflate,
    open_folder,
    to_utf8,
    with_head,
    with_line_feeds,
)
from intake.mapping import CENTRE_PATTERN, NOT_SELECTED, ColumnSource
from intake.parquet import ParquetReader
from intake.raw_tables import export_schema
from intake.records import PLACE_FIELDS, Layout, Tally, normal_header
from intake.refusals import FileRefusedError, shown_name
from intake.workbook import WorkbookReader
from privacy.pseudonyms import PseudonymKey, qualified

MOST_FAULTY_SHARE = 0.10
MOST_FAULTY_RECORDS = 5
"""A file is refused when both are exceeded (docs/data_contract.md)."""

_LEAST_UNDECODABLE = 3
_MOST_COLUMNS_NOTED = 50
_LONGEST_DETAIL = 60
CENTRE = "centre_code"

FileProgress = Callable[[str, int], None]
"""Called with the name of a file and the number of its bytes that were just read."""


class Projection:
    """Turns batches of records into rows of one raw table, as the mapping says.

    Parameters
    ----------
    use : FileUse
        Export, columns and filter.
    file_name : str
        Name of the file in the delivery folder.
    layout : Layout
        Columns of the batches.
    key : PseudonymKey or None
        For the patients' pseudonyms; None makes none.
    takes_faulty : bool
        Whether faulty records are counted here. A file with several uses counts them once, because
        a record that cannot be read fits no filter.
    centre : ColumnSource or None
        Where the centre of a record is; unless it is a constant, batches have column centre_code.

    Attributes
    ----------
    n_records, n_faulty : int
        Rows made so far, and how many of them are faulty records.
    n_by_centre : Counter
        Rows made so far by code of their centre; a faulty record of a file with a column of
        centres has none.
    absent : list of str
        Contract columns that the file does not have.
    """

    def __init__(
        self,
        use: FileUse,
        file_name: str,
        layout: Layout,
        key: PseudonymKey | None,
        takes_faulty: bool,
        *,
        centre: ColumnSource | None = None,
    ) -> None:
        self.use = use
        self.source_file = use.source_file(file_name)
        self.centre_code = "" if centre is None else centre.constant
        self.n_by_centre: Counter[str] = Counter()
        self.schema = export_schema(use.export_name)
        self.n_records = 0
        self.n_faulty = 0
        self._key = key
        self._takes_faulty = takes_faulty
        self._place = {name: str(place) for place, name in enumerate(layout.keys)}
        self.absent = [
            name
            for name, source in use.columns.items()
            if any(normal_header(header) not in self._place for header in source.headers)
        ]

    def rows(self, batch: pa.Table) -> pa.Table:
        """Return the rows of the raw table in a batch with the columns of ``batch_schema``."""
        batch = self._selected(batch)
        faults = batch.column("record_fault")
        n_faulty = len(faults) - faults.null_count
        self.n_records += batch.num_rows
        self.n_faulty += n_faulty
        columns = {
            name: self._column(batch, source, n_faulty)
            for name, source in self.use.columns.items()
            if name not in self.absent
        }
        empty = pa.nulls(batch.num_rows, pa.string())
        arrays = [columns.get(name, empty) for name in column_names(self.use.export_name)]
        centres, files = self._centres_and_files(batch)
        arrays += [centres, files]
        arrays += [batch.column(name) for name in ("record_number", "line_number")]
        arrays += [faults, batch.column("record_fault_detail")]
        if "pseudonym" in self.schema.names:
            ids = columns["patient_id"]
            arrays.append(empty if self._key is None else self._pseudonyms(ids, centres))
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def file_of_centre(self, centre_code: str) -> str:
        """Return the file's name in the raw table: with ``@centre`` where it has a column of them.

        The ledger accounts for the records of each centre apart.
        """
        is_part = self.centre_code is None and centre_code
        return f"{self.source_file}@{centre_code}" if is_part else self.source_file

    def _centres_and_files(self, batch: pa.Table) -> tuple[pa.Array, pa.Array]:
        """Return centre and file name of each record, shape (records,), and count the centres."""
        n = batch.num_rows
        if self.centre_code is not None:
            self.n_by_centre[self.centre_code] += n
            return _constant(self.centre_code, n), _constant(self.source_file, n)
        centres = batch.column(CENTRE).combine_chunks()
        for found in pc.value_counts(centres).to_pylist():
            self.n_by_centre[found["values"]] += found["counts"]
        names = [self.file_of_centre(code) for code in self.n_by_centre]
        places = pc.index_in(centres, pa.array(list(self.n_by_centre), pa.string()))
        return centres, pa.array(names, pa.string()).take(places)

    def selects(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records of a batch belong to this use, shape (records,)."""
        is_chosen = pc.is_null(batch.column("record_fault"))
        for header, texts in self.use.source.records.items():
            text = pc.utf8_trim_whitespace(batch.column(self._place[normal_header(header)]))
            is_chosen = pc.and_(is_chosen, pc.fill_null(pc.is_in(text, pa.array(texts)), False))
        return is_chosen

    def as_not_selected(self, batch: pa.Table) -> pa.Table:
        """Return records as faulty ones without cells; the detail is what this use asked for."""
        asked = [batch.column(self._place[normal_header(name)]) for name in self.use.source.records]
        detail = pc.binary_join_element_wise(*asked, ", ", null_handling="replace")
        return _as_faulty("not_selected", batch, detail)

    def _selected(self, batch: pa.Table) -> pa.Table:
        if self._takes_faulty and not self.use.source.records:
            return batch
        is_chosen = self.selects(batch)
        if self._takes_faulty:
            is_chosen = pc.or_(is_chosen, pc.is_valid(batch.column("record_fault")))
        return batch.filter(is_chosen)

    def _column(
        self, batch: pa.Table, source: ColumnSource, n_faulty: int
    ) -> pa.Array | pa.ChunkedArray:
        if source.constant is not None:
            constant = _constant(source.constant, batch.num_rows)
            if n_faulty == 0:
                return constant
            is_sound = pc.is_null(batch.column("record_fault"))
            return pc.if_else(is_sound, constant, pa.scalar(None, pa.string()))
        columns = [batch.column(self._place[normal_header(name)]) for name in source.headers]
        if source.column is not None:
            return columns[0]
        joined = pc.binary_join_element_wise(*columns, source.separator)
        # Blank parts at the end are left out: a REDCap event that does not repeat has no number.
        blank_end = f"(?:{re.escape(source.separator)})+$"
        return pc.replace_substring_regex(joined, blank_end, "") if source.separator else joined

    def _pseudonyms(self, patient_ids: pa.ChunkedArray, centres: pa.Array) -> pa.Array:
        assert self._key is not None
        ids = patient_ids.to_pylist()
        if self.centre_code != "":
            ids = [
                qualified(each, code) if each and each.strip() else None
                for each, code in zip(ids, centres.to_pylist(), strict=True)
            ]
        return pa.array(self._key.pseudonyms(ids), pa.string())


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)


def _as_faulty(code: str, batch: pa.Table, detail: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return records as faulty ones without cells; the start of the detail is kept."""
    n = batch.num_rows
    found = {
        "record_fault": _constant(code, n),
        "record_fault_detail": pc.utf8_slice_codeunits(detail, 0, _LONGEST_DETAIL),
        CENTRE: _constant("", n),
    }
    kept = {field.name for field in PLACE_FIELDS}
    return pa.Table.from_arrays(
        [
            found.get(name, batch.column(name) if name in kept else pa.nulls(n, pa.string()))
            for name in batch.schema.names
        ],
        schema=batch.schema,
    )


def _with_centres(judgement: FileJudgement, batch: pa.Table, layout: Layout | None) -> pa.Table:
    """Add the code of each record's centre; a record whose centre is not known is faulty."""
    assert layout is not None
    centre = judgement.planned.centre
    if centre is None or centre.constant is not None:
        return batch
    place = {name: str(number) for number, name in enumerate(layout.keys)}
    texts = [batch.column(place[normal_header(header)]) for header in centre.headers]
    written = pc.binary_join_element_wise(*texts, centre.separator, null_handling="replace")
    codes = pc.utf8_lower(pc.utf8_trim_whitespace(written))
    is_sound = pc.is_null(batch.column("record_fault"))
    is_known = pc.and_(pc.match_substring_regex(codes, f"^{CENTRE_PATTERN}$"), is_sound)
    batch = batch.append_column(CENTRE, pc.if_else(is_known, codes, ""))
    is_faulty = pc.and_(is_sound, pc.invert(is_known))
    unknown = batch.filter(is_faulty)
    if unknown.num_rows == 0:
        return batch
    for line in unknown.column("line_number").to_pylist():
        judgement.tally.add_fault("unknown_centre", line)
    faulty = _as_faulty("unknown_centre", unknown, written.filter(is_faulty))
    return pa.concat_tables([batch.filter(pc.invert(is_faulty)), faulty])


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
        One per use of the file, with its counts; one more for records that no use takes, if any.
    notices : list of tuple
        Code and detail.
    refusal : FileRefusedError or None
        Why the file cannot be trusted.
    """

    planned: PlannedFile
    sha256: str = ""
    n_bytes: int = 0
    tally: Tally = field(default_factory=Tally)
    projections: list[Projection] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    refusal: FileRefusedError | None = None


def judge_files(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
    progress: FileProgress | None = None,
) -> list[FileJudgement]:
    """Judge every file of a delivery, refused ones included, and keep nothing of its rows.

    Parameters
    ----------
    delivery : Delivery
        The folder and its mapping.
    plan : FolderPlan
        Its files.
    key : PseudonymKey, optional
        Key of the pseudonyms; None makes none.
    progress : callable, optional
        Called for every block that was read.
    """
    judgements = [FileJudgement(planned) for planned in plan.files]
    with open_folder(delivery.folder) as handle:
        for judgement in judgements:
            for _ in judged_rows(judgement, handle, key, progress):
                pass
    return judgements


def judged_rows(
    judgement: FileJudgement,
    folder_handle: int,
    key: PseudonymKey | None = None,
    progress: FileProgress | None = None,
) -> Iterator[tuple[Projection, pa.Table]]:
    """Read a file once: hash it, judge it, and yield its rows on the way.

    Parameters
    ----------
    judgement : FileJudgement
        Names the file and its uses; the rest is filled in and complete when the rows end. With a
        refusal the rows that were yielded are void.
    folder_handle : int
        Open handle of the delivery folder.
    key : PseudonymKey, optional
        For the patients' pseudonyms; None makes none.
    progress : callable, optional
        Called for every block that was read.

    Yields
    ------
    tuple
        A projection of the file and rows of its raw table.
    """
    planned = judgement.planned
    source = None
    try:
        source = SourceBytes(folder_handle, planned.name, _progress_of(planned.name, progress))
        reader = _reader(planned, source)
        judgement.tally, judgement.notices = reader.tally, reader.notices
        for batch in reader.batches():
            if not judgement.projections:
                judgement.projections = _projections(planned, reader.layout, key)
            yield from _projected(judgement, batch, reader.layout, key)
        if not judgement.projections:
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


def _progress_of(name: str, progress: FileProgress | None) -> Progress | None:
    return None if progress is None else lambda n_bytes: progress(name, n_bytes)


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
    check_first_line(head, use.export.encoding)
    return CsvReader(
        with_line_feeds(to_utf8(blocks, use.export.encoding)),
        planned.contract,
        use.export.delimiter,
        use.source.preamble_lines,
    )


def _projections(
    planned: PlannedFile, layout: Layout | None, key: PseudonymKey | None
) -> list[Projection]:
    assert layout is not None
    return [
        Projection(use, planned.name, layout, key, number == 0, centre=planned.centre)
        for number, use in enumerate(planned.uses)
    ]


def _projected(
    judgement: FileJudgement, batch: pa.Table, layout: Layout | None, key: PseudonymKey | None
) -> Iterator[tuple[Projection, pa.Table]]:
    """Give a batch to every use of the file, then the records that none of them takes."""
    uses = judgement.planned.uses
    batch = _with_centres(judgement, batch, layout)
    by_use = judgement.projections[: len(uses)]
    for projection in by_use:
        rows = projection.rows(batch)
        if rows.num_rows:
            yield projection, rows
    if all(use.source.records for use in uses):
        is_taken = pc.is_valid(batch.column("record_fault"))
        for projection in by_use:
            is_taken = pc.or_(is_taken, projection.selects(batch))
        rest = batch.filter(pc.invert(is_taken))
        if rest.num_rows:
            if len(judgement.projections) == len(uses):
                judgement.projections.append(_of_the_rest(judgement.planned, layout, key))
            projection = judgement.projections[-1]
            yield projection, projection.rows(by_use[0].as_not_selected(rest))


def _of_the_rest(
    planned: PlannedFile, layout: Layout | None, key: PseudonymKey | None
) -> Projection:
    """Return the projection of records that no use takes: faulty records of the first export."""
    assert layout is not None
    first = planned.uses[0]
    source = first.source.model_copy(update={"part": NOT_SELECTED, "records": {}})
    use = replace(first, source=source)
    return Projection(use, planned.name, layout, key, True, centre=planned.centre)


def _note_columns(judgement: FileJudgement, layout: Layout | None) -> None:
    assert layout is not None
    names = Counter(shown_name(name.strip()) or "(no name)" for name in layout.extra)
    extra = [name if n == 1 else f"{name} ({n} columns)" for name, n in names.items()]
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
        )
    if tally.n_records == 0 and not all(use.source.may_be_empty for use in uses):
        raise FileRefusedError("no_records", "holds a header and no record.")
    if (
        tally.n_faulty > MOST_FAULTY_RECORDS
        and tally.n_faulty > MOST_FAULTY_SHARE * tally.n_records
    ):
        raise FileRefusedError(
            "too_many_faults",
            f"{tally.n_faulty} of {tally.n_records} records are faulty "
            f"(more than {MOST_FAULTY_SHARE:.0%}): {tally.words()}.",
        )
    if tally.n_records > tally.n_faulty:
        _require_selected(judgement)


def _require_selected(judgement: FileJudgement) -> None:
    """Refuse a file from which an export gets no record; note a single use that selects none."""
    selected: dict[str, list[Projection]] = {}
    for projection in judgement.projections[: len(judgement.planned.uses)]:
        selected.setdefault(projection.use.export_name, []).append(projection)
        if projection.n_records == projection.n_faulty:
            judgement.notices.append(("no_records", f"{projection.source_file}: none selected"))
    for export_name, projections in selected.items():
        if all(each.n_records == each.n_faulty for each in projections) and not all(
            each.use.source.may_be_empty for each in projections
        ):
            asked = [name for each in projections for name in each.use.source.records]
            raise FileRefusedError(
                "none_selected",
                f"holds no record of {export_name}: none has what the mapping asks of "
                f"{', '.join(map(shown_name, dict.fromkeys(asked)))}.",
            )
    for projection in judgement.projections[len(judgement.planned.uses) :]:
        judgement.notices.append(
            ("unselected_records", f"{projection.n_records} records belong to no export")
        )
