"""Find the plain lines of a block of CSV text, with whole-array operations.

A plain line is a whole record that every strict reader splits in the same way: the right number of
fields, quotes only around whole fields and doubled inside them, no control character, valid UTF-8
in NFC, not too long. All other lines go to the exact reader.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from intake.records import LONGEST_CELL

LINE_FEED = 0x0A
CARRIAGE_RETURN = 0x0D
QUOTE = 0x22
TAB = 0x09
DELETE = 0x7F
FIRST_LEAD_BYTE_OF_COMBINING = 0xCC
"""U+0300, the first character that can make text not NFC, starts with this byte in UTF-8."""

_FEW_QUOTES = 15
"""With more lines than this per quote, the exact reader takes every line that has one."""

_SEPARATORS_TO_FIND = (b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xef\xbb\xbf")
"""Line separator, paragraph separator and byte order mark in UTF-8."""


@dataclass(frozen=True)
class Lines:
    """The lines of a block.

    Attributes
    ----------
    starts, ends : numpy.ndarray
        Position of the first byte of each line and of its line feed, shape (lines,).
    is_plain : numpy.ndarray
        Whether the line is plain, shape (lines,).
    is_beyond_ascii : numpy.ndarray or None
        Whether the line holds valid text beyond ASCII, shape (lines,); None: no line does.
    """

    starts: np.ndarray
    ends: np.ndarray
    is_plain: np.ndarray
    is_beyond_ascii: np.ndarray | None = None


def split_lines(block: bytes) -> Lines:
    """Return the lines of a block, none of them plain; the block ends in a line feed."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == LINE_FEED)
    return Lines(_starts(ends), ends, np.zeros(len(ends), bool))


def judge_lines(block: bytes, delimiter: int, n_columns: int) -> Lines:
    """Find the plain lines of a block.

    Parameters
    ----------
    block : bytes
        Text that ends in a line feed and starts where a line starts.
    delimiter : int
        The delimiter's byte.
    n_columns : int
        Fields that a record must have; at least 2, so that a blank line is not plain.
    """
    array = np.frombuffer(block, np.uint8)
    separators = np.flatnonzero((array == delimiter) | (array == LINE_FEED))
    line_places = np.flatnonzero(array[separators] == LINE_FEED)
    ends = separators[line_places]
    starts = _starts(ends)
    is_plain = np.diff(line_places, prepend=-1) == n_columns
    n_quotes = block.count(b'"')
    if n_quotes * _FEW_QUOTES > len(ends):
        is_plain = _well_quoted_lines(array, delimiter, n_columns)
    elif n_quotes:
        is_plain[np.searchsorted(ends, np.flatnonzero(array == QUOTE))] = False
    is_plain &= (ends - starts) <= LONGEST_CELL
    _exclude_control_characters(array, ends, is_plain)
    if block.isascii():
        return Lines(starts, ends, is_plain)
    is_beyond_ascii = _judge_text(block, array, Lines(starts, ends, is_plain))
    return Lines(starts, ends, is_plain, is_beyond_ascii)


def _starts(ends: np.ndarray) -> np.ndarray:
    starts = np.empty_like(ends)
    if len(ends):
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
    return starts


def _well_quoted_lines(array: np.ndarray, delimiter: int, n_columns: int) -> np.ndarray:
    """Return which lines are well quoted and have the right number of fields, shape (lines,).

    Only the places of quotes, delimiters and line feeds are looked at. Whether a place lies inside
    quotes is the parity of the quotes before it in its line; a count modulo 256 keeps it.
    """
    places = np.flatnonzero((array == delimiter) | (array == LINE_FEED) | (array == QUOTE))
    kind = array[places]
    is_quote = kind == QUOTE
    line_places = np.flatnonzero(kind == LINE_FEED)
    first_places = np.concatenate(([0], line_places[:-1] + 1))
    n_quotes = np.cumsum(is_quote, dtype=np.uint8)
    n_before_line = np.concatenate((np.zeros(1, np.uint8), n_quotes[line_places[:-1]]))
    n_places = np.diff(line_places, prepend=-1)
    parity = (n_quotes - np.repeat(n_before_line, n_places)) & 1

    before = array[places - 1]
    before[places == 0] = LINE_FEED
    after = array[np.minimum(places + 1, len(array) - 1)]
    after_next = array[np.minimum(places + 2, len(array) - 1)]
    opens_well = (before == delimiter) | (before == LINE_FEED) | (before == QUOTE)
    closes_well = (
        (after == delimiter)
        | (after == LINE_FEED)
        | (after == QUOTE)
        | ((after == CARRIAGE_RETURN) & (after_next == LINE_FEED))
    )
    is_misplaced = is_quote & ~np.where(parity == 1, opens_well, closes_well)
    is_field_end = (kind != QUOTE) & (parity == 0)
    n_fields = np.add.reduceat(is_field_end, first_places, dtype=np.int32)
    is_misquoted = np.logical_or.reduceat(is_misplaced, first_places) | (parity[line_places] == 1)
    return (n_fields == n_columns) & ~is_misquoted


def _exclude_control_characters(array: np.ndarray, ends: np.ndarray, is_plain: np.ndarray) -> None:
    is_low = array < 0x20
    is_low |= array == DELETE
    if np.count_nonzero(is_low) > len(ends):
        places = np.flatnonzero(is_low)
        found = array[places]
        following = array[np.minimum(places + 1, len(array) - 1)]
        is_harmless = (
            (found == LINE_FEED)
            | (found == TAB)
            | ((found == CARRIAGE_RETURN) & (following == LINE_FEED))
        )
        is_plain[np.searchsorted(ends, places[~is_harmless])] = False


def _judge_text(block: bytes, array: np.ndarray, lines: Lines) -> np.ndarray:
    """Exclude lines with characters that the exact reader must judge.

    Returns which lines hold valid text beyond ASCII, shape (lines,).
    """
    starts, ends, is_plain = lines.starts, lines.ends, lines.is_plain
    places_beyond = np.flatnonzero(array >= 0x80)
    highest = int(array[places_beyond].max())
    lines_beyond = np.unique(np.searchsorted(ends, places_beyond))
    is_beyond_ascii = np.zeros(len(ends), bool)
    is_beyond_ascii[lines_beyond] = True
    try:
        text: str | None = block.decode("utf-8")
    except UnicodeDecodeError:
        text = None
        for line in lines_beyond.tolist():
            try:
                block[starts[line] : ends[line]].decode("utf-8")
            except UnicodeDecodeError:
                is_plain[line] = is_beyond_ascii[line] = False
    for sought in _SEPARATORS_TO_FIND if highest >= _SEPARATORS_TO_FIND[0][0] else ():
        place = block.find(sought)
        while place >= 0:
            is_plain[np.searchsorted(ends, place)] = False
            place = block.find(sought, place + 1)
    second_controls = np.flatnonzero(array == 0xC2)
    second_controls = second_controls[array[second_controls + 1] < 0xA0]
    is_plain[np.searchsorted(ends, second_controls)] = False
    if highest >= FIRST_LEAD_BYTE_OF_COMBINING and (
        text is None or not unicodedata.is_normalized("NFC", text)
    ):
        may_differ = np.searchsorted(ends, np.flatnonzero(array >= FIRST_LEAD_BYTE_OF_COMBINING))
        for line in np.unique(may_differ).tolist():
            if is_plain[line]:
                line_text = block[starts[line] : ends[line]].decode("utf-8")
                is_plain[line] = unicodedata.is_normalized("NFC", line_text)
    return is_beyond_ascii
