"""Judge one file of a delivery from its first byte to its last, and map it to raw tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from intake.cells import private_copy
from intake.contract import unexpected_columns
from intake.coverage import UnselectedWords
from intake.csv_reader import CsvReader
from intake.delivery import Delivery, FolderPlan, PlannedFile
from intake.file_bytes import (
    SourceBytes,
    check_first_line,
    check_kind,
    inflate,
    open_folder,
    to_utf8,
    with_head,
    with_line_feeds,
)
from intake.mapping_schema import CENTRE_PATTERN
from intake.parquet import ParquetReader
from intake.projection import CENTRE, Projection, as_faulty
from intake.records import Layout, Tally, normal_header
from intake.refusals import FileRefusedError, shown_name
from intake.uses import NOT_SELECTED, SKIPPED
from intake.workbook import WorkbookReader
from privacy.pseudonyms import PseudonymKey

MOST_FAULTY_SHARE = 0.10
MOST_FAULTY_RECORDS = 5
"""A file is refused when both are exceeded (docs/data_contract.md)."""

_LEAST_UNDECODABLE = 3
_MOST_COLUMNS_NOTED = 50

FileProgress = Callable[[str, int], None]
"""Called with the name of a file and the number of its bytes that were just read."""


def _with_centres(judgement: FileJudgement, batch: pa.Table, layout: Layout) -> pa.Table:
    """Add the code of each record's centre; a record whose centre is not known is faulty."""
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
    faulty = as_faulty("unknown_centre", unknown, written.filter(is_faulty))
    return pa.concat_tables([batch.filter(pc.invert(is_faulty)), faulty])


@dataclass
class FileJudgement:
    """What is known of a file after it was read.

    Attributes
    ----------
    sha256, n_bytes
        Hash of exactly the bytes that were read, and their number.
    projections : list of Projection
        One per use of the file, with its counts; more for records that no use takes, if any.
    unselected : UnselectedWords
        What the records have that no use takes.
    waiting : list of tuple
        Records that are empty in a column of yes and no, and whether another use takes them.
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
    unselected: UnselectedWords = field(init=False)
    waiting: list[tuple[pa.Table, pa.ChunkedArray]] = field(default_factory=list, repr=False)
    notices: list[tuple[str, str]] = field(default_factory=list)
    refusal: FileRefusedError | None = None

    def __post_init__(self) -> None:
        self.unselected = UnselectedWords(self.planned.uses)


def judge_files(
    delivery: Delivery,
    plan: FolderPlan,
    key: PseudonymKey | None = None,
    progress: FileProgress | None = None,
    see: Callable[[Projection, pa.Table], None] | None = None,
) -> list[FileJudgement]:
    """Judge every file of a delivery, refused ones included, and keep nothing of its rows.

    Parameters
    ----------
    key : PseudonymKey, optional
        Key of the pseudonyms; None makes none.
    progress : callable, optional
        Called for every block that was read.
    see : callable, optional
        Called with every projection and rows of its raw table.
    """
    judgements = [FileJudgement(planned) for planned in plan.files]
    with open_folder(delivery.folder) as handle:
        for judgement in judgements:
            for projection, rows in judged_rows(judgement, handle, key, progress):
                if see is not None:
                    see(projection, rows)
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
    of_file = None if progress is None else partial(progress, planned.name)
    try:
        with closing(SourceBytes(folder_handle, planned.name, of_file)) as source:
            reader = _reader(planned, source)
            judgement.tally, judgement.notices = reader.tally, reader.notices
            for batch in reader.batches():
                layout = _layout_of(reader, judgement, key)
                yield from _projected(judgement, batch, layout, key)
            yield from _unanswered(judgement, _layout_of(reader, judgement, key), key)
            _note_columns(judgement, _layout_of(reader, judgement, key))
            _judge_whole(judgement)
            judgement.sha256, judgement.n_bytes = source.sha256, source.n_bytes
    except FileRefusedError as refusal:
        refusal.file_name = shown_name(planned.shown)
        judgement.refusal = refusal


def _reader(
    planned: PlannedFile, source: SourceBytes
) -> CsvReader | WorkbookReader | ParquetReader:
    form = planned.form
    head, blocks = with_head(source.blocks())
    check_kind(head, planned.file_format, form.encoding)
    if planned.file_format == "xlsx":
        return WorkbookReader(
            private_copy(blocks),
            planned.contract,
            planned.cell_forms,
            sheet=planned.sheet,
            other_sheets=planned.other_sheets,
            file_form=form,
        )
    if planned.file_format == "parquet":
        return ParquetReader(private_copy(blocks), planned.contract, planned.cell_forms)
    if planned.file_format == "csv_gz":
        head, blocks = with_head(inflate(blocks))
        check_kind(head, "csv", form.encoding)
    check_first_line(head, form.encoding)
    return CsvReader(with_line_feeds(to_utf8(blocks, form.encoding)), planned.contract, form)


def _layout_of(
    reader: CsvReader | WorkbookReader | ParquetReader,
    judgement: FileJudgement,
    key: PseudonymKey | None,
) -> Layout:
    """Return the columns of a file whose header was read; make its projections, once."""
    layout, planned = reader.layout, judgement.planned
    assert layout is not None
    if not judgement.projections:
        judgement.projections = [
            Projection(use, planned.name, layout, key, number == 0, centre=planned.centre)
            for number, use in enumerate(planned.uses)
        ]
    return layout


def _projected(
    judgement: FileJudgement, batch: pa.Table, layout: Layout, key: PseudonymKey | None
) -> Iterator[tuple[Projection, pa.Table]]:
    """Give a batch to every use of the file, then the records that none of them takes."""
    planned = judgement.planned
    by_use = judgement.projections[: len(planned.uses)]
    batch, skipped = _without_skipped(by_use[0], _with_centres(judgement, batch, layout))
    for projection in by_use:
        rows = projection.rows(batch)
        if rows.num_rows:
            yield projection, rows
    rests = {SKIPPED: skipped}
    flags = [projection for projection in by_use if projection.use.flag is not None]
    waits = pa.scalar(False)
    for projection in flags:
        projection.note_answers(batch)
        waits = pc.or_(waits, projection.waits(batch))
    is_taken = pc.is_valid(batch.column("record_fault"))
    if all(use.is_filtered for use in planned.uses):
        for projection in by_use:
            is_taken = pc.or_(is_taken, projection.selects(batch))
        rests[NOT_SELECTED] = batch.filter(pc.invert(pc.or_(is_taken, waits)))
    if flags:
        judgement.waiting.append((batch.filter(waits), is_taken.filter(waits)))
    yield from _of_no_use(judgement, rests, layout, key)


def _unanswered(
    judgement: FileJudgement, layout: Layout, key: PseudonymKey | None
) -> Iterator[tuple[Projection, pa.Table]]:
    """Give the records that wait to the uses whose column says no of others, at the file's end."""
    uses = judgement.planned.uses
    flags = [each for each in judgement.projections[: len(uses)] if each.use.flag is not None]
    for batch, is_taken in judgement.waiting:
        is_left = pc.invert(is_taken)
        for projection in flags:
            is_unknown = projection.unanswered(batch)
            is_left = pc.and_not(is_left, is_unknown)
            if pc.any(is_unknown).as_py():
                yield projection, projection.mapped(batch.filter(is_unknown))
        if all(use.is_filtered for use in uses):
            rest = {NOT_SELECTED: batch.filter(is_left)}
            yield from _of_no_use(judgement, rest, layout, key)


def _of_no_use(
    judgement: FileJudgement, rests: dict[str, pa.Table], layout: Layout, key: PseudonymKey | None
) -> Iterator[tuple[Projection, pa.Table]]:
    """Yield the records that no use takes, by part; they are faulty ones of the first export."""
    first = judgement.projections[0]
    for part, rest in rests.items():
        if rest.num_rows:
            if part == NOT_SELECTED:
                judgement.unselected.add(first, rest)
            projection = _of_the_rest(judgement, part, layout, key)
            yield projection, projection.rows(first.as_not_selected(rest))


def _without_skipped(first: Projection, batch: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return a batch without the records that the mapping declares to be none, and those."""
    if not first.use.source.skip_records:
        return batch, batch.slice(0, 0)
    is_skipped = first.skips(batch)
    return batch.filter(pc.invert(is_skipped)), batch.filter(is_skipped)


def _of_the_rest(
    judgement: FileJudgement, part: str, layout: Layout, key: PseudonymKey | None
) -> Projection:
    """Return the projection of records that no use takes: faulty records of the first export."""
    planned = judgement.planned
    for projection in judgement.projections[len(planned.uses) :]:
        if projection.use.source.part == part:
            return projection
    first = planned.uses[0]
    source = first.source.model_copy(update={"part": part, "records": {}})
    use = replace(first, source=source, slot_headers=(), flag=None)
    projection = Projection(use, planned.shown, layout, key, True, centre=planned.centre)
    judgement.projections.append(projection)
    return projection


def _note_columns(judgement: FileJudgement, layout: Layout) -> None:
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
        if projection.use.source.columns
        or name not in unexpected_columns(projection.use.export_name)
    )
    judgement.notices += [("optional_column_absent", name) for name in absent]


def _judge_whole(judgement: FileJudgement) -> None:
    """Refuse a file for what only its end shows."""
    tally = judgement.tally
    uses = judgement.planned.uses
    encoding = judgement.planned.form.encoding
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


def _selects_none(projection: Projection) -> bool:
    return projection.n_records == projection.n_faulty + projection.n_doubts


def _require_selected(judgement: FileJudgement) -> None:
    """Refuse a file from which an export gets no record; note a single use that selects none."""
    selected: dict[str, list[Projection]] = {}
    for projection in judgement.projections[: len(judgement.planned.uses)]:
        selected.setdefault(projection.use.export_name, []).append(projection)
        if _selects_none(projection):
            judgement.notices.append(("no_records", f"{projection.source_file}: none selected"))
        if projection.n_empty_slots:
            judgement.notices.append(
                ("empty_slots", f"{projection.source_file}: {projection.n_empty_slots}")
            )
    for export_name, projections in selected.items():
        if all(map(_selects_none, projections)) and not all(
            each.use.source.may_be_empty for each in projections
        ):
            asked = [
                name
                for each in projections
                for name in (*each.use.source.records, *each.use.slot_headers)
            ]
            raise FileRefusedError(
                "none_selected",
                f"holds no record of {export_name}: none has what the mapping asks of "
                f"{', '.join(map(shown_name, dict.fromkeys(asked)))}.",
            )
    for projection in judgement.projections[len(judgement.planned.uses) :]:
        n = projection.n_records
        if projection.use.source.part == SKIPPED:
            judgement.notices.append(("skipped_records", f"{n} records are declared to be none"))
        else:
            judgement.notices.append(("unselected_records", f"{n} records belong to no export"))
    judgement.notices += [("unselected_word", line) for line in judgement.unselected.lines()]
