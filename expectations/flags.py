"""The columns that the first door judges, computed once and kept in a scratch file.

The suites over raw text derive a flag from every cell, by pattern, word list or range. Great
Expectations asks each suite some ten questions, and every question would derive the flags anew.
They are derived once, into a file beside the work file that is removed afterwards. Text is not
copied: of a text column the rules ask only whether it is filled and how many values differ, which
its 64-bit hash answers as well.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from expectations.rules import Suite

MEMORY_LIMIT = "1200MB"
"""What DuckDB may take at the gate; more spills beside the file that is read."""

COLUMNS_RULE = "columns"


def derive(work_file: Path, suites: list[Suite], scratch: Path) -> dict[str, str]:
    """Write one table per suite, with the suite's name, into the scratch file.

    Parameters
    ----------
    work_file : Path
        The built DuckDB file, closed; read only.
    suites : list of Suite
        Suites whose queries derive flags.
    scratch : Path
        A file that does not exist yet.

    Returns
    -------
    dict
        Suite name to the kind of failure, for every suite whose query failed.
    """
    failed: dict[str, str] = {}
    with duckdb.connect(str(scratch), config={"memory_limit": MEMORY_LIMIT}) as db:
        target = db.execute("select current_database()").fetchone()[0]
        path = str(work_file).replace("'", "''")
        db.execute(f"attach '{path}' as \"{work_file.stem}\" (read_only)")
        db.execute(f'use "{work_file.stem}"')
        db.execute("set preserve_insertion_order = false")
        for suite in suites:
            try:
                columns = db.execute(f"describe {suite.query}").fetchall()
                db.execute(
                    f'create table "{target}".main."{suite.name}" as '
                    f"select {_derived(suite, columns)} from ({suite.query})"
                )
            except duckdb.Error as error:
                failed[suite.name] = type(error).__name__
    return failed


def _derived(suite: Suite, columns: list[tuple[str, ...]]) -> str:
    """Return the select list: judged columns, text as its hash; other named ones as nulls."""
    judged, named = _words(suite)
    picked: list[str] = []
    for name, kind, *_ in columns:
        if name in judged:
            text = f'case when "{name}" is not null then hash("{name}") end as "{name}"'
            picked.append(text if kind == "VARCHAR" else f'"{name}"')
        elif name in named:
            picked.append(f'null::boolean as "{name}"')
    return ", ".join(picked) or "1 as nothing"


def _words(suite: Suite) -> tuple[set[str], set[str]]:
    """Return the words in the rules' arguments, and those of the rule that names the columns."""
    judged: set[str] = set()
    named: set[str] = set()
    for rule in suite.rules:
        query = rule.arguments.get("unexpected_rows_query", "")
        words = set(re.findall(r"[a-z0-9_]+", query))
        (named if rule.code == COLUMNS_RULE else judged).update(words)
        judged |= {str(word) for word in (rule.arguments.get("column"), rule.needs) if word}
    return judged, named
