"""What each seed, model and test of one `dbt build` took, from dbt's own run results.

Two nodes run at once on two threads and share the engine's, so the times of the nodes add up to
more than the build took.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.records import PartRow


def node_rows(target: Path, n_patients: int, run: int, wall_seconds: float) -> list[PartRow]:
    """Return one row per seed, model and test, and three of part dbt.

    Parameters
    ----------
    target : Path
        dbt's target folder after the build.
    n_patients, run : int
        Where the rows belong.
    wall_seconds : float
        What the whole process took.

    Returns
    -------
    list of PartRow
        "start": everything before and after the run itself (imports, parsing, writing files);
        "load": the hook with which intake loads the delivery; "nodes": from the first node's
        start to the last one's end.
    """
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))
    rows, spans, load = [], [], 0.0
    for result in results["results"]:
        kind, _, name = result["unique_id"].split(".")[:3]
        seconds = _seconds(result["timing"], "execute")
        if kind == "operation":
            load += _seconds(result["timing"], "compile") + seconds
            continue
        spans += [_moment(step[end]) for step in result["timing"] for end in _ENDS]
        rows.append(PartRow(n_patients, kind, name, run, seconds))
    whole = {
        "start": wall_seconds - results["elapsed_time"],
        "load": load,
        "nodes": (max(spans) - min(spans)).total_seconds() if spans else 0.0,
    }
    return [
        *(PartRow(n_patients, "dbt", name, run, seconds) for name, seconds in whole.items()),
        *rows,
    ]


_ENDS = ("started_at", "completed_at")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _seconds(timing: list[dict[str, Any]], step: str) -> float:
    return sum(
        (_moment(each["completed_at"]) - _moment(each["started_at"])).total_seconds()
        for each in timing
        if each["name"] == step
    )
