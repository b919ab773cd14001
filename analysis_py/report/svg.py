"""An SVG file made part of an HTML page: named for those who cannot see it, its identifiers own."""

from __future__ import annotations

import re
from html import escape

_BEFORE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_OPENING = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="([^"]+)"')
_IDENTIFIER = re.compile(r'(\bid="|url\(#|(?:xlink:)?href="#)')
_XLINK = re.compile(r"\bxlink:href=")
_EMPTY_DEFS = re.compile(r"<defs>\s*</defs>")


def inline_svg(svg: bytes, prefix: str, title: str, description: str) -> str:
    """Return an svg element that can stand in a page beside others.

    Parameters
    ----------
    svg : bytes
        As matplotlib writes it.
    prefix : str
        Put before every identifier, so that two figures of a page share none.
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
    text = _BEFORE.sub("", svg.decode("utf-8"), count=1)
    for unwanted in (_METADATA, _STYLE, _COMMENT, _EMPTY_DEFS):
        text = unwanted.sub("", text)
    text = _IDENTIFIER.sub(rf"\g<1>{prefix}", text)
    text = _XLINK.sub("href=", text)
    view_box = _VIEW_BOX.search(text)
    opening = (
        f'<svg class="drawing" role="img" viewBox="{view_box.group(1) if view_box else ""}" '
        f'aria-labelledby="{prefix}title {prefix}description">'
        f'<title id="{prefix}title">{escape(title)}</title>'
        f'<desc id="{prefix}description">{escape(description)}</desc>'
    )
    return _OPENING.sub(lambda _: opening, text, count=1).strip()
