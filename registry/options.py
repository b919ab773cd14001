"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.settings import PROJECT_ROOT, Settings, resolve
from core.stop import ExitCode, Stop

Command = TypeVar("Command", bound=Callable[..., Any])

DELIVERY = click.option(
    "--delivery", metavar="FOLDER", help="Exports to load (REGISTRY_DELIVERY, exports/demo)."
)
MAPPING = click.option(
    "--mapping", metavar="NAME", help="How to read them (REGISTRY_MAPPING, the delivery's own)."
)
REASON = click.option("--reason", default="", help="Why; recorded in the manifest.")
WAREHOUSE = click.option(
    "--warehouse",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="DuckDB file with the marts. Default: REGISTRY_WAREHOUSE, else the published file, "
    "else build/warehouse.duckdb.",
)


def folders(command: Command) -> Command:
    """Add the options that name the vault and the published folder."""
    for option in (
        click.option(
            "--allow-outside",
            is_flag=True,
            help="Both folders may lie outside the project (REGISTRY_ALLOW_OUTSIDE=1).",
        ),
        click.option(
            "--published",
            metavar="FOLDER",
            help="Folder that readers open (REGISTRY_PUBLISHED, published).",
        ),
        click.option("--vault", metavar="FOLDER", help="Private folder (REGISTRY_VAULT, vault)."),
    ):
        command = option(command)
    return command


def settings_of(
    vault: str | None,
    published: str | None,
    allow_outside: bool,
    delivery: str | None = None,
    mapping: str | None = None,
    accept: tuple[str, ...] = (),
    reason: str = "",
    force: bool = False,
    keep_work: bool = False,
) -> Settings:
    """Return the settings of a command line, completed from the environment and the defaults.

    Raises
    ------
    Stop
        When a rule is accepted without a reason, or a folder may not be used.
    """
    found = resolve(
        {"delivery": delivery, "mapping": mapping, "vault": vault, "published": published},
        may_lie_outside=allow_outside,
    )
    _set_while_it_runs("REGISTRY_VAULT", str(found["vault"]))  # a words_file may lie there
    if accept and not reason:
        raise Stop(
            ExitCode.USAGE, "--accept needs --reason", "say why, in a few words", "no_reason"
        )
    return Settings(
        root=PROJECT_ROOT,
        delivery=Path(found["delivery"]),
        mapping=str(found["mapping"]),
        vault=Path(found["vault"]),
        published=Path(found["published"]),
        accepted=frozenset(accept),
        reason=shown(reason),
        is_forced=force,
        is_work_kept=keep_work,
    )


def _set_while_it_runs(name: str, value: str) -> None:
    """Set an environment variable until the command of this thread ends."""
    context = click.get_current_context(silent=True)
    before = os.environ.get(name)
    if context is not None and value != before:
        os.environ[name] = value
        context.call_on_close(
            lambda: os.environ.pop(name) if before is None else os.environ.update({name: before})
        )


def shown(text: str) -> str:
    """Return a text from the command line as it may be recorded: printable, at most 300 letters."""
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
