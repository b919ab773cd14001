"""Peer in bare DuckDB: run the SQL scripts of this folder: DELIVERY FILE [MART ...].

The file gets schema marts only; all other tables are temporary. Pseudonyms are computed in SQL with
the key of the build (REGISTRY_KEY_FILE).
"""

from __future__ import annotations

import hmac
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import yaml

from core.duck import VAULT_STORAGE_VERSION, memory_limit

FOLDER = Path(__file__).resolve().parent
SEEDS = FOLDER.parents[1] / "seeds"
HASH_BLOCK_BYTES = 64


def main() -> None:
    """Write the marts of a delivery into a new DuckDB file."""
    delivery, file, *chosen = sys.argv[1:]
    Path(file).unlink(missing_ok=True)
    key = bytes.fromhex(Path(os.environ["REGISTRY_KEY_FILE"]).read_text())
    padded = key.ljust(HASH_BLOCK_BYTES, b"\0")
    settings = {
        "delivery": delivery,
        "seeds": str(SEEDS),
        "extraction_date": yaml.safe_load(Path(delivery, "delivery.yml").read_text())[
            "extraction_date"
        ],
        "reference_key": hmac.digest(key, b"records:bare script", "sha256").hex()[:32],
        "inner_pad": bytes(byte ^ 0x36 for byte in padded),
        "outer_pad": bytes(byte ^ 0x5C for byte in padded),
    }
    config: dict[str, Any] = {
        "storage_compatibility_version": VAULT_STORAGE_VERSION,
        "memory_limit": memory_limit(),
    }
    with duckdb.connect(file, config=config) as db:
        for name, value in settings.items():
            db.execute(f"set variable {name} = ?", [value])
        for script in sorted(FOLDER.glob("*.sql")):
            for statement in db.extract_statements(script.read_text(encoding="utf-8")):
                if is_wanted(statement.query, chosen):
                    db.execute(statement)


def is_wanted(query: str, chosen: list[str]) -> bool:
    """Return whether a statement is needed for the chosen marts; no choice means all."""
    marker = "create table marts."
    if not chosen or marker not in query:
        return True
    return query.split(marker)[1].split(maxsplit=1)[0] in chosen


if __name__ == "__main__":
    main()
