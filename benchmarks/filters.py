"""Print what filtering and colouring cost on a generated dataset, and whether each is within 200 ms.

python benchmarks/filters.py [images ...]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from clipper.metadata.columns import Column, with_roles
from clipper.query_filter import AnyOf, HasText, InRange, NoneOf
from clipper.query_syntax import parse
from viewer.components.base import Component
from viewer.components.map.legend import ColourKey
from viewer.components.side.filter_panel import FilterPanel, facet_view
from viewer.dataset.columns.filters import Masks, apply_filters, count_values, filter_rows, match_condition
from viewer.dataset.dataset import MODIFIED, Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import RenderRequest, paint
from viewer.session.answers import Answer
from viewer.session.state import ViewState
from viewer.session.workers.filters import FilterWorker

SIZES = (100_000, 1_000_000)
REPEATS = 5
BUDGET = 200  # milliseconds
WIDTH, HEIGHT = 1220, 830
WORDS = [f"word {i}" for i in range(400)]


class Generated:
    """An atlas of `n` images in clusters, with columns of every kind; a tenth of most values is missing."""

    title, version = "Generated", "1"

    def __init__(self, n: int) -> None:
        random = np.random.default_rng(3)
        group = random.integers(0, 12, n)
        self.ids = [f"folder {i % 50}/image {i}.jpg" for i in range(n)]
        self.xy = (random.normal(size=(12, 2))[group] * 4 + random.normal(size=(n, 2))).astype(np.float32)
        self.hashes = [i.to_bytes(16, "big") for i in random.permutation(n).tolist()]
        self.view = (-12.0, 12.0, -12.0, 12.0)
        self.indexed_at = datetime.now(UTC)
        self.settings = SimpleNamespace(home=None, max_pixels=10**8)
        self.failures = pd.DataFrame()
        cells = _table(random, group)
        kinds = {"tags": "list[str]", "checked": "bool", "width": "int", "price": "float", "size": "float"}
        self.points = pd.DataFrame({"id": self.ids, **cells})
        table = pa.Table.from_pandas(self.points, preserve_index=False)
        columns = with_roles([Column(name, kinds.get(name, "str"), "metadata.json") for name in cells], table)
        self.columns = {column.name: column for column in columns}
        self.insight_columns: dict[str, Column] = {}
        self.clusters = self.novelty = None

    @cached_property
    def modified(self) -> np.ndarray:
        """Seconds since 1970."""
        return 1.7e9 + np.arange(len(self.ids)) * 7.0

    @cached_property
    def indexed(self) -> np.ndarray:
        """Seconds since 1970, all of one run."""
        return np.full(len(self.ids), 1.7e9)

    def thumbnail(self, _row: int) -> bytes:
        """None can be read."""
        raise KeyError

    def close(self) -> None:
        """Nothing is open."""


def _table(random: np.random.Generator, group: np.ndarray) -> dict[str, Any]:
    n = len(group)
    some = random.random(n) < 0.9
    seconds = np.datetime64("2012-01-01", "s") + random.integers(0, 4 * 10**8, n).astype("timedelta64[s]")
    items = random.integers(0, len(WORDS), (n, 4))
    words = np.array(WORDS, object)
    return {
        "group": pd.Series([f"group {g}" for g in group], dtype="str"),
        "place": pd.Series(np.where(some, words[random.integers(0, 400, n)], None), dtype="str"),
        "tags": pd.Series(list(words[items])),
        "checked": random.random(n) < 0.3,
        "width": random.integers(300, 6000, n),
        "price": np.where(some, random.lognormal(3, 1, n), np.nan),
        "size": random.gamma(2.0, 2e5, n),
        "taken_at": pd.Series(np.where(some, np.datetime_as_string(seconds), None), dtype="str"),
        "caption": pd.Series([f"picture {i} of {WORDS[g * 7]}" for i, g in enumerate(group)], dtype="str"),
    }


class Cost(NamedTuple):
    """Milliseconds: by the clock, and of the processor, which a busy machine does not lengthen."""

    wall: float
    cpu: float


def once(work: Callable[[], object]) -> Cost:
    """What one run takes."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return Cost((time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000)


def best(work: Callable[[], object]) -> Cost:
    """The middle one of a few runs."""
    return sorted(once(work) for _ in range(REPEATS))[REPEATS // 2]


def measured(n: int) -> dict[str, Cost]:
    """Milliseconds of each thing that a visitor waits for."""
    dataset = Dataset(Generated(n))
    found = {"(once a version) all columns": once(lambda: dataset.facets)}
    facets = dataset.facets
    others = {
        "group": AnyOf(("group 1", "group 2", "group 5")),
        "tags": NoneOf(tuple(WORDS[:3])),
        "price": InRange(5, 60),
    }
    conditions = {
        "a value": ("place", AnyOf(("word 7",))),
        "a value of a list": ("tags", AnyOf(("word 7",))),
        "a range": ("width", InRange(1000, 3000)),
        "a time": ("taken_at", InRange("2014-01-01T00:00:00", None)),
        "text": ("caption", HasText("word 21")),
    }
    for name, (column, condition) in conditions.items():
        found[f"{name}: what passes"] = best(
            lambda c=column, d=condition: filter_rows(facets, {c: d}, masks={})
        )
        found[f"{name}: and all counts"] = best(lambda c=column, d=condition: apply_filters(facets, {c: d}))
    masks: Masks = {}
    filter_rows(facets, others, masks=masks)
    brushed = iter(range(1000, 5000, 10))

    def step() -> None:
        filter_rows(facets, {**others, "width": InRange(next(brushed), 5500)}, masks=masks)
        count_values(facets, masks)

    found["a brush's step beside three others, and all counts"] = best(step)
    found |= _linked(dataset)
    counts = apply_filters(facets, others).counts
    found["the panel's charts"] = best(lambda: [facet_view(f, None, counts[c]) for c, f in facets.items()])
    return found | _drawn(dataset, match_condition(facets["width"], InRange(1000, 3000)))


def _linked(dataset: Dataset) -> dict[str, Cost]:
    """What a selection, limits of similarity and a typed line take, from the event to all counts."""
    n, random = dataset.n, np.random.default_rng(5)
    likeness = random.normal(0.2, 0.05, n).astype(np.float32)
    state = ViewState(dataset=dataset, colour="group", panel="filter")
    FilterWorker(state)
    panel, legend = FilterPanel(), ColourKey()
    for part in (panel, legend):
        part.follow(state)
    state.answer = Answer(parse("cat"), np.arange(5), likeness[:5], 0.0, 0.0, 0.0, likeness)
    found = {}
    for share in (0.01, 0.5):
        rows = iter([np.flatnonzero(random.random(n) < share) for _ in range(REPEATS)])
        name = f"a selection of {share:.0%}: every chart and the legend"
        found[name] = best(lambda r=rows: counted(state, selection=next(r)))
    lows = iter(np.linspace(0.1, 0.25, REPEATS).tolist())
    name = "and a step of the least similarity: every chart and the legend"
    found[name] = best(lambda: counted(state, min_similarity=next(lows)))
    years = iter(range(2013, 2013 + REPEATS))
    name = "and a typed line: what passes, every chart and the legend"

    def typed() -> None:
        line = f'taken_at > {next(years)} and group in ("group 1", "group 2") and price < 60'
        counted(state, lambda: send(panel, kind="say", text=line))
        assert len(state.filters) == 3

    found[name] = best(typed)
    found["over-represented values first"] = best(lambda: send(panel, kind="excess", on=not panel.excess))
    text = 'group = "group 1" and place = "word 1'
    found["the options while one types"] = best(lambda: send(panel, kind="complete", text=text, at=len(text)))
    return found


def send(part: Component, **message: Any) -> None:
    """Send a message as the page does."""
    part._handle_msg(message)  # noqa: SLF001 - what Panel calls


def counted(state: ViewState, act: Callable[[], object] = lambda: None, **change: Any) -> None:
    """Change a state, and wait until what it shows is counted; no session, so nothing runs beside it."""
    before = state.part
    state.param.update(**change)
    act()
    while state.part is before:
        time.sleep(0.001)


def _drawn(dataset: Dataset, kept: np.ndarray) -> dict[str, Cost]:
    n = dataset.n
    viewport = Viewport.fitted(dataset.view, width=WIDTH, height=HEIGHT)
    found = {}
    for colour in ("group", "price", "taken_at", MODIFIED):
        found[f"(once a version) colours by {colour}"] = once(lambda c=colour: dataset.colouring(c))
        request = RenderRequest(dataset, viewport, colour, dark=True)
        paint(request)
        found[f"the picture by {colour}"] = best(lambda w=request: paint(w))
    likeness = np.random.default_rng(0).normal(0.2, 0.05, n).astype(np.float32)
    filtered = RenderRequest(dataset, viewport, "group", dark=True, kept=kept[dataset.index.order])
    found["the picture of what passes"] = best(lambda: paint(filtered))
    width = dataset.facets["width"]

    def pressed() -> None:
        kept = match_condition(width, InRange(1000, 3000))
        paint(replace(filtered, kept=kept))

    found["a press, from the server's side: what passes, and its picture"] = best(pressed)
    state = ViewState(dataset=dataset, colour=":similarity")

    def asked() -> None:
        state.answer = Answer(parse("cat"), np.arange(5), likeness[:5], 0.0, 0.0, 0.0, likeness.copy())
        _ = state.colouring

    found["colours by similarity to a new query"] = best(asked)
    return found


def main() -> None:
    """Measure and print."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    for n in sizes:
        print(f"\n{n:,} images: milliseconds by the clock, of the processor\n")
        for name, cost in measured(n).items():
            slow = "" if cost.wall <= BUDGET or name.startswith("(once") else f"  over {BUDGET}"
            print(f"{cost.wall:8.1f} {cost.cpu:8.1f}  {name}{slow}", flush=True)


if __name__ == "__main__":
    main()
