"""Several servers at one address: each visitor, picture and export reaches the right one; all end together.

One server of two workers serves the tests that change nothing of it; the others start their own.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from panel_server import ROOT, Server, fetch, started
from tornado.httputil import HTTPHeaders
from visitor import Visitor

from clipper.store import tags
from clipper.store.home import Home
from viewer.dataset.versions import load
from viewer.pools import RENDER_THREADS
from viewer.server.processes import supervisor
from viewer.server.processes.workers import HOPS, HandedStream, Worker, head_of, hops_of

pytestmark = pytest.mark.linux  # several workers hand over sockets

PATIENCE = 400  # seconds: a busy machine is no failure
VIEW = (-6.1, 6.1, -4.15, 4.15)


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("workers") / "home"))


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with started(home, workers=2) as running:
        until(lambda: len(workers_of(running)) == 2 and all_answer(running))
        yield running


def workers_of(server: Server) -> list[int]:
    return server.processes()[1:]


def all_answer(server: Server) -> bool:
    """Whether no worker is still being imported: that an image is not there is known once all have looked."""
    with contextlib.suppress(OSError):
        return fetch(f"{server.address}/viewer/img/thumb/nothing.jpg")[0] == 404
    return False


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.1)


def in_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run in a thread: in this one, tests with a browser may have left a loop that runs."""

    async def run() -> Any:
        return await work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()


def sockets_of(pid: int) -> int:
    """How many connections a process holds."""
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            count += "socket" in str(link.readlink())
    return count


@pytest.mark.slow
def test_workers_draw_with_no_more_threads_than_there_are_cores(server: Server) -> None:
    told = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in workers_of(server)]
    prefix = f"{RENDER_THREADS}=".encode()
    threads = [int(part.removeprefix(prefix)) for parts in told for part in parts if part.startswith(prefix)]
    assert threads == [max(1, min(2, (os.cpu_count() or 1) // 2))] * 2


def sockets_at_rest(pid: int) -> int:
    """How many connections a process holds, once those are gone that are being closed."""
    count, since = sockets_of(pid), time.monotonic()
    while time.monotonic() - since < 2:
        time.sleep(0.1)
        if (now := sockets_of(pid)) < count:
            count, since = now, time.monotonic()
    return count


def test_visitors_are_shared_among_the_workers_and_each_is_answered(server: Server) -> None:
    before = [sockets_at_rest(pid) for pid in workers_of(server)]

    async def visit() -> list[int]:
        visitors = [await Visitor.come(server.address) for _ in range(6)]
        held = [sockets_of(pid) for pid in workers_of(server)]
        for visitor in visitors:
            await visitor.size()
            await visitor.look(*VIEW)
        assert [error for visitor in visitors for error in visitor.errors] == []
        for visitor in visitors:
            await visitor.leave()
        return held

    held = in_loop(visit)
    gained = [now - then for now, then in zip(held, before, strict=True)]
    assert all(more >= 2 for more in gained), gained


def test_tags_given_in_different_workers_at_once_are_all_kept(server: Server, home: Path) -> None:
    images = ["pizza.jpg", "cat-face.jpg"]

    async def label(number: int, visitor: Visitor) -> None:
        for turn in range(2):  # each waits for the others' lock, and for the disk
            await visitor.tell("Detail", {"kind": "tag", "text": f"worker test {number} {turn}"})

    async def visit() -> None:
        visitors = [await Visitor.come(server.address) for _ in range(4)]
        for number, visitor in enumerate(visitors):
            await visitor.tell("Gallery", {"kind": "open", "id": images[number % 2]})
        await asyncio.gather(*(label(number, visitor) for number, visitor in enumerate(visitors)))
        ends = time.monotonic() + PATIENCE
        while len([tag for tag in tags.read(Home(home)) if tag.startswith("worker test")]) < 8:
            assert time.monotonic() < ends
            await asyncio.sleep(0.1)
        for visitor in visitors:
            await visitor.leave()

    in_loop(visit)


def test_an_image_that_only_a_page_of_another_worker_still_shows_is_sent(
    home: Path, run_index: Callable[[Path], object], server: Server
) -> None:
    gone = "zipper-mouth-face.jpg"
    known = load(home)
    row = known.row_of(gone)
    assert row is not None
    url = f"{server.address}/viewer/img/thumb/{gone}?is={known.content_stamp(row)}"

    async def visit() -> list[int]:
        visitor = await Visitor.come(server.address)  # who never pauses, so that the page keeps its version
        file = home / "images" / gone
        kept = file.read_bytes()
        file.unlink()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, run_index, home)
            found = [(await loop.run_in_executor(None, fetch, url))[0] for _ in range(12)]
        finally:
            file.write_bytes(kept)
        await visitor.leave()
        return found

    assert in_loop(visit) == [200] * 12


def test_what_no_worker_has_is_not_found(server: Server) -> None:
    for path in ("img/thumb/nothing.jpg", "img/full/..%2f..%2fclipper.toml", f"export/{'x' * 32}"):
        assert [fetch(f"{server.address}/viewer/{path}")[0] for _ in range(6)] == [404] * 6
    assert fetch(f"{server.address}/viewer/img/thumb/nothing.jpg", **{HOPS: "-1 junk"})[0] == 404


def test_a_session_with_a_given_id_is_found_again(server: Server) -> None:
    pages = {fetch(f"{server.address}/viewer?bokeh-session-id=mine")[2].count(b"token") for _ in range(6)}
    assert len(pages) == 1


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_said(server: Server) -> None:
    async def visit() -> tuple[int, int]:
        visitors = [await Visitor.come(server.address) for _ in range(6)]
        os.kill(workers_of(server)[0], signal.SIGKILL)
        ends = time.monotonic() + PATIENCE
        while not any(visitor.errors for visitor in visitors):
            assert time.monotonic() < ends
            await asyncio.sleep(0.1)
        lost = sum(bool(visitor.errors) for visitor in visitors)
        after = await Visitor.come(server.address)
        await after.size()
        await after.look(*VIEW)
        for visitor in (*visitors, after):
            await visitor.leave()
        return lost, len(after.errors)

    lost, errors = in_loop(visit)
    assert 0 < lost < 6
    assert errors == 0
    until(lambda: len(workers_of(server)) == 2)
    restarted = "ended by the signal SIGKILL; it is started again"
    until(lambda: any(restarted in line for line in list(server.lines)))


@pytest.mark.slow
@pytest.mark.parametrize("when", ["map ready", "all zooms ready"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_all_without_a_word(sample_home: Path, number: int, when: str) -> None:
    """A worker that still loads does not complain that it cannot go on."""
    with started(sample_home, workers=2) as running:
        workers = workers_of(running)
        until(lambda: any(when in line for line in list(running.lines)))
        running.process.send_signal(number)
        assert running.process.wait(PATIENCE) == (0 if number == signal.SIGINT else 128 + number)
        said = running.last_words()
        assert not any(alive(pid) for pid in workers)
        assert [line for line in said if re.search("failed|Traceback|Error|clipper:", line)] == []
        assert sum("map ready" in line for line in said) == 1


@pytest.mark.slow
def test_workers_end_when_their_supervisor_is_killed(sample_home: Path) -> None:
    with started(sample_home, workers=2) as running:
        workers = workers_of(running)
        until(lambda: any("model ready" in line for line in list(running.lines)))
        running.process.kill()
        until(lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_whole_with_a_reason(sample_home: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "viewer.server.processes.supervisor",
        "--port",
        "0",
        "--workers",
        "2",
        "--no-such",
    ]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CLIPPER_HOME": str(sample_home)}, timeout=PATIENCE,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "unrecognized arguments: --no-such" in ended.stderr
    assert "ended before it was ready, with the exit status 2; its message is above" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_an_error_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    kept = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        try:
            assert supervisor.main(["--port", str(port), "--workers", "2"]) == 1
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), kept, strict=True):
                signal.signal(number, handler)
    assert f"clipper: port {port} cannot be used" in capsys.readouterr().err


# -- the parts


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    (tmp_path / "sessions").write_bytes(
        b"".join(n.to_bytes(4, sys.byteorder, signed=True) for n in (2, 0, -1))
    )
    told = {
        "number": 0, "listening": socket.socket().detach(), "inbox": socket.socket().detach(),
        "outboxes": [socket.socket().detach() for _ in range(3)], "lifeline": -1,
        "sessions": os.open(tmp_path / "sessions", os.O_RDWR),
    }  # fmt: skip
    return Worker(told)


def test_a_page_goes_where_the_fewest_sessions_are_and_no_worker_gets_all_at_once(worker: Worker) -> None:
    assert worker.session_counts() == [2, 0, -1]
    assert worker.least_busy() == 1  # not the third, which does not answer yet
    worker.remember_page(1)
    worker.remember_page(1)
    assert worker.least_busy() == 0
    worker.count_session(-1)
    worker.count_session(-1)
    worker.count_session(-1)
    assert worker.session_counts()[0] == 0


def test_a_worker_makes_ids_that_are_its_own(worker: Worker) -> None:
    ids = iter(f"id {number}" for number in range(1000))
    mine = [worker.own(lambda: next(ids)) for _ in range(20)]
    assert {worker.owner(key) for key in mine} == {0}
    assert len(set(mine)) == 20


def test_the_head_of_a_request_is_written_as_it_was_with_one_more_hop() -> None:
    headers = HTTPHeaders({"Host": "127.0.0.1", "Cookie": "a=é"})
    headers.add("X", "1")
    headers.add("X", "2")
    request: Any = SimpleNamespace(method="GET", uri="/viewer?q=%20", version="HTTP/1.1", headers=headers)
    once = head_of(request)
    assert once.startswith(
        b"GET /viewer?q=%20 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=\xe9\r\nX: 1\r\nX: 2\r\n"
    )
    assert once.endswith(b"\r\nClipper-Hops: 1\r\n\r\n")
    headers[HOPS] = "1"
    assert head_of(request).count(b"Clipper-Hops: 2") == 1
    for junk in ("-1", "x", "²", "9" * 5000, ""):
        headers[HOPS] = junk
        assert hops_of(request) == 0


def test_a_handed_connection_is_read_from_its_beginning() -> None:
    async def read() -> bytes:
        here, there = socket.socketpair()
        here.setblocking(False)
        stream = HandedStream(here, b"the beginning, ")
        there.sendall(b"the rest")
        found = await stream.read_bytes(23)
        stream.close()
        there.close()
        return found

    assert in_loop(read) == b"the beginning, the rest"
