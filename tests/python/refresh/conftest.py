"""Small warehouses with the documented schemas, so that refresh is tested without a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from refresh import fake_build, files
from refresh.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A vault and a published folder of their own, and a delivery with two small files."""
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    (delivery / "patients.csv").write_text("patient_id,sex\nA1,F\n", encoding="utf-8")
    (delivery / "visits.csv").write_text("visit_id,patient_id\nV1,A1\n", encoding="utf-8")
    made = Settings(
        root=tmp_path,
        delivery=delivery,
        vault=tmp_path / "vault",
        published=tmp_path / "published",
    )
    files.private_folder(made.vault)
    files.public_folder(made.published)
    files.public_folder(made.versions)
    files.private_folder(made.incoming)
    files.private_folder(made.work)
    return made


@pytest.fixture
def work_file(settings: Settings) -> Path:
    """A built work file of twenty patients."""
    fake_build.write_warehouse(settings.work_file, fake_build.Shape())
    return settings.work_file
