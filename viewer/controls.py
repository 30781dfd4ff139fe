"""The page's ordinary controls: search box, colour select, the map's buttons. All are Material UI's own."""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from viewer.data import Dataset
from viewer.legend import DENSITY
from viewer.map import MapView
from viewer.outline import Tools
from viewer.state import ViewState

ZOOM = 0.55  # the unit changes by this factor for each press of + and -
MAGNIFIER = (
    "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' "
    "stroke='%238b93a5' stroke-width='2' stroke-linecap='round'%3E%3Ccircle cx='11' cy='11' r='6.5'/%3E"
    "%3Cpath d='M16 16l4.5 4.5'/%3E%3C/svg%3E\")"
)
FIELD = {
    "& .MuiOutlinedInput-root": {
        "height": "38px",
        "borderRadius": "10px",
        "backgroundColor": "var(--c-raised)",
    },
    "& .MuiOutlinedInput-notchedOutline": {"borderColor": "var(--c-border)"},
    "& .MuiOutlinedInput-root:hover .MuiOutlinedInput-notchedOutline": {"borderColor": "var(--c-muted)"},
    "& .MuiOutlinedInput-root.Mui-focused .MuiOutlinedInput-notchedOutline": {
        "borderColor": "var(--c-accent)"
    },
}


def search_box(ask: Callable[[str], Any], *, state: ViewState) -> pmui.TextInput:
    """The query: Enter asks. Choosing an earlier query shows its words here too."""
    box = pmui.TextInput(
        label="",
        placeholder="Search images, e.g. “a red heart”",
        size="small",
        max_length=1000,
        css_classes=["clipper-search"],
        sizing_mode="stretch_width",
        margin=0,
        sx={
            **FIELD,
            "& input::placeholder": {"color": "var(--c-muted)", "opacity": 1},
            "& input": {
                "color": "var(--c-text)",
                "paddingLeft": "38px !important",
                "backgroundImage": MAGNIFIER,
                "backgroundRepeat": "no-repeat",
                "backgroundPosition": "12px center",
                "backgroundSize": "17px",
                "fontSize": "14px",
            },
        },
    )
    box.param.watch(lambda _event: ask(box.value_input or ""), "enter_pressed")

    def follow(*events: Any) -> None:
        if {event.name for event in events} == {"answer"}:  # else it is another version's: typing goes on
            text = state.answer.text if state.answer else ""
            box.param.update(value=text, value_input=text)

    state.param.watch(follow, ["answer", "dataset"])
    return box


def colour_select(state: ViewState) -> pmui.Select:
    """The column that colours the map."""
    select = pmui.Select(
        label="Colour by",
        options=_options(state.dataset),
        value=state.colour,
        size="small",
        margin=0,
        sizing_mode="stretch_width",
        css_classes=["clipper-colour"],
        sx=FIELD,
    )
    select.param.watch(lambda event: setattr(state, "colour", event.new or ""), "value")

    def follow(*_events: Any) -> None:
        select.param.update(options=_options(state.dataset), value=state.colour)

    state.param.watch(follow, ["dataset", "colour"])
    return select


def _options(dataset: Dataset) -> dict[str, str]:
    return {**{name: name for name in dataset.kinds}, DENSITY: ""}


def map_buttons(view: MapView, state: ViewState) -> pn.Column:
    """The tools that choose images, zoom in, zoom out, home: the map's own corner."""
    # Its size is known before it is drawn: the first view is laid out beside these buttons.
    tools = Tools(margin=0, width=34, height=70)
    tools.follow(state)
    actions = (
        ("add", "Zoom in", lambda: view.zoom(ZOOM)),
        ("remove", "Zoom out", lambda: view.zoom(1 / ZOOM)),
        ("home", "Show the whole map", view.fly_home),
    )
    buttons = []
    for icon, label, act in actions:
        button = pmui.IconButton(
            icon=icon, label="", description=label, size="small", margin=0, color="default",
            sx={"borderRadius": "8px", "color": "text.secondary", "width": "34px", "height": "30px"},
        )  # fmt: skip
        button.on_click(lambda _event, act=act: act())
        buttons.append(button)
    return pn.Column(tools, *buttons, css_classes=["map-buttons"], sizing_mode=None, margin=0)
