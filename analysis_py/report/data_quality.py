"""The section on data quality: what was read, refused, not recognised, expected and changed."""

from __future__ import annotations

from typing import Any
from unicodedata import category

from analysis_py.phrases import move_phrases
from analysis_py.report.account import Quality, Rows
from analysis_py.report.blocks import Block, Facts, Grid, Note, Section, Subheading, Text
from analysis_py.rounding import format_number, format_p
from analysis_py.vocabulary import label

FILE_HAS_NO_QUALITY = (
    "This file has no account of the records: it has neither the schema quality of a published "
    "file nor the schema quarantine of a build. How many records were read and refused cannot be "
    "shown."
)
SCOPES = {
    "record": "record refused",
    "value": "value set to missing, record kept",
    "duplicate": "surplus copy set aside",
}
STATES = {
    "passed": "✓\u00a0passed",
    "failed": "✗\u00a0failed",
    "error": "!\u00a0could not be evaluated",
    "not_applicable": "–\u00a0not applicable",
}
COMPARED = {"export": "records of the export", "mart": "published rows"}
NOT_MET = ("failed", "error")
SUBJECTS = {"export": "exports", "mart": "marts"}
MOST_RESULTS = 200


def data_quality(quality: Quality) -> Section:
    """Ledger, refusals with what to do, notices, expectations, trend, and what changed."""
    blocks: list[Block] = [Note(FILE_HAS_NO_QUALITY)]
    if quality.tables is not None:
        blocks = [
            _summary(quality["ledger"]),
            _grid(
                "Account of every record: read = kept + refused + copies set aside",
                quality["ledger"],
                {
                    "File": "source_file",
                    "#Read": "n_records_read",
                    "#Kept": "n_records_staged",
                    "#Refused": "n_records_quarantined",
                    "#Copies set aside": "n_records_deduplicated",
                    "#Unaccounted for": "balance",
                    "#Single values refused": "n_values_refused",
                },
            ),
            *_refusals(quality["refusals"]),
            *_unrecognised(quality),
            _grid(
                "Seen in the delivery, nothing refused for it",
                [row | {"notice": _words(row["notice_code"])} for row in quality["notices"]],
                {"File": "source_file", "Notice": "notice", "#How many": "n_notices"},
            ),
        ]
    if "expectations" in (quality.tables or {}):
        blocks += [*_expectations(quality), *_changes(quality)]
    return Section("data-quality", "Data quality: what was refused and why", tuple(blocks))


def _grid(caption: str, found: Rows, columns: dict[str, str], summary: str = "") -> Block:
    """Lay out rows; a title that starts with # is a column of numbers."""
    if not found:
        return Text(f"{caption}: none.")
    return Grid(
        caption,
        tuple(title.lstrip("#") for title in columns),
        tuple(tuple(_text(row[name]) for name in columns.values()) for row in found),
        classes=tuple(str(row.get("state_code", "")) for row in found),
        numeric=frozenset(i for i, title in enumerate(columns) if title.startswith("#")),
        summary=summary,
    )


def _text(value: object) -> str:
    """Return a value as text; control characters become question marks."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "" if value is None else str(value)
    return "".join("?" if category(letter).startswith("C") else letter for letter in text)


def _words(code: object) -> str:
    return str(code).replace("_", " ").capitalize()


def _summary(ledger: Rows) -> Facts:
    def total(name: str) -> int:
        return sum(int(row[name] or 0) for row in ledger)

    read, refused = total("n_records_read"), total("n_records_quarantined")
    share = f"{format_number(100 * refused / read, 2)}% of those read" if read else "none read"
    return Facts(
        (
            ("Records read", str(read), f"from {len(ledger)} files"),
            ("Records refused", str(refused), share),
            ("Copies set aside", str(total("n_records_deduplicated")), "the first copy is kept"),
            ("Single values refused", str(total("n_values_refused")), "set to missing"),
        )
    )


def _refusals(refusals: Rows) -> list[Block]:
    if not refusals:
        return [Text("No record and no value was refused.")]
    shown = [
        row
        | {
            "column": row["column_name"] or "(record)",
            "scope": SCOPES.get(row["scope_code"], row["scope_code"]),
        }
        for row in refusals
    ]
    return [
        _grid(
            "What was refused, by rule, and what to do",
            shown,
            {
                "Rule": "rule_label",
                "File": "source_file",
                "Column": "column",
                "What happened": "scope",
                "#Records": "n_records",
                "#Of": "n_records_read",
                "What to do": "hint",
                "Kind of check (Kahn et al. 2016)": "kahn_category",
            },
        ),
        Text(
            "The refused values are data of patients and are not part of this page; the vault has "
            "them in table quarantine.rejected_records, with file and record number."
        ),
    ]


def _unrecognised(quality: Quality) -> list[Block]:
    """Count the names that no code list knows; the names are texts of the clinic, not shown."""
    blocks: list[Block] = [Subheading("Not recognised", "not-recognised")]
    if "unrecognised" not in (quality.tables or {}):
        return [*blocks, Text("This file does not count the names that no code list knows.")]
    shown = [
        row | {"kind": label(row["term_kind"])} for row in quality["unrecognised"] if row["n_terms"]
    ]
    blocks.append(
        _grid(
            "Names that no code list knows",
            shown,
            {
                "Kind": "kind",
                "#Different names": "n_terms",
                "#Records": "n_records",
                "#Of": "n_records_staged",
                "#Patients": "n_patients",
            },
        )
    )
    if shown:
        blocks.append(
            Text(
                "What such a record says of its patient is not known; it is not counted as absent. "
                "The names are in the vault (cohort.cohort_unmapped_terms): add them to a code "
                "list, or to the words of the mapping."
            )
        )
    return blocks


def _expectations(quality: Quality) -> list[Block]:
    judged = quality["expectations"]
    of_all = "" if quality.n_expected is None else f" of {quality.n_expected}"
    counts = ", ".join(
        f"{sum(row['state_code'] == state for row in judged)} {words[2:]}"
        for state, words in STATES.items()
    )
    version = f"Version {judged[0]['build_number']}: " if judged else ""
    blocks: list[Block] = [
        Subheading("Expectations", "expectations"),
        Text(f"{version}{len(judged)}{of_all} expectations were judged: {counts}."),
    ]
    columns = {
        "Expectation": "expectation",
        "State": "state",
        "Column": "column_name",
        "Allowed": "threshold",
        "#Found": "found",
        "#Of": "n_judged",
        "Why": "reason",
        "Kind": "kind",
        "Severity": "severity_code",
    }
    for code, subject in SUBJECTS.items():
        shown = [_shown(row) for row in judged if row["subject_code"] == code]
        bad = [row for row in shown if row["state_code"] in NOT_MET]
        good = [row for row in shown if row["state_code"] not in NOT_MET]
        blocks.append(_grid(f"Expectations on the {subject} that were not met", bad, columns))
        if good:
            caption = f"Expectations on the {subject}, passed or not applicable"
            blocks.append(_grid(caption, good, columns, summary=f"{caption} ({len(good)})"))
    blocks.append(
        _grid(
            "Expectations of the newest 20 versions",
            quality["trend"],
            {
                "Version": "build_number",
                "#Passed": "n_passed",
                "#Failed": "n_failed",
                "#New": "n_new",
                "#Persisting": "n_persisting",
                "#Resolved": "n_resolved",
            },
        )
    )
    return blocks


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    trend = f" ({row['trend_code']})" if row["trend_code"] else ""
    accepted = ", accepted" if row["is_accepted"] else ""
    found = row["n_unexpected"]
    kind = (row["kahn_category_code"], row["kahn_context_code"])
    return row | {
        "expectation": f"{_words(row['suite_name'])}: {_words(row['expectation_code']).lower()}",
        "state": f"{STATES.get(row['state_code'], row['state_code'])}{trend}{accepted}",
        "found": row["observed_value"] if found is None else found,
        "kind": ", ".join(word for word in kind if word),
    }


def _changes(quality: Quality) -> list[Block]:
    results = [
        row
        | {"change": _words(row["change_code"]), "label": row["label"] or row["result_id"]}
        # A version of before this column has no unit.
        | _moved(row, row.get("unit") or "")
        | {name: format_p(row[name]) for name in ("p_value_before", "p_value_after")}
        for row in quality["results"][:MOST_RESULTS]
    ]
    blocks: list[Block] = [
        Subheading("What changed since the previous version", "changed"),
        _grid(
            "Records that changed",
            [
                row
                | {"change": _words(row["change_code"])}
                | {"compared": COMPARED.get(row["comparison_code"], row["comparison_code"])}
                for row in quality["changes"]
            ],
            {
                "Table": "table_name",
                "Column": "column_name",
                "Change": "change",
                "#Records": "n_records",
                "#Patients": "n_patients",
                "Compared": "compared",
            },
        ),
        _grid(
            "Results that changed",
            results,
            {
                "Result": "label",
                "Change": "change",
                "#Before": "value_before",
                "#Now": "value_after",
                "Unit": "unit",
                "#p before": "p_value_before",
                "#p now": "p_value_after",
            },
        ),
    ]
    n_changed = len(quality["results"])
    if n_changed > MOST_RESULTS:
        blocks.append(
            Text(
                f"{n_changed} results changed; the first {MOST_RESULTS} are shown, table "
                "quality.result_changes has all."
            )
        )
    return blocks


def _moved(row: dict[str, Any], unit: str) -> dict[str, Any]:
    before, after = move_phrases(row["value_before"], row["value_after"], unit)
    return {"value_before": before, "value_after": after, "unit": unit}
