"""EASI at week 4 by use of tacrolimus at baseline, the data of A16 and Figure 1."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis_py.analyses._starts import STARTS
from analysis_py.frames import Frames, at, coded, is_known, is_true, take
from analysis_py.vocabulary import WEEK_04

USERS = "tacrolimus_at_baseline"
NON_USERS = "no_tacrolimus_at_baseline"
GROUPS = (USERS, NON_USERS)
VISITS = "fct_patient_timepoints"


def early_columns(columns: list[str]) -> dict[str, list[str]]:
    """Marts and columns read for the given columns of fct_patient_timepoints."""
    return {
        VISITS: ["patient_id", "timepoint_code", *columns],
        STARTS: ["patient_id", "is_on_tacrolimus_at_baseline"],
    }


def early(frames: Frames, columns: list[str]) -> pd.DataFrame:
    """One row per evaluable patient: `group` and the columns at week 4.

    Returns
    -------
    pandas.DataFrame
        `group` is tacrolimus_at_baseline (alone or with corticosteroids) or
        no_tacrolimus_at_baseline; None where use at baseline is not known, so that the patient is
        in neither group.
    """
    wanted = early_columns(columns)
    patients = take(frames, STARTS, wanted[STARTS])
    column = patients["is_on_tacrolimus_at_baseline"]
    group = np.where(is_true(column), USERS, NON_USERS).astype(object)
    group[~is_known(column)] = None
    visits = at(take(frames, VISITS, wanted[VISITS]), WEEK_04)
    ours, ids = coded(patients["patient_id"])
    theirs, attending = coded(visits["patient_id"])
    # Row of `visits` of each patient of the mart; one past the end where there is none.
    row_of = np.full(len(theirs) + 1, len(visits))
    row_of[attending] = np.arange(len(visits))
    rows = row_of[pd.Index(theirs).get_indexer(ours)][ids]
    rows = np.where(rows < len(visits), rows, -1)
    table = pd.DataFrame({name: visits[name].array.take(rows, allow_fill=True) for name in columns})
    table.insert(0, "group", group)
    return table
