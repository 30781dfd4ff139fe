"""Material UI controls on the map: the select for its colours, and the buttons in its corner."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui

from clipper.store.snapshots import short_names
from viewer.components.map.lasso import SelectionTools
from viewer.components.map.legend import DENSITY
from viewer.components.map.map import MapView
from viewer.dataset.clusters import CLUSTER
from viewer.dataset.columns.colouring import SIMILARITY
from viewer.dataset.columns.word_column import WORDS
from viewer.session.state import ViewState

# An icon as a picture: a font of icons would be 129 kB for these three.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#000" '
    'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d="{}"/></svg>'
)
# What the select for the second map is called; a narrow window has room for one.
BESIDE, BESIDE_WHEN_NARROW = "And beside it", "Beside it, in a wider window"
ZOOM = 0.55  # each press of + multiplies the map units per pixel by this, - divides them
# The headings of what can colour the map.
HEADINGS = COLUMNS, SEARCH, YOURS, MAP, FOUND = (
    "Columns", "Search", "Your tags and words", "Clusters and density", "Measured by Clipper"
)  # fmt: skip
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


def colour_select(state: ViewState) -> pmui.Select:
    """Make the select for the column that colours the map."""
    select = pmui.Select(
        label="Colour by",
        groups=_options(state),
        value=state.colour,
        size="small",
        margin=0,
        sizing_mode="stretch_width",
        css_classes=["clipper-colour"],
        sx=FIELD,
    )
    select.param.watch(lambda event: setattr(state, "colour", event.new or ""), "value")

    def follow(*_events: Any) -> None:
        select.param.update(groups=_options(state), value=state.colour)

    state.param.watch(follow, ["dataset", "colour", "tags"])
    return select


def model_selects(state: ViewState) -> pn.Column:
    """Make the selects for the models whose maps are shown; an atlas of one model has none in view."""
    first, second = (
        pmui.Select(label=label, size="small", margin=0, sizing_mode="stretch_width", sx=FIELD)
        for label in ("Map by", BESIDE)
    )
    both = pn.Column(first, second, margin=0, css_classes=["models"])
    following = False  # what the selects show then is no choice of the visitor's

    def follow(*_events: Any) -> None:
        nonlocal following
        if state.dataset is None:
            return
        following = True
        models = state.dataset.atlas.models
        titles = _model_titles(models)
        by = {title: "" if name == models[0] else name for title, name in titles.items()}
        shown = state.model if state.model in by.values() else state.dataset.further_model
        others = {title: name for title, name in titles.items() if name != (shown or models[0])}
        first.param.update(options=by, value=shown)
        second.param.update(
            options={"No other": "", **others},
            value=state.beside if state.beside in others.values() else "",
            label=BESIDE_WHEN_NARROW if state.narrow else BESIDE,
        )
        both.visible = len(models) > 1
        following = False

    def choose(name: str, event: Any) -> None:
        if not following:
            setattr(state, name, event.new)

    follow()
    first.param.watch(partial(choose, "model"), "value")
    second.param.watch(partial(choose, "beside"), "value")
    state.param.watch(follow, ["dataset", "model", "beside", "narrow"])
    return both


def _model_titles(models: Sequence[str]) -> dict[str, str]:
    """Return the models by the shortest names that tell them apart."""
    return dict(zip(short_names(models), models, strict=True))


def _options(state: ViewState) -> dict[str, dict[str, str]]:
    """Return the colour choices by heading and title; ours get "(Clipper)" if a column has the same title."""
    dataset, tags = state.dataset, state.dataset.tag_column_name
    columns = {name: dataset.title_of(name) for name in dataset.colour_kinds if name in dataset.atlas.columns}
    taken = {title for name, title in columns.items() if name not in {tags, WORDS, SIMILARITY}}
    groups: dict[str, dict[str, str]] = {heading: {} for heading in HEADINGS}
    for name, title in {**state.colour_choices, "": DENSITY}.items():
        own = name in columns and name != tags
        groups[_heading(name, own=own, tags=tags)][
            f"{title} (Clipper)" if title in taken and not own else title
        ] = name
    return {heading: choices for heading, choices in groups.items() if choices}


def _heading(name: str, *, own: bool, tags: str) -> str:
    """Return the heading above a choice; `own` is whether it is a column of the metadata."""
    if own:
        return COLUMNS
    return {SIMILARITY: SEARCH, tags: YOURS, WORDS: YOURS, CLUSTER: MAP, "": MAP}.get(name, FOUND)


def map_buttons(view: MapView) -> pn.Column:
    """Make the buttons in the map's corner: the selection tools, zoom in, zoom out, the whole map."""
    # The size is set, not measured: the first view of the map is laid out beside these buttons.
    tools = SelectionTools(margin=0, width=34, height=70)
    actions = (
        ("M12 5v14M5 12h14", "Zoom in", lambda: view.camera.zoom(ZOOM)),
        ("M5 12h14", "Zoom out", lambda: view.camera.zoom(1 / ZOOM)),
        ("M4 11l8-7 8 7M6 9.5V20h4.500v-5h3v5H18V9.500", "Show the whole map", view.camera.show_all),
    )
    buttons = []
    for shape, label, act in actions:
        button = pmui.IconButton(
            icon=ICON.format(shape), label="", description=label, size="small", margin=0, color="default",
            sx={"borderRadius": "8px", "color": "text.secondary", "width": "34px", "height": "30px"},
        )  # fmt: skip
        button.on_click(lambda _event, act=act: act())
        buttons.append(button)
    return pn.Column(tools, *buttons, css_classes=["map-buttons"], sizing_mode=None, margin=0)
