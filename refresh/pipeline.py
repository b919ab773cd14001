"""One refresh from lock to published file.

The order is the safety: everything that can fail happens on private work files; readers see one
atomic switch; what a kill leaves behind is finished or undone by the next run.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from core import duck, files
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop, Terminated
from expectations.outcomes import CheckReport
from privacy import leaks
from refresh import (
    baseline,
    changes,
    delivery,
    erased,
    history,
    killpoints,
    lock,
    manifest,
    pack,
    publish,
    quality_tables,
    room,
    stops,
    vault,
    versions,
)
from refresh.baseline import Baseline
from refresh.build import BuildResult
from refresh.gate import record_outcomes, require_passed
from refresh.manifest import Entry
from refresh.messages import cause_of
from refresh.outcomes import Summary
from refresh.summary import read_summary


@dataclass(frozen=True)
class Steps:
    """The parts of a refresh that belong to other rooms; a test may put its own in their place.

    Attributes
    ----------
    key_fingerprint : callable
        Fingerprint of the key that the delivery would be loaded with.
    load : callable
        Writes the delivery's raw tables into the work file.
    build : callable
        Turns raw tables into marts and counts the tests that ran.
    check : callable
        Runs the expectations on the work file against what was published last.
    analyse : callable
        Writes schema results into the work file.
    report : callable
        Draws the pages for people after the publish; returns names and paths.
    """

    key_fingerprint: Callable[[Settings], str]
    load: Callable[[Settings], None]
    build: Callable[[Settings, Progress, tuple[int, ...]], BuildResult]
    check: Callable[[Settings, Baseline], CheckReport]
    analyse: Callable[[Settings, Progress, tuple[int, ...]], None]
    report: Callable[[Settings, Progress], dict[str, str]]


@dataclass
class Run:
    """What is known while a refresh goes on."""

    settings: Settings
    steps: Steps
    progress: Progress
    started_at: str
    notes: list[str] = field(default_factory=list)
    entry: Entry = field(default_factory=dict)
    baseline: Baseline = field(default_factory=Baseline)
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
        With an exit code, after a line about it was written to the manifest. Readers keep
        the version that they had.
    """
    prepare_folders(settings)
    state = Run(settings, steps, progress, manifest.now())
    with lock.held([settings.vault, settings.published], "python -m refresh run") as locks:
        killpoints.reach("locked", settings.published)
        try:
            return _refresh(state, locks)
        except Stop as stop:
            _record_stop(state, stop)
            raise
        except (OSError, duckdb.Error, MemoryError) as error:
            cause = cause_of(f"{type(error).__name__}: {error}")
            stop = Stop(cause.code, f"{progress.last_step}: {cause.text}", cause.todo, "machine")
            _record_stop(state, stop)
            raise stop from None
        except BaseException as error:  # a fault of the program, Ctrl-C, SIGTERM
            _record_stop(state, _stop_of(error, progress.last_step))
            error.is_published = state.is_published
            raise
        finally:
            _leave_tidy(settings)


def _stop_of(error: BaseException, step: str) -> Stop:
    """Return what the manifest says of an end that was no decision; its words are withheld."""
    if isinstance(error, KeyboardInterrupt | Terminated):
        is_ctrl_c = isinstance(error, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if is_ctrl_c else ExitCode.TERMINATED
        return Stop(code, f"{step}: stopped by {'Ctrl-C' if is_ctrl_c else 'SIGTERM'}")
    return Stop(ExitCode.UNEXPECTED, f"{step}: a fault of the program ({type(error).__name__})")


def prepare_folders(settings: Settings) -> None:
    """Create the folders with their modes: vault private, published readable."""
    files.private_folder(settings.vault)
    files.public_folder(settings.published)
    files.public_folder(settings.versions)
    files.private_folder(settings.incoming)


def _refresh(state: Run, locks: tuple[int, ...]) -> Summary:
    settings, progress = state.settings, state.progress
    progress.step("Preparing")
    state.notes += tidy(settings)
    if (settings.vault / erased.UNFINISHED).exists():
        state.notes.append("an erasure was not finished; run the same `erase` again")
    files.clear_folder(settings.work)
    killpoints.reach("work_cleared", settings.published)
    room.require(settings)
    _identify(state)
    if _is_loaded_already(state):
        return _nothing_to_do(state, "already_loaded", state.baseline.entry)
    if (taken_back := _taken_back(state)) is not None:
        return _nothing_to_do(state, "rolled_back", taken_back)
    progress.step("Loading the delivery")
    state.steps.load(settings)
    _judge_delivery(state)
    progress.step("Building with dbt")
    _build(state, locks)
    progress.step("Checking expectations")
    require_passed(settings, _check(state), state.baseline.entry)
    progress.step("Running analyses")
    state.steps.analyse(settings, progress, locks)
    progress.step("Comparing with the last version")
    _compare(state)
    progress.step("Packing and publishing")
    summary = _publish(state)
    progress.step("Drawing reports")
    summary.places |= state.steps.report(settings, progress)
    summary.seconds = progress.finish()
    return summary


def tidy(settings: Settings) -> list[str]:
    """Finish or undo what a killed run left; the lock is held."""
    notes = publish.tidy(settings, pack.build_entry_of)
    return notes + vault.follow(settings, publish.served(settings))


def _identify(state: Run) -> None:
    """Fill in what identifies this run, and find the version to compare with."""
    settings = state.settings
    entries = manifest.read(settings.manifest).entries
    state.baseline = baseline.find(settings, entries)
    state.notes += state.baseline.notes
    code = delivery.code_state(settings.root)
    fingerprint = delivery.fingerprint(settings)
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
        "started_at": state.started_at,
        "operator": versions.operator(),
        "host": socket.gethostname(),
    }
    stops.enforce(settings, stops.of_earlier_loads(entries, fingerprint))


def _is_loaded_already(state: Run) -> bool:
    return (
        not state.settings.is_forced
        and state.baseline.version is not None
        and state.baseline.version == publish.served(state.settings)
        and state.baseline.entry.get("build_id") == state.entry["build_id"]
    )


def _taken_back(state: Run) -> Entry | None:
    """Find a sound version of the same delivery, code and key from which somebody rolled back.

    A scheduler that runs again in the night must not undo that decision; ``--force`` does.
    """
    settings = state.settings
    if settings.is_forced:
        return None
    entries = manifest.read(settings.manifest).entries
    kept = {entry["seq"] for entry in manifest.standing(entries)}
    for path in publish.version_files(settings):
        entry = manifest.of_version(entries, publish.name_of(path)) or {}
        if (
            entry.get("build_id") == state.entry["build_id"]
            and entry.get("seq") not in kept
            and files.sha256_of(path) == entry["file_sha256"]
        ):
            return entry
    return None


def _nothing_to_do(state: Run, event: str, same: Entry) -> Summary:
    """Record that the same delivery, code and key were published already; change nothing."""
    settings = state.settings
    manifest.append(
        settings.manifest,
        {
            **{k: v for k, v in state.entry.items() if k != "seq"},
            "event": event,
            "same_as": same["version"],
        },
    )
    if event == "rolled_back":
        state.notes.append(
            f"this delivery was published as version {same['seq']}, from which somebody rolled "
            "back; run with --force to publish it again"
        )
    summary = read_summary(settings, event, state.baseline.entry)
    summary.notes = state.notes
    summary.places |= state.steps.report(settings, state.progress)
    summary.seconds = state.progress.finish()
    return summary


def _judge_delivery(state: Run) -> None:
    facts = delivery.facts_of(state.settings.work_file)
    state.entry |= {
        "load_id": facts.load_id,
        "source_system": facts.source_system,
        "mapping": facts.mapping,
        "extraction_date": facts.extraction_date,
        "is_synthetic": facts.is_synthetic,
        "delivery_label": facts.label,
        "key_fingerprint": facts.key_fingerprint,
    }
    if facts.n_erased:
        state.notes.append(f"{facts.n_erased} records of erased patients were left out")
    stops.enforce(state.settings, stops.of_delivery(facts, state.baseline.entry))


def _build(state: Run, locks: tuple[int, ...]) -> None:
    settings = state.settings
    result = state.steps.build(settings, state.progress, locks)
    n_before = state.baseline.entry.get("tests", {}).get("n_run", 0)
    state.entry |= {
        "tests": {
            "n_expected": result.tests.n_expected,
            "n_run": result.tests.n_run,
            "n_failed": result.tests.n_failed,
        },
        "versions": result.versions,
        "dbt_invocation_id": result.invocation_id,
    }
    stops.enforce(settings, stops.of_test_number("dbt tests", result.tests.n_run, n_before))
    state.entry["inputs"] = delivery.ledger_of(settings.work_file)
    killpoints.reach("built", settings.published)


def _check(state: Run) -> CheckReport:
    """Fill the quality tables that the gate reads, run the gate, and record its outcomes."""
    settings = state.settings
    with duck.connect(settings.work_file) as db:
        quality_tables.create_all(db)
        quality_tables.fill_from_vault(db)
    report = state.steps.check(settings, state.baseline)
    with duck.connect(settings.work_file) as db:
        record_outcomes(db, settings, report, state.entry["seq"], state.baseline.file)
    state.entry["expectations"] = {
        "n_expected": report.n_expected,
        "n_run": len(report.of_state("passed", "failed")),
        "n_failed": len(report.of_state("failed")),
        "n_errors": len(report.of_state("error")),
        "n_not_applicable": len(report.of_state("not_applicable")),
    }
    killpoints.reach("checked", settings.published)
    return report


def _compare(state: Run) -> None:
    settings = state.settings
    with duck.connect(settings.work_file) as db:
        if state.baseline.file is not None:
            changes.compare_with(db, state.baseline.file)
            vault_before = history.vault_of(settings, state.baseline.version)
            if vault_before is not None:
                history.compare_exports(db, settings, vault_before, state.entry["seq"])
            else:
                state.notes.append(
                    "the vault of the version before is not kept; exports were not compared"
                )
            accepted = stops.enforce(settings, stops.of_changes(db))
            state.notes += [f"accepted: {finding.text}" for finding in accepted]
        db.execute("force checkpoint")
    killpoints.reach("history_written", settings.published)


def _publish(state: Run) -> Summary:
    settings = state.settings
    state.entry |= {
        "packed_at": manifest.now(),
        "accepted": sorted(settings.accepted),
        "reason": settings.reason or None,
        "notes": state.notes,
    }
    candidate = settings.incoming / "candidate.duckdb"
    contents = pack.pack(settings.work_file, candidate, state.entry, settings.published)
    leaks.require_no_person(settings.work_file, candidate)
    killpoints.reach("candidate_verified", settings.published)
    state.entry["tables"] = [content.as_entry() for content in contents]
    remembered = delivery.private_facts_of(settings.work_file)
    vault.keep(settings, publish.version_name(state.entry), remembered)
    written = publish.publish(settings, candidate, state.entry)
    state.is_published = True
    vault.follow(settings, publish.served(settings))
    vault.protect(settings)
    summary = read_summary(settings, "published", written)
    summary.notes = state.notes
    return summary


def _record_stop(state: Run, stop: Stop) -> None:
    """Write why nothing was published; when even that fails, the stop itself is still told."""
    if stop.rule == "broken_manifest" or not state.entry or state.is_published:
        return
    state.progress.finish()
    about = {k: v for k, v in state.entry.items() if k not in ("seq", "tables")}
    try:
        manifest.append(
            state.settings.manifest,
            {
                **about,
                "event": "refused",
                "rule": stop.rule,
                "exit_code": int(stop.code),
                "why": stop.what,
                "details": list(stop.details[:20]),
            },
        )
    except (OSError, Stop):
        state.notes.append("the manifest could not be written")


def _leave_tidy(settings: Settings) -> None:
    """Leave nothing of a patient in the work folder, and no half candidate."""
    publish.clear_incoming(settings)
    if settings.is_work_kept:
        vault.protect(settings)
    elif settings.work.exists():
        files.clear_folder(settings.work)
    if settings.vault.exists():
        os.chmod(settings.vault, 0o700)
