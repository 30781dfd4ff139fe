"""Tasks of one stage for the workers of a Dask cluster: who gets what, now, and what came of it.

Workers may come and go. One that cannot do the work gets none, and the others go on; if one dies, others
repeat its tasks. Where some workers have the resource GPU, a task may have two halves: the others do the
first, and these the second. What does not belong here: what a stage does with its tasks.
"""

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from clipper.errors import ClipperError, ClusterError, ClusterSetupError, ModelError, StoreError
from clipper.indexing.cluster import connection
from clipper.indexing.cluster.connection import UNSET
from clipper.indexing.cluster.faults import Fault

# Tasks for each thread of the cluster: one that runs, one that waits.
AHEAD = 2
# How often the cluster is looked at while no task ends: workers may have come or gone.
TICK_SECONDS = 2.0
# How often a failed task is tried again; distributed does the same for one whose worker died.
RETRIES = 2
# Workers that may die while they get ready before the cluster is given up, if none ever could.
DEATHS = 6
# The name of Dask's resource that a worker with a GPU has: `dask worker --resources "GPU=1"`.
GPU = "GPU"


@dataclass(frozen=True)
class Work:
    """What the workers do for one stage; all functions lie in modules that the workers have, too.

    `name`: of the tasks, as Dask's dashboard shows them. `setup`: what they must know of the run, the first
    argument of each function. `prepare`: checks a worker, which gets tasks if no `Fault` is returned. `do`:
    does a task. Where there are workers with a GPU and others, these do `first` of a task, and those with a
    GPU `second`, which gets what `first` returned, too; `prepare_first` checks the others.
    """

    name: str
    setup: Any
    prepare: Callable[[Any], Any]
    do: Callable[[Any, Any], Any]
    prepare_first: Callable[[Any], Any] | None = None
    first: Callable[[Any, Any], Any] | None = None
    second: Callable[[Any, Any, Any], Any] | None = None


@dataclass
class _InFlight:
    """What was submitted: a task, or None for the check of one worker; and the workers that may run it."""

    future: Any
    task: Any
    workers: frozenset[str]
    halves: tuple[frozenset[str], ...] = ()  # of a task in halves: the workers that may run each


@dataclass
class Workers:
    """The workers of a cluster, and what each of them is doing for one stage.

    `tasks` is asked for the next task whenever a worker has room. `note` gets a line for each worker that
    cannot do the work. `ready_with` gets what `prepare` returned, and the worker's address; it returns a
    `Fault` if the worker must not get tasks.
    """

    client: Any
    address: str
    work: Work
    tasks: Iterator[Any]
    note: Callable[[str], None] = lambda _: None
    ready_with: Callable[[str, Any], Fault | None] = lambda *_: None
    ready: set[str] = field(default_factory=set)
    unfit: dict[str, ClipperError] = field(default_factory=dict)
    gpus: dict[str, bool] = field(default_factory=dict)  # of each worker that was seen
    in_flight: dict[str, _InFlight] = field(default_factory=dict)
    again: deque[Any] = field(default_factory=deque)
    deaths: int = 0
    seen_at: float = field(default_factory=time.monotonic)  # when there was a worker that may do the work
    _room: int = 0  # threads of the workers that do tasks, or first halves
    _ended: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)

    def results(self) -> Iterator[tuple[Any, Any]]:
        """Yield each task and what came of it, in the order in which the workers finish.

        Raises:
            ClusterError: the scheduler is gone, all workers are, or a task fails again and again.
            ClipperError: no worker can do the work: why the first of them cannot.
        """
        while self._is_work_left():
            self.look()
            try:
                key = self._ended.get(timeout=TICK_SECONDS)
            except queue.Empty:
                continue
            if (ended := self.in_flight.pop(key, None)) is not None:
                yield from self._take(ended)

    @property
    def threads(self) -> int:
        """The number of threads that do tasks, now; at least 1."""
        return max(1, self._room)

    def _is_work_left(self) -> bool:
        if self._busy() or self.again:
            return True
        task = next(self.tasks, None)
        self.again.extend([] if task is None else [task])
        return task is not None

    def look(self) -> None:
        """Look at the cluster as it is now: check new workers, give up lost ones, and keep all others busy.

        Raises:
            ClusterError: the scheduler is gone, or there is no worker left.
        """
        threads = self.live()
        self._give_up_lost(threads)
        for worker in threads.keys() - self.ready - self.unfit.keys() - self._checked():
            self._submit_check(worker, threads.keys())
        ready = frozenset(self.ready & threads.keys())
        gpus = frozenset(worker for worker in ready if self.gpus.get(worker))
        halves = (ready - gpus, gpus) if self.work.first and gpus and ready - gpus else ()
        self._room = sum(threads[worker] for worker in (halves[0] if halves else ready))
        room = AHEAD * self._room - self._busy()
        if self.work.first and not gpus and any(map(self.gpus.get, self._checked())):
            room = 0  # the first worker with a GPU gets ready: it will embed faster than the others could
        while room > 0 and (task := self._next()) is not None:
            self._submit(task, ready, halves)
            room -= 1
        if ready or self._checked():
            self.seen_at = time.monotonic()
        else:
            self._wait_or_give_up(threads)

    def live(self) -> dict[str, int]:
        """Return the live workers and their threads, now.

        Raises:
            ClusterError: the scheduler is gone.
        """
        try:
            threads = dict(self.client.nthreads())
            if threads.keys() - self.gpus.keys():
                self.gpus |= dict(zip(threads, map(with_gpu(self.client), threads), strict=True))
        except Exception as error:  # whatever the connection's end looks like
            raise self._gone() from error
        return threads

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler {self.address} is gone; what was done is kept. Start it and run again, "
            f"{UNSET}"
        )

    def _checked(self) -> set[str]:
        return {worker for one in self.in_flight.values() if one.task is None for worker in one.workers}

    def _busy(self) -> int:
        return sum(one.task is not None for one in self.in_flight.values())

    def _next(self) -> Any:
        return self.again.popleft() if self.again else next(self.tasks, None)

    def _submit_check(self, worker: str, live: Any) -> None:
        others = self.work.prepare_first and any(self.gpus.get(each) for each in live)
        check = self.work.prepare_first if others and not self.gpus.get(worker) else self.work.prepare
        only = frozenset([worker])
        self._note_flight(self._send("check", check, self.work.setup, workers=only), None, only)

    def _submit(self, task: Any, ready: frozenset[str], halves: tuple[frozenset[str], ...]) -> None:
        work = self.work
        if not halves:
            sent = self._send(work.name, work.do, work.setup, task, workers=ready)
        else:
            cpus, gpus = halves
            begun = self._send(f"{work.name}-first", work.first, work.setup, task, workers=cpus)
            more = {"resources": {GPU: 1}}
            sent = self._send(
                f"{work.name}-second", work.second, work.setup, task, begun, workers=gpus, **more
            )
        self._note_flight(sent, task, ready, halves)

    def _send(self, name: str, do: Any, *args: Any, workers: frozenset[str], **more: Any) -> Any:
        key = f"clipper-{name}-{uuid4().hex}"  # Dask's dashboard shows what stands before the digits
        return self.client.submit(do, *args, key=key, retries=RETRIES, workers=sorted(workers), **more)

    def _note_flight(self, future: Any, task: Any, *where: Any) -> None:
        self.in_flight[future.key] = _InFlight(future, task, *where)
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def _give_up_lost(self, threads: dict[str, int]) -> None:
        """Take back the tasks that only workers that are gone were allowed to run."""
        self.ready &= threads.keys()
        for key, one in [*self.in_flight.items()]:
            can_run = all(half & threads.keys() for half in one.halves or (one.workers,))
            if can_run or one.future.done():
                continue
            del self.in_flight[key]
            one.future.release()
            if one.task is None:
                self.deaths += 1
            else:
                self.again.append(one.task)
        if self.deaths >= DEATHS:
            raise ClusterError(
                f"the workers of the Dask cluster {self.address} die while they get ready; see their logs "
                f"(memory?), {UNSET}"
            )

    def _wait_or_give_up(self, threads: dict[str, int]) -> None:
        """Wait for a worker that can do the work, but not for ever."""
        if threads and self.unfit.keys() >= threads.keys():
            raise next(iter(self.unfit.values()))
        if time.monotonic() - self.seen_at > connection.WORKERS_SECONDS:
            raise ClusterError(
                f"the Dask cluster {self.address} has no workers left; what was done is kept. Start some and "
                f"run again, {UNSET}"
            )

    def _take(self, ended: _InFlight) -> list[tuple[Any, Any]]:
        """What came of a task; nothing if its worker cannot do the work, which others then get."""
        worker = next(iter(ended.workers))
        try:
            given = self._given(ended)
        except ClusterSetupError as error:
            if ended.task is not None:
                raise
            given = Fault(worker, error)
        ended.future.release()
        if ended.task is None and not isinstance(given, Fault):
            given = self.ready_with(worker, given)
            if given is None:
                self.ready.add(worker)
                self.deaths = 0
                return []
        if isinstance(given, Fault):
            self._exclude(given)
            if ended.task is not None:
                self.again.append(ended.task)
            return []
        return [(ended.task, given)]

    def _exclude(self, fault: Fault) -> None:
        self.ready.discard(fault.worker)
        if fault.worker not in self.unfit:
            self.unfit[fault.worker] = fault.error
            self.note(f"the Dask worker {fault.worker} gets no work: {fault.error}")

    def _given(self, ended: _InFlight) -> Any:
        """Return what a task returned, or say why it failed."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            return ended.future.result()
        except KilledWorker as error:
            if ended.task is None:
                raise ClusterSetupError("it dies while it gets ready; see its log (memory?)") from error
            raise ClusterError(
                f"workers of the Dask cluster {self.address} died again and again of the same task, "
                f"{self.work.name}; see their logs (memory?), {UNSET}"
            ) from error
        except FutureCancelledError as error:
            raise self._gone() from error
        except (StoreError, ModelError):  # of what this machine sees, too: the home's disk, the model's files
            raise
        except Exception as error:  # anything that may happen on a worker's machine
            if ended.task is None:  # it cannot even check itself
                raise ClusterSetupError(
                    f"it does not run this Clipper ({type(error).__name__}: {error}); install the same "
                    "Clipper and libraries as here"
                ) from error
            raise ClusterError(
                f"the Dask cluster {self.address} failed ({type(error).__name__}: {error}); what was done "
                f"is kept. See the logs of its workers, {UNSET}"
            ) from error


def with_gpu(client: Any) -> Callable[[str], bool]:
    """Return a function that says whether a worker has the resource GPU; False of one that came later."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return lambda name: GPU in workers.get(name, {}).get("resources", {})
