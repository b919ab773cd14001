"""Leak check: search a candidate for identifiers of the delivery before it is published.

The marts contain no identifier, free text or calendar date by design, but for the first day of
the season in which a patient started. This check verifies it: it compares every text of the
candidate, and every word in it, with the identifiers of the raw records, refuses column types that
can carry a date, and compares the dates of the one column that may with the seasons. Letter case,
blanks and the Unicode form of an identifier do not count.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from core import duck
from core.duck import literal, quote
from core.stop import ExitCode, Stop

IDENTIFIERS = (
    ("patients", "patient_id"),
    ("visits", "visit_id"),
    ("prescriptions", "prescription_id"),
    ("adverse_events", "adverse_event_id"),
)
SEASON_COLUMN = ("marts", "dim_patients", "index_season_start_date")
"""The only column that may hold a date of a patient: the first day of a season (seed seasons)."""
DATED_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "BLOB")
MINIMUM_IDENTIFIER_LENGTH = 6
"""A shorter identifier may equal a count or a code by chance, except as a whole text in a table of
patients."""
NORMAL = "lower(regexp_replace(nfc_normalize({}), '[\\s\\pZ]+', '', 'g'))"
"""SQL for the form in which texts and identifiers are compared."""
BETWEEN_WORDS = "[^\\pL\\pM\\pN]+"
EDGE_OF_WORD = ".,:!?'-_/"


def require_no_person(work_file: Path, candidate: Path) -> int:
    """Search every text column of the candidate for identifiers of the delivery.

    Returns
    -------
    int
        Number of text columns searched.

    Raises
    ------
    Stop
        Names the table and column; never the value.
    """
    with duck.connect(None, work_file.parent / "tmp") as db:
        db.execute(f"attach {duck.literal(candidate)} as candidate (read_only)")
        db.execute(f"attach {duck.literal(work_file)} as vault (read_only)")
        # Once for both files: DuckDB lists the columns of its own tables too.
        listed = db.execute(
            "select database_name, schema_name, table_name, column_name, data_type "
            "from duckdb_columns() where database_name in ('candidate', 'vault') "
            "and schema_name <> 'metadata'"
        ).fetchall()
        columns = [column for database, *column in listed if database == "candidate"]
        for schema, table, column, kind in columns:
            is_season = (schema, table, column, kind) == (*SEASON_COLUMN, "DATE")
            if schema in ("marts", "quality") and kind in DATED_TYPES and not is_season:
                raise _leak(f"{schema}.{table}.{column} has type {kind}", "a calendar date")
            if is_season:
                _require_season_starts(db)
        _collect_identifiers(db, [column for database, *column in listed if database == "vault"])
        n_searched = _collect_texts(db, columns)
        found = db.execute(
            "select place, count(distinct text) from texts inner join identifiers "
            "on texts.text = identifiers.identifier "
            "and length(identifiers.identifier) >= texts.minimum_length "
            "and (identifiers.has_blank or not texts.is_pair) "
            "group by place order by place limit 1"
        ).fetchone()
    if found:
        raise _leak(f"{found[0]} holds {found[1]} identifiers of the delivery", "an identifier")
    return n_searched


def _require_season_starts(db: duckdb.DuckDBPyConnection) -> None:
    """Refuse any day in the column of seasons that no season starts on."""
    schema, table, column = SEASON_COLUMN
    n_other = duck.scalar(
        db,
        f"select count(*) from candidate.{quote(schema, table)} "
        f"where {quote(column)} is not null and (day({quote(column)}) <> 1 or "
        f"month({quote(column)}) not in (select first_month_number from vault.reference.seasons))",
    )
    if n_other:
        raise _leak(
            f"{schema}.{table}.{column} holds {n_other} days that start no season",
            "a calendar date",
        )


def _collect_texts(db: duckdb.DuckDBPyConnection, columns: list[list[str]]) -> int:
    """Collect the distinct texts of every text column; most columns hold a handful of codes."""
    patient_tables = {(s, t) for s, t, column, _ in columns if column == "patient_id"}
    texts = [column for column in columns if column[3] == "VARCHAR"]
    selects = []
    for schema, table, column, _ in texts:
        minimum = 1 if (schema, table) in patient_tables else MINIMUM_IDENTIFIER_LENGTH
        selects.append(
            f"select distinct {literal(f'{schema}.{table}.{column}')}, {minimum}, {quote(column)} "
            f"from candidate.{quote(schema, table)} where {quote(column)} is not null"
        )
    db.execute("create temp table written (place varchar, minimum_length integer, text varchar)")
    if selects:
        db.execute("insert into written " + " union all ".join(selects))
    # The words of longer texts: split at everything but letters and digits, and at blanks only, for
    # identifiers such as A/17; and two words together, for identifiers with a blank inside.
    db.execute(
        f"""
        create temp table texts as
        select place, minimum_length, {NORMAL.format("text")} as text, false as is_pair
        from written
        union all
        select place, {MINIMUM_IDENTIFIER_LENGTH}, lower(words[n]), false
        from (
            select place, unnest([
                regexp_split_to_array(nfc_normalize(text), '{BETWEEN_WORDS}'),
                list_transform(
                    regexp_split_to_array(nfc_normalize(text), '[\\s\\pZ,;=()\\[\\]{{}}<>"]+'),
                    each -> trim(each, {literal(EDGE_OF_WORD)})
                )
            ]) as words
            from written
            where regexp_matches(text, '[^\\pL\\pN]')
        ) as split, unnest(range(1, len(words) + 1)) as places (n)
        union all
        select place, {MINIMUM_IDENTIFIER_LENGTH}, lower(words[n] || words[n + 1]), true
        from (
            select place, regexp_split_to_array(nfc_normalize(text), '{BETWEEN_WORDS}') as words
            from written
            where regexp_matches(text, '[^\\pL\\pN]')
        ) as split, unnest(range(1, len(words))) as places (n)
        """
    )
    return len(texts)


def _collect_identifiers(db: duckdb.DuckDBPyConnection, columns: list[list[str]]) -> None:
    """Collect the delivery's identifiers, except those that are words of our code lists."""
    db.execute("create temp table identifiers (identifier varchar, has_blank boolean)")
    raw_columns = {(table, column) for schema, table, column, _ in columns if schema == "raw"}
    for table, column in IDENTIFIERS:
        if (table, column) in raw_columns:
            db.execute(
                f"insert into identifiers select distinct {NORMAL.format(column)}, "
                f"regexp_matches(trim({column}), '[\\s\\pZ]') "
                f"from vault.raw.{table} where trim({column}) <> ''"
            )
    words = [
        f"select {NORMAL.format(quote(column))} from vault.reference.{quote(table)}"
        for schema, table, column, kind in columns
        if schema == "reference" and kind == "VARCHAR"
    ]
    if words:
        db.execute(f"delete from identifiers where identifier in ({' union all '.join(words)})")


def _leak(where: str, what: str) -> Stop:
    return Stop(
        ExitCode.CHECKS_FAILED,
        f"{where}: {what} of a person must not be published; nothing was published",
        "correct the mart; only pseudonyms, codes, study days and ages may be in it",
        "person_in_published_file",
    )
