"""Reads the project's documents: headings, tables, SQL blocks, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(r"`([^`]+)`")


def document(path: str) -> str:
    """Text of a document, by its path from the project folder."""
    return (ROOT / path).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """Text under one heading, up to the next heading of the same or a higher level."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"no heading {heading!r}"
    return found.group(1)


def table(text: str) -> list[dict[str, str]]:
    """Rows of the first table in a text, by their column heading."""
    lines = []
    for line in text.splitlines():
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            break
    assert len(lines) > 2, "no table"
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]


def codes(cell: str) -> list[str]:
    """Every text between backticks in a cell."""
    return CODE.findall(cell)


def code(cell: str) -> str:
    """The one text between backticks in a cell."""
    [found] = codes(cell)
    return found


@dataclass(frozen=True)
class Query:
    """One SQL block of a document.

    Attributes
    ----------
    heading : str
        The question above it.
    sql : str
        The block.
    reading : str
        The text between the block and whatever comes next.
    is_for_build_file : bool
        Marked as a query on the build file; all others must do with the marts.
    may_be_empty : bool
        Marked as a query whose answer may have no row.
    """

    heading: str
    sql: str
    reading: str
    is_for_build_file: bool
    may_be_empty: bool


def queries(text: str) -> list[Query]:
    """The SQL blocks of a document, in order."""
    found = []
    heading = ""
    pattern = (
        r"^### (?P<heading>[^\n]+)$|(?P<empty><!-- may be empty -->\n)?^```sql\n(?P<sql>.*?)^```\n"
    )
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if match["heading"]:
            heading = match["heading"]
            continue
        rest = text[match.end() :].strip("\n")
        found.append(
            Query(
                heading=heading,
                sql=match["sql"],
                reading=re.split(r"\n\n|\n#|\n```|\n<!--", rest)[0],
                is_for_build_file=match["sql"].startswith("-- build file\n"),
                may_be_empty=match["empty"] is not None,
            )
        )
    return found
