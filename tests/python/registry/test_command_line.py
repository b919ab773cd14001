"""The command line `registry`: help at once, one line per error, exit codes as documented."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import click
import duckdb
import pytest
from builds import ROOT

from core.stop import EXIT_CODE_HELP, ExitCode, Stop, Terminated, signal_behind
from refresh.store import versions
from registry.main import cli, main

HEAVY = (
    "pandas", "numpy", "duckdb", "scipy", "statsmodels", "lifelines", "pyarrow", "rich", "pydantic",
    "great_expectations", "dbt", "matplotlib", "openpyxl",
)  # fmt: skip


def every_command(group: click.Group = cli, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += every_command(command, (*words, name))
        else:
            found.append((*words, name))
    return found


def test_the_commands_are_those_of_the_documents():
    assert {words[0] for words in every_command()} == {
        "propose", "check", "words", "run", "versions", "rollback", "verify", "doctor", "trace",
        "export", "erase", "analyse", "compare", "report", "simulate",
    }  # fmt: skip


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom registry.main import main\n"
        f"for words in {every_command()!r}:\n    assert main([*words, '--help']) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_explains_itself_and_every_option(words, capsys):
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert command.help
    assert command.short_help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name


def test_help_lists_every_exit_code(capsys):
    assert main(["--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for code, text in EXIT_CODE_HELP.items():
        assert f"{int(code)}  {text}" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["rollback", "--to", "x"], "'x' is not a valid integer"),
        (["run", "--accept", "recode"], "--accept needs --reason"),
    ],
)
def test_a_wrong_command_line_ends_with_exit_code_2(arguments, words, capsys):
    assert main(arguments) == ExitCode.USAGE
    assert words in capsys.readouterr().err


ENDED_QUERY = RuntimeError("Query interrupted")
ENDED_QUERY.__cause__ = KeyboardInterrupt()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Stop(ExitCode.NO_ROOM, "disk full", "free 3 GB"), ExitCode.NO_ROOM, "Stopped: disk full"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "Stopped by Ctrl-C."),
        (Terminated(), ExitCode.TERMINATED, "Stopped by SIGTERM."),
        (ENDED_QUERY, ExitCode.INTERRUPTED, "Stopped by Ctrl-C."),
        (RuntimeError("ROSSI-1967"), ExitCode.UNEXPECTED, "a fault of the program (RuntimeError"),
    ],
)
def test_every_end_is_one_line_without_traceback_or_value(error, code, words, capsys, monkeypatch):
    def fail(settings):
        raise error

    monkeypatch.setattr(versions, "listed", fail)
    assert main(["versions"]) == code
    shown = capsys.readouterr().err
    assert words in shown
    assert "Traceback" not in shown
    assert "ROSSI" not in shown


def test_a_signal_while_a_query_runs_is_no_fault_of_the_program():
    def end(number, frame):
        raise Terminated(signal.SIGTERM)

    before = signal.signal(signal.SIGUSR1, end)
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(RuntimeError) as error, duckdb.connect() as db:
            db.execute("select sum(hash(a.i + b.i)) from range(1000000) a(i), range(1000000) b(i)")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(signal_behind(error.value), Terminated)


def test_an_end_after_the_publish_says_that_the_version_is_published(capsys, monkeypatch):
    def fail(settings):
        error = RuntimeError()
        error.is_published = True
        raise error

    monkeypatch.setattr(versions, "listed", fail)
    main(["versions"])
    assert "the new version is published" in capsys.readouterr().err


def test_check_shows_a_line_per_file_and_the_verdict(capsys):
    assert main(["check", str(ROOT / "exports" / "demo")]) == ExitCode.OK
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["patients.csv", "accepted", "352", "records"]
    assert shown[-1].endswith("(mapping clinic): can be loaded.")


def test_a_refused_delivery_ends_with_4(capsys, tmp_path):
    for path in (ROOT / "exports" / "demo").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "visits.csv").write_bytes(b"<html>\n")
    assert main(["check", str(tmp_path)]) == ExitCode.DELIVERY_REFUSED
    shown = capsys.readouterr().out
    assert "REFUSED   looks like an HTML page" in shown
    assert shown.endswith("(mapping clinic): refused.\n")


def test_a_folder_that_is_not_there_ends_with_one_line_and_advice(capsys, tmp_path):
    assert main(["check", str(tmp_path / "nowhere")]) == ExitCode.DELIVERY_REFUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is not there" in captured.err
    assert "What to do:" in captured.err
