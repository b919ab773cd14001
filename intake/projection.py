"""From the columns of a file to the rows of a raw table, as the mapping says."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from intake.contract import column_names
from intake.folder import FileUse
from intake.layout import Layout, normal_header
from intake.mapping import ColumnSource
from intake.raw_tables import export_schema
from privacy.pseudonyms import PseudonymKey


class Projection:
    """Turns batches of records into rows of one raw table.

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
        Whether faulty records are counted here; with several uses of one file they are counted
        once, because a record that cannot be read fits no filter.

    Attributes
    ----------
    n_records, n_faulty : int
        Rows made so far, and how many of them are faulty records.
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
    ) -> None:
        self.use = use
        self.source_file = use.source_file(file_name)
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
        """Return the rows of the raw table that a batch of records holds.

        Parameters
        ----------
        batch : pyarrow.Table
            Columns of ``records.batch_schema``.

        Returns
        -------
        pyarrow.Table
            Columns of the raw table.
        """
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
        arrays.append(_constant(self.source_file, batch.num_rows))
        arrays += [batch.column(name) for name in ("record_number", "line_number")]
        arrays += [faults, batch.column("record_fault_detail")]
        if "pseudonym" in self.schema.names:
            arrays.append(empty if self._key is None else self._pseudonyms(columns["patient_id"]))
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _pseudonyms(self, patient_ids: pa.ChunkedArray) -> pa.Array:
        assert self._key is not None
        return pa.array(self._key.pseudonyms(patient_ids.to_pylist()), pa.string())

    def selects(self, batch: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return which sound records of a batch belong to this use, shape (records,)."""
        is_chosen = pc.is_null(batch.column("record_fault"))
        for header, texts in self.use.source.records.items():
            text = pc.utf8_trim_whitespace(batch.column(self._place[normal_header(header)]))
            is_chosen = pc.and_(is_chosen, pc.fill_null(pc.is_in(text, pa.array(texts)), False))
        return is_chosen

    def _selected(self, batch: pa.Table) -> pa.Table:
        """Return the records that belong to this use of the file."""
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
        return pc.binary_join_element_wise(*columns, source.separator)


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)
