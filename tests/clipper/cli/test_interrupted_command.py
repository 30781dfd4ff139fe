"""Ctrl-C and SIGTERM end a command within seconds, with one line and their exit code, whenever they come."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

InProcess = Callable[..., tuple[int, str, str]]
COMMAND = (sys.executable, "-m", "clipper.cli")
INDEX = (
    "clipper: stopped; what was embedded is kept, and a published atlas is as it was; run again to go on\n"
)
# The same, however long it takes to delete the home that it made.
PATIENTLY = (
    "import sys; sys.argv[0] = 'clipper'; from clipper.cli import interrupt, main; "
    "interrupt.GRACE = 50.0; main()"
)
# Far more than it takes, also on a machine that does much else.
SOON = 60


def stop(
    words: tuple[str, ...], *, after: float, number: int = signal.SIGINT, cwd: Path | None = None
) -> tuple[int, str]:
    """Send a signal to a command and its children; exit code and errors.

    It is sent some seconds after the command began to listen: Python's own start is before that.
    """
    # coverage.py listens to SIGTERM, too, and before the command does.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    started = subprocess.Popen(
        words, cwd=cwd, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while started.poll() is None and not listens(started.pid):
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(started.pid, number)
    _, errors = started.communicate(timeout=SOON)
    return started.returncode, errors


def listens(pid: int) -> bool:
    """Whether a process has a handler of SIGTERM, which Python itself has not."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # no Linux
        time.sleep(1.0)
        return True
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("after", [0.0, 0.5, 1.5])
def test_a_run_that_is_interrupted_says_what_is_kept_and_leaves_no_empty_home(
    photos: Path, model_folder: Path, tmp_path: Path, after: float
):
    many_photos(photos, model_folder)
    words = ("index", str(photos), "--model", str(model_folder), "--home", str(tmp_path / "home"))
    assert stop((sys.executable, "-c", PATIENTLY, *words), after=after) == (130, INDEX)
    assert not (tmp_path / "home").exists() or (tmp_path / "home" / "store" / "facts").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("search", "cat"), ("report",), ("export", "tables"), ("coverage", "cat", "dog")]
)
def test_a_command_is_interrupted_at_any_moment(sample_copy: Path, tmp_path: Path, words: tuple[str, ...]):
    for each in range(10):
        process = (*COMMAND, *words, "--home", str(sample_copy))
        code, errors = stop(process, after=0.2 * each, cwd=tmp_path)
        if code == 0:
            break  # it had ended
        said = [line for line in errors.splitlines() if line.startswith(("clipper:", "Traceback"))]
        assert (code, said) == (130, [errors.splitlines()[-1]]), errors  # its own words may come before
        assert said[0].startswith("clipper: stopped")


def test_sigterm_ends_a_run_in_the_same_way(photos: Path, model_folder: Path, tmp_path: Path):
    many_photos(photos, model_folder)
    words = ("index", str(photos), "--model", str(model_folder), "--home", str(tmp_path / "home"))
    assert stop((*COMMAND, *words), after=1.0, number=signal.SIGTERM) == (143, INDEX)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows holds no signal back")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_a_server_that_starts_without_a_traceback(tmp_path: Path, workers: str):
    words = ("view", "--port", "0", "--workers", workers, "--home", str(tmp_path))
    started = subprocess.Popen(
        (*COMMAND, *words), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout
    assert started.stdout.readline().startswith("Clipper shows")
    os.killpg(started.pid, signal.SIGINT)  # the server takes seconds from here
    _, errors = started.communicate(timeout=SOON)
    assert (started.returncode, errors) in [(0, ""), (130, "clipper: stopped\n")]


SHOW_MASK = """
import threading
from pathlib import Path
from clipper.cli import interrupt
interrupt.watch_signals()
watcher = next(each for each in threading.enumerate() if each.name == "interrupt")
status = Path(f"/proc/self/task/{watcher.native_id}/status").read_text()
print(status.partition("SigBlk:")[2].split()[0])
"""


@pytest.mark.linux
def test_only_the_main_thread_gets_signals_so_that_none_is_lost_when_a_server_replaces_the_command():
    done = subprocess.run([sys.executable, "-c", SHOW_MASK], capture_output=True, text=True, check=True)
    blocked = int(done.stdout, 16)
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM))


def test_ctrl_c_before_the_command_line_is_parsed_is_told_as_later(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.main.get_command", interrupted)
    assert command("search", "cat")[0] == 130


SWALLOWS = """
import time
while True:
    try:
        time.sleep(0.1)
    except BaseException:
        pass
"""
BUSY = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
ONCE = """
import time
try:
    time.sleep(30)
except BaseException:
    pass
import json.tool, time
time.sleep(60)
"""


GONE = """
import time
class Held:
    def __del__(self):
        time.sleep(2)
while True:
    Held()
"""
FORGOTTEN = """
import time, weakref
class Held:
    pass
def gone():
    time.sleep(2)
while True:
    weakref.finalize(Held(), gone)
"""
IN_EXEC = "exec('import time; time.sleep(30)')"  # as dataclasses make their methods
PROGRAM = """
import sys
sys.argv = ["clipper", "index"]
from clipper.cli import interrupt
interrupt.GRACE = 1.0
try:
    import during
except KeyboardInterrupt:
    interrupt.leave()
"""


LOOP = "for each in one two; do {command}; echo after $each $?; done"


@pytest.mark.linux
@pytest.mark.skipif(shutil.which("bash") is None, reason="only bash goes on after Ctrl-C")
@pytest.mark.parametrize("during", ["LISTENING", "BUSY"])
def test_ctrl_c_in_a_terminal_ends_a_script_too(tmp_path: Path, during: str):
    import pty

    (tmp_path / "during.py").write_text({"LISTENING": IN_EXEC, "BUSY": BUSY}[during])
    program = PROGRAM.replace("try:", "import ctypes; print('ready', flush=True)\ntry:", 1)
    command = shlex.join([sys.executable, "-c", program])
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvp("bash", ["bash", "-c", LOOP.format(command=command)])  # noqa: S606
    said = b""
    with suppress(OSError):  # the end of a terminal
        while read := os.read(terminal, 1000):
            said += read
            if b"ready" in read:
                time.sleep(0.5)
                os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), b"after" in said) == (-signal.SIGINT, False), said
    assert said.count(b"clipper: stopped") == 1
    assert b"Traceback" not in said


@pytest.mark.parametrize("during", [SWALLOWS, BUSY, ONCE, IN_EXEC, GONE, FORGOTTEN])
def test_no_import_that_swallows_it_and_no_long_computation_holds_ctrl_c_up(tmp_path: Path, during: str):
    (tmp_path / "during.py").write_text(during)
    assert stop((sys.executable, "-c", PROGRAM), after=1.0, cwd=tmp_path) == (130, INDEX)


def many_photos(photos: Path, model_folder: Path) -> None:
    """So many that a run takes seconds."""
    for file in sorted((model_folder.parents[1] / "images").glob("*.jpg"))[:600]:
        (photos / file.name).write_bytes(file.read_bytes())
