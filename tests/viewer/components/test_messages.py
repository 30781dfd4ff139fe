"""Scripts and Python agree on the messages between them."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent

from viewer.app import Viewer
from viewer.components.base import MOST_EARLY, Component
from viewer.components.page.shortcuts import Shortcuts
from viewer.dataset.dataset import Dataset
from viewer.session.state import ViewState
from viewer.session.steps import LINK_MODES, read_mode

# Kinds of a drag over bins, which no script sends; and the message of the page without an atlas.
ELSEWHERE = {"end", "move", "new", "look"}
SCRIPTS = Path(__file__).resolve().parents[3] / "viewer" / "components"


def test_each_message_that_a_script_sends_has_an_action(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Component] = []
    initialise = Component.__init__

    def recorded(self: Component, **options: Any) -> None:
        initialise(self, **options)
        made.append(self)

    monkeypatch.setattr(Component, "__init__", recorded)
    viewer = Viewer(ViewState(dataset=dataset))
    answered = {kind for component in made for kind in component._actions}
    sent = {
        (kind, path.name)
        for path in SCRIPTS.rglob("*.js")
        for kind in re.findall(r'(?:kind: |switchOf\(model, )"([a-z_]+)"', path.read_text())
    }
    assert len(sent) > 40
    assert {(kind, script) for kind, script in sent if kind not in answered | ELSEWHERE} == set()
    assert viewer.state.dataset is dataset


def test_messages_that_come_before_the_page_has_loaded_are_acted_on_then_in_their_order() -> None:
    document, done = Document(), []
    document._session_context = lambda: SimpleNamespace(id="one", request=SimpleNamespace(path="/"))

    def fail(_: Any) -> None:
        raise OSError("the disk is away")

    with set_curdoc(document):
        component = Shortcuts(actions={"fail": fail, "do": lambda message: done.append(message["number"])})
        component._handle_msg({"kind": "fail"})
        for number in range(MOST_EARLY + 9):
            component._handle_msg({"kind": "do", "number": number})
        assert done == []
        pn.state._on_load(document)
        assert done == [*range(MOST_EARLY - 1)]
        component._handle_msg({"kind": "do", "number": "after"})
        assert done[-1] == "after"


def test_a_message_waits_for_those_before_it_that_wait_for_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    document, done, later = Document(), [], []
    document._session_context = lambda: SimpleNamespace(id="one", request=SimpleNamespace(path="/"))
    monkeypatch.setattr(document, "add_next_tick_callback", later.append)
    component = Shortcuts(actions={"do": lambda message: done.append(message["number"])})
    with set_curdoc(document):
        pn.state._on_load(document)

    def tell(number: int) -> None:
        with set_curdoc(document):
            event = DataEvent(model=None, data={"kind": "do", "number": number})
            component._server_event(document, event)

    tell(0)
    assert done == [0]
    monkeypatch.setitem(pn.state._change_callbacks, document, {})
    tell(1)
    monkeypatch.delitem(pn.state._change_callbacks, document)
    tell(2)
    assert done == [0]
    for call in later:
        asyncio.run(call())
    assert done == [0, 1, 2]
    tell(3)
    assert done == [0, 1, 2, 3]


def test_the_modes_of_a_selection_have_the_same_names_in_scripts_and_in_python() -> None:
    named: set[str] = set()
    for script in ("map/lasso.js", "side/selection_panel.js"):
        types = re.findall(
            r'@(?:typedef|param) \{((?:"[a-z]+"(?: \| )?)+)\} [mM]ode', (SCRIPTS / script).read_text()
        )
        assert types
        named |= {mode for words in types for mode in re.findall(r"[a-z]+", words)}
    assert named == set(LINK_MODES) - {"toggle"}  # which has a message of its own: "invert"
    assert {read_mode(mode) for mode in named} == named
    assert [read_mode(value) for value in ("only", "less", "", None, 3, ["add"], {})] == [None] * 7
