"""Sections become one self-contained page of HTML, rendered with jinja2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis_py.phrases import typographic, unbroken
from analysis_py.report.blocks import Block, Section
from analysis_py.report.source import Edition
from analysis_py.study import REAL, SYNTHETIC, Delivery

HERE = Path(__file__).parent
INTERNAL = "Internal: exact counts"
INTERNAL_NOTE = (
    "Internal: this page shows exact counts, single patients included. It is for people who may "
    "see the register. For others, the command registry export writes rounded counts."
)
SHOWN_LOAD_ID = 16

_BRACKETS = re.compile(r"\((?=[^()]*\d)[^()]{1,26}\)")
_BEFORE_SVG = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_NOT_NEEDED = re.compile(
    r"<metadata>.*?</metadata>|<style\b.*?</style>|<!--.*?-->|<defs>\s*</defs>", re.DOTALL
)
_OPENING = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="([^"]+)"')
_IDENTIFIER = re.compile(r'(\bid="|url\(#|(?:xlink:)?href="#)')
_XLINK = re.compile(r"\bxlink:href=")


def study_title(delivery: Delivery) -> str:
    """Name the study after the index treatment of its patients."""
    name = delivery.index_treatment
    return f"{name[:1].upper()}{name[1:]} and topical tacrolimus in severe atopic dermatitis"


def render_page(
    sections: Sequence[Section],
    delivery: Delivery,
    edition: Edition,
    alerts: Sequence[str],
    *,
    title: str,
    about: str,
    other: tuple[str, str],
) -> str:
    """Render a page; every text of a delivery is escaped, nothing is loaded from anywhere.

    Parameters
    ----------
    sections : sequence of Section
        The first is above the list of contents.
    alerts : sequence of str
        Warnings at the top of the page.
    other : tuple of str
        File and name of the page to link to.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        # Short phrases are kept together in every text that is shown; markup is left alone.
        finalize=lambda value: unbroken(value) if type(value) is str else value,
    )
    environment.filters |= {"kind_of": _kind, "cell": _cell, "typographic": typographic}
    load_id = delivery.load_id[:SHOWN_LOAD_ID]
    kind = SYNTHETIC if delivery.is_synthetic else REAL
    return environment.get_template("page.html.j2").render(
        heading=title,
        title=f"{title}: {study_title(delivery)}",
        subtitle=about,
        edition=edition,
        alerts=alerts,
        other=other,
        internal_note=INTERNAL_NOTE,
        kind=kind,
        label=delivery.label,
        internal=INTERNAL,
        strip=f"{kind} · {INTERNAL.lower()} · load {load_id}",
        footer=f"{delivery.header}. {INTERNAL}. Load {delivery.load_id}.",
        is_synthetic=delivery.is_synthetic,
        sections=sections,
        short=" short",
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        svg=inline_svg,
    )


def _kind(block: Block) -> str:
    return type(block).__name__


def _cell(text: str) -> Markup:
    """Text of a cell whose numbers in brackets stay on one line."""
    escaped = escape(unbroken(typographic(text)))
    return Markup(_BRACKETS.sub(r'<span class="whole">\g<0></span>', escaped))


def inline_svg(svg: bytes, prefix: str, title: str, description: str) -> Markup:
    """Return an svg element for a page with several of them.

    Parameters
    ----------
    svg : bytes
        As matplotlib writes it.
    prefix : str
        Put before every identifier, so that no two figures of a page share one.
    title, description : str
        Short name and text alternative.

    Examples
    --------
    >>> drawing = inline_svg(b'<svg viewBox="0 0 1 1"><g id="a"/></svg>', "f-", "Name", "Shown")
    >>> drawing.startswith('<svg class="drawing" role="img" viewBox="0 0 1 1" aria-labelledby=')
    True
    >>> drawing.endswith('<desc id="f-description">Shown</desc><g id="f-a"/></svg>')
    True
    """
    text = _NOT_NEEDED.sub("", _BEFORE_SVG.sub("", svg.decode("utf-8"), count=1))
    text = _NOT_NEEDED.sub("", text)  # definitions that held nothing but a style
    text = _IDENTIFIER.sub(rf"\g<1>{prefix}", text)
    text = _XLINK.sub("href=", text)
    view_box = _VIEW_BOX.search(text)
    opening = (
        f'<svg class="drawing" role="img" viewBox="{view_box.group(1) if view_box else ""}" '
        f'aria-labelledby="{prefix}title {prefix}description">'
        f'<title id="{prefix}title">{escape(title)}</title>'
        f'<desc id="{prefix}description">{escape(description)}</desc>'
    )
    return Markup(_OPENING.sub(lambda _: opening, text, count=1).strip())
