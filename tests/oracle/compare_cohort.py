"""Compare our results of a warehouse file with R's of the same patients.

    python compare_cohort.py COHORT_CSV WAREHOUSE

Exit code 1 when a number does not agree.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from cohort_inputs import frames_of
from oracle_agreement import RELATIVE, agrees

from analysis_py.study import run_analyses


def main(output: Path, warehouse: Path) -> int:
    """Print how many numbers agree, and those that do not."""
    results = run_analyses(frames_of(warehouse))
    theirs = pd.read_csv(output)
    apart = [
        f"{row.result_id} {row.field}: ours {getattr(results[row.result_id], row.field)}, "
        f"R {row.value}"
        for row in theirs.itertuples()
        if not agrees(getattr(results[row.result_id], row.field), row.value)
    ]
    print(f"{len(theirs) - len(apart)} of {len(theirs)} numbers agree with R to {RELATIVE:g}.")
    print(*apart, sep="\n", end="\n" if apart else "")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
