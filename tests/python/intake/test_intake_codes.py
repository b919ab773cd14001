"""The tables of codes hold every code that intake can give, and no other."""

from __future__ import annotations

import pytest
from code_literals import first_arguments, notice_codes

from intake.refusals import FILE_REFUSALS, NOTICES, RECORD_FAULTS, FileRefusedError


def test_every_refusal_of_a_file_is_in_the_table():
    assert first_arguments("FileRefusedError") == set(FILE_REFUSALS)


def test_every_fault_of_a_record_is_in_the_table():
    assert first_arguments("Fault") | first_arguments("as_faulty") == set(RECORD_FAULTS)


def test_every_notice_is_in_the_table():
    assert notice_codes() == set(NOTICES)


def test_a_code_outside_the_table_is_an_error_of_the_program():
    with pytest.raises(KeyError, match="odd_file"):
        FileRefusedError("odd_file", "is odd.")
