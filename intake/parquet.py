"""Reading a Parquet file: typed columns are written as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intake.cells import (
    LARGEST_EXACT,
    ROWS_PER_BATCH,
    InexactNumberError,
    TableReader,
    inexact,
    render,
)
from intake.records import LONGEST_CELL, batch_schema, judge_fields, judge_header, normal_header
from intake.refusals import FileRefusedError, shown_name

_CONTROL_CHARACTER = "[\\x00-\\x08\\x0a-\\x1f\\x7f]"


@dataclass
class ParquetReader(TableReader):
    """Reads a Parquet file; typed columns are written as text."""

    def batches(self) -> Iterator[pa.Table]:
        """Yield the records of the file in order, with the columns of ``records.batch_schema``.

        line_number is the record number.

        Raises
        ------
        FileRefusedError
            The file is damaged or its columns are not the contract's.
        """
        try:
            yield from self._read()
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise FileRefusedError("damaged_parquet", "is a damaged Parquet file.") from None

    def _read(self) -> Iterator[pa.Table]:
        file = pq.ParquetFile(self.copy)
        names = file.schema_arrow.names
        layout = judge_header(names, self.contract)
        # Only the stored columns are read, so positions are theirs.
        places = tuple(range(len(layout.keys)))
        self.layout = replace(layout, header=layout.keys, positions=places)
        stored = [names[place] for place in layout.positions]
        for name in stored:
            self._refuse_type(name, file.schema_arrow.field(name).type)
        for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=stored):
            columns = [self._text(batch.column(batch.schema.get_field_index(n)), n) for n in stored]
            yield self._judged(columns)

    def _refuse_type(self, name: str, kind: pa.DataType) -> None:
        if isinstance(kind, pa.DictionaryType):
            kind = kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise FileRefusedError(
                "column_type", f"column {shown_name(name)} has the type {shown_name(str(kind))}."
            )

    def _text(self, column: pa.Array, name: str) -> pa.Array:
        """Write a column as text; a value that repeats is written once."""
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pc.fill_null(column.cast(pa.string()), "")
        encoded = column if isinstance(kind, pa.DictionaryType) else column.dictionary_encode()
        try:
            form = self.forms.of(normal_header(name))
            texts = [render(value, form) for value in _python_values(encoded.dictionary)]
        except InexactNumberError:
            raise inexact(name) from None
        return pc.fill_null(pa.array(texts, pa.string()).take(encoded.indices), "")

    def _judged(self, columns: list[pa.Array]) -> pa.Table:
        assert self.layout is not None
        n_rows = len(columns[0])
        is_odd = pc.equal(pc.utf8_trim_whitespace(columns[self.layout.probe]), "")
        for column in columns:
            if not pc.all(pc.string_is_ascii(column)).as_py():
                is_odd = pc.or_(is_odd, pc.invert(pc.string_is_ascii(column)))
            is_odd = pc.or_(is_odd, pc.match_substring_regex(column, _CONTROL_CHARACTER))
            is_odd = pc.or_(is_odd, pc.greater(pc.binary_length(column), LONGEST_CELL))
        first = self.tally.n_records + 1
        if not pc.any(is_odd).as_py():
            self.tally.n_records += n_rows
            numbers = pa.array(range(first, first + n_rows), pa.int64())
            faults = [pa.nulls(n_rows, pa.string())] * 2
            return pa.Table.from_arrays(
                [*columns, numbers, numbers, *faults], schema=batch_schema(self.layout)
            )
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        judged = [judge_fields(row, self.layout) for row in rows]
        return self._batch(judged, list(range(first, first + n_rows)))


def _python_values(values: pa.Array) -> list[Any]:
    """Return the values of a column as Python objects; a date that Python has not, as text."""
    if pa.types.is_floating(values.type) and values.type != pa.float64():
        return [_as_written(value, values.type) for value in values.to_numpy(zero_copy_only=False)]
    try:
        return values.to_pylist()
    except (ValueError, OverflowError, KeyError):
        return [_python_value(value) for value in values]


def _as_written(value: np.floating, kind: pa.DataType) -> float | None:
    """Return the shortest decimal number that a short floating-point number can mean."""
    if np.isnan(value):
        return None
    if float(value).is_integer() and abs(float(value)) > LARGEST_EXACT[kind]:
        raise InexactNumberError
    return float(str(value))


def _python_value(value: pa.Scalar) -> Any:
    attempts: tuple[Callable[[], Any], ...] = (value.as_py, lambda: value.cast(pa.string()).as_py())
    for attempt in attempts:
        try:
            return attempt()
        except (ValueError, OverflowError, KeyError, pa.ArrowException):
            continue
    return str(value.value)
