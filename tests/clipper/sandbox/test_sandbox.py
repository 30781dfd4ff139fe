import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from misbehaviour import behave

from clipper.errors import SandboxError
from clipper.images.child_tasks import DecodeRequest, decode_file
from clipper.images.decode_apart import spare
from clipper.sandbox import child as child_side
from clipper.sandbox import messages
from clipper.sandbox import process as sandbox
from clipper.sandbox.child import GRACE_SECONDS
from clipper.sandbox.process import ChildDied, Sandbox, SandboxPool

pytestmark = pytest.mark.linux  # limits, signals and /proc

Run = Callable[..., subprocess.CompletedProcess[str]]
HERE = Path(__file__).parents[1]


@pytest.fixture
def child() -> Iterator[Sandbox]:
    with Sandbox(behave, seconds=20) as made:
        yield made


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ended(pid: int, *, within: float = 60) -> bool:
    until = time.monotonic() + within
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


def test_a_request_is_answered_by_another_process_and_its_bytes_come_back(child: Sandbox):
    answer, blobs = child.ask({"name": "caf\u00e9 \udcff\n"}, [b"", bytes(range(256)) * 9_000])
    assert answer["request"] == {"name": "caf\u00e9 \udcff\n"}
    assert blobs == [b"", bytes(range(256)) * 9_000]
    assert answer["pid"] == child.pid != os.getpid()


def test_one_child_answers_all_requests(child: Sandbox):
    assert len({child.ask({})[0]["pid"] for _ in range(3)}) == 1


def test_nothing_is_started_before_something_is_asked():
    with Sandbox(behave, seconds=1) as idle:
        assert idle.pid is None


def processor_seconds(work: Callable[[], object]) -> float:
    """What the processes cost that `work` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_decoders_child_costs_little_to_start_and_holds_nothing_heavy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # what measures coverage is heavy
    request = DecodeRequest(max_bytes=9, max_pixels=9, min_side=9).to_json()
    code = "import sys, clipper.images.child_tasks; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & {
        "torch",
        "transformers",
        "pandas",
        "pyarrow",
        "pydantic",
        "chromadb",
        "multiprocessing",
    }

    def answered() -> None:
        with Sandbox(decode_file, seconds=60) as one:
            assert "not an image" in one.ask(request, [b"words"])[0]["reason"]
            status = Path(f"/proc/{one.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) < 100_000  # kB

    pillow = [sys.executable, "-c", "import numpy, PIL.Image"]
    spare(decode_file, os.getpid()).close()  # else its end could be counted
    pairs = [
        (processor_seconds(answered), processor_seconds(lambda: subprocess.run(pillow, check=True)))
        for _ in range(5)
    ]
    assert min(child / alone for child, alone in pairs) < 2


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"act": "crash"}, r"crashed the decoder \(signal 11\)"),
        ({"act": "kill itself", "signal": signal.SIGABRT}, r"crashed the decoder \(signal 6\)"),
        ({"act": "kill itself", "signal": signal.SIGKILL}, "probably for want of memory"),
        ({"act": "leave", "code": 3}, r"crashed the decoder \(exit code 3\)"),
        ({"act": "leave", "code": 0}, r"crashed the decoder \(exit code 0\)"),
        ({"act": "grow", "bytes": 3 << 30}, "needs more memory than 2 GiB"),
        ({"act": "answer too much", "bytes": sandbox.MAX_ANSWER_BYTES}, "crashed the decoder"),
    ],
)
def test_a_child_that_dies_costs_its_request_and_the_next_one_is_answered(
    child: Sandbox, request_: dict[str, object], reason: str
):
    first = child.ask({})[0]["pid"]
    with pytest.raises(ChildDied, match=reason):
        child.ask(request_)
    assert ended(first)
    assert child.ask({})[0]["pid"] != first


def test_a_child_that_takes_too_long_is_ended():
    with Sandbox(behave, seconds=60) as child:
        pid = child.ask({})[0]["pid"]
        child.seconds = 0.5
        with pytest.raises(ChildDied, match=r"took longer than 0\.5 s \(max_seconds\)"):
            child.ask({"act": "hang"})  # for ten minutes, if it is left
        assert ended(pid)
        child.seconds = 60
        assert child.ask({})[0]["pid"] != pid


def test_a_request_larger_than_its_memory_is_refused():
    with (
        Sandbox(behave, seconds=20, memory=1 << 29) as child,
        pytest.raises(ChildDied, match=r"than 0\.5 GiB"),
    ):
        child.ask({}, [bytes(600 << 20)])


def test_what_the_function_raises_is_an_answer(child: Sandbox):
    pid = child.ask({})[0]["pid"]
    assert child.ask({"act": "fail"})[0] == {"error": "ValueError: no such thing"}
    assert child.ask({})[0]["pid"] == pid


def test_what_native_code_writes_is_not_seen(child: Sandbox, capfd: pytest.CaptureFixture[str]):
    child.ask({"act": "chatter"})
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_is_the_parents(child: Sandbox):
    pid = child.ask({})[0]["pid"]
    os.kill(pid, signal.SIGINT)
    assert child.ask({})[0]["pid"] == pid


def test_a_child_ends_with_its_sandbox():
    with Sandbox(behave, seconds=20) as child:
        pid = child.ask({})[0]["pid"]
    assert not alive(pid)


PARENT = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from misbehaviour import behave
from clipper.sandbox.process import Sandbox
child = Sandbox(behave, seconds=60)
print(child.ask({})[0]["pid"], flush=True)
child.seconds = float(sys.argv[2])
child.ask({"act": "hang", "mark": sys.argv[3]})
"""


def parent(seconds: float, mark: Path) -> tuple[subprocess.Popen[str], int]:
    """A process whose child hangs; it does once this returns."""
    command = [sys.executable, "-c", PARENT, str(HERE), str(seconds), str(mark)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    pid = int(process.stdout.readline())
    while not mark.exists() and process.poll() is None:
        time.sleep(0.01)
    return process, pid


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the alarm ends the child, after max_seconds")
def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path):
    process, pid = parent(600, tmp_path / "hangs")
    with process:
        assert alive(pid)
        process.kill()
    assert ended(pid)


@pytest.mark.slow
def test_a_child_ends_by_itself_when_its_parent_does_not_end_it(tmp_path: Path):
    process, pid = parent(1, tmp_path / "hangs")
    with process:
        process.send_signal(signal.SIGSTOP)  # it neither waits for the answer nor dies
        try:
            assert ended(pid, within=1 + GRACE_SECONDS + 60)
        finally:
            process.kill()


def test_a_function_that_cannot_be_imported_is_no_fault_of_a_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(behave, "__module__", "no_such_module")
    with Sandbox(behave, seconds=20) as broken, pytest.raises(SandboxError, match="exit code 1"):
        broken.ask({})


def test_an_interpreter_that_cannot_be_started_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with (
        Sandbox(behave, seconds=20) as broken,
        pytest.raises(SandboxError, match="no child process can be started"),
    ):
        broken.ask({})


def test_no_descriptor_and_no_process_is_left(child: Sandbox):
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    child.ask({})
    spare(decode_file, os.getpid()).close()  # a query in an earlier test may have left it
    gc.collect()  # what earlier tests left
    before = descriptors()
    for _ in range(8):
        with pytest.raises(ChildDied):
            child.ask({"act": "leave", "code": 1})
        child.ask({})
    # A leak is one each time. What earlier tests left opens and closes some.
    assert descriptors() < before + 8
    child.close()
    assert descriptors() < before + 7


def test_as_many_children_as_threads_and_the_warm_one_first():
    with SandboxPool(behave, seconds=20) as all_:
        with all_.borrow() as first, all_.borrow() as second:
            pids = {one.ask({})[0]["pid"] for one in (first, second)}
        assert len(pids) == 2
        for _ in range(3):
            with all_.borrow() as again:
                assert again.ask({})[0]["pid"] in pids
    assert all(map(ended, pids))


def test_who_waits_is_freed_when_all_children_are_ended():
    outcome: list[str] = []

    def wait(all_: SandboxPool) -> None:
        try:
            with all_.borrow() as one:
                one.ask({"act": "hang"})
        except ChildDied as died:
            outcome.append(str(died))

    with SandboxPool(behave, seconds=100) as all_:
        with all_.borrow() as one:
            one.ask({})
        waiting = threading.Thread(target=wait, args=(all_,))
        waiting.start()
        time.sleep(0.3)
        all_.end()
        waiting.join(60)
        with pytest.raises(ChildDied, match="was ended"), all_.borrow() as one:
            one.ask({})
    assert outcome


def test_a_child_that_is_ended_while_it_starts_is_no_failure_of_the_machine(monkeypatch: pytest.MonkeyPatch):
    with Sandbox(behave, seconds=20) as one:
        start = subprocess.Popen

        def started(*asked: object, **how: object) -> object:
            process = start(*asked, **how)  # type: ignore[call-overload]
            one.end()
            return process

        monkeypatch.setattr(subprocess, "Popen", started)
        for _ in range(2):
            with pytest.raises(ChildDied, match="was ended"):
                one.ask({})
    assert one.pid is None


def test_where_the_kernel_does_not_tell_a_thread_notices_that_the_parent_is_gone(
    monkeypatch: pytest.MonkeyPatch,
):
    parents = iter([7, 7, 1])
    exits: list[int] = []
    monkeypatch.setattr(child_side, "PARENT_SECONDS", 0.001)
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setattr(os, "_exit", exits.append)
    child_side._end_after(7)
    assert (exits, list(parents)) == ([0], [])


@pytest.mark.parametrize("head", [b"[" * 100_000, b"[{}, [1e999]]", b"[{}, 5]", b"\xff"])
def test_bytes_that_are_no_answer_are_an_error(head: bytes):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(len(head).to_bytes(4, "big") + head)
        with pytest.raises(messages.MessageError):
            messages.receive(ours)


def test_whoever_is_interrupted_gets_no_answer_to_an_earlier_request(
    child: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    child.ask({"name": "first"})
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sandbox, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            child.ask({"name": "second"})
    assert child.ask({"name": "third"})[0]["request"] == {"name": "third"}
