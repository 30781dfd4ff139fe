"""The queries' stars and words above the map: how they fade, and where they are clicked. No browser."""

from typing import Any

import numpy as np
import pytest
from bokeh.plotting import figure

from clipper.query_syntax import parse
from viewer.components.map.overlays import LABEL_LENGTH, QueryStars, Rings, label_extent, label_half_width
from viewer.dataset.geometry.viewport import Viewport
from viewer.session.answers import Answer
from viewer.session.state import MAX_HISTORY
from viewer.theme import DARK, LIGHT, rgb

PIXELS = Viewport(-500, 500, -500, 500, width=1000, height=1000)  # one map unit a pixel
LEGIBLE = 4.5  # WCAG 2.2, criterion 1.4.3, of text of this size


def query(text: str, x: float = 0.0, y: float = 0.0) -> Answer:
    return Answer(parse(text), np.array([3]), np.ones(1), x, y, 0.1)


def shown(history: list[Answer], current: Answer | None, *, dark: bool = True) -> dict[str, dict[str, Any]]:
    """The drawn queries by their text."""
    queries = QueryStars(figure())
    queries.show(history, current, dark=dark)
    data = queries.source.data
    return {text: {name: data[name][at] for name in data} for at, text in enumerate(data["label"])}


def luminance(colour: np.ndarray) -> float:
    share = colour / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def over(colour: str, ground: np.ndarray, opacity: float) -> np.ndarray:
    return np.array(rgb(colour)) * opacity + ground * (1 - opacity)


@pytest.mark.parametrize("dark", [True, False])
def test_queries_fade_with_their_age_and_the_oldest_stays_legible(dark: bool):
    texts = [f"query {age}" for age in range(MAX_HISTORY)]
    drawn = shown([query(text) for text in texts], query(texts[0]), dark=dark)
    opacity = [drawn[text]["alpha"] for text in texts]
    assert opacity[0] == 1
    assert opacity == sorted(opacity, reverse=True)
    assert opacity[-1] < opacity[1] < 0.9
    oldest, canvas = drawn[texts[-1]], np.array(rgb((DARK if dark else LIGHT).canvas), float)
    ground = over(oldest["ground"], canvas, oldest["opaque"])
    ends = sorted([luminance(over(oldest["ink"], ground, oldest["alpha"])), luminance(ground)])
    assert (ends[1] + 0.05) / (ends[0] + 0.05) >= LEGIBLE


def test_the_query_in_view_is_drawn_above_the_others_larger_and_in_another_colour():
    history = [query("newest"), query("in view"), query("oldest")]
    drawn = shown(history, history[1])
    assert list(drawn)[-1] == "in view"
    others = [drawn["newest"], drawn["oldest"]]
    assert all(drawn["in view"]["size"] > other["size"] for other in others)
    assert all(drawn["in view"]["star"] != other["star"] for other in others)
    assert all(other["alpha"] < 1 for other in shown(history, None).values())


def test_a_query_is_clicked_on_its_star_or_on_its_words_and_nowhere_else():
    queries = QueryStars(figure())
    queries.show([query("red heart")], query("red heart"), dark=True)
    size, end = queries.source.data["size"][0], label_half_width(query("red heart"))
    for x, y, name in [
        (0, 0, "red heart"), (size / 2 - 1, 0, "red heart"), (0, -(size / 2 - 1), "red heart"),
        (size / 2 + 2, 0, ""), (0, -(size / 2 + 2), ""),
        (0, 25, "red heart"), (end - 1, 25, "red heart"), (1 - end, 36, "red heart"),
        (end + 1, 25, ""), (-end - 1, 25, ""), (0, 40, ""),
    ]:  # fmt: skip
        found = queries.at(x, y, PIXELS)
        assert (found.text if found else "") == name, (x, y)


def test_where_queries_lie_on_one_another_the_newest_is_clicked():
    queries = QueryStars(figure())
    queries.show([query("newest"), query("oldest", 5, 5)], None, dark=True)
    assert queries.at(4, 4, PIXELS).text == "newest"
    assert queries.at(15, 5, PIXELS).text == "oldest"


@pytest.mark.parametrize(("across", "up", "kept"), [(0, 25, 1), (0, 27, 2), (0, -27, 2), (300, 0, 2)])
def test_words_that_would_lie_on_newer_ones_are_left_out(across: float, up: float, kept: int):
    queries = QueryStars(figure())
    history = [query("newest"), query("oldest", across, up)]
    queries.show(history, None, dark=True)
    queries.arrange(PIXELS)
    queries.show(history, None, dark=True)
    assert sum(map(bool, queries.source.data["text"])) == kept
    assert sum(opacity > 0 for opacity in queries.source.data["opaque"]) == kept


def test_words_that_only_just_pass_one_another_are_both_shown():
    queries = QueryStars(figure())
    both = label_half_width(query("newest")) + label_half_width(query("oldest"))
    for apart, kept in ((both - 1, 1), (both + 1, 2)):
        history = [query("newest"), query("oldest", apart)]
        queries.show(history, None, dark=True)
        queries.arrange(PIXELS)
        queries.show(history, None, dark=True)
        assert sum(map(bool, queries.source.data["text"])) == kept


@pytest.mark.parametrize("text", ["a", "red heart", "x" * 300])
def test_the_room_that_is_kept_for_a_querys_words_holds_them(text: str):
    across, up = label_extent(text)
    assert across >= label_half_width(query(text))
    assert up >= 25 + 13  # half of their height above the middle of the words
    assert label_extent("x" * LABEL_LENGTH)[0] < 10 * LABEL_LENGTH / 2


def test_rings_are_drawn_again_only_when_they_differ():
    fig = figure()
    rings, sent = Rings(fig), []
    for renderer in fig.renderers:
        renderer.data_source.on_change("data", lambda _attr, _old, new: sent.append(dict(new)))
    dot = {"x": 1.0, "y": 2.0, "size": 9.0, "colour": "red"}
    frame = {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0, "colour": "blue"}
    rings.show([dot, frame])
    rings.show([dot, frame])
    assert sent == [{name: [value] for name, value in mark.items()} for mark in (dot, frame)]
    rings.show([])
    assert [[*map(len, data.values())] for data in sent[2:]] == [[0] * 4, [0] * 5]
