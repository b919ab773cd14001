"""The steps of a real refresh: whatever cannot run stops the publish."""

from __future__ import annotations

import dataclasses
import io
import pickle
import shutil
import sys
import types
from pathlib import Path

import invented
import matplotlib as mpl
import pytest
from builds import ROOT
from invented import Shape

from analysis_py.figures import FIGURES
from analysis_py.figures.style import RC
from analysis_py.report.source import read_source
from analysis_py.rows import ResultRows
from core.progress import Progress
from core.stop import ExitCode, Stop
from refresh import load, steps
from refresh.store.versions import PreviousVersion
from refresh.study import StudyProcess


@pytest.mark.fault("P221")
@pytest.mark.parametrize("module", ["expectations.gate", "expectations.facts"])
def test_expectations_that_cannot_be_imported_stop_the_publish(settings, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    chosen = dataclasses.replace(invented.steps(Shape()), check=steps.real_steps().check)
    with pytest.raises(Stop) as stop:
        invented.refresh(settings, chosen=chosen)
    assert (stop.value.code, stop.value.rule) == (
        ExitCode.CHECKS_FAILED,
        "expectations_not_run",
    )
    assert not settings.current.exists()


@pytest.mark.fault("P221")
def test_expectations_that_crash_stop_the_publish_without_their_words(settings, monkeypatch):
    def crash(*arguments):
        raise RuntimeError("patient ROSSI-1967")

    monkeypatch.setitem(sys.modules, "expectations.facts", types.SimpleNamespace(gather=crash))
    monkeypatch.setitem(sys.modules, "expectations.gate", types.SimpleNamespace(run=crash))
    with pytest.raises(Stop) as stop:
        steps.real_steps().check(settings, PreviousVersion())
    assert "RuntimeError" in stop.value.what
    assert "ROSSI" not in stop.value.what


def test_analyses_that_cannot_run_stop_the_publish(settings, work_file):
    with Progress(is_quiet=True) as progress, pytest.raises(Stop) as stop:
        steps.real_steps().analyse(settings, progress)
    assert stop.value.rule == "analyses_failed"


def test_a_report_that_cannot_be_drawn_does_not_undo_the_publish(settings, monkeypatch):
    def crash(*arguments, **named):
        raise RuntimeError("no room")

    report = types.SimpleNamespace(write_report=crash)
    monkeypatch.setitem(sys.modules, "analysis_py.report", report)
    chosen = dataclasses.replace(invented.steps(Shape()), report=steps.real_steps().report)
    summary = invented.refresh(settings, chosen=chosen)
    assert summary.status == "published"
    assert "could not be drawn (RuntimeError)" in summary.places["report"]


@pytest.mark.fault("P252")
def test_a_broken_key_stops_before_anything_is_loaded(settings, tmp_path, monkeypatch):
    key = tmp_path / "short.key"
    key.write_text("abcd")
    key.chmod(0o600)
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(key))
    with pytest.raises(Stop) as stop:
        load.key_fingerprint(dataclasses.replace(settings, root=tmp_path / "root"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.ENVIRONMENT, "key")
    assert "abcd" not in stop.value.what


def test_a_missing_delivery_folder_is_refused_in_one_line(settings):
    gone = dataclasses.replace(settings, delivery=settings.root / "nowhere")
    with pytest.raises(Stop) as stop:
        invented.refresh(gone, chosen=steps.real_steps())
    assert stop.value.code == ExitCode.DELIVERY_REFUSED


def test_a_changed_mapping_or_file_of_words_is_another_delivery(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("REGISTRY_VAULT", str(settings.vault))
    mapping = tmp_path / "ours.yml"
    given = dataclasses.replace(settings, mapping=str(mapping))
    clinic = (ROOT / "intake" / "mappings" / "clinic.yml").read_text(encoding="utf-8")
    words = settings.vault / "words.csv"
    seen = []
    for code in ("index_treatment", "other_biologic"):
        for end in ("", "# answered\n"):
            words.write_text(f"kind,word,code\ndrug,dupixent,{code}\n")
            mapping.write_text(f"{clinic}\nwords_file: words.csv\n{end}")
            seen.append(load.fingerprint(given))
    assert len(set(seen)) == 4
    assert load.fingerprint(given) == seen[-1]


@pytest.fixture(scope="module")
def published(published_demo, tmp_path_factory) -> Path:
    """A copy, because the process puts a folder for spill files beside the file."""
    current = published_demo / "published" / "current.duckdb"
    return Path(shutil.copy(current, tmp_path_factory.mktemp("published") / "work.duckdb"))


@pytest.fixture(scope="module")
def rows(published) -> ResultRows:
    return read_source(published, lambda _: None).rows


def begun(file: Path) -> StudyProcess:
    process = StudyProcess()
    process.start()
    process.begin(file)
    return process


def never_here(*arguments):
    raise AssertionError("made in this process")


def test_a_process_beside_the_refresh_gives_the_same_study_and_figures(
    published, rows, monkeypatch
):
    with mpl.rc_context(RC):
        flow = FIGURES["cohort_flow"](rows)
    monkeypatch.setattr("analysis_py.study.run_study", never_here)
    monkeypatch.setattr("analysis_py.figures.draw_all", never_here)
    process = begun(published)
    process.wait_until_read()
    assert (published.parent / "study").is_dir(), "spill files apart from those of the expectations"
    assert ResultRows(process.study(published, print).results, rows.timepoints) == rows
    drawn = process.figures(rows)
    assert list(drawn) == list(FIGURES)
    assert (drawn["cohort_flow"].svg, drawn["cohort_flow"].png) == (flow.svg, flow.png)


@pytest.mark.parametrize("what", ["never started", "never begun", "killed", "not a warehouse"])
def test_what_the_process_did_not_make_is_made_here(rows, what, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis_py.study.run_study", lambda file, progress: file)
    monkeypatch.setattr("analysis_py.figures.draw_all", lambda given: {"here": given})
    process = StudyProcess()
    if what != "never started":
        process.start()
    if what == "killed":
        process.process.kill()
    if what != "never begun":
        process.begin(tmp_path)
    process.wait_until_read()
    assert process.study(tmp_path, print) == tmp_path
    assert process.figures(rows) == {"here": rows}


def test_figures_of_other_results_are_drawn_again(rows, monkeypatch):
    monkeypatch.setattr("analysis_py.figures.draw_all", lambda given: {"here": given})
    sent = pickle.dumps(("read", True)) + pickle.dumps(("figures", (rows, {"there": rows})))
    other = ResultRows(list(rows), rows.timepoints, "another treatment")
    for asked, expected in ((rows, {"there": rows}), (other, {"here": other})):
        process = StudyProcess()
        pipes = types.SimpleNamespace(stdin=io.BytesIO(), stdout=io.BytesIO(sent))
        process.process = pipes
        process.begin(Path("work.duckdb"))
        assert process.figures(asked) == expected


def test_a_study_that_was_sent_half_is_computed_again(monkeypatch):
    monkeypatch.setattr("analysis_py.study.run_study", lambda file, progress: file)
    names = [f"patients of \u00e9tude {number}" for number in range(3)]
    sent = pickle.dumps(("study", {"names": names, "value": 0.5}))
    for length in range(len(sent)):
        process = StudyProcess()
        half = io.BytesIO(sent[:length])
        process.process = types.SimpleNamespace(stdin=io.BytesIO(), stdout=half)
        process.begin(Path("work.duckdb"))
        assert process.study(Path("work.duckdb"), print) == Path("work.duckdb")


def test_the_process_ends_with_the_refresh_and_says_nothing(capfd):
    process = StudyProcess()
    process.start()
    process.process.stdin.close()  # as the end of a killed refresh does
    assert process.process.stdout.read() == b""
    process.process.wait(20)
    assert capfd.readouterr() == ("", "")
