"""What colours mean beside filters: similarities, times, missing values, and images that do not pass."""

import numpy as np
import pytest
from fakes import FakeAtlas, shown

from viewer.components.map.legend import ColourKey, LegendToggle
from viewer.components.side.filter_panel import FilterChips
from viewer.components.side.gallery import Gallery
from viewer.dataset.columns.colouring import MISSING, NO_VALUE_CODE, OTHER, SIMILARITY, _palette
from viewer.dataset.dataset import INDEXED, MODIFIED, Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import RenderRequest, paint
from viewer.session.search import Searcher
from viewer.session.state import ViewState


def test_colouring_by_similarity_needs_a_query_and_covers_every_image(state: ViewState) -> None:
    legend, fold = shown(ColourKey(), state), shown(LegendToggle(), state)
    state.colour = SIMILARITY
    assert legend.hint
    assert legend.kind == "none"
    Searcher(state).ask("cat")
    assert not legend.hint
    assert legend.kind == "similarity"
    assert sum(legend.chart["whole"]) == state.dataset.n
    assert fold.label == "Similarity to “cat”"
    colours = state.colouring
    likeness = state.answer.similarities[state.dataset.index.order]
    assert (colours.values[likeness == likeness.max()] == 1).all()


def test_the_brush_over_similarities_sets_which_are_listed_and_a_chip_clears_it(state: ViewState) -> None:
    rng = np.random.default_rng(3)
    spread = rng.normal(0.2, 0.05, state.dataset.n).astype(np.float32)
    state.dataset.atlas.similarities = lambda _vector: spread
    legend, gallery, chips = shown(ColourKey(), state), shown(Gallery(), state), shown(FilterChips(), state)
    state.colour = SIMILARITY
    Searcher(state).ask("cat")
    assert (legend.chart["span"], chips.items) == ([], [])
    legend._handle_msg({"kind": "range", "from": 5, "to": 20})
    meant = sum(legend.chart["whole"][5:20])
    assert legend.chart["span"] == [5, 20]
    assert state.answer.total == gallery.listed == chips.passing == meant > 0
    listed = state.answer.similarities[state.answer.highlighted(3)]  # what stands out on the map
    assert len(listed) == meant
    assert state.min_similarity <= listed.min() <= listed.max() <= state.max_similarity
    assert [item["title"] for item in chips.items] == ["Similarity"]
    assert state.filters == {}
    legend._handle_msg({"kind": "range", "from": 5, "to": len(legend.chart["whole"])})
    assert (state.min_similarity is None, state.max_similarity) == (False, None)  # the best have no upper end
    chips._handle_msg({"kind": "drop", "column": SIMILARITY})
    assert (state.min_similarity, state.max_similarity, legend.chart["span"], chips.items) == (
        None,
        None,
        [],
        [],
    )
    legend._handle_msg({"kind": "range", "from": 0, "to": 5})
    Searcher(state).ask("dog")  # another query has other similarities
    assert (state.min_similarity, state.max_similarity) == (None, None)


def test_colouring_by_time_names_its_ends(state: ViewState) -> None:
    legend = shown(ColourKey(), state)
    state.colour = MODIFIED
    assert legend.low.startswith("2023-")
    assert state.colouring.kind == "time"
    assert state.dataset.colour_choices[MODIFIED] == "File modified"


def test_of_one_run_alone_no_times_are_offered() -> None:
    class Once(FakeAtlas):
        indexed = np.full(500, 1.7e9)

    dataset = Dataset(Once())
    assert INDEXED not in dataset.colour_choices
    assert INDEXED not in dataset.facets
    assert dataset.colouring(INDEXED).kind == "time"  # what an old link may ask for breaks nothing


@pytest.mark.parametrize("dark", [True, False])
def test_a_missing_value_looks_neither_like_a_rare_one_nor_like_any_named(dark: bool) -> None:
    palette = _palette("category", dark=dark).astype(int)
    assert np.abs(palette[MISSING] - palette[OTHER]).sum() > 80
    assert np.abs(palette[:20] - palette[MISSING]).sum(1).min() > 60
    ramp = _palette("number", dark=dark).astype(int)
    assert np.abs(ramp[:NO_VALUE_CODE] - ramp[NO_VALUE_CODE]).sum(1).min() > 60


def test_what_does_not_pass_has_no_colour_no_thumbnail_and_is_not_hit(dataset: Dataset) -> None:
    x, y = map(float, dataset.atlas.xy[0])
    viewport = Viewport(x - 1, x + 1, y - 0.75, y + 0.75, 800, 600)
    kept = np.arange(dataset.n) % 3 == 0
    plain = paint(RenderRequest(dataset, viewport, "group", dark=True))
    faint = paint(RenderRequest(dataset, viewport, "group", dark=True, kept=kept[dataset.index.order]))
    assert not all(kept[tile[0]] for tile in plain.tiles)
    assert faint.tiles
    assert all(kept[tile[0]] for tile in faint.tiles)
    viewport = Viewport.fitted(dataset.view, width=400, height=300)
    nothing = paint(RenderRequest(dataset, viewport, "group", dark=True, kept=np.zeros(dataset.n, bool)))
    colours = nothing.pixels[..., :3].astype(int)
    off = np.abs(colours - colours[0, 0]).max()
    assert 8 < off < 60  # the shape of the whole stays, hardly
    row = int(np.flatnonzero(~kept)[0])
    x, y = map(float, dataset.atlas.xy[row])
    assert dataset.index.nearest(x, y, radius=0.01) == row
    assert dataset.index.nearest(x, y, radius=0.01, kept=kept) is None
