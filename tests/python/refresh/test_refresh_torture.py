"""Short form of the torture: a kill at every step, a full disk, readers during publishes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from refresh import killpoints


def torture(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "refresh.torture", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.fault("P201", "P203", "P208")
def test_a_kill_at_any_step_leaves_one_whole_version_and_loses_none():
    figures = torture("--short")
    assert figures["faults"] == []
    assert figures["n_kills"] == figures["n_checked"] == len(killpoints.STEPS)
    assert figures["n_disk_full"] == 2


def test_a_thousand_opens_during_thirty_publishes_never_fail():
    figures = torture("--readers", "1000", "--publishes", "30")
    assert figures["faults"] == []
    assert (figures["n_opens"], figures["n_publishes"]) == (1000, 30)
