"""What every test must leave behind: no open file and no thread."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small pictures: more threads of torch only wait for each other

OURS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".dng", ".kdc", ".json")
POOLS = ("decode", "examples", "network", "mesh")  # of threads, that end with what they are for
PATIENCE_S = 5.0  # a decode that was cancelled may come to its end


def open_files() -> set[str]:
    """Regular files that this process holds open, where the system tells."""
    links = Path("/proc/self/fd")
    if not links.is_dir():
        return set()
    found = set()
    for link in links.iterdir():
        try:
            target = str(link.readlink())
        except OSError:  # the listing's own
            continue
        if target.startswith("/") and Path(target).is_file() and not target.startswith(("/dev/", "/proc/")):
            found.add(target)
    return found


def own_threads() -> set[threading.Thread]:
    """Threads that run our code: not the shared pool of compiled loops, not the window's."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(POOLS)}


def own_files(before: set[str]) -> set[str]:
    """Open files of kinds that we read and write, less those that were open before."""
    return {name for name in open_files() - before if name.lower().endswith(OURS)}


@pytest.fixture(autouse=True)
def same_chances():
    """The same random weights for a test, whichever ran before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    """Fail a test that leaves files of its own open, or a decoding thread running."""
    before = open_files()
    yield
    deadline = time.monotonic() + PATIENCE_S
    while (own_threads() or own_files(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not own_threads(), f"threads left running: {own_threads()}"
    assert not own_files(before), f"files left open: {own_files(before)}"
