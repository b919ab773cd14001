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
    return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)


def codes(column: pd.Series) -> np.ndarray:
    """Object array of text codes, shape (n,); missing is None."""
    values = column.astype(object)
    return values.where(values.notna(), None).to_numpy(dtype=object)


def at(frame: pd.DataFrame, timepoint: str) -> pd.DataFrame:
    """Rows of one timepoint."""
    return frame[(frame["timepoint_code"] == timepoint).to_numpy(dtype=bool)]


def wide(frame: pd.DataFrame, value: str, timepoints: Sequence[str]) -> pd.DataFrame:
    """One row per patient, one column per timepoint, in the order of `timepoints`.

    Parameters
    ----------
    frame : pandas.DataFrame
        With patient_id, timepoint_code and the column `value`; unique per patient and timepoint.
    value : str
        Column to spread.
    timepoints : sequence of str

    Returns
    -------
    pandas.DataFrame
        Indexed by patient_id; missing where the patient has no row or no value.
    """
    parts = {}
    for timepoint in timepoints:
        part = at(frame, timepoint)
        parts[timepoint] = pd.Series(
            codes(part[value]) if _is_text(part[value]) else numbers(part[value]),
            index=pd.Index(codes(part["patient_id"]), name="patient_id"),
        )
    return pd.DataFrame(parts)


def timepoint_codes(frames: Frames) -> tuple[str, ...]:
    """Timepoints of the study in their order, from dim_timepoints."""
    timepoints = take(frames, "dim_timepoints", ["timepoint_code", "timepoint_number"])
    return tuple(timepoints.sort_values("timepoint_number")["timepoint_code"].astype(str))


def _is_text(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object
