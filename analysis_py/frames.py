"""Reading the frames that an analysis is given: named columns, booleans, wide tables.

A frame is a pandas DataFrame with the columns of the mart of the same name. Missing is NaN, None or
pandas.NA; booleans may be nullable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis_py.errors import AnalysisError

Frames = Mapping[str, pd.DataFrame]


class FrameError(AnalysisError):
    """A frame or a column that an analysis needs is not there."""


def take(frames: Frames, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the named columns of a frame.

    Raises
    ------
    FrameError
        Naming the mart and the columns that are missing.
    """
    if name not in frames:
        raise FrameError(f"mart {name} is not among the frames that were read")
    frame = frames[name]
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise FrameError(f"mart {name} has no column {', '.join(missing)}")
    return frame[list(columns)]


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
    values = column.astype(object)
    return values.where(values.notna(), None).to_numpy(dtype=object)


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
    timepoints : sequence of str

    Returns
    -------
    pandas.DataFrame
        Numbers are floats, texts categories; missing where the patient has no row or no value. The
        rows are in no order that means anything.
    """
    n = len(coded(frame["patient_id"])[0])
    is_text = isinstance(frame[value].dtype, pd.CategoricalDtype) or frame[value].dtype == object
    texts, cells = coded(frame[value]) if is_text else (None, numbers(frame[value]))
    missing = np.nan if texts is None else -1
    moments, moment = coded(frame["timepoint_code"])
    _, patient = coded(frame["patient_id"])
    seen, parts = np.zeros(n, dtype=bool), {}
    for timepoint in timepoints:
        rows = np.isin(moment, np.flatnonzero(moments == timepoint))
        column = np.full(n, missing, dtype=cells.dtype)
        column[patient[rows]] = cells[rows]
        seen[patient[rows]] = True
        parts[timepoint] = column
    if texts is not None:
        parts = {name: pd.Categorical.from_codes(part, texts) for name, part in parts.items()}
    return pd.DataFrame(parts)[seen].reset_index(drop=True)


def timepoint_codes(frames: Frames) -> tuple[str, ...]:
    """Timepoints of the study in their order, from dim_timepoints."""
    timepoints = take(frames, "dim_timepoints", ["timepoint_code", "timepoint_number"])
    return tuple(timepoints.sort_values("timepoint_number")["timepoint_code"].astype(str))
