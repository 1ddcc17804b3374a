"""The real app in a process of its own, and a browser to walk through it."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from editor.ui import page

ROOT = Path(__file__).parent.parent
UPLOAD_MB = 20
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_START = 400  # seconds; generous for busy machines


@cache
def _serve() -> str:
    """Start `app.py` with the recorded planner (it knows "golden hour" and needs no model); ends with the tests.

    APP_URL names one that runs already, with MAX_UPLOAD_MB=20.
    """
    if running := os.environ.get("APP_URL"):
        return running
    home = Path(tempfile.mkdtemp(prefix="vibegrade-test-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PORT": str(port),
        "MAX_UPLOAD_MB": str(UPLOAD_MB),
        "VIBEGRADE_HOME": str(home),
        "GRADIO_TEMP_DIR": str(home / "gradio"),
    }
    log = (home / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "app.py", "--planners", "recorded"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    atexit.register(_stop, server, home)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"app.py did not start:\n{(home / 'log').read_text()}")
        time.sleep(0.2)
    return url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except OSError:
        return False


def _stop(server: subprocess.Popen, home: Path) -> None:
    server.terminate()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
    shutil.rmtree(home, ignore_errors=True)


def at_rest(chromium_page):
    """Wait until no colour fades any more: a button that was just enabled has too little contrast for a moment."""
    chromium_page.wait_for_function("!document.getAnimations().some((a) => a instanceof CSSTransition)")


@contextmanager
def serving(context, folder):
    """Address of the page over a context of the test's own, served by this process; files lie in `folder`."""
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        patch.setenv("PORT", str(port))
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        blocks = page.build(context)
        blocks.launch(**page.launch_options(), prevent_thread_lock=True)
        yield f"http://127.0.0.1:{port}/"
        blocks.close()


@pytest.fixture(scope="session")
def app_url():
    """Address of the running app."""
    return _serve()


@pytest.fixture(scope="module")  # its event loop runs in this thread until it closes: other modules need asyncio.run
def browser():
    """Chromium; installed first if need be. Without it the tests are skipped, in CI they fail."""
    found = subprocess.run(
        ["bash", str(ROOT / "tests" / "install_browser.sh")], capture_output=True, text=True, timeout=600, check=False
    )
    if found.returncode:
        reason = found.stderr.strip().splitlines()[-1] if found.stderr.strip() else "Chromium is missing"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found.stdout.strip().splitlines()[0], args=FLAGS)
        yield chromium
        chromium.close()
