"""The leak check finds an identifier as a text, as a word of one, and in other forms of writing."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from core.stop import ExitCode, Stop
from privacy.leaks import require_no_person


def check(folder: Path, identifier: str, text: str, *, column: str = "reason") -> int:
    """Publish one text beside a delivery with one patient."""
    with duckdb.connect(str(folder / "work.duckdb")) as db:
        db.execute("create schema raw; create table raw.patients (patient_id varchar)")
        db.execute("insert into raw.patients values (?)", [identifier])
        db.execute("create schema reference; create table reference.codes (code varchar)")
        db.execute("insert into reference.codes values ('D11AH05')")
    with duckdb.connect(str(folder / "candidate.duckdb")) as db:
        db.execute(
            f"create schema quality; create table quality.x (patient_id varchar, {column} varchar)"
        )
        db.execute("insert into quality.x values ('p', ?)", [text])
    return require_no_person(folder / "work.duckdb", folder / "candidate.duckdb")


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("P00017", "P00017"),
        ("P00017", " p00017 "),
        ("P00017", "the record of P00017."),
        ("P00017", "letter_P00017_2020.pdf"),
        ("12/345678", "see 12/345678, twice"),
        ("AB 123456", "ab123456"),
        ("AB 123456", "patient AB 123456 came"),
        ("Ren\u00e9-0017", "(re\u0301ne\u0301, ne\u0301) or Rene\u0301-0017"),
        ("17", "17"),
    ],
)
def test_an_identifier_in_a_text_stops_the_publish(tmp_path, identifier, text):
    with pytest.raises(Stop) as stopped:
        check(tmp_path, identifier, text)
    assert (stopped.value.code, stopped.value.rule) == (
        ExitCode.CHECKS_FAILED,
        "person_in_published_file",
    )
    assert "quality.x.reason holds 1" in stopped.value.what
    assert identifier not in str(stopped.value.what)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("P00017", "P000171 and XP00017"),
        ("17", "at most 17 of 342"),  # short: it may be a count
        ("123456", "between 12 3456 and 7"),  # two words, and the identifier has no blank
        ("D11AH05", "the code D11AH05"),  # a code of a list
    ],
)
def test_what_only_looks_like_an_identifier_does_not(tmp_path, identifier, text):
    assert check(tmp_path, identifier, text) == 2
