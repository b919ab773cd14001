"""A table as HTML: inside the report, and as a page of its own."""

from __future__ import annotations

import re
from html import escape

from analysis_py.report_words import typographic, unbroken
from analysis_py.tables.table import Line, Table

_BRACKETS = re.compile(r"\((?=[^()]*\d)[^()]{1,26}\)")

STYLE = """
body{font:15px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#1a1a1a;
background:#fff;margin:1.5rem;max-width:75rem}
table{border-collapse:collapse;border-top:2px solid #1a1a1a;border-bottom:2px solid #1a1a1a}
caption{text-align:left;padding:.4rem 0;font-weight:600}
th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0}
thead th{border-bottom:1px solid #1a1a1a}
th[scope=row]{font-weight:400;padding-left:1rem}
th[scope=rowgroup]{padding-top:.6rem}
.whole{white-space:nowrap}
.notes{font-size:.88rem;padding-left:1.2rem}
.banner{font-weight:700;border:2px solid #7a2e00;color:#7a2e00;background:#fff4e5;
padding:.3rem .8rem}
""".strip()


def table_html(table: Table, identifier: str) -> str:
    """Table element with caption and scopes; every text escaped."""
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in (table.stub, *table.columns))
    groups = "".join(_group(lines, len(table.columns) + 1) for lines in _groups(table.lines))
    return (
        f'<table aria-describedby="{identifier}-notes">'
        f"<caption>{_text(table.number)}. {_text(table.title)}</caption>"
        f"<thead><tr>{head}</tr></thead>{groups}</table>"
    )


def notes_html(table: Table, identifier: str) -> str:
    """List of the notes of a table."""
    notes = "".join(f"<li>{_text(note)}</li>" for note in table.notes)
    return f'<ul class="notes" id="{identifier}-notes">{notes}</ul>'


def page_bytes(table: Table, banner: str) -> bytes:
    """Page of its own, with nothing outside it."""
    title = _text(f"{table.number}. {table.title}")
    return (
        '<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f'<body><main><h1>{_text(table.number)}</h1><p class="banner">{_text(banner)}</p>'
        f"{table_html(table, 'table')}{notes_html(table, 'table')}</main></body></html>\n"
    ).encode()


def _groups(lines: tuple[Line, ...]) -> list[list[Line]]:
    """Cut the lines into blocks; each block but perhaps the first begins with its heading."""
    groups: list[list[Line]] = []
    for line in lines:
        if line.is_heading or not groups:
            groups.append([])
        groups[-1].append(line)
    return groups


def _group(lines: list[Line], width: int) -> str:
    rows = []
    for line in lines:
        if line.is_heading:
            rows.append(f'<tr><th scope="rowgroup" colspan="{width}">{_text(line.name)}</th></tr>')
        else:
            cells = "".join(f"<td>{_cell(text)}</td>" for text in line.cells)
            rows.append(f'<tr><th scope="row">{_text(line.name)}</th>{cells}</tr>')
    return f"<tbody>{''.join(rows)}</tbody>"


def _text(text: str) -> str:
    return escape(unbroken(typographic(text)))


def _cell(text: str) -> str:
    """Cell whose numbers in brackets stay together."""
    return _BRACKETS.sub(r'<span class="whole">\g<0></span>', _text(text))
