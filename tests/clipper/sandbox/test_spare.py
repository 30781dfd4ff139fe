"""A child that is ready before it is asked for: no request meets what another one left behind."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from misbehaviour import behave

from clipper.sandbox.process import ChildDied
from clipper.sandbox.spare import SpareSandbox

pytestmark = pytest.mark.linux  # signals and /proc


@pytest.fixture
def spare() -> Iterator[SpareSandbox]:
    made = SpareSandbox(behave, warm_up=lambda: ({}, []), pause=0.0)
    yield made
    made.close()


def until(true: Callable[[], object]) -> None:
    """Wait until something holds; the limit of the test ends it if it never does."""
    while not true():
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ready(spare: SpareSandbox) -> int:
    until(lambda: spare.ready_pid)
    return spare.ready_pid or 0


def test_each_request_gets_a_child_of_its_own_and_the_next_is_ready_before_it(spare: SpareSandbox):
    assert spare.ready_pid is None  # nothing is started before something is asked
    first = spare.ask({}, seconds=20)[0]["pid"]
    used = [first]
    for _ in range(2):
        waiting = ready(spare)
        assert spare.ask({}, seconds=20)[0]["pid"] == waiting
        used.append(waiting)
    assert len(set(used)) == 3
    until(lambda: not any(map(is_running, used)))


@pytest.mark.parametrize("request_", [{"act": "crash"}, {"act": "hang"}])
def test_what_kills_its_child_costs_no_other_request(spare: SpareSandbox, request_: dict[str, str]):
    spare.ask({}, seconds=20)
    ready(spare)
    with pytest.raises(ChildDied):
        spare.ask(request_, seconds=0.5)
    assert spare.ask({}, seconds=20)[0]["request"] == {}


def test_a_spare_child_that_somebody_killed_is_not_asked(spare: SpareSandbox):
    spare.ask({}, seconds=20)
    pid = ready(spare)
    os.kill(pid, 9)
    until(lambda: not is_running(pid))
    assert spare.ask({}, seconds=20)[0]["pid"] != pid


def test_several_at_once_are_answered_each_by_its_own_child(spare: SpareSandbox):
    spare.ask({}, seconds=20)
    ready(spare)
    pids: list[int] = []

    def ask() -> None:  # in a thread that ends at once: a child must not end with it
        pids.append(spare.ask({}, seconds=60)[0]["pid"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 4
    assert is_running(ready(spare))


def test_an_idle_child_ends_and_so_does_its_thread():
    spare = SpareSandbox(behave, warm_up=lambda: ({}, []), pause=0.0)
    spare.ask({}, seconds=20)
    pid, keeper = ready(spare), spare._keeper
    assert keeper is not None
    with spare._changed:  # as after minutes without a request
        spare._idle = 0.0
        spare._changed.notify_all()
    until(lambda: not is_running(pid))
    until(lambda: not keeper.is_alive())
    assert spare.ready_pid is None
    assert spare.ask({}, seconds=20)[0]["pid"] != pid  # and all begins anew
    spare.close()


def test_a_child_that_cannot_be_made_ready_leaves_the_requests_as_they_are():
    spare = SpareSandbox(behave, warm_up=lambda: ({"act": "crash"}, []), pause=0.0)
    for _ in range(3):
        assert spare.ask({}, seconds=20)[0]["request"] == {}
    spare.close()


OWNER = """
import os, sys, time
from misbehaviour import behave
from clipper.sandbox.spare import SpareSandbox
spare = SpareSandbox(behave, warm_up=lambda: ({}, []), pause=0.0)
spare.ask({}, seconds=20)
while spare.ready_pid is None: time.sleep(0.01)
print(spare.ready_pid, flush=True)
os._exit(0) if sys.argv[1] == "killed" else None
"""


@pytest.mark.parametrize("end", ["killed", "ends"])
def test_the_spare_child_ends_with_its_owner(end: str):
    folder = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", OWNER, end], capture_output=True, text=True, cwd=folder, check=True,
        timeout=280,
    )  # fmt: skip
    pid = int(done.stdout)
    until(lambda: not is_running(pid))
