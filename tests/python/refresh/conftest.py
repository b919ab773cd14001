"""Small warehouses with the documented schemas, so that refresh is tested without a build."""

from __future__ import annotations

from pathlib import Path

import pytest
from invented import folders

from core.settings import Settings
from refresh import fake_build


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A vault and a published folder of their own, and a delivery with two small files."""
    return folders(tmp_path)


@pytest.fixture
def work_file(settings: Settings) -> Path:
    """A built work file of twenty patients."""
    fake_build.write_warehouse(settings.work_file, fake_build.Shape())
    return settings.work_file
