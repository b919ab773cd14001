"""Folders of an invented registry."""

from __future__ import annotations

from pathlib import Path

from core import files
from core.settings import Settings


def folders(home: Path) -> Settings:
    """Make a vault and a published folder, and a delivery with two small files."""
    delivery = home / "delivery"
    delivery.mkdir()
    (delivery / "patients.csv").write_text("patient_id,sex\nA1,F\n", encoding="utf-8")
    (delivery / "visits.csv").write_text("visit_id,patient_id\nV1,A1\n", encoding="utf-8")
    made = Settings(
        root=home,
        delivery=delivery,
        vault=home / "vault",
        published=home / "published",
    )
    files.private_folder(made.vault)
    files.public_folder(made.published)
    files.public_folder(made.versions)
    files.private_folder(made.incoming)
    files.private_folder(made.work)
    return made
