"""First door, all files: how much of a delivery may be refused."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import CONFORMANCE, Suite, rows_between, true

LARGEST_REFUSED_SHARE, FEW_RECORDS = 0.10, 5


def suite(facts: Facts) -> Suite:
    """Return the suite over the ledger; it needs no facts of the load before."""
    del facts
    allowed = f"greatest({FEW_RECORDS}, {LARGEST_REFUSED_SHARE} * n_records_read)"
    query = f"""
        select *, n_records_quarantined <= {allowed} as is_record_loss_small,
            n_values_refused <= {allowed} as is_value_loss_small
        from quality.record_ledger
    """
    return Suite(
        "export_ledger", "export", query,
        [
            rows_between("files", 1, None, "A delivery has files."),
            true("is_record_loss_small", "source_file", CONFORMANCE,
                 "No file loses more than one record in ten (and more than 5)."),
            true("is_value_loss_small", "source_file", CONFORMANCE,
                 "No file loses more values than a tenth of its records (and more than 5)."),
        ],
    )  # fmt: skip
