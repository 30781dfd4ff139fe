"""Wherever times of files are shown, the page says on whose clock."""

from collections.abc import Callable
from concurrent.futures import Executor

import pytest
from fakes import FakeAtlas, shown

from clipper.query_filter import InRange
from viewer.components.filter_text import completions
from viewer.components.map.legend import ColourKey
from viewer.components.side.filter_panel import FilterChips
from viewer.components.side.result_cards import order_view
from viewer.dataset.axes.lay_out import Around, lay_out
from viewer.dataset.dataset import MODIFIED, Dataset
from viewer.session.selection import SelectionSource, rows_of_target
from viewer.session.state import ViewState
from viewer.session.steps import Outline
from viewer.session.workers.axes import AxesWorker

TOKYO = "Asia/Tokyo"
ASKED = (f"column:{MODIFIED}", "")


@pytest.fixture
def state() -> ViewState:
    return ViewState(dataset=Dataset(FakeAtlas()), colour="group", zone=TOKYO)


def test_the_legend_says_on_whose_clock_times_of_files_are(state: ViewState) -> None:
    legend = shown(ColourKey(), state)
    assert legend.hint == ""
    state.colour = MODIFIED
    assert legend.hint == "Times are shown in Asia/Tokyo time."
    state.zone = "UTC"
    assert legend.hint == "Times are shown in UTC."


def test_the_chip_of_a_filter_says_it_and_follows_the_zone(state: ViewState) -> None:
    chips = shown(FilterChips(), state)
    state.filters = {MODIFIED: InRange("2000-01-01", "2100-01-01"), "size": InRange(0, 1)}
    words = {item["column"]: item["words"] for item in chips.items}
    assert words[MODIFIED].endswith(" (in Asia/Tokyo time)")
    assert "time" not in words["size"]
    state.zone = "UTC"
    assert {item["column"]: item["words"] for item in chips.items}[MODIFIED].endswith(" (in UTC)")


def test_the_line_of_filters_says_it_where_it_offers_the_column(state: ViewState) -> None:
    notes = {one["text"]: one["note"] for one in completions(state, {"text": "", "at": 0})["options"]}
    assert notes["File modified"] == "date in Asia/Tokyo time"
    assert notes["size"] == "number"


def test_the_line_above_the_cards_says_it_while_file_times_sort_them(state: ViewState) -> None:
    assert order_view(state)["clock"] == ""
    state.sort = MODIFIED
    assert order_view(state)["clock"] == "in Asia/Tokyo time"


def test_an_axis_of_file_times_is_on_the_visitors_clock_and_says_so(state: ViewState) -> None:
    worker = AxesWorker(state)
    worker.ask(ASKED)
    far = state.places.axes[0]
    assert far.title == "File modified (in Asia/Tokyo time)"
    state.zone = "UTC"
    near = state.places.axes[0]
    assert near.title == "File modified (in UTC)"
    assert [far.span[end] - near.span[end] for end in (0, 1)] == [9 * 3600] * 2


def test_an_outline_lies_on_the_axis_of_the_zone_in_which_it_is_drawn(state: ViewState) -> None:
    AxesWorker(state).ask(ASKED)
    made = state.dataset.cache["places"]
    everywhere = Outline(((-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)), ASKED)
    rows = rows_of_target(everywhere, SelectionSource.of(state), {}, kept=None)
    assert len(rows) == state.dataset.n
    assert state.dataset.cache["places"] is made  # none of another zone beside them


def test_axes_of_an_address_are_of_the_zone_that_the_browser_tells_while_they_are_made(
    state: ViewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []

    def later(work: Callable[[], object], then: Callable[[object], None], *, pool: Executor) -> None:
        done = pool.submit(work)
        waiting.append(lambda: then(done))

    monkeypatch.setattr("viewer.session.workers.axes.in_background", later)
    worker = AxesWorker(state)
    state.zone = "UTC"
    worker.ask(ASKED)
    state.zone = TOKYO
    for hand_back in waiting:
        hand_back()
    assert state.places.axes[0].title == "File modified (in Asia/Tokyo time)"


def test_visitors_of_one_zone_share_an_axis_and_those_of_another_do_not(state: ViewState) -> None:
    dataset = state.dataset
    tokyo = lay_out(dataset, ASKED, Around(zone=TOKYO))
    assert lay_out(dataset, ASKED, Around(zone=TOKYO)) is tokyo
    assert lay_out(dataset, ASKED, Around(zone="UTC")) is not tokyo
    plain = lay_out(dataset, ("column:group", ""), Around(zone=TOKYO))
    assert lay_out(dataset, ("column:group", ""), Around(zone="UTC")) is plain
