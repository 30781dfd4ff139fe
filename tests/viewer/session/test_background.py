"""Work in a thread, and its outcome in the session."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import holoviews as hv
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.io.doc import patch_curdoc
from bokeh.themes import Theme
from panel.io.state import set_curdoc
from tornado.ioloop import IOLoop

from viewer import compat
from viewer.compat import render_figure
from viewer.session.background import in_background


def test_an_outcome_is_handed_back_from_the_event_loop_never_from_the_thread(monkeypatch):
    """Bokeh keeps the current document of all threads in one stack: another page would find it there."""
    document, loop, here = Document(), IOLoop(make_current=False), threading.get_ident()
    handed_back_in: list[int] = []

    def next_tick(call):
        handed_back_in.append(threading.get_ident())
        call()

    monkeypatch.setattr(document, "add_next_tick_callback", next_tick)
    outcomes: list[int] = []
    begun = threading.Event()

    def work() -> int:
        begun.wait()
        return 42

    def then(done: "Future[int]") -> None:
        outcomes.append(done.result())
        loop.stop()

    def begin() -> None:
        with set_curdoc(document):
            in_background(work, then, pool=pool)
        begun.set()

    with ThreadPoolExecutor(1) as pool:
        loop.add_callback(begin)
        loop.start()
    loop.close()
    assert outcomes == [42]
    assert handed_back_in == [here]


def test_an_outcome_waits_while_the_page_is_on_its_way_which_would_not_get_it(
    monkeypatch: pytest.MonkeyPatch,
):
    document, loop = Document(), IOLoop(make_current=False)
    document._session_context = lambda: SimpleNamespace(id="one", request=SimpleNamespace(path="/"))
    outcomes: list[int] = []

    def next_tick(call: Callable[[], None]) -> None:
        with set_curdoc(document):
            call()
        loop.stop()

    monkeypatch.setattr(document, "add_next_tick_callback", next_tick)

    def begin() -> None:
        with set_curdoc(document):
            in_background(lambda: 42, lambda done: outcomes.append(done.result()), pool=pool)

    with ThreadPoolExecutor(1) as pool:
        loop.add_callback(begin)
        loop.start()
        assert outcomes.pop() == 42  # the page will have it from the start
        compat._sent.add(document)
        loop.add_callback(begin)
        loop.start()
        assert outcomes == []
        with set_curdoc(document):
            pn.state._on_load(document)
        assert outcomes == [42]
        loop.add_callback(begin)
        loop.start()
    loop.close()
    assert outcomes == [42, 42]


def test_a_figure_leaves_the_current_document_as_it_is():
    other = Document()
    other.theme = before = Theme(json={})
    with patch_curdoc(other):
        figure = render_figure(hv.Points([(0, 0)]))
    assert other.theme is before
    assert figure.document is None
