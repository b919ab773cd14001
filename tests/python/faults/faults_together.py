"""Several faults of single records in one delivery, each among patients of its own.

A delivery takes two seconds from intake to its checks, a fault of a few records adds little. So
each fault gets every n-th patient of the clean delivery, and is judged by the records and people
of its share. Records keep their places; those that a fault adds come at the end.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fault_checks import (
    LISTS_RECORDS,
    WITHOUT_A_RECORD_OR_VALUE,
    FaultFacts,
    Sent,
    Track,
    check_accounted,
    check_blast_radius,
    check_ledger,
    flags_of,
    name_outcome,
)
from fault_endings import people_touched

from simulator.faults.bench import Bench, Table, read_tables


@dataclass(frozen=True)
class Share:
    """One fault of a delivery.

    Attributes
    ----------
    records : set of (str, int)
        Export and number of every record of the share's patients, and of those that were added.
    touched : list of dict
        The records that the fault changed or added, as in ``expected.json``.
    words : set of str
        The cells of these records, in lower case.
    """

    facts: FaultFacts
    records: set[tuple[str, int]]
    touched: list[dict]
    words: set[str]


@dataclass(frozen=True)
class Together:
    """A delivery with several faults at the end of its road.

    Attributes
    ----------
    differing : set of str
        Pseudonyms whose rows differ from the clean ones in a mart that decides something.
    refused : list of tuple
        Export, number, rule and scope of every refusal.
    flagged : set of str
        Terms and numbers of prescriptions that are flagged, but not in the clean delivery.
    """

    sent: Sent
    shares: dict[str, Share]
    differing: set[str]
    refused: list[tuple]
    flagged: set[str]


Fault = tuple[FaultFacts, Callable[[Bench], None]]
"""How a fault must end, and what puts it into a delivery."""


def send_together(faults: Mapping[str, Fault], track: Track, home: Path) -> Together:
    """Put these faults into one delivery, lead it to its end, and check what holds for all."""
    folder = home / "delivery"
    folder.mkdir(parents=True)
    tables = read_tables(track.clean)
    n_patients = len(tables["patients"].rows)
    shares = {
        name: _spoil(tables, fault, range(nth, n_patients, len(faults)))
        for nth, (name, fault) in enumerate(faults.items())
    }
    Bench(folder, tables).write_all()
    shutil.copyfile(track.clean / "delivery.yml", folder / "delivery.yml")
    touched = [record for share in shares.values() for record in share.touched]
    ending = track.go(folder, home, "load")
    assert ending.stop is None, ending.said
    sent = Sent(None, folder, touched, ending)
    check_ledger(sent)
    by_mart = check_blast_radius(sent, track.clean_ending)
    by_mart.pop(LISTS_RECORDS, None)
    flagged = {flag[-1] for flag in flags_of(ending) ^ flags_of(track.clean_ending)}
    assert flagged <= set().union(*(share.words for share in shares.values()))
    refused = ending.query(
        "select export_name, record_number, rule_code, scope_code from quarantine.rejected_records"
    )
    return Together(sent, shares, set().union(*by_mart.values()), refused, flagged)


def _spoil(tables: dict[str, Table], fault: Fault, places: range) -> Share:
    """Put a fault among the patients at these places of their export."""
    facts, make = fault
    names = {tables["patients"].cell(place, "patient_id") for place in places}
    numbers = {
        export: [n for n in range(len(each.rows)) if each.cell(n, "patient_id") in names]
        for export, each in tables.items()
    }
    share = {
        export: Table(tables[export].header, [tables[export].rows[n] for n in mine])
        for export, mine in numbers.items()
    }
    bench = Bench(Path(), share)
    make(bench)
    assert bench.touched
    assert not bench.files
    for export, each in tables.items():
        added = share[export].rows[len(numbers[export]) :]
        numbers[export] += range(len(each.rows), len(each.rows) + len(added))
        each.rows += added
    touched = [
        {**one, "record_number": numbers[one["export"]][one["record_number"] - 1] + 1}
        for one in bench.touched
    ]
    records = {(export, n + 1) for export, mine in numbers.items() for n in mine}
    words = {
        cell.strip().lower()
        for one in touched
        for cell in tables[one["export"]].rows[one["record_number"] - 1]
    }
    return Share(facts, records, touched, words)


def check_share(share: Share, together: Together, track: Track) -> None:
    """Assert that a fault ended as it may, by its own records and people."""
    refused = [row for row in together.refused if row[:2] in share.records]
    assert {rule for _, _, rule, _ in refused} == share.facts.rules
    people = people_touched(share.touched, track.clean_ending, together.sent.ending)
    scopes = Counter(scope for *_, scope in refused)
    outcome = name_outcome(
        scopes,
        is_same=people.isdisjoint(together.differing),
        is_flagged=not share.words.isdisjoint(together.flagged),
    )
    assert outcome == share.facts.ends_in
    assert outcome in share.facts.allowed
    if outcome in WITHOUT_A_RECORD_OR_VALUE:
        check_accounted(share.touched, track.clean_ending, together.sent.ending)
