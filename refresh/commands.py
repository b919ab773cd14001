"""The commands of the command line; imported when one of them is called."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.progress import Progress
from core.settings import PROJECT_ROOT, Settings, resolve
from core.stop import ExitCode, Stop
from refresh import publish, versions
from refresh.messages import shown


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line."""
    given = {
        name: getattr(options, name, None) for name in ("delivery", "mapping", "vault", "published")
    }
    found = resolve(given, may_lie_outside=options.allow_outside)
    accepted = frozenset(getattr(options, "accept", []))
    reason = shown(getattr(options, "reason", ""), 300)
    if accepted and not reason:
        raise Stop(
            ExitCode.USAGE, "--accept wants --reason", "say why, in a few words", "no_reason"
        )
    return Settings(
        root=PROJECT_ROOT,
        delivery=Path(found["delivery"]),
        mapping=str(found["mapping"]),
        vault=Path(found["vault"]),
        published=Path(found["published"]),
        accepted=accepted,
        reason=reason,
        is_forced=getattr(options, "force", False),
        is_work_kept=getattr(options, "keep_work", False),
    )


def run(options: argparse.Namespace) -> int:
    """Refresh the published file and show one summary."""
    settings = settings_of(options)
    steps = importlib.import_module("refresh.steps").real_steps()
    refresh = importlib.import_module("refresh.run")
    summary_of = importlib.import_module("refresh.summary")
    with Progress(is_quiet=options.quiet) as progress:
        summary = refresh.run(settings, steps, progress)
    if options.json:
        print(json.dumps(summary.as_plain(), default=str, sort_keys=True))
    else:
        summary_of.show(summary)
    return ExitCode.OK


def list_versions(options: argparse.Namespace) -> int:
    """Show the versions that are kept, the served one marked."""
    known = versions.listed(settings_of(options))
    if not known:
        print("Nothing is published yet; run `registry run`.")
        return ExitCode.OK
    for version in known:
        entry = version.entry or {}
        mark = "*" if version.is_served else " "
        extracted = entry.get("extraction_date") or "no extraction date"
        print(
            f"{mark} {version.seq:>4}  published {entry.get('at', 'unknown')}  "
            f"delivery of {extracted}  {version.n_bytes / 1e6:.1f} MB  {version.name}"
        )
    print("* is being served.")
    return ExitCode.OK


def rollback(options: argparse.Namespace) -> int:
    """Serve an older version again."""
    entry = publish.rollback(settings_of(options), options.to, shown(options.reason, 300))
    print(f"{entry['version']} is being served again (before: {entry['from_version']}).")
    return ExitCode.OK


def verify(options: argparse.Namespace) -> int:
    """Check manifest and versions; exit code 8 when something is not what it was."""
    settings = settings_of(options)
    faults = versions.verify(settings)
    for fault in faults:
        print(fault, file=sys.stderr)
    known = versions.listed(settings)
    if faults:
        print("Serve a sound version with `registry rollback`.", file=sys.stderr)
        return ExitCode.DAMAGED
    print(f"{len(known)} versions and the manifest are sound.")
    return ExitCode.OK


def doctor(options: argparse.Namespace) -> int:
    """Look at the machine and the folders; exit code 9 when something is not fit."""
    module = importlib.import_module("refresh.doctor")
    settings = settings_of(options)
    return _show_findings(module.examine(settings))


def _show_findings(findings: Sequence) -> int:
    marks = {"good": "ok     ", "note": "note   ", "bad": "PROBLEM"}
    for finding in findings:
        print(f"{marks[finding.state]}  {finding.topic}: {finding.text}")
    is_bad = any(finding.state == "bad" for finding in findings)
    return ExitCode.ENVIRONMENT if is_bad else ExitCode.OK


def export(options: argparse.Namespace) -> int:
    """Write the tables that may leave the registry."""
    written = importlib.import_module("refresh.export").write(
        settings_of(options), Path(options.out)
    )
    print(f"{len(written)} files in {written[0].parent}; README.txt says how to read them.")
    return ExitCode.OK


def erase(options: argparse.Namespace) -> int:
    """Remove a patient, and publish again without the person."""
    patient = options.patient if options.patient != "-" else sys.stdin.readline().rstrip("\n")
    settings = settings_of(options)
    steps = importlib.import_module("refresh.steps").real_steps()
    with Progress() as progress:
        erasure = importlib.import_module("refresh.erase").erase(
            settings, patient, shown(options.reason, 300), steps, progress
        )
    print("\n".join(erasure.lines))
    return ExitCode.OK
