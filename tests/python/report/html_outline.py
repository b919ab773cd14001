"""A page taken apart: elements with their attributes, headings, texts, and faults of nesting."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "hr"}


@dataclass
class Element:
    """An element of the page; `text` holds its own text and that of its children."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[Element, ...] = ()
    text: str = ""

    def within(self, tag: str) -> bool:
        return any(parent.tag == tag for parent in self.parents)


@dataclass
class Outline(HTMLParser):
    """Every element in order; `faults` lists what was not closed in its turn."""

    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        element = Element(tag, {k: v or "" for k, v in attrs}, tuple(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.append(Element(tag, {k: v or "" for k, v in attrs}, tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1].tag == tag:
            self.open.pop()
        else:
            self.faults.append(f"</{tag}> closes {self.open[-1].tag if self.open else 'nothing'}")

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


def outline_of(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    outline.faults += [f"{element.tag} is not closed" for element in outline.open]
    return outline
