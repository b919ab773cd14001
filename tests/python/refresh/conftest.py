"""Small warehouses with the documented schemas, so that refresh is tested without a build."""

from __future__ import annotations

from pathlib import Path

import invented
import pytest

from core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A vault, a published folder, and a delivery with two small files."""
    return invented.make_folders(tmp_path)


@pytest.fixture
def work_file(settings: Settings) -> Path:
    """A built work file of twenty patients."""
    invented.write_warehouse(settings.work_file, invented.Shape())
    return settings.work_file


@pytest.fixture
def published(settings: Settings) -> Settings:
    """A registry of twenty patients with one published version."""
    return invented.published_before(settings)
