"""The vectorised and the exact CSV path give the same records, and both agree with Python's csv."""

from __future__ import annotations

import csv
import io
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.csv_reader import CsvReader
from intake.file_bytes import to_utf8, with_line_feeds
from intake.records import HeaderContract
from intake.refusals import FileRefusedError
from intake.uses import FileForm

CONTRACT = HeaderContract(("id", "day"), ("name", "score"))


def read(data: bytes, block: int, vectorised: bool, delimiter: str = ",") -> object:
    """Return rows by record number and the counts, or the code of the refusal."""
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    reader = CsvReader(
        with_line_feeds(to_utf8(blocks, "utf-8")),
        CONTRACT,
        FileForm(delimiter=delimiter),
        vectorised=vectorised,
    )
    try:
        tables = list(reader.batches())
    except FileRefusedError as refusal:
        return refusal.code, refusal.cause
    if not tables:
        return [], reader.tally, reader.notices
    rows = pa.concat_tables(tables).sort_by("record_number").to_pydict()
    return list(zip(*rows.values(), strict=True)), reader.tally, reader.notices


plain_cell = st.text(st.sampled_from("abcXYZ019 .-/"), max_size=8)
odd_cell = st.text(
    st.sampled_from('a"1, \t\x07\x00\x7f\x85\xa0é́ßIİ\u2028\ufeff\u200b€日\U0001f600;=+'),
    max_size=6,
)


@st.composite
def lines(draw: st.DrawFn, delimiter: str) -> bytes:
    """Draw one line, sound or not, without its end."""
    kind = draw(
        st.sampled_from(
            ["plain"] * 6 + ["quoted", "quoted", "odd", "short", "long", "raw", "blank", "header"]
        )
    )
    n = {"short": 3, "long": 5}.get(kind, 4)
    if kind in ("plain", "short", "long"):
        return delimiter.join(draw(st.lists(plain_cell, min_size=n, max_size=n))).encode()
    if kind == "quoted":
        cells = draw(st.lists(st.one_of(plain_cell, odd_cell), min_size=4, max_size=4))
        return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells).encode()
    if kind == "odd":
        return delimiter.join(draw(st.lists(odd_cell, min_size=4, max_size=4))).encode()
    if kind == "raw":
        return draw(st.binary(max_size=12)).replace(b"\n", b"")
    if kind == "header":
        return draw(
            st.sampled_from(
                [
                    b"id,day,name,score",
                    b"ID, Day,NAME,score",
                    b"id,,,",
                    b"\xef\xbb\xbfid,day,name,score",
                ]
            )
        ).replace(b",", delimiter.encode())
    return draw(st.sampled_from([b"", b"  ", b",,,", b" ,\t,,", b'"","","",""', b"\x1a"]))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str]:
    """Draw a file that starts with a sound header."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    header = delimiter.join(["id", "day", "name", "score"]).encode()
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    body = draw(st.lists(lines(delimiter), max_size=25))
    odd_end = st.sampled_from([end] * 8 + [b"\n", b"\r\n", b"\r\r\n"])
    text = header + end + b"".join(line + draw(odd_end) for line in body)
    tail = draw(st.sampled_from([b""] * 6 + [b"x", b"\n\n", b"\x1a", b"\x00\x00", b" \n\x1a"]))
    return text + tail, delimiter


@settings(max_examples=150, deadline=None)
@given(files(), st.integers(1, 80))
def test_both_paths_give_the_same_records(file, block):
    data, delimiter = file
    exact = read(data, len(data), vectorised=False, delimiter=delimiter)
    assert read(data, block, vectorised=True, delimiter=delimiter) == exact
    assert read(data, len(data), vectorised=True, delimiter=delimiter) == exact


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.sampled_from('aé"1, ;\t日́'), min_size=1, max_size=5), min_size=4, max_size=4
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from([",", ";", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(7, 90),
)
def test_what_the_csv_module_wrote_is_read_back(rows, quoting, delimiter, line_end, block):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([["id", "day", "name", "score"], *rows])
    data = text.getvalue().encode()
    result = read(data, block, vectorised=True, delimiter=delimiter)
    read_rows, tally, _ = result
    written = [
        tuple(unicodedata.normalize("NFC", cell) for cell in row)
        for row in rows
        if "".join(row).strip()
    ]
    assert [row[:4] for row in read_rows if row[6] is None] == written
    assert set(tally.faults) <= {"empty_record"}


def test_a_record_over_several_lines_is_one_record():
    data = b'id,day,name,score,note\n1,2,a,3,"two\nlines"\n2,2,b,4,x\n'
    rows, tally, _ = read(data, 9, vectorised=True)
    assert [(row[0], row[4], row[5], row[6]) for row in rows] == [
        ("1", 1, 2, None),
        ("2", 2, 4, None),
    ]
    assert tally.n_faulty == 0


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_a_file_of_many_blocks_is_numbered_through(share):
    n = 40_000
    bad = int(1 / share) if share else n + 1
    lines = [
        f"{i},2019-01-01,name {i % 7},{i % 5}" + (",x" if i % bad == 0 else "") for i in range(1, n)
    ]
    data = ("id,day,name,score\n" + "\n".join(lines) + "\n").encode()
    rows, tally, _ = read(data, 1 << 16, vectorised=True)
    assert [row[4] for row in rows] == list(range(1, n))
    assert [row[5] for row in rows] == list(range(2, n + 1))
    assert all((row[0] == str(row[4])) == (row[6] is None) for row in rows)
    assert tally.n_faulty == sum(1 for row in rows if row[6] == "field_count") == (n - 1) // bad


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('1,2,a,"b"', None),
        ('1,2,"a,b",c', None),
        ('1,2,"say ""hi""",c', None),
        ('1,2,say "hi",c', None),
        ('1,2,"say "hi"",c', "bad_quoting"),
        ('1,2,"a"b,c', "bad_quoting"),
        ('1,2,"a" ,c', "bad_quoting"),
        ('1,2,a,b,"', "bad_quoting"),
        ('1,2,a,"b', "bad_quoting"),
        ("1,2,a", "field_count"),
        ("1,2,12,5,4", "field_count"),
        ("Total: 379 rows", "field_count"),
        ("", "empty_record"),
        (",,,", "empty_record"),
        (' ,"",\u00a0,', "empty_record"),
        ("id,day,name,score", "header_repeated"),
        ('\ufeff ID,"day",Name ,SCORE', "header_repeated"),
        ("1,2,\x1b[2J,4", "control_character"),
        ("1,2,a\x00,4", "control_character"),
        ("1,2,\u0085,4", "control_character"),
        ("1,2,\u2028,4", "control_character"),
        ("1,2,\x7f,4", "control_character"),
        ("1,\r2,a,4", "control_character"),
        ('1,2,"a\r\nb",4', "control_character"),
        ("1,2,a\tb,4", None),
        ("1,2," + "x" * 4000 + ",4", None),
        ("1,2," + "x" * 4001 + ",4", "cell_too_long"),
        (b"1,2,caf\xe9,4", "invalid_utf8"),
        (b"1,2,\xed\xa0\x80,4", "invalid_utf8"),
        (b"1,2,\xc0\xaf,4", "invalid_utf8"),
    ],
)
@pytest.mark.parametrize("vectorised", [True, False])
@pytest.mark.parametrize("company", [True, False], ids=["among quoted lines", "alone"])
def test_a_record_fault_costs_that_record_only(line, fault, vectorised, company):
    before = b'"7","8","n","9"\n' * 30 if company else b"7,8,n,9\n"
    text = line if isinstance(line, bytes) else line.encode()
    last = 'A,B,"C, ""é""",D'.encode()
    data = b"id,day,name,score\n" + before + text + b"\n" + last + b"\n"
    if fault == "bad_quoting" and not text.endswith((b",c", b"b,c")):
        data = b"id,day,name,score\n" + before + last + b"\n" + text + b"\n"
    rows, tally, _ = read(data, 50, vectorised)
    faults = [row[6] for row in rows if row[6] is not None]
    assert faults == ([fault] if fault else [])
    assert tally.n_faulty == len(faults)
    assert ("A", "B", 'C, "é"', "D") in [row[:4] for row in rows]
    faulty = [row for row in rows if row[6] is not None]
    assert all(cell is None for row in faulty for cell in row[:4])


def test_a_fault_is_described_without_the_cell():
    data = b"id,day,name,score\n1,2,Rossi\x07,4\n1,2,Rossi,4,5\n1,2,Ross\xec,4\n"
    rows, _, _ = read(data, len(data), vectorised=True)
    assert [row[7] for row in rows] == [
        "name holds U+0007",
        "5 fields where 4 are declared",
        "field 3 holds bytes that are not text",
    ]


def test_control_characters_in_a_column_that_is_not_stored_cost_nothing():
    data = b'id,day,name,score,note\n1,2,a,4,"=cmd\r\nERROR \x1b[2J"\n1,2,b,4,\t+1\n'
    rows, tally, _ = read(data, len(data), vectorised=True)
    assert [row[2] for row in rows] == ["a", "b"]
    assert tally.n_faulty == 0


def test_text_is_normalised_cell_by_cell():
    # U+037E, the Greek question mark, becomes a semicolon in NFC: it must not become a delimiter.
    data = "id;day;name;score\n1;2;e\u0301 \u037e;4\n".encode()
    rows, tally, _ = read(data, len(data), vectorised=True, delimiter=";")
    assert rows[0][2] == "\u00e9 ;"
    assert tally.n_faulty == 0


@pytest.mark.parametrize(
    "lines",
    [
        ['1,2,"open,4', "2,2,b,4", "3,2,c,4"],
        ['"1","2","open,4', '"2","2","b","4"', '"3","2","c","4"'],
        ['1,2,"open,4', "2,2,b,4", '3,2,c",4', "4,2,d,4"],
        ['1,2,"open,4', '2,2,b",4', "3,2,c,4"],
        ['1,2,a,"' + "x\n" * 1001 + '"', "2,2,b,4"],
    ],
)
@pytest.mark.parametrize("vectorised", [True, False])
def test_a_quote_that_swallows_records_refuses_the_file(lines, vectorised):
    data = ("id,day,name,score\n0,2,z,4\n" + "\n".join(lines) + "\n").encode()
    for block in (11, len(data)):
        code, cause = read(data, block, vectorised)
        assert code == "open_quote"
        assert "line 3" in cause


@pytest.mark.parametrize(
    "note",
    [
        "Phoned:\npain, fever, chills, cough\nrest",
        "pain, fever, chills, cough\nrest, drink, sleep, water",
        "2 x daily, cream, arm, leg\n3 x daily, cream, hand, foot, face",
    ],
)
@pytest.mark.parametrize("place", [2, 4])
@pytest.mark.parametrize("vectorised", [True, False])
def test_a_note_with_as_many_commas_as_columns_is_no_record(note, place, vectorised):
    rows = [["id", "day", "name", "score"], ["P1", "2020-01-31", "a", "4"]]
    rows += [["P2", "2020-02-01", "b", "5"], ["P3", "2020-02-02", "c", "6"]]
    for number, row in enumerate(rows):
        row.insert(place, ["note", "", note, ""][number])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    for block in (13, 1 << 16):
        found, tally, _ = read(text.getvalue().encode(), block, vectorised)
        assert [row[0] for row in found] == ["P1", "P2", "P3"]
        assert tally.n_faulty == 0


@pytest.mark.parametrize("name", ["a", "", "12 mg"])
def test_a_swallowed_record_is_found_by_its_cells(name):
    rows = [f"P{n},2020-01-0{n},{name},{n}" for n in range(1, 6)]
    rows[1] = rows[1].replace(f"{name},2", f'"{name},2')
    rows[3] = rows[3].replace(f"{name},4", f'{name}",4')
    data = ("id,day,name,score\n" + "\n".join(rows) + "\n").encode()
    assert read(data, len(data), vectorised=True)[0] == "open_quote"


def test_blank_lines_at_the_end_are_ignored_and_noted():
    data = b"id,day,name,score\n1,2,a,4\n\n2,2,b,4\n\n \n\x1a"
    for block in (1, 5, len(data)):
        rows, tally, notices = read(data, block, vectorised=True)
        assert [row[6] for row in rows] == [None, "empty_record", None]
        assert tally.n_records == 3
        assert notices == [
            ("tail_ignored", "2 blank lines and an end-of-file mark at the end of the file")
        ]
