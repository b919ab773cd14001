"""Which rules of a failed data test were broken, in which columns and how often; no values.

dbt says how many rows a test returned. A test ``holds`` returns a row per broken rule, with the
rule, the column and a count, which is what a data manager wants to know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from refresh.messages import shown

COLUMNS = ["rule", "column_name", "n_rows"]
"""What a test must return for its rows to be told; they hold no value of a record."""
MOST_TOLD = 5


def broken_rules(file: Path, results: dict[str, Any]) -> dict[str, str]:
    """Ask each failed test once more which rules were broken.

    Parameters
    ----------
    file : Path
        The built warehouse.
    results : dict
        dbt's run_results.json.

    Returns
    -------
    dict
        Id of a failed test -> for example ``keys of visit_id: 2 rows``. Tests that do not return
        rule, column and count are left out, and so is everything when the file cannot be read.
    """
    failed = [
        result
        for result in results["results"]
        if result["status"] == "fail" and result.get("compiled_code")
    ]
    told: dict[str, str] = {}
    if not failed:
        return told
    try:
        with duckdb.connect(str(file), read_only=True) as db:
            for result in failed:
                rows = db.execute(result["compiled_code"])
                if [column[0] for column in rows.description] == COLUMNS:
                    told[result["unique_id"]] = _words(rows.fetchall())
    except duckdb.Error:
        pass  # the count that dbt gave is told in any case
    return told


def _words(rows: list[tuple[str, str, int]]) -> str:
    words = [f"{rule} of {shown(column, 80)}: {n} rows" for rule, column, n in rows[:MOST_TOLD]]
    more = len(rows) - len(words)
    return "; ".join(words + ([f"and {more} more"] if more else []))
