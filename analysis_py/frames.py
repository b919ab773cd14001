"""Reading the frames that an analysis is given: named columns, booleans, wide tables.

A frame is a pandas DataFrame with the columns of the mart of the same name. Missing is NaN, None or
pandas.NA; booleans may be nullable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Frames = Mapping[str, pd.DataFrame]


def is_true(column: pd.Series) -> np.ndarray:
    """Boolean array, shape (n,): True where the value is true, False where false or missing."""
    return column.astype("boolean").fillna(False).to_numpy(dtype=bool)


def is_known(column: pd.Series) -> np.ndarray:
    """Boolean array, shape (n,): True where a value is recorded."""
    return column.notna().to_numpy(dtype=bool)


def numbers(column: pd.Series) -> np.ndarray:
    """Float array, shape (n,); missing is NaN, booleans are 0 and 1."""
    if column.dtype == object:
        column = pd.to_numeric(column)
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return column.to_numpy(dtype=float)
    return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)


def codes(column: pd.Series) -> np.ndarray:
    """Object array of text codes, shape (n,); missing is None. For small frames."""
    values = np.array(column, dtype=object)
    values[column.isna().to_numpy()] = None
    return values


def coded(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct texts of a column and where each row has its own.

    Returns
    -------
    texts : numpy.ndarray of object, shape (m,)
    positions : numpy.ndarray of int, shape (n,)
        Position in `texts`; -1 where nothing is recorded.
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        positions, texts = pd.factorize(column)
        return np.asarray(texts, dtype=object), positions
    return column.cat.categories.to_numpy(dtype=object), column.cat.codes.to_numpy()


def counted(column: pd.Series) -> dict[str, int]:
    """Rows of each text that occurs; rows where nothing is recorded are not counted."""
    texts, positions = coded(column)
    numbers = np.bincount(positions[positions >= 0], minlength=len(texts))
    return {str(text): int(n) for text, n in zip(texts, numbers, strict=True) if n}


def is_code(column: pd.Series, code: str) -> np.ndarray:
    """Boolean array, shape (n,): True where the text is this one."""
    texts, positions = coded(column)
    return np.isin(positions, np.flatnonzero(texts == code))


def at(frame: pd.DataFrame, timepoint: str) -> pd.DataFrame:
    """Rows of one timepoint."""
    return frame[is_code(frame["timepoint_code"], timepoint)]


def wide(frame: pd.DataFrame, value: str, timepoints: Sequence[str]) -> pd.DataFrame:
    """One row per patient, one column per timepoint, in the order of `timepoints`.

    Parameters
    ----------
    frame : pandas.DataFrame
        With patient_id, timepoint_code and the column `value`; unique per patient and timepoint.
    value : str
        Column to spread: numbers or text.

    Returns
    -------
    pandas.DataFrame
        Numbers are floats, texts categories; missing where the patient has no row or no value. The
        rows are in no order that means anything.
    """
    patients, patient = coded(frame["patient_id"])
    moments, moment = coded(frame["timepoint_code"])
    is_text = isinstance(frame[value].dtype, pd.CategoricalDtype) or frame[value].dtype == object
    texts, cells = coded(frame[value]) if is_text else (None, numbers(frame[value]))
    missing = np.nan if texts is None else -1
    table, seen = {}, np.zeros(len(patients), dtype=bool)
    for timepoint in timepoints:
        rows = np.isin(moment, np.flatnonzero(moments == timepoint))
        column: Any = np.full(len(patients), missing, dtype=cells.dtype)
        column[patient[rows]] = cells[rows]
        seen[patient[rows]] = True
        table[timepoint] = pd.Series(
            column if texts is None else pd.Categorical.from_codes(column, pd.Index(texts))
        )
    return pd.DataFrame(table)[seen].reset_index(drop=True)


def timepoint_codes(frames: Frames) -> tuple[str, ...]:
    """Timepoints of the study in their order, from dim_timepoints."""
    timepoints = frames["dim_timepoints"].sort_values("timepoint_number")
    return tuple(timepoints["timepoint_code"].astype(str))
