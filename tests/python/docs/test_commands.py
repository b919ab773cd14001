"""Every command that the documents show works as written, in a fresh clone after `make run`.

The clone is a copy of the project with the suite's published demo: `make run` there finds the demo
published. Commands run in the order of COMMANDS; a command that a document shows and that is not
there fails a test. README's steps for own exports publish `exports/italian_sheet`, and the commands
of docs/your_exports.md find it published.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from builds import PARSE_CACHE, WAREHOUSE, Build, contents
from doc_files import ROOT

NOT_IN_A_CLONE = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "build", "target", "logs", "vault", "published"
)
PROGRAMS = re.compile(
    r"^(?:[A-Z_]+=\S+ +)*(?:registry|make|dbt|python|duckdb|pytest|cp|\.venv/bin/\S+)(?: |$)"
)
OWN_EXPORTS = "## Your own exports"


def shown_commands(text: str) -> Iterator[str]:
    """Yield the commands of a document: lines of plain blocks, and code within sentences."""
    language: str | None = None
    prose = []
    for line in text.splitlines():
        if line.strip().startswith("```"):
            language = line.strip()[3:] if language is None else None
        elif language is None:
            prose.append(line)
        elif language in ("", "sh", "bash") and PROGRAMS.match(line.strip()):
            yield re.split(r"\s+#", line.strip())[0]
    for code in re.findall(r"`([^`]+)`", "\n".join(prose)):
        command = " ".join(code.split())
        if PROGRAMS.match(command) and command not in ("python", "dbt", "duckdb", "registry"):
            yield command


def own_exports() -> str:
    """The blocks of README on own exports, as one script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n{OWN_EXPORTS}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.M | re.S)
    assert len(blocks) == 2
    return "\n".join(re.sub(r"\s+# .*", "", block) for block in blocks)


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {
    command: path.relative_to(ROOT).as_posix()
    for path in DOCUMENTS
    for command in shown_commands(path.read_text(encoding="utf-8"))
}


@dataclass(frozen=True)
class Command:
    """A documented command and how the test runs it.

    Attributes
    ----------
    shown : str
        As the documents show it.
    run : str
        The same with its placeholders filled in; empty: as shown.
    given : str
        Standard input.
    code : int
        Expected exit code.
    says : str
        A part of what it prints.
    why_not : str
        Why it is not run here; empty: it is.
    """

    shown: str
    run: str = ""
    given: str = ""
    code: int = 0
    says: str = ""
    why_not: str = ""


SUITE = "runs this suite"
LONG = "takes longer than the suite"
BUILD_OF_A_DELIVERY = "REGISTRY_DELIVERY=<folder> REGISTRY_MAPPING=<source> make build"
FIRST_PATIENT = "the clinic's identifier of one patient of the demo"
COMMANDS = (
    Command("make install"),
    Command("make run"),
    Command("make help"),
    Command("make build", why_not="the same with a delivery below"),
    Command(
        BUILD_OF_A_DELIVERY,
        "REGISTRY_DELIVERY=exports/shuffled REGISTRY_MAPPING=clinic REGISTRY_THREADS=1 "
        "LC_ALL=C TZ=Pacific/Auckland PYTHONHASHSEED=3 make build",
    ),
    Command("make docs"),
    Command("dbt build", why_not="`make build` runs it"),
    Command('.venv/bin/dbt test --select "cohort_visits,test_type:unit"'),
    Command(
        'dbt test --select "<model>,test_type:unit"', why_not="the same with a model's name above"
    ),
    Command("registry --help"),
    Command("registry check"),
    Command("registry check FOLDER", "registry check exports/demo"),
    Command(
        "registry check <folder> --mapping <source>", "registry check exports/demo --mapping clinic"
    ),
    Command("registry run"),
    Command(
        'registry run --accept RULE --reason "..."', 'registry run --accept recode --reason "x"'
    ),
    Command("registry versions"),
    Command("registry verify"),
    Command("registry doctor"),
    Command("registry trace", why_not="the same with its argument below"),
    Command("registry trace REFERENCE", "registry trace 0123456789abcdef", code=2),
    Command("registry export"),
    Command("registry export --out FOLDER", "registry export --out build/released"),
    Command("registry analyse --list"),
    Command("registry analyse"),
    Command("registry analyse A13"),
    Command("registry analyse A23", why_not="an analysis that a reader will have written"),
    Command("registry compare"),
    Command("registry report"),
    Command("registry simulate twin", "registry simulate twin --out build/twin"),
    Command(
        "registry simulate cohort",
        "registry simulate cohort --patients 30 --seed 1 --out build/cohort",
    ),
    Command("registry simulate faults", "registry simulate faults --out build/faults --case list"),
    Command("registry simulate faults --case list"),
    Command("registry erase", why_not="the same with its argument below"),
    Command("registry erase -", given=FIRST_PATIENT),
    Command("registry erase ID --centre C", why_not="the demo has one centre, without a name"),
    Command(
        'registry erase - --delivery FOLDER --reason "request of 3 May"',
        why_not="publishes as the command above",
    ),
    Command("registry rollback", code=2),  # an erasure leaves one version
    Command(OWN_EXPORTS, own_exports(), says="Published version 1"),
    Command("registry propose", why_not="the same with its arguments below"),
    Command(
        "registry propose <folder> --out <source>", "registry propose exports/demo --out our_source"
    ),
    Command("registry propose exports/italian_sheet --out build/our_clinic.yml"),
    Command("registry check exports/italian_sheet --mapping build/our_clinic.yml"),
    Command(
        "registry propose exports/redcap_project --out redcap",
        why_not="tests/python/intake/test_propose.py compares what it writes",
    ),
    Command("registry words", why_not="the same with its arguments below"),
    Command("registry words <folder> --mapping <source>", why_not="the same below"),
    Command(
        "registry words exports/italian_sheet --mapping build/our_clinic.yml "
        "--vault our_vault --published our_published"
    ),
    Command(
        "registry run --delivery exports/italian_sheet --mapping build/our_clinic.yml "
        "--vault our_vault --published our_published",
        says="Already published as version 1",
    ),
    Command(
        'duckdb -readonly -cmd ".safe_mode" /data/registry/published/current.duckdb',
        why_not="another program",
    ),
    Command("duckdb -readonly published/current.duckdb", why_not="another program"),
    Command("make test", why_not=SUITE),
    Command("REGISTRY_TEST_DUCKDB=1.4.5,2.0.0 make test", why_not=SUITE),
    Command("pytest --all-faults-through-dbt", why_not=SUITE),
    Command("make torture", why_not=LONG),
    Command("make bench", why_not=LONG),
    Command(
        ".venv/bin/python tests/validation/coverage_study.py --studies 1000 --seed 2022",
        why_not=LONG,
    ),
)


def shuffle_demo(folder: Path) -> None:
    """Write the demo with its records in another order."""
    shutil.copytree(ROOT / "exports" / "demo", folder)
    chance = random.Random(7)
    for export in folder.glob("*.csv"):
        header, *records = export.read_text(encoding="utf-8").splitlines(keepends=True)
        chance.shuffle(records)
        export.write_text("".join([header, *records]), encoding="utf-8")


class Clone:
    """A copy of the project, with an environment in which nothing of the suite is set."""

    def __init__(self, folder: Path, published_demo: Path):
        self.project = Path(shutil.copytree(ROOT, folder / "clone", ignore=NOT_IN_A_CLONE))
        for name in ("vault", "published"):
            shutil.copytree(published_demo / name, self.project / name, symlinks=True)
        (self.project / "target").mkdir()  # dbt would parse the same project again
        shutil.copy(published_demo / "vault" / PARSE_CACHE, self.project / "target")
        packages = self.project / ".venv"
        packages.mkdir()
        for path in Path(sys.prefix).iterdir():
            if path.name != ".installed":
                (packages / path.name).symlink_to(path)
        (packages / ".installed").touch()
        home = folder / "home"
        self.delivery = home / "deliveries" / "2024-06"
        shutil.copytree(ROOT / "exports" / "italian_sheet", self.delivery)
        shuffle_demo(self.project / "exports" / "shuffled")
        key = Path(shutil.copytree(published_demo / "key", folder / "key")) / "demo.key"
        names = {k: v for k, v in os.environ.items() if not k.startswith(("REGISTRY_", "MAKE"))}
        self.environment = {
            **names,
            "HOME": str(home),
            "REGISTRY_KEY_FILE": str(key),
            "PATH": f"{packages / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.project),  # before the project that the packages point to
        }

    def run(self, script: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.project,
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def clone(published_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("clone"), published_demo)


def test_every_command_that_a_document_shows_is_run_here_or_says_why_not():
    known = {command.shown for command in COMMANDS} - {OWN_EXPORTS}
    block = set(own_exports().splitlines())
    unknown = {shown: where for shown, where in SHOWN.items() if shown not in known | block}
    assert unknown == {}
    assert known <= set(SHOWN), "no document shows it any more"


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if not one.why_not], ids=lambda one: one.shown
)
def test_a_documented_command_works_as_written(command: Command, clone: Clone):
    given = command.given
    if given == FIRST_PATIENT:
        patients = (clone.project / "exports" / "demo" / "patients.csv").read_text().splitlines()
        given = patients[1].split(",")[0] + "\n"
    done = clone.run(command.run or command.shown, given)
    assert done.returncode == command.code, done.stdout[-3000:]
    assert command.says in done.stdout
    assert "Traceback" not in done.stdout
    assert "Stopped by a fault of the program" not in done.stdout


@pytest.mark.fault("P217")
def test_order_threads_locale_timezone_and_hash_seed_do_not_change_a_mart(
    clone: Clone, demo_build: Build
):
    """Looks at the warehouse that the build of the shuffled demo left, by a command above."""
    again = clone.project / WAREHOUSE
    assert again.exists(), "run the whole file"
    first = contents(demo_build.warehouse, "marts")
    assert len(first) >= 12
    assert contents(again, "marts") == first
