"""From batches of records to the rows of a raw table, as one use of a file in a mapping says."""

from __future__ import annotations

import re
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from intake.contract import column_names
from intake.expansion import FileUse
from intake.mapping_schema import ColumnSource, RecordFilter
from intake.raw_tables import export_schema
from intake.records import PLACE_FIELDS, Layout, normal_header
from privacy.pseudonyms import PseudonymKey, qualified

_LONGEST_DETAIL = 60
CENTRE = "centre_code"


_NOT_EMPTY = RecordFilter(is_empty=False)


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
        is_chosen = self.passes(batch)
        if self.use.slot_headers:
            has_slot = pa.scalar(False)
            for header in self.use.slot_headers:
                if normal_header(header) in self._place:
                    has_slot = pc.or_(has_slot, self._holds(batch, header, _NOT_EMPTY))
            is_chosen = pc.and_(is_chosen, has_slot)
        return is_chosen

    def passes(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records pass the filters of this use, whatever its timepoint."""
        is_chosen = pc.is_null(batch.column("record_fault"))
        for header, wanted in self.use.source.records.items():
            is_chosen = pc.and_(is_chosen, self._holds(batch, header, wanted))
        return is_chosen

    def skips(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records are declared to belong to no use, shape (records,)."""
        is_skipped = pa.scalar(False)
        for header, wanted in self.use.source.skip_records.items():
            is_skipped = pc.or_(is_skipped, self._holds(batch, header, wanted))
        return pc.and_(pc.is_null(batch.column("record_fault")), is_skipped)

    def _holds(self, batch: pa.Table, header: str, wanted: RecordFilter) -> pa.ChunkedArray:
        """Return where the cell of a header is what a filter wants; never null."""
        text = pc.utf8_trim_whitespace(batch.column(self._place[normal_header(header)]))
        text = pc.fill_null(text, "")
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
        if source.column is not None:
            return batch.column(self._place[normal_header(source.column)])
        parts = [
            batch.column(self._place[normal_header(part.header)])
            if part.header is not None
            else _constant(part.constant or "", batch.num_rows)
            for part in source.join
        ]
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
