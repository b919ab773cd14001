"""Faults of structure: delimiters, quoting, headers, columns, extra lines and parts."""

from __future__ import annotations

from simulator.faults.bench import Bench


def _lines(bench: Bench, export: str) -> list[str]:
    return bench.text(export).splitlines(keepends=True)


def _write_lines(bench: Bench, export: str, lines: list[str]) -> None:
    bench.write_bytes(export, "".join(lines).encode())


def tab_separated(bench: Bench) -> None:
    """Write every export with tabs."""
    for export in bench.tables:
        bench.write_bytes(export, bench.text(export, delimiter="\t").encode())


def one_other_delimiter(bench: Bench) -> None:
    """Write only prescriptions with bars."""
    bench.write_bytes("prescriptions", bench.text("prescriptions", delimiter="|").encode())


def decimal_comma_everywhere(bench: Bench) -> None:
    """Write every EASI with a decimal comma, quoted."""
    table = bench.tables["visits"]
    place = table.place("easi_score")
    for row, cells in enumerate(table.rows):
        if len(cells) == len(table.header) and "." in cells[place]:
            bench.put("visits", row, "easi_score", cells[place].replace(".", ","))


def decimal_comma_in_three(bench: Bench) -> None:
    """Write three EASI with a decimal comma, quoted."""
    table = bench.tables["visits"]
    for row in bench.pick("visits", 3, "easi_score", lambda cell: "." in cell):
        bench.put("visits", row, "easi_score", table.cell(row, "easi_score").replace(".", ","))


def decimal_comma_unquoted(bench: Bench) -> None:
    """Write one EASI with an unquoted decimal comma: one field too many."""
    row = bench.pick("visits", 1, "easi_score", lambda cell: "." in cell)[0]
    lines = _lines(bench, "visits")
    easi = bench.tables["visits"].cell(row, "easi_score")
    lines[row + 1] = lines[row + 1].replace(f",{easi},", f",{easi.replace('.', ',')},", 1)
    bench.touch("visits", row)
    _write_lines(bench, "visits", lines)


def unbalanced_quote(bench: Bench) -> None:
    """Open a quote in the middle of visits and never close it."""
    row = len(bench.tables["visits"].rows) // 2
    lines = _lines(bench, "visits")
    lines[row + 1] = lines[row + 1].replace(",", ',"', 3).replace(',"', ",", 2)
    bench.touch("visits", row)
    _write_lines(bench, "visits", lines)


def inner_quotes(bench: Bench) -> None:
    """Write quotes inside a quoted cell without escaping them."""
    row = bench.pick("prescriptions", 1, "drug_name")[0]
    mark = "says fine today"
    bench.put("prescriptions", row, "body_site", mark)
    lines = _lines(bench, "prescriptions")
    lines[row + 1] = lines[row + 1].replace(mark, '"says "fine" today"')
    _write_lines(bench, "prescriptions", lines)


def footer_line(bench: Bench) -> None:
    """Add a report's total as last line of visits."""
    lines = _lines(bench, "visits")
    lines.append(f"Total: {len(bench.tables['visits'].rows)} rows\n")
    bench.touch("visits", len(bench.tables["visits"].rows))
    _write_lines(bench, "visits", lines)


def preamble(bench: Bench) -> None:
    """Put three report lines above the header of visits."""
    report = ["Visit report\n", "User: m.rossi\n", "Printed: 31/12/2020\n"]
    _write_lines(bench, "visits", report + _lines(bench, "visits"))


def no_header(bench: Bench) -> None:
    """Remove the header of visits."""
    _write_lines(bench, "visits", _lines(bench, "visits")[1:])


def _rename_header(bench: Bench, export: str, names: list[str]) -> None:
    bench.tables[export].header = names
    bench.files.add(f"{export}.csv")


def renamed_column(bench: Bench) -> None:
    """Rename the EASI column, as after an upgrade of the clinic's system."""
    header = bench.tables["visits"].header
    names = ["EASI_total" if name == "easi_score" else name for name in header]
    _rename_header(bench, "visits", names)


def header_case_and_blanks(bench: Bench) -> None:
    """Write the header of visits in upper case with blanks around the names."""
    header = bench.tables["visits"].header
    _rename_header(bench, "visits", [f" {name.upper()} " for name in header])


def missing_key_column(bench: Bench) -> None:
    """Remove patient_id from prescriptions."""
    table = bench.tables["prescriptions"]
    place = table.place("patient_id")
    table.rows = [[*row[:place], *row[place + 1 :]] for row in table.rows]
    _rename_header(bench, "prescriptions", [*table.header[:place], *table.header[place + 1 :]])


def add_columns(bench: Bench, export: str, place: int, columns: dict[str, list[str]]) -> None:
    """Insert columns; their values repeat over the records."""
    table = bench.tables[export]
    for number, row in enumerate(table.rows):
        row[place:place] = [values[number % len(values)] for values in columns.values()]
    _rename_header(bench, export, [*table.header[:place], *columns, *table.header[place:]])


def extra_column(bench: Bench) -> None:
    """Append a harmless column to visits."""
    width = len(bench.tables["visits"].header)
    add_columns(bench, "visits", width, {"ward": ["A", "B", "outpatient"]})


def extra_identifiers(bench: Bench) -> None:
    """Insert surname, fiscal code and telephone into patients."""
    identifiers = {
        "surname": ["Zanfrilloni", "Quattrocarte", "Belmondoro"],
        "fiscal_code": ["ZNFMRA80A01F205X", "QTTLCU75B41F205Y", "BLMGNN91C12F205Z"],
        "phone": ["+39 333 0102030", "02 5550 1001", "+39 347 9080706"],
    }
    add_columns(bench, "patients", 2, identifiers)


def sql_in_header(bench: Bench) -> None:
    """Append a column whose name is SQL text to patients."""
    width = len(bench.tables["patients"].header)
    add_columns(bench, "patients", width, {'x"); DROP TABLE patients; --': ["1"]})


def split_and_reordered(bench: Bench) -> None:
    """Deliver visits in two parts; in the second, itch and sleep change places."""
    table = bench.tables["visits"]
    half = len(table.rows) // 2
    order = list(range(len(table.header)))
    first, second = table.place("itch_nrs_score"), table.place("sleep_nrs_score")
    order[first], order[second] = order[second], order[first]
    rows = [table.header, *table.rows[half:]]
    text = "".join(",".join(row[place] for place in order) + "\n" for row in rows)
    table.rows = table.rows[:half]
    bench.write_bytes("visits", bench.read_bytes("visits"))
    (bench.folder / "visits_part2.csv").write_text(text, encoding="utf-8", newline="")
    bench.files.add("visits_part2.csv")


FAULTS = {
    "F032": tab_separated,
    "F033": one_other_delimiter,
    "F035": decimal_comma_everywhere,
    "F036": decimal_comma_in_three,
    "F037": decimal_comma_unquoted,
    "F038": unbalanced_quote,
    "F039": inner_quotes,
    "F045": footer_line,
    "F046": preamble,
    "F047": no_header,
    "F048": renamed_column,
    "F049": header_case_and_blanks,
    "F053": missing_key_column,
    "F054": extra_column,
    "F055": extra_identifiers,
    "F056": sql_in_header,
    "F059": split_and_reordered,
}
