"""The program leaves: with its exit code, and at once after Ctrl-C, whatever threads still compute."""

import platform
import subprocess
import sys

import pytest

BUSY = """
import sys, time
from napari_focusstack import cli
from napari_focusstack.progress import apart, listening

def compute(*_):
    def interrupt(_):
        raise KeyboardInterrupt
    with listening(interrupt):
        apart(time.sleep, 60)

cli.COMMANDS["info"] = compute
sys.argv = ["focusstack", "info", "burst"]
from napari_focusstack.__main__ import run
run()
"""


def test_a_thread_that_computes_is_not_waited_for():
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 130
    assert done.stderr == "\nfocusstack: interrupted; nothing was written\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_interrupted_before_it_began_it_says_so_without_a_traceback():
    code = (
        "import sys, os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'napari_focusstack.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "from napari_focusstack.__main__ import run\n"
        "sys.meta_path.insert(0, Slow())\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stderr) == (130, "\nfocusstack: interrupted\n")


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["info", "nowhere.tif"], 1), (["fuze"], 2)])
def test_other_exit_codes_are_handed_on(words, code, tmp_path):
    command = [sys.executable, "-m", "napari_focusstack", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=40, check=False)
    assert done.returncode == code


FREED = """
import resource
from napari_focusstack.__main__ import _keep_memory
_keep_memory()
import numpy as np
faults = []
for _ in range(6):
    np.ones(6 << 20)  # 48 MB
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_was_freed_is_taken_again():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, timeout=40, check=True)
    assert int(done.stdout) < 10  # given back and taken anew, it is 24 pages of 2 MB each time, or 12,000 of 4 kB
