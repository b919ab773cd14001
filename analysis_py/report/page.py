"""Sections become one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis_py.figures import Figure
from analysis_py.report.blocks import Section
from analysis_py.report.svg import inline_svg
from analysis_py.report_words import unbroken
from analysis_py.study import REAL, SYNTHETIC, Delivery
from analysis_py.tables import Table
from analysis_py.tables.page import notes_html, table_html

TEMPLATE = Path(__file__).parent / "template"
TITLE = "Dupilumab and topical tacrolimus in severe atopic dermatitis: registry report"
SHOWN_LOAD_ID = 16


def render_page(sections: Sequence[Section], delivery: Delivery) -> str:
    """Render the page; every text from outside is escaped, nothing is loaded from anywhere."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_finalize,
    )
    load_id = delivery.load_id[:SHOWN_LOAD_ID]
    kind = SYNTHETIC if delivery.is_synthetic else REAL
    return environment.get_template("page.html.j2").render(
        title=TITLE,
        subtitle=(
            "A register analysed as in Ferrucci et al. 2022: every table, figure and number of the "
            f"study, recomputed. Load {load_id}."
        ),
        banner=delivery.header,
        strip=f"{kind} · load {load_id}",
        footer=f"{delivery.header}. Load {delivery.load_id}.",
        is_synthetic=delivery.is_synthetic,
        sections=sections,
        short=" short",
        style=Markup((TEMPLATE / "style.css").read_text(encoding="utf-8")),
        svg=_svg,
        table_html=_table,
        notes_html=_notes,
    )


def _finalize(value: object) -> object:
    """Keep short phrases together in every text that is shown; markup is left alone."""
    return unbroken(value) if type(value) is str else value


def _svg(figure: Figure, identifier: str) -> Markup:
    name = f"{figure.number}. {figure.title}"
    return Markup(inline_svg(figure.svg, f"{identifier}-", name, figure.alternative))


def _table(table: Table, identifier: str) -> Markup:
    return Markup(table_html(table, identifier))


def _notes(table: Table, identifier: str) -> Markup:
    return Markup(notes_html(table, identifier))
