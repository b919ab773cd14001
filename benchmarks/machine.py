"""What the numbers were measured on. No name of the machine or of a person."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT

PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "pyarrow", "pandas", "polars", "great-expectations")


def describe(seed: int, memory_limit: str) -> dict[str, Any]:
    """Return machine, versions and settings, as the page shows them."""
    return {
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_bytes() / (1 << 30)),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "settings": {"seed": seed, "memory_limit": memory_limit},
        "versions": {
            "python": platform.python_version(),
            **{name: found for name in PACKAGES if (found := _version(name))},
        },
        "commit": _commit(),
        "measured": datetime.now(UTC).date().isoformat(),
    }


def processor() -> str:
    """Return the processor's model as the system names it."""
    if sys.platform == "darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _commit() -> str:
    head = _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return f"{head}{' with changes' if changed else ''}" if head else "unknown"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
