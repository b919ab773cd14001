"""From batches of records to the rows of a raw table, as one use of a file in a mapping says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intake.contract import column_names
from intake.mapping_schema import NOT_EMPTY, ColumnSource, RecordFilter
from intake.raw_tables import export_schema
from intake.records import PLACE_FIELDS, Layout, normal_header
from intake.remarks import pieces, read_remark
from intake.rewriting import rewritings, written_date
from intake.uses import FileUse
from privacy.pseudonyms import PseudonymKey, qualified

_LONGEST_DETAIL = 60
CENTRE = "centre_code"


class Projection:
    """Turns batches of records into rows of one raw table, as the mapping says.

    Parameters
    ----------
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
    n_doubts : int
        Rows made so far of cells that say neither yes nor no.
    n_empty_slots : int
        Records so far that pass the filters and hold nothing at the timepoint of the use.
    n_by_part : Counter
        Rows made so far by code of their centre and number of the piece of their cell; a faulty
        record of a file with a column of centres has none.
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
        self.n_by_part: Counter[tuple[str, int]] = Counter()
        self.schema = export_schema(use.export_name)
        self.n_records = 0
        self.n_faulty = 0
        self.n_empty_slots = 0
        self.n_doubts = 0
        self._says_no = False
        self._answered: list[pa.Array] = []
        self._key = key
        self._takes_faulty = takes_faulty
        self._place = {name: str(place) for place, name in enumerate(layout.keys)}
        self.absent = [
            name
            for name, source in use.columns.items()
            if any(normal_header(header) not in self._place for header in source.headers)
        ]
        self._rewritings = rewritings(use)
        self._split = [name for name, source in use.columns.items() if source.split]
        self._remarks = [name for name, source in use.columns.items() if source.remarks]

    def rows(self, batch: pa.Table) -> pa.Table:
        """Return the rows of the raw table in a batch with the columns of ``batch_schema``."""
        return self.mapped(self._selected(batch))

    def mapped(self, batch: pa.Table) -> pa.Table:
        """Return the rows of the raw table of records that belong to this use."""
        n_faulty = batch.num_rows - batch.column("record_fault").null_count
        piece_numbers = None
        split = [name for name in self._split if name not in self.absent]
        if split:
            batch, piece_numbers = self._in_pieces(batch, split[0])
        faults = batch.column("record_fault")
        self.n_records += batch.num_rows
        self.n_faulty += n_faulty
        if self.use.flag is not None:
            is_doubt = pc.and_(pc.is_null(faults), pc.invert(self._says_yes(batch)))
            self.n_doubts += pc.sum(is_doubt).as_py() or 0
        columns = {
            name: self._column(batch, source, n_faulty, piece_numbers)
            for name, source in self.use.columns.items()
            if name not in self.absent
        }
        for name in self._remarks:
            columns |= self._with_remarks(columns, columns[name])
        columns |= {
            name: rewrite(columns[name])
            for name, rewrite in self._rewritings.items()
            if name in columns
        }
        empty = pa.nulls(batch.num_rows, pa.string())
        arrays = [columns.get(name, empty) for name in column_names(self.use.export_name)]
        centres, files = self._centres_and_files(batch, piece_numbers)
        arrays += [centres, files]
        arrays += [batch.column(name) for name in ("record_number", "line_number")]
        arrays += [faults, batch.column("record_fault_detail")]
        if "pseudonym" in self.schema.names:
            ids = columns["patient_id"]
            arrays.append(empty if self._key is None else self._pseudonyms(ids, centres))
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def file_of_part(self, centre_code: str, piece: int) -> str:
        """Return the file's name in the raw table, under which the ledger accounts for records.

        It ends in ``@centre`` where the file has a column of centres, and in ``+2`` for the second
        pieces of split cells, so that file and record number stay a key.
        """
        is_part = self.centre_code is None and centre_code
        name = f"{self.source_file}@{centre_code}" if is_part else self.source_file
        return f"{name}+{piece}" if piece > 1 else name

    def _centres_and_files(
        self, batch: pa.Table, piece_numbers: pa.Array | None
    ) -> tuple[pa.Array, pa.Array]:
        """Return centre and file name of each record, shape (records,), and count both."""
        n = batch.num_rows
        if self.centre_code is not None and piece_numbers is None:
            self.n_by_part[self.centre_code, 1] += n
            return _constant(self.centre_code, n), _constant(self.source_file, n)
        centres = _constant(self.centre_code or "", n)
        if self.centre_code is None:
            centres = batch.column(CENTRE).combine_chunks()
        numbers = pa.repeat(1, n) if piece_numbers is None else piece_numbers
        parts = pa.table({"centre": centres, "piece": numbers})
        for found in parts.group_by(["centre", "piece"]).aggregate([([], "count_all")]).to_pylist():
            self.n_by_part[found["centre"], found["piece"]] += found["count_all"]
        keys = pa.array([f"{code}+{piece}" for code, piece in self.n_by_part], pa.string())
        names = pa.array([self.file_of_part(*part) for part in self.n_by_part], pa.string())
        written = pc.binary_join_element_wise(centres, pc.cast(numbers, pa.string()), "+")
        return centres, names.take(pc.index_in(written, keys))

    def _in_pieces(self, batch: pa.Table, name: str) -> tuple[pa.Table, pa.Array]:
        """Return a record for each piece of the cells of a column, and the number of the piece."""
        source = self.use.columns[name]
        place = batch.schema.get_field_index(self._place[normal_header(source.headers[0])])
        encoded = batch.column(place).combine_chunks().dictionary_encode("encode")
        missing = self.use.form_of(name).missing_codes
        found = [pieces(text, source.split, missing) for text in encoded.dictionary.to_pylist()]
        lists = pa.array(found, pa.list_(pa.string())).take(encoded.indices)
        parents = pc.list_parent_indices(lists).to_numpy()
        starts = np.flatnonzero(np.diff(parents, prepend=-1))
        numbers = np.arange(len(parents)) - np.repeat(starts, np.diff([*starts, len(parents)])) + 1
        batch = batch.take(pa.array(parents))
        batch = batch.set_column(place, batch.schema.field(place), pc.list_flatten(lists))
        return batch, pa.array(numbers, pa.int64())

    def _with_remarks(
        self, columns: dict[str, pa.Array], names: pa.Array | pa.ChunkedArray
    ) -> dict[str, pa.Array]:
        """Return the columns that remarks behind a drug fill; a mapped start date comes first."""
        known = column_names(self.use.export_name)
        period = self.use.columns.get("period")
        is_past = period is not None and period.constant == "before_index"
        form = self.use.form_of("start_date")
        names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
        encoded = names.dictionary_encode()
        remarks = [
            read_remark(text, form, is_past=is_past, has_dose="dose_text" in known)
            for text in encoded.dictionary.to_pylist()
        ]

        def found(texts: Iterable[str]) -> pa.Array:
            return pa.array([text or None for text in texts], pa.string()).take(encoded.indices)

        # A mapped start is still as declared, and is rewritten with the others.
        written = form if "start_date" in columns else self.use.staged_form
        starts = found(
            written_date(remark.start_date, written) if remark.start_date else ""
            for remark in remarks
        )
        if "start_date" in columns:
            text = pc.utf8_trim_whitespace(pc.fill_null(columns["start_date"], ""))
            is_empty = pc.is_in(text, pa.array(["", *form.missing_codes], pa.string()))
            starts = pc.if_else(is_empty, starts, columns["start_date"])
        filled = {
            "drug_name": found(remark.drug_name for remark in remarks),
            "start_date": starts,
            "dose_text": found(remark.dose_text for remark in remarks),
            "stop_reason": found(remark.stop_reason for remark in remarks),
        }
        return {
            name: texts
            for name, texts in filled.items()
            if name in known and (name in ("drug_name", "start_date") or name not in columns)
        }

    def selects(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records of a batch belong to this use, shape (records,)."""
        is_chosen = self.passes(batch)
        if self.use.slot_headers:
            has_slot = pa.scalar(False)
            for header in self.use.slot_headers:
                if normal_header(header) in self._place:
                    has_slot = pc.or_(has_slot, self._holds(batch, header, NOT_EMPTY))
            is_chosen = pc.and_(is_chosen, has_slot)
        return is_chosen

    def passes(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records pass the filters of this use, whatever its timepoint."""
        is_yes_or_doubt = pa.scalar(True)
        if self.use.flag is not None:
            text = pc.utf8_lower(self.texts(batch, self.use.flag.header))
            others = pa.array(["", *self.use.flag.no, *self.use.flag.taken], pa.string())
            is_yes_or_doubt = pc.or_(self._says_yes(batch), pc.invert(pc.is_in(text, others)))
        return pc.and_(self._passes_others(batch), is_yes_or_doubt)

    def _says_yes(self, batch: pa.Table) -> pa.ChunkedArray:
        assert self.use.flag is not None
        header = self.use.flag.header
        return self._holds(batch, header, self.use.source.records[header])

    def _passes_others(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records pass the filters, without that of a column of yes and no."""
        is_chosen = pc.is_null(batch.column("record_fault"))
        for header, wanted in self.use.source.records.items():
            if self.use.flag is None or header != self.use.flag.header:
                is_chosen = pc.and_(is_chosen, self._holds(batch, header, wanted))
        return is_chosen

    def note_answers(self, batch: pa.Table) -> None:
        """Note which patients have an answer in the column of yes and no, and whether one is no."""
        assert self.use.flag is not None
        text = pc.utf8_lower(self.texts(batch, self.use.flag.header))
        self._answered.append(pc.unique(self._patients(batch).filter(pc.not_equal(text, ""))))
        no = pa.array(self.use.flag.no, pa.string())
        self._says_no |= bool(pc.any(pc.is_in(text, no)).as_py())

    def waits(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which records are empty in the column of yes and no, and in no other use."""
        assert self.use.flag is not None
        is_empty = pc.equal(self.texts(batch, self.use.flag.header), "")
        is_open = not self.use.flag.is_empty_taken
        return pc.and_(pc.and_(self._passes_others(batch), is_empty), is_open)

    def unanswered(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which records that wait are of a patient with no answer in any record."""
        answered = pa.concat_arrays(self._answered)
        is_answered = pc.is_in(self._patients(batch), answered)
        return pc.and_(pc.and_(self.waits(batch), pc.invert(is_answered)), self._says_no)

    def _patients(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        ids = self._column(batch, self.use.columns["patient_id"], 0, None)
        ids = pc.fill_null(pc.utf8_trim_whitespace(ids), "")
        if CENTRE in batch.schema.names:
            ids = pc.binary_join_element_wise(batch.column(CENTRE), ids, ":")
        return ids

    def skips(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records are declared to belong to no use, shape (records,)."""
        is_skipped = pa.scalar(False)
        for header, wanted in self.use.source.skip_records.items():
            is_skipped = pc.or_(is_skipped, self._holds(batch, header, wanted))
        return pc.and_(pc.is_null(batch.column("record_fault")), is_skipped)

    def texts(self, batch: pa.Table, header: str) -> pa.ChunkedArray:
        """Return the cells of a header without outer blanks; never null."""
        text = pc.utf8_trim_whitespace(batch.column(self._place[normal_header(header)]))
        return pc.fill_null(text, "")

    def _holds(self, batch: pa.Table, header: str, wanted: RecordFilter) -> pa.ChunkedArray:
        """Return where the cell of a header is what a filter wants; never null."""
        text = self.texts(batch, header)
        missing = pa.array(["", *self.use.cell_form.missing_codes], pa.string())
        if wanted.is_empty is not None:
            is_empty = pc.is_in(text, missing)
            return is_empty if wanted.is_empty else pc.invert(is_empty)
        texts = wanted.one_of if wanted.one_of is not None else wanted.none_of or ()
        is_there = pc.is_in(text, pa.array(texts, pa.string()))
        if "" in texts:
            is_there = pc.or_(is_there, pc.is_in(text, missing))
        return is_there if wanted.one_of is not None else pc.invert(is_there)

    def as_not_selected(self, batch: pa.Table) -> pa.Table:
        """Return records as faulty ones without cells; the detail is what this use asked for."""
        asked = [batch.column(self._place[normal_header(name)]) for name in self.use.headers]
        detail = pa.nulls(batch.num_rows, pa.string())
        if asked:
            detail = pc.binary_join_element_wise(*asked, ", ", null_handling="replace")
        return as_faulty("not_selected", batch, detail)

    def _selected(self, batch: pa.Table) -> pa.Table:
        if self._takes_faulty and not self.use.is_filtered:
            return batch
        is_chosen = self.selects(batch)
        if self.use.slot_headers:
            n_passed, n_chosen = pc.sum(self.passes(batch)).as_py(), pc.sum(is_chosen).as_py()
            self.n_empty_slots += (n_passed or 0) - (n_chosen or 0)
        if self._takes_faulty:
            is_chosen = pc.or_(is_chosen, pc.is_valid(batch.column("record_fault")))
        return batch.filter(is_chosen)

    def _column(
        self, batch: pa.Table, source: ColumnSource, n_faulty: int, piece_numbers: pa.Array | None
    ) -> pa.Array | pa.ChunkedArray:
        if source.constant is not None:
            constant = _constant(source.constant, batch.num_rows)
            flag = self.use.flag
            if flag is not None and source is self.use.columns[flag.term_column]:
                doubt = f"{source.constant.rstrip('?')}?"
                constant = pc.if_else(self._says_yes(batch), constant, doubt)
            if n_faulty == 0:
                return constant
            is_sound = pc.is_null(batch.column("record_fault"))
            return pc.if_else(is_sound, constant, pa.scalar(None, pa.string()))
        if source.column is not None:
            return batch.column(self._place[normal_header(source.column)])
        parts = []
        for part in source.join:
            if part.header is not None:
                parts.append(batch.column(self._place[normal_header(part.header)]))
            elif part.piece and piece_numbers is not None:
                parts.append(pc.cast(piece_numbers, pa.string()))
            else:
                parts.append(_constant(part.constant or "1", batch.num_rows))
        joined = pc.binary_join_element_wise(*parts, source.separator)
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


def as_faulty(code: str, batch: pa.Table, detail: pa.Array | pa.ChunkedArray) -> pa.Table:
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
