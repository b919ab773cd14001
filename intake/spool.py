"""The working copy of judged rows: an unnamed file that vanishes with the process.

The rows of a file that feeds several exports wait here until the file has been judged to its end,
because a raw table is written in one go. Nothing is left behind, whatever ends the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from intake.errors import IntakeError
from intake.projection import Projection

_IN_MEMORY_BYTES = 8 << 20


class Spool:
    """Rows of one raw table from one file.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of the rows.
    folder : Path or None
        Where an unnamed file is made when the rows outgrow memory; None: the system's place.
    """

    def __init__(self, schema: pa.Schema, folder: Path | None = None) -> None:
        self._schema = schema
        self._folder = folder
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (lives as long as the spool)
            max_size=_IN_MEMORY_BYTES, dir=folder
        )
        self._writer = pa.ipc.new_stream(self._file, schema)

    def write(self, rows: pa.Table) -> None:
        """Add rows.

        Raises
        ------
        IntakeError
            The disk is full.
        """
        try:
            self._writer.write_table(rows)
        except OSError as error:
            raise IntakeError(
                f"The working copy of the delivery cannot be written ({error.strerror or error}) "
                f"in {self._folder or tempfile.gettempdir()}. Make room there and start again."
            ) from None

    def finish(self) -> None:
        """Close the stream for reading."""
        self._writer.close()

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows from the first on."""
        self._file.seek(0)
        return pa.ipc.open_stream(self._file)

    def close(self) -> None:
        """Release the working copy."""
        self._file.close()


class SpoolRack:
    """The working copies of one delivery, by raw table.

    Parameters
    ----------
    folder : Path or None
        Where unnamed files are made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._spools: dict[Projection, Spool] = {}

    def __enter__(self) -> SpoolRack:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._spools.values():
            spool.close()

    def take(self, projection: Projection, rows: pa.Table) -> None:
        """Keep rows of a raw table."""
        if projection not in self._spools:
            self._spools[projection] = Spool(projection.schema, self._folder)
        self._spools[projection].write(rows)

    def readers(self) -> Iterator[tuple[str, pa.RecordBatchReader]]:
        """Yield raw table and rows, file by file in the order of the delivery's plan."""
        for projection, spool in self._spools.items():
            spool.finish()
            yield projection.use.export_name, spool.reader()
