"""A delivery folder: its optional delivery.yml, and which of its files feeds which export."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from intake.errors import IntakeError, MappingError
from intake.mapping import Identifier, Mapping, StrictModel, Text
from intake.mapping_file import MAPPINGS_FOLDER, explain_errors, load_mapping
from intake.strict_yaml import read_yaml

DELIVERY_FILE = "delivery.yml"
DEFAULT_DELIVERY = "exports/demo"
DEFAULT_MAPPING = "clinic"


class DeliveryFile(StrictModel):
    """What delivery.yml may say; every key is optional."""

    source_system: Identifier | None = None
    extraction_date: datetime.date | None = None
    is_synthetic: bool = False
    label: Text | None = None


@dataclass(frozen=True)
class Delivery:
    """A delivery folder with the mapping that describes it.

    Attributes
    ----------
    folder : Path
        As the user gave it.
    about : DeliveryFile
        Content of delivery.yml, or its defaults.
    mapping : Mapping
        The mapping by which the files are read.
    """

    folder: Path
    about: DeliveryFile
    mapping: Mapping

    @property
    def extraction_date(self) -> datetime.date | None:
        """The day of the export: delivery.yml first, then the mapping."""
        return self.about.extraction_date or self.mapping.content.extraction_date


def open_delivery(
    folder: Path, mapping_name: str = "", mappings_folder: Path = MAPPINGS_FOLDER
) -> Delivery:
    """Read delivery.yml and the mapping; no export is opened.

    Parameters
    ----------
    folder : Path
        The delivery folder.
    mapping_name : str
        Name of the mapping; "" takes source_system of delivery.yml, else ``clinic``.
    mappings_folder : Path
        Folder of the mapping files.

    Returns
    -------
    Delivery

    Raises
    ------
    IntakeError
        The folder is not there.
    MappingError
        delivery.yml or the mapping is not valid, or the extraction lies in the future.
    """
    if not folder.is_dir():
        raise IntakeError(
            f"The delivery folder {folder} is not there. Set REGISTRY_DELIVERY to the folder "
            "that holds the exports."
        )
    about = DeliveryFile()
    path = folder / DELIVERY_FILE
    if os.path.lexists(path):
        if path.is_symlink() or not path.is_file():
            raise MappingError(f"{path}: must be a plain file.")
        raw, lines, _ = read_yaml(path)
        try:
            about = DeliveryFile.model_validate(raw)
        except ValidationError as error:
            raise explain_errors(error, DELIVERY_FILE, lines, DeliveryFile) from None
    name = mapping_name or about.source_system or DEFAULT_MAPPING
    delivery = Delivery(folder, about, load_mapping(name, mappings_folder))
    _require_past(delivery.extraction_date)
    return delivery


def _require_past(extraction_date: datetime.date | None) -> None:
    """Refuse an extraction that has not happened: with it, no date would lie too late.

    A day ahead is another time zone, or a clock that is slow.
    """
    if extraction_date and extraction_date > datetime.date.today() + datetime.timedelta(days=1):
        raise MappingError(
            f"{DELIVERY_FILE}: extraction_date {extraction_date} has not come yet on this machine. "
            "Correct the date, or the clock."
        )
