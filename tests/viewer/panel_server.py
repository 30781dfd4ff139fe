"""Starts `panel serve viewer` as a person does, for tests and for the script that takes the screenshots."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400  # seconds until it answers; ten million images are read first


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what a server answers, errors too."""
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=240) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    process: "subprocess.Popen[str]"
    lines: "deque[str]"  # the latest it said
    reader: threading.Thread  # ends once all it said is in `lines`

    def last_words(self) -> list[str]:
        """The latest it said, once it and its workers have ended."""
        self.reader.join(PATIENCE)
        return list(self.lines)

    def processes(self) -> list[int]:
        """Its process, and those of its workers."""
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def memory_mib(self) -> float:
        """What it has in memory now: what several processes share is counted once."""
        return self._mib("Pss")

    def own_mib(self) -> float:
        """What only it has in memory: libraries count otherwise once another server that had them ends."""
        return self._mib("Pss_Anon")

    def _mib(self, kind: str) -> float:
        rolled = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes())
        found = (re.search(rf"\n{kind}: +(\d+)", text) for text in rolled)
        return sum(int(match[1]) for match in found if match) / 1024

    def cpu_seconds(self) -> float:
        """What it has used of the cores, system calls included."""
        told = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.processes()]
        return sum(int(fields[11]) + int(fields[12]) for fields in told) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(
    home: Path | None,
    *,
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    workers: int = 1,
) -> Iterator[str]:
    """The address of a server that shows `home`, alive while the context lasts."""
    with started(home, options=options, environment=environment, workers=workers) as server:
        yield server.address


@contextlib.contextmanager
def started(
    home: Path | None,
    *,
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    workers: int = 1,
) -> Iterator[Server]:
    """The same, as something to be measured."""
    port = free_port()
    env = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
    if home is not None:
        env["CLIPPER_HOME"] = str(home)
    if workers == 1:
        server = ["viewer.server.several"] if "CLIPPER_HOMES" in env else ["panel", "serve", "viewer"]
        command = [sys.executable, "-m", *server, "--address", "127.0.0.1"]
    else:
        command = [sys.executable, "-m", "viewer.server.processes.supervisor", "--workers", str(workers)]
    command += ["--port", str(port), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines: deque[str] = deque(maxlen=400)
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        address = f"http://127.0.0.1:{port}"
        _await(address, process, lines, reader)
        yield Server(address, process, lines, reader)
    finally:
        if not hasattr(os, "killpg"):  # Windows has no groups of processes
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _await(
    address: str, process: "subprocess.Popen[str]", lines: "deque[str]", reader: threading.Thread
) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/liveness", timeout=5):  # noqa: S310 - our own server
                return
        except urllib.error.HTTPError:
            return  # it answers, if only to refuse
        except OSError:
            time.sleep(0.1)
    if process.poll() is not None:
        reader.join(60)  # its last words
    raise RuntimeError("the viewer's server did not start:\n" + "".join(lines))
