"""Judge a delivery without a warehouse: one verdict per file, nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from intake.coverage import Coverage
from intake.delivery import open_delivery, plan_folder
from intake.judgement import FileJudgement, FileProgress, judge_files

_MOST_NOTICES_SHOWN = 20


class CheckLine(NamedTuple):
    """One line of the report.

    Attributes
    ----------
    verdict : str
        accepted, REFUSED or notice; of an export: coverage or words.
    words : str
        The records read, why the file is refused and what to do, or the notice.
    """

    name: str
    verdict: str
    words: str


@dataclass(frozen=True)
class CheckReport:
    """The verdict on every file of a delivery.

    Attributes
    ----------
    folder, mapping : str
        The delivery folder and the name of the mapping it was read with.
    lines : list of CheckLine
        File by file in the order of the mapping, then what else is in the folder.
    coverage : list of CheckLine
        Export by export: values per column, columns without any, and unknown words.
    """

    folder: str
    mapping: str
    lines: list[CheckLine]
    coverage: list[CheckLine]

    @property
    def is_refused(self) -> bool:
        """Whether a file is refused, and with it the delivery."""
        return any(line.verdict == "REFUSED" for line in self.lines)


def check(folder: Path, mapping: str = "", progress: FileProgress | None = None) -> CheckReport:
    """Judge every file of a delivery; load nothing and make no key.

    Parameters
    ----------
    mapping : str
        Name of the mapping; "" takes source_system of delivery.yml, else ``clinic``.
    progress : callable, optional
        Called with the name of a file and the number of its bytes that were just read.

    Raises
    ------
    IntakeError
        The folder, delivery.yml or the mapping cannot be used.
    """
    delivery = open_delivery(folder, mapping)
    plan = plan_folder(delivery)
    coverage = Coverage(delivery.mapping)
    lines = [
        line
        for judgement in judge_files(delivery, plan, progress=progress, see=coverage.add)
        for line in _lines(judgement)
    ]
    lines += [
        CheckLine(refusal.file_name, "REFUSED", f"{refusal.cause} {refusal.advice}")
        for refusal in plan.refusals
    ]
    lines += [CheckLine(name, "notice", f"{code}: {detail}") for name, code, detail in plan.notices]
    counts = [CheckLine(*line) for line in coverage.lines()]
    return CheckReport(str(delivery.folder), delivery.mapping.name, lines, counts)


def _lines(judgement: FileJudgement) -> Iterator[CheckLine]:
    name, refusal, tally = judgement.planned.shown, judgement.refusal, judgement.tally
    if refusal is not None:
        yield CheckLine(name, "REFUSED", f"{refusal.cause} {refusal.advice}")
    else:
        faults = f", {tally.n_faulty:,} faulty: {tally.words()}" if tally.n_faulty else ""
        yield CheckLine(name, "accepted", f"{tally.n_records:,} records{faults}")
    by_code: dict[str, list[str]] = {}
    for code, detail in judgement.notices:
        by_code.setdefault(code, []).append(detail.removesuffix(" is not stored"))
    for code, details in by_code.items():
        n_more = len(details) - _MOST_NOTICES_SHOWN
        more = f" and {n_more} more" if n_more > 0 else ""
        shown = ", ".join(details[:_MOST_NOTICES_SHOWN])
        yield CheckLine(name, "notice", f"{code}: {shown}{more}")
