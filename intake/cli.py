"""The command line of intake: judge a delivery without a warehouse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.delivery import Delivery
    from intake.folder import FolderPlan
    from intake.judgement import FileJudgement

_SLOW_DELIVERY_BYTES = 50 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name.

    Returns
    -------
    int
        0: the delivery can be loaded; 1: it is refused; 2: wrong use.
    """
    parser = argparse.ArgumentParser(
        prog="python -m intake", description="Judge a delivery of exports; nothing is loaded."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="judge every file of a delivery",
        description="Judge every file of a delivery.",
    )
    check.add_argument("folder", type=Path, help="the delivery folder")
    check.add_argument(
        "--mapping", default="", help="mapping name; otherwise delivery.yml's, else clinic"
    )
    options = parser.parse_args(arguments)

    from intake.delivery import open_delivery  # noqa: PLC0415 (keeps --help fast)
    from intake.errors import IntakeError  # noqa: PLC0415
    from intake.folder import plan_folder  # noqa: PLC0415

    try:
        delivery = open_delivery(options.folder, options.mapping)
        plan = plan_folder(delivery)
        judgements = _judge(delivery, plan)
    except IntakeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return _tell(delivery, plan, judgements)


def _judge(delivery: Delivery, plan: FolderPlan) -> list[FileJudgement]:
    from intake.loader import all_judgements  # noqa: PLC0415 (keeps --help fast)

    n_bytes = sum(planned.n_bytes for planned in plan.files)
    if n_bytes < _SLOW_DELIVERY_BYTES or not sys.stderr.isatty():
        return all_judgements(delivery, plan)
    from rich.console import Console  # noqa: PLC0415 (only where progress is shown)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=n_bytes)
        return all_judgements(
            delivery, plan, progress=lambda name, n: bar.update(task, advance=n, description=name)
        )


def _tell(delivery: Delivery, plan: FolderPlan, judgements: list[FileJudgement]) -> int:
    lines = []
    for judgement in judgements:
        if judgement.refusal is None:
            tally = judgement.tally
            words = f"{tally.n_records:,} records"
            if tally.n_faulty:
                words += f", {tally.n_faulty:,} faulty: {tally.words()}"
            lines.append((judgement.planned.name, "accepted", words))
        else:
            lines.append(
                (
                    judgement.planned.name,
                    "REFUSED",
                    f"{judgement.refusal.cause} {judgement.refusal.advice}",
                )
            )
        lines += [
            (judgement.planned.name, "notice", words) for words in _in_short(judgement.notices)
        ]
    lines += [
        (refusal.file_name, "REFUSED", f"{refusal.cause} {refusal.advice}")
        for refusal in plan.refusals
    ]
    lines += [(name, "notice", f"{code}: {detail}") for name, code, detail in plan.notices]
    width = max((len(name) for name, _, _ in lines), default=0)
    for name, verdict, words in lines:
        print(f"{name:<{width}}  {verdict:<8}  {words}")
    is_refused = any(verdict == "REFUSED" for _, verdict, _ in lines)
    verdict = "refused" if is_refused else "can be loaded"
    print(f"Delivery {delivery.folder} (mapping {delivery.mapping.name}): {verdict}.")
    return 1 if is_refused else 0


def _in_short(notices: list[tuple[str, str]]) -> list[str]:
    """Return one text per notice code: how many, and the first few."""
    by_code: dict[str, list[str]] = {}
    for code, detail in notices:
        by_code.setdefault(code, []).append(detail)
    texts = []
    for code, details in by_code.items():
        shown = ", ".join(detail.removesuffix(" is not stored") for detail in details[:5])
        more = f" and {len(details) - 5} more" if len(details) > 5 else ""
        texts.append(f"{code}: {shown}{more}")
    return texts
