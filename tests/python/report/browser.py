"""A headless browser without a network, if one is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = f"no headless browser is installed ({', '.join(NAMES)}): the page was not opened"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def find_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def run_browser(browser: str, folder: Path, *arguments: str) -> str:
    """Run it once with a profile of its own; every host name is unknown to it."""
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def with_probe(page: str, script: str) -> str:
    """The page with a script at its end, which its own policy would forbid."""
    return POLICY.sub("", page).replace("</body>", f"<script>{script}</script></body>")
