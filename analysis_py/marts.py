"""Marts of a warehouse file as frames: schema marts, read-only, named columns.

The analyses read DuckDB through this module alone. Every message says what happened, where, and
what to do; none shows a value of a patient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core import duck
from core.stop import ExitCode, Stop

SCHEMA = "marts"
KEYS = ("patient_id", "timepoint_code")
"""Order of a frame's rows; rows with equal keys are ordered by the columns that are read."""
ROWS = {"fct_scores": ("score_code", "dim_scores", "not is_wide")}
"""Mart to the rows that analyses need: a code, the mart of the codes, and the condition there."""
BUILD = "Build it with `make run`, or name another file with --warehouse."
REBUILD = "The file was built by another version of the project: build it again."


# Words in DuckDB's message -> what happened and what to do; the first that fits is shown.
_CAUSES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("Could not set lock", "Conflicting lock"),
        "{path} is locked: another program{who} has it open for writing. Wait for the build to end "
        "or close that program, then try again.",
    ),
    (
        ("different configuration",),
        "{path} is open for writing in this same program. Close that connection first.",
    ),
    (
        ("newer version", "version number"),
        "{path} was written by a newer version of DuckDB than {version}, which this project uses. "
        "Build the file again with this project.",
    ),
    (("not a valid DuckDB database file",), f"{{path}} is not a DuckDB file. {BUILD}"),
    (
        ("Permission denied",),
        "{path} may not be opened by this user. Ask its owner for permission.",
    ),
    (
        ("checksum", "Corrupt", "Could not read"),
        "{path} is damaged or cut short. Build the warehouse again.",
    ),
)
_UNKNOWN_CAUSE = (
    "{path} could not be used ({kind}). Build the warehouse again; if that does not help, look at "
    "the disk."
)


class MartsError(Stop):
    """A warehouse file that cannot be read; the text is meant for people."""

    def __init__(self, what: str) -> None:
        super().__init__(ExitCode.ENVIRONMENT, what)


class Marts:
    """An open warehouse file, for reading its marts.

    Use as a context manager; the file is closed at the end of the block.

    Parameters
    ----------
    path : pathlib.Path
        Warehouse file.
    spill : pathlib.Path, optional
        Folder for spill files, if another process reads the file too: two must not share one.

    Raises
    ------
    MartsError
        If the file is missing, is no DuckDB file, is locked by a writer, was written by a newer
        DuckDB, is damaged, or has no schema marts.
    """

    def __init__(self, path: Path, spill: Path | None = None) -> None:
        self.path = Path(path)
        self._connection = _connect(self.path, spill)
        try:
            self._columns = self._read_columns()
        except MartsError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the open marts."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; it can be built or replaced afterwards."""
        self._connection.close()

    def has(self, mart: str) -> bool:
        """Whether the warehouse has this mart."""
        return mart in self._columns

    def read(
        self,
        mart: str,
        columns: Sequence[str] | None = None,
        rows: tuple[str, str, str] | None = None,
    ) -> pd.DataFrame:
        """Read columns of a mart.

        Parameters
        ----------
        columns : sequence of str, optional
            All columns when left out.
        rows : tuple of str, optional
            A code, the mart of the codes, and the condition there; all rows when left out.

        Returns
        -------
        pandas.DataFrame
            Text as categories, booleans nullable, whole numbers Int64, other numbers float64. Rows
            in the order of their keys, so that sums are equal to the last bit whichever way the
            file was written and whichever thread reads it.

        Raises
        ------
        MartsError
            If the mart or a column is not there, or cannot be read.
        """
        if mart not in self._columns:
            raise MartsError(f"{self.path} has no mart {mart}. {REBUILD}")
        wanted = list(self._columns[mart] if columns is None else columns)
        missing = [column for column in wanted if column not in self._columns[mart]]
        if missing:
            raise MartsError(
                f"mart {mart} of {self.path} has no column {', '.join(missing)}. {REBUILD}"
            )
        keys = [column for column in KEYS if column in self._columns[mart]]
        selected = ", ".join(duck.quote(column) for column in wanted)
        order = ", ".join(duck.quote(column) for column in dict.fromkeys([*keys, *wanted]))
        schema = schema_of(self._connection, SCHEMA)
        relation = f"{schema}.{duck.quote(mart)}"
        if rows:
            code, codes, condition = rows
            relation += f" where {code} in (select {code} from {schema}.{codes} where {condition})"
        try:
            sql = f"select {selected} from {relation} order by {order}"
            table = self._connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise MartsError(explain(error, self.path)) from None
        return pd.DataFrame({name: _to_pandas(table.column(name)) for name in table.column_names})

    def frames(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
        """Read several marts, each with the columns named; of fct_scores, further scores only.

        The scores of the study are columns of fct_patient_timepoints.

        Raises
        ------
        MartsError
            As for :meth:`read`.
        """
        return {mart: self.read(mart, columns, ROWS.get(mart)) for mart, columns in wanted.items()}

    def _read_columns(self) -> dict[str, list[str]]:
        try:
            rows = self._connection.execute(
                "select table_name, column_name from information_schema.columns "
                "where table_schema = ? order by table_name, ordinal_position",
                [SCHEMA],
            ).fetchall()
        except duckdb.Error as error:
            raise MartsError(explain(error, self.path)) from None
        if not rows:
            raise MartsError(
                f"{self.path} has no schema {SCHEMA}: the build did not finish, or this is another "
                f"file. {BUILD}"
            )
        columns: dict[str, list[str]] = {}
        for mart, column in rows:
            columns.setdefault(mart, []).append(column)
        return columns


def explain(error: duckdb.Error, path: Path) -> str:
    """Explain DuckDB's error about a file; its own text may quote data and is not shown."""
    text = str(error)
    holder = re.search(r"PID (\d+)", text)
    facts = {
        "path": path,
        "who": f" (process {holder.group(1)})" if holder else "",
        "version": duckdb.__version__,
        "kind": type(error).__name__,
    }
    for signs, message in _CAUSES:
        if any(sign in text for sign in signs):
            return message.format(**facts)
    return _UNKNOWN_CAUSE.format(**facts)


def schema_of(connection: duckdb.DuckDBPyConnection, schema: str) -> str:
    """Name a schema with its database, which DuckDB calls after the file.

    Without it, a file that is called like the schema (results.duckdb) could not be used.
    """
    return duck.quote(duck.scalar(connection, "select current_database()"), schema)


def _connect(path: Path, spill: Path | None) -> duckdb.DuckDBPyConnection:
    if path.is_dir():
        raise MartsError(f"{path} is a folder, not a warehouse file. {BUILD}")
    if not path.exists():
        raise MartsError(f"there is no warehouse file {path}. {BUILD}")
    try:
        return duck.connect(path, spill, read_only=True)
    except duckdb.Error as error:
        raise MartsError(explain(error, path)) from None


def _to_pandas(column: pa.ChunkedArray) -> pd.Series:
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_pandas()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.dictionary_encode(column).to_pandas()
    return column.to_pandas()
