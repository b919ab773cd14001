"""Commands about published versions: list, go back, verify, look after, trace, pass on, erase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from core.stop import ExitCode
from registry import options


@click.command("versions", short_help="List the published versions.")
@options.folders
def versions(**given: Any) -> None:
    """List the published versions; * marks the one that readers get."""
    from refresh.store.versions import listed

    known = listed(options.settings_of(**given))
    if not known:
        click.echo("Nothing is published yet; run `registry run`.")
        return
    for version in known:
        entry = version.entry or {}
        click.echo(
            f"{'*' if version.is_served else ' '} {version.seq:>4}  "
            f"published {entry.get('at', 'unknown')}  "
            f"delivery of {entry.get('extraction_date') or 'no extraction date'}  "
            f"{version.n_bytes / 1e6:.1f} MB  {version.name}"
        )
    click.echo("* is served to readers.")


@click.command(short_help="Serve an older version again.")
@click.option("--to", type=int, metavar="NUMBER", help="Version; default: the one before.")
@options.REASON
@options.folders
def rollback(to: int | None, reason: str, **given: Any) -> None:
    """Serve an older version again."""
    from refresh.store import publish

    entry = publish.rollback(options.settings_of(**given), to, options.shown(reason))
    click.echo(f"{entry['version']} is served again (before: {entry['from_version']}).")
    for note in entry["notes"]:
        click.echo(f"Note: {note}")


@click.command(short_help="Check manifest and versions.")
@options.folders
def verify(**given: Any) -> int:
    """Check the manifest and read every published version to its last row.

    Exit code 8: the manifest or a version is damaged.
    """
    from refresh.store import versions as kept

    settings = options.settings_of(**given)
    faults = kept.verify(settings)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        click.echo("Serve a sound version with `registry run` or `registry rollback`.", err=True)
        return ExitCode.DAMAGED
    click.echo(f"{len(kept.listed(settings))} versions and the manifest are sound.")
    return ExitCode.OK


@click.command(short_help="Check machine and folders.")
@options.folders
def doctor(**given: Any) -> int:
    """Check pins, disk space, lock, readers, leftovers, platform, and what `verify` checks.

    Exit code 8: the manifest or a version is damaged. 9: another problem.
    """
    from refresh.doctor import BAD, VERSIONS, examine

    findings = examine(options.settings_of(**given))
    marks = {"good": "ok     ", "note": "note   ", "bad": "PROBLEM"}
    for finding in findings:
        click.echo(f"{marks[finding.state]}  {finding.topic}: {finding.text}")
    bad = {finding.topic for finding in findings if finding.state == BAD}
    if VERSIONS in bad:
        return ExitCode.DAMAGED
    return ExitCode.ENVIRONMENT if bad else ExitCode.OK


@click.command(short_help="Find the record behind a row.")
@click.argument("reference")
@options.folders
def trace(reference: str, **given: Any) -> None:
    """Show file, record and line behind REFERENCE (column record_reference of a mart), no value.

    Exit code 2: no version on disk has it. 9: the vault of its version is gone.
    """
    from refresh.store.trace import trace as origin_of

    click.echo(str(origin_of(options.settings_of(**given), reference)))


@click.command(short_help="Write tables that may leave.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/export"),
    show_default=True,
    metavar="FOLDER",
    help="Where to write.",
)
@options.folders
def export(out: Path, **given: Any) -> None:
    """Write tables of rounded counts that may leave the registry, as CSV and one workbook."""
    from refresh.store.export import write

    written = write(options.settings_of(**given), out)
    click.echo(f"{len(written)} files in {written[0].parent}; README.txt says how to read them.")


@click.command(short_help="Remove a patient everywhere.")
@click.argument("patient")
@click.option("--centre", default="", metavar="CODE", help="Centre of the patient, if it has one.")
@options.DELIVERY
@options.MAPPING
@options.REASON
@options.folders
def erase(patient: str, centre: str, **given: Any) -> None:
    """Publish without PATIENT (the clinic's identifier), then delete all older versions and vaults.

    PATIENT "-" reads the identifier from standard input, so that no shell history keeps it.
    """
    from core.progress import Progress
    from refresh.erase import erase as erase_patient
    from refresh.steps import real_steps

    if patient == "-":
        patient = sys.stdin.readline().rstrip("\n")
    settings = options.settings_of(**given)
    with Progress() as progress:
        erasure = erase_patient(
            settings, patient, settings.reason, real_steps(), progress, centre_code=centre
        )
    for line in erasure.lines:
        click.echo(line)
