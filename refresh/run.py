"""One refresh, from the lock to the published file.

Whatever can fail happens on private work files, then one atomic switch serves the new version.
What a killed run leaves behind is finished or undone by the next one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import socket
from dataclasses import dataclass, field
from typing import Any, NoReturn

import duckdb

from core import duck, files
from core.messages import cause_of_exception
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop, Terminated, signal_behind
from expectations.rules import CheckReport
from privacy import leaks
from refresh import compare, erased, load, publish_rules, quality
from refresh.steps import Steps
from refresh.store import folders, manifest, pack, publish, vault, versions
from refresh.store.manifest import Entry
from refresh.store.versions import PreviousVersion
from refresh.summary import Summary, read_summary


@dataclass
class State:
    """What is known while a refresh runs; ``entry`` becomes the manifest line."""

    settings: Settings
    steps: Steps
    progress: Progress
    locks: tuple[int, ...]
    notes: list[str] = field(default_factory=list)
    entry: Entry = field(default_factory=dict)
    private_facts: dict[str, Any] = field(default_factory=dict)
    previous: PreviousVersion = field(default_factory=PreviousVersion)
    is_published: bool = False


def run(settings: Settings, steps: Steps, progress: Progress) -> Summary:
    """Refresh the published file from a delivery.

    Returns
    -------
    Summary
        Of a publish, or of a delivery that was published already.

    Raises
    ------
    Stop
        After a line about it was written to the manifest. Readers still get the previous version.
    """
    with folders.locked(settings, "registry run") as locks:
        state = State(settings, steps, progress, locks)
        try:
            return _refresh(state)
        except BaseException as error:
            _record_failure(state, signal_behind(error))
        finally:
            _clear_work(settings)


def _refresh(state: State) -> Summary:
    settings, progress = state.settings, state.progress
    progress.step("Preparing")
    _prepare(state)
    _identify(state)
    if _is_published_already(state):
        return _nothing_to_do(state, "already_loaded", state.previous.entry)
    if (taken_back := _rolled_back(state)) is not None:
        return _nothing_to_do(state, "rolled_back", taken_back)
    progress.step("Loading the delivery")
    _load(state)
    progress.step("Building with dbt")
    _build(state)
    progress.step("Checking expectations")
    _check(state)
    progress.step("Running analyses")
    state.steps.analyse(settings, progress)
    progress.step("Comparing with the previous version")
    _compare(state)
    _require_same_delivery(state)
    progress.step("Packing and publishing")
    summary = _publish(state)
    progress.step("Drawing reports")
    return _finish(state, summary)


def _require_same_delivery(state: State) -> None:
    """Stop when a file changed since the run began: it may have been read while it was copied."""
    if load.fingerprint(state.settings) != state.entry["delivery_fingerprint"]:
        raise Stop(
            ExitCode.DELIVERY_REFUSED,
            "the delivery changed while it was loaded and built; nothing was published",
            "wait until it is complete, then run again",
            "delivery_changed",
        )


def _prepare(state: State) -> None:
    """Finish or undo what a killed run left, clear the work folder, and check the disk space."""
    settings = state.settings
    state.notes += publish.tidy(settings)
    if erased.finish(settings):
        state.notes.append("an unfinished erasure was finished: older versions were deleted")
    files.clear_folder(settings.work)
    folders.require_disk_space(settings)


def _identify(state: State) -> None:
    """Fill in what identifies this run, and find the version to compare with."""
    settings = state.settings
    started_at = manifest.now()
    entries = manifest.read(settings.manifest)
    state.previous = versions.find_previous(settings, entries)
    state.notes += state.previous.notes
    if erased.is_unfinished(settings):
        _prepare_erasure(state)
    code = load.code_state(settings.root)
    fingerprint = load.fingerprint(settings)
    key = state.steps.key_fingerprint(settings)
    tombstones = erased.fingerprint(settings)
    identity = "\n".join([fingerprint, code["code_fingerprint"], key, tombstones])
    state.entry = {
        "seq": manifest.next_sequence(entries),
        "build_id": hashlib.sha256(identity.encode()).hexdigest()[:8],
        "delivery_fingerprint": fingerprint,
        "tombstones": tombstones,
        "code": code,
        "key_fingerprint": key,
        "started_at": started_at,
        "operator": manifest.operator(),
        "host": socket.gethostname(),
    }
    publish_rules.enforce(settings, publish_rules.about_earlier_deliveries(entries, fingerprint))


def _prepare_erasure(state: State) -> None:
    """Publish in any case, and compare with nothing: a comparison would describe the person."""
    state.settings = dataclasses.replace(state.settings, is_forced=True)
    entry = erased.without_counts(state.previous.entry)
    state.previous = PreviousVersion(entry=entry)
    state.notes.append("this version is compared with no other, because a patient was erased")


def _is_published_already(state: State) -> bool:
    return (
        not state.settings.is_forced
        and state.previous.version is not None
        and state.previous.version == versions.served(state.settings)
        and state.previous.entry.get("build_id") == state.entry["build_id"]
    )


def _rolled_back(state: State) -> Entry | None:
    """Find an unchanged version of the same delivery, code and key that was rolled back.

    A scheduled run must not undo that decision; ``--force`` does.
    """
    settings = state.settings
    if settings.is_forced:
        return None
    entries = manifest.read(settings.manifest)
    is_sound = state.previous.version == versions.served(settings)
    valid = {entry["seq"] for entry in manifest.not_rolled_back(entries)}
    for version in versions.listed(settings, entries):
        entry = version.entry
        if (
            entry is not None
            and entry.get("build_id") == state.entry["build_id"]
            and entry["seq"] not in valid
            and files.sha256_of(versions.file_of(settings, version.name)) == entry["file_sha256"]
        ):
            if is_sound:
                return entry
            raise Stop(
                ExitCode.DAMAGED,
                f"the served version is damaged, and this delivery was published as version "
                f"{entry['seq']} and rolled back",
                "serve a sound version with `registry rollback --to NUMBER`, or publish this "
                "delivery again with --force",
                "damaged_version",
            )
    return None


def _nothing_to_do(state: State, event: str, same: Entry) -> Summary:
    """Record that the same delivery, code and key were published already; change nothing."""
    settings = state.settings
    line = {name: value for name, value in state.entry.items() if name != "seq"}
    line |= {"event": event, "same_as": same["version"], "notes": list(state.notes)}
    manifest.append(settings.manifest, line)
    if event == "rolled_back":
        state.notes.append(
            f"this delivery was published as version {same['seq']}, which was rolled back; run "
            "with --force to publish it again"
        )
    return _finish(state, read_summary(settings, event, state.previous.entry))


def _finish(state: State, summary: Summary) -> Summary:
    """Draw the pages, and add notes, places and seconds to the summary."""
    summary.notes = state.notes
    summary.places |= state.steps.report(state.settings, state.progress)
    summary.seconds = state.progress.finish()
    return summary


def _load(state: State) -> None:
    state.steps.load(state.settings)
    facts = load.facts_of(state.settings.work_file)
    state.entry |= {
        "load_id": facts.load_id,
        "source_system": facts.source_system,
        "mapping": facts.mapping,
        "extraction_date": facts.extraction_date,
        "is_synthetic": facts.is_synthetic,
        "delivery_label": facts.label,
        "key_fingerprint": facts.key_fingerprint,
    }
    if facts.has_erased:
        state.notes.append("records of erased patients were left out")
    state.notes += [f"not read, no export takes it: {word}" for word in facts.unselected]
    publish_rules.enforce(state.settings, publish_rules.about_delivery(facts, state.previous.entry))


def _build(state: State) -> None:
    settings = state.settings
    try:
        result = state.steps.build(settings, state.progress, state.locks)
    except Stop:
        _require_same_delivery(state)  # dbt fails where the delivery changed: that comes first
        raise
    state.entry |= {
        "tests": {
            "n_expected": result.tests.n_expected,
            "n_run": result.tests.n_run,
            "n_failed": result.tests.n_failed,
        },
        "versions": result.versions,
        "dbt_invocation_id": result.invocation_id,
    }
    n_before = state.previous.entry.get("tests", {}).get("n_run", 0)
    publish_rules.enforce(
        settings, publish_rules.about_number_of_checks("dbt tests", result.tests.n_run, n_before)
    )


def _check(state: State) -> None:
    """Fill the quality tables, run the expectations on them, record and enforce the outcomes."""
    settings = state.settings
    with duck.connect(settings.work_file) as db:
        state.entry["inputs"] = load.ledger_of(db)
        state.private_facts = load.private_facts_of(db)
        quality.create_all(db)
        quality.fill_from_vault(db)
        state.entry["unmapped"] = quality.count_unmapped_terms(db)
    report: CheckReport = state.steps.check(settings, state.previous)
    with duck.connect(settings.work_file) as db:
        quality.record_expectations(
            db, report, state.entry["seq"], state.previous.version, settings.accepted
        )
    state.entry["expectations"] = {
        "n_expected": report.n_expected,
        "n_run": len(report.of_state("passed", "failed")),
        "n_failed": len(report.of_state("failed")),
        "n_errors": len(report.of_state("error")),
        "n_not_applicable": len(report.of_state("not_applicable")),
    }
    publish_rules.require_expectations_passed(settings, report, state.previous.entry)


def _compare(state: State) -> None:
    settings, previous = state.settings, state.previous
    with duck.connect(settings.work_file) as db:
        if previous.version is not None:
            compare.compare_versions(db, previous.version)
            previous_vault = vault.file_of(settings, versions.name_of(previous.version))
            if previous_vault is not None:
                compare.compare_exports(db, settings, previous_vault, state.entry["seq"])
            else:
                state.notes.append(
                    "the vault of the previous version is not kept; exports were not compared"
                )
            accepted = publish_rules.enforce(
                settings,
                publish_rules.about_changes(db)
                + publish_rules.about_unmapped_terms(
                    state.entry["unmapped"], previous.entry.get("unmapped", {})
                ),
            )
            state.notes += [f"accepted: {finding.text}" for finding in accepted]
        db.execute("force checkpoint")


def _publish(state: State) -> Summary:
    settings = state.settings
    state.entry |= {
        "packed_at": manifest.now(),
        "accepted": sorted(settings.accepted),
        "reason": settings.reason or None,
        "notes": list(state.notes),
    }
    candidate = settings.incoming / "candidate.duckdb"
    contents = pack.pack(settings.work_file, candidate, state.entry)
    leaks.require_no_person(settings.work_file, candidate)
    state.entry["tables"] = [content.as_entry() for content in contents]
    vault.keep(settings, publish.version_name(state.entry), state.private_facts)
    written = publish.publish(settings, candidate, state.entry)
    state.is_published = True
    erased.finish(settings)
    vault.protect(settings)
    return read_summary(settings, "published", written)


def _record_failure(state: State, error: BaseException) -> NoReturn:
    """Write to the manifest why nothing was published, and raise the error again.

    Failures of the machine become a Stop. The words of any other exception are not repeated: they
    may quote a patient.
    """
    step = state.progress.last_step
    recorded: Stop
    raised = error
    match error:
        case Stop():
            recorded = error
            error.details += tuple(f"Note: {note}" for note in state.notes)
        case OSError() | duckdb.Error() | MemoryError():
            cause = cause_of_exception(error)
            notes = tuple(f"Note: {note}" for note in state.notes)
            text = f"{step}: {cause.text}"
            if state.is_published:
                text += "; the new version is published, its report may be missing"
            recorded = Stop(cause.code, text, cause.todo, "machine", notes)
            raised = recorded
        case KeyboardInterrupt():
            recorded = Stop(ExitCode.INTERRUPTED, f"{step}: stopped by Ctrl-C")
        case Terminated():
            recorded = Stop(error.code, f"{step}: stopped by {error.signal_name}")
        case _:
            text = f"{step}: a fault of the program ({type(error).__name__})"
            recorded = Stop(ExitCode.UNEXPECTED, text)
    if state.entry and not state.is_published:
        state.progress.finish()
        about = {k: v for k, v in state.entry.items() if k not in ("seq", "tables")}
        line = {
            "event": "refused",
            "rule": recorded.rule,
            "exit_code": int(recorded.code),
            "why": recorded.what,
            "details": list(recorded.recorded_details[:20]),
        }
        with contextlib.suppress(OSError):  # the stop itself is shown in any case
            manifest.append(state.settings.manifest, {**about, **line})
    if raised is error:
        vars(error)["is_published"] = state.is_published
        raise error
    raise raised from None


def _clear_work(settings: Settings) -> None:
    """Leave no patient data in the work folder, and no unfinished candidate."""
    publish.clear_incoming(settings)
    if settings.is_work_kept:
        vault.protect(settings)
    elif settings.work.exists():
        files.clear_folder(settings.work)
    if settings.vault.exists():
        os.chmod(settings.vault, 0o700)
