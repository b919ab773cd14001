"""The header contract of one file: which headers it must and may have, and where they stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from intake.errors import FileRefusedError, shown_name

BYTE_ORDER_MARK = "\ufeff"
_MOST_NAMES_SHOWN = 12


def normal_header(text: str) -> str:
    """Return the form in which headers are compared: no mark, no outer blanks, lower case."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.removeprefix(BYTE_ORDER_MARK))
    return text.strip().lower()


@dataclass(frozen=True)
class HeaderContract:
    """Headers that the uses of one file ask for, in their normal form.

    Attributes
    ----------
    required : tuple of str
        Without one of these the file is refused.
    optional : tuple of str
        Stored when there. When one is absent and an unexpected column is there, the file is
        refused, because one may be the other under a new name; otherwise it is noted.
    may_be_absent : tuple of str
        Optional headers whose absence the mapping declares.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    may_be_absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Where the stored columns of one file stand.

    Attributes
    ----------
    header : tuple of str
        Every header of the file in its normal form, in the order of the file.
    keys : tuple of str
        The stored headers, in the order of the file.
    positions : tuple of int
        Their positions, from 0.
    probe : int
        Index into ``keys`` of the first required column: it tells a repeated header and an
        empty record from others.
    absent : tuple of str
        Optional headers that the file does not have.
    extra : tuple of str
        Headers that are not stored, as written.
    """

    header: tuple[str, ...]
    keys: tuple[str, ...]
    positions: tuple[int, ...]
    probe: int
    absent: tuple[str, ...] = ()
    extra: tuple[str, ...] = field(default=(), repr=False)

    @property
    def n_columns(self) -> int:
        """Number of fields that every record must have."""
        return len(self.header)


def fits(cells: Sequence[str], contract: HeaderContract) -> bool:
    """Tell whether a line holds every required header."""
    return set(contract.required) <= {normal_header(cell) for cell in cells}


def judge_header(cells: Sequence[str], contract: HeaderContract) -> Layout:
    """Hold a header line against the contract.

    Parameters
    ----------
    cells : sequence of str
        The fields of the header line.
    contract : HeaderContract
        What the file must hold.

    Returns
    -------
    Layout

    Raises
    ------
    FileRefusedError
        A column is missing or may have been renamed, or a stored one stands twice.
    """
    header = tuple(normal_header(cell) for cell in cells)
    wanted = {*contract.required, *contract.optional}
    missing = [name for name in contract.required if name not in header]
    if len(missing) == len(contract.required):
        raise FileRefusedError(
            "no_header",
            "the first line is not a header: none of the required columns "
            f"({_listed(contract.required)}) is in it.",
            "Export the file again with its header line.",
        )
    unexpected = [cell for cell, name in zip(cells, header, strict=True) if name not in wanted]
    if missing:
        raise _missing_columns("required columns are missing", missing, unexpected)
    absent = [name for name in contract.optional if name not in header]
    undeclared = [name for name in absent if name not in contract.may_be_absent]
    if undeclared and any(name.strip() for name in unexpected):
        raise _missing_columns("columns are missing", undeclared, unexpected)
    twice = sorted({name for name in header if name in wanted and header.count(name) > 1})
    if twice:
        raise FileRefusedError(
            "column_twice",
            f"columns stand twice: {_listed(twice)}.",
            "Remove or rename the surplus column at the source.",
        )
    positions = tuple(place for place, name in enumerate(header) if name in wanted)
    keys = tuple(header[place] for place in positions)
    return Layout(
        header=header,
        keys=keys,
        positions=positions,
        probe=next(place for place, key in enumerate(keys) if key in contract.required),
        absent=tuple(absent),
        extra=tuple(unexpected),
    )


def _missing_columns(
    words: str, missing: Sequence[str], unexpected: Sequence[str]
) -> FileRefusedError:
    also = f"; unexpected: {_listed(unexpected)}" if unexpected else ""
    return FileRefusedError(
        "column_missing",
        f"{words}: {_listed(missing)}{also}.",
        "Restore the column names, or describe the new ones in the mapping (columns, "
        "may_be_absent).",
    )


def _listed(names: Sequence[str]) -> str:
    shown = [shown_name(name.strip(), 40) or "(no name)" for name in names[:_MOST_NAMES_SHOWN]]
    if len(names) > _MOST_NAMES_SHOWN:
        shown.append(f"and {len(names) - _MOST_NAMES_SHOWN} more")
    return ", ".join(shown)
