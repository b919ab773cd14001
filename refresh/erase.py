"""Erase a patient: publish a version without the person, then delete everything older.

Nothing is rewritten: two versions of one file, with and without the person, could be subtracted.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from core import duck
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from privacy.pseudonyms import PseudonymKey, key_path, load_key, qualified
from refresh import erased, load
from refresh import run as refresh
from refresh.erased import Place, Recognition
from refresh.steps import Steps
from refresh.store import folders, manifest
from refresh.summary import Summary


@dataclass(frozen=True)
class Erasure:
    """What an erasure did.

    Attributes
    ----------
    summary : Summary or None
        Of the version without the person; None when the person had been erased before.
    mentions : list of Place
        Where texts of others hold the identifier as a word; nothing was deleted there.
    """

    summary: Summary | None
    mentions: list[Place]

    @property
    def lines(self) -> list[str]:
        """The report in plain lines; it names no person and no value."""
        done = (
            "Erased: a version without the person is served; every older version and vault was "
            "deleted."
            if self.summary
            else "This patient was erased before; nothing was changed."
        )
        found = [
            "Proved: no column of patients' identifiers in any file of vault and published folder "
            "holds the person."
        ]
        if self.mentions:
            found += [
                "The identifier is also a word in texts of others. Read these texts and decide; "
                "correct them in the source system:",
                *(f"  {place}" for place in self.mentions),
            ]
        return [
            done,
            *found,
            "Delete the exports that still contain the person; backups, copies and releases that "
            "left are not reached (docs/privacy.md).",
        ]


def erase(
    settings: Settings,
    patient_id: str,
    reason: str,
    steps: Steps,
    progress: Progress,
    *,
    centre_code: str = "",
) -> Erasure:
    """Erase a patient, and publish the delivery of the settings without the person.

    Parameters
    ----------
    reason : str
        Recorded in the manifest; it must not name a person.
    centre_code : str
        Code of the patient's centre, in a registry with centres.

    Raises
    ------
    Stop
        When the identifier is blank or unknown, when the refresh without the person fails (the same
        command continues), or when the person is still found at the end.
    """
    key = _require_key(settings, patient_id)
    name = qualified(patient_id, centre_code.strip().lower())
    mark = key.tombstone(name) or ""
    is_case_sensitive = _differs_by_case_from_another(settings, name)
    recognition = Recognition(key, {mark: is_case_sensitive})
    is_known = bool(erased.find(settings, recognition))
    if not is_known and mark not in erased.marks(settings):
        raise Stop(
            ExitCode.USAGE,
            "no file of vault or published folder contains this patient; nothing was changed",
            "compare the identifier with the clinic's export, blanks and case included; a registry "
            "with several centres needs --centre",
            "unknown_patient",
        )
    if not is_known and not erased.is_unfinished(settings):
        return Erasure(None, erased.mentions(settings, patient_id))
    with folders.locked(settings, "registry erase"):
        erased.begin(settings, mark, is_case_sensitive, reason)
    try:
        summary = refresh.run(dataclasses.replace(settings, is_forced=True), steps, progress)
    except Stop as stop:
        if stop.rule == "erasure_incomplete":
            raise
        raise _not_finished(stop) from None
    return Erasure(summary, erased.mentions(settings, patient_id))


def _require_key(settings: Settings, patient_id: str) -> PseudonymKey:
    """Return the key of the last publish; with another one the person would not be found."""
    if not patient_id.strip():
        raise Stop(ExitCode.USAGE, "the identifier is empty", "give the clinic's own identifier")
    last = manifest.last_published(manifest.read(settings.manifest))
    if last is None:
        raise Stop(ExitCode.USAGE, "nothing is published here; there is no patient to erase")
    is_synthetic = bool(last.get("is_synthetic"))
    load.require_key_present(settings, key_path(is_synthetic))
    key = load_key(is_synthetic)
    if key.fingerprint != last.get("key_fingerprint"):
        raise Stop(
            ExitCode.ENVIRONMENT,
            "the pseudonym key is not the one of the last publish; the person cannot be found",
            "use the key file of this registry (REGISTRY_KEY_FILE)",
            "key_changed",
        )
    return key


def _differs_by_case_from_another(settings: Settings, patient_id: str) -> bool:
    """Whether the served export of patients distinguishes this identifier from another by case."""
    file = settings.vault_current / settings.work_file.name
    if not file.exists():
        return False
    with duck.connect(file, read_only=True) as db:
        return erased.spellings(db, patient_id) > 1


def _not_finished(stop: Stop) -> Stop:
    return Stop(
        stop.code,
        f"the patient is not erased yet: {stop.what}",
        f"{stop.todo + '; then ' if stop.todo else ''}run the same command again, it continues",
        stop.rule,
        (
            "done: the tombstone is written, and no later delivery brings the person back",
            "not done: versions and vaults that contain the person are still on disk and served",
            *stop.details,
        ),
    )
