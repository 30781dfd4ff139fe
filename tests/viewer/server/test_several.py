"""Several atlases at one address: each below its own name, with its own images, whatever state it is in."""

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from panel_server import ROOT, fetch, serving
from PIL import Image

from viewer.server.cards import (
    PICTURE,
    age_of,
    card_html,
    colour_density,
    count_places,
    describe_home,
    tell_apart,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>"&'


@pytest.fixture(scope="module")
def homes(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample; the same with fewer images on disk; one without an index; a damaged and a newer one."""
    folder = tmp_path_factory.mktemp("homes")
    made = {name: folder / name for name in ("empty", "damaged", "newer")}
    for name in ("damaged", "newer"):
        shutil.copytree(sample_home, made[name], ignore=shutil.ignore_patterns("images", "collection"))
    made["empty"].mkdir()
    (made["empty"] / "clipper.toml").write_text(f"title = {json.dumps(HOSTILE)}")
    (made["damaged"] / "store" / "current.json").write_text("{")
    return {"sample": sample_home, **made}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from clipper.indexing import run

    images = tmp_path_factory.mktemp("few") / "few photos"
    images.mkdir()
    for number in range(6):
        Image.new("RGB", (40, 30), (40 * number, 90, 200 - 30 * number)).save(images / f"only-{number}.jpg")
    run.index_images(str(images), model=str(ROOT / "data" / "models" / "clip-emoji"))
    return images / ".clipper"


@pytest.fixture(scope="module")
def address(homes: dict[str, Path], small: Path) -> Iterator[str]:
    told = {name: str(folder) for name, folder in {**homes, "few": small}.items()}
    with serving(None, environment={"CLIPPER_HOMES": json.dumps(told)}) as url:
        yield url


def test_the_first_page_has_a_card_for_each_atlas(address: str) -> None:
    status, headers, body = fetch(address)
    page = body.decode()
    assert status == 200
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert page.count('<li class="card') == 5
    assert "1,870 images" in page
    assert "6 images" in page
    assert "No index yet" in page
    assert page.count("Nothing to show yet") >= 1
    assert "clipper index" in page
    assert HOSTILE not in page


def test_an_image_is_found_below_its_own_atlas_and_no_other(address: str) -> None:
    assert fetch(f"{address}/sample/img/thumb/pizza.jpg")[0] == 200
    assert fetch(f"{address}/few/img/thumb/only-3.jpg")[0] == 200
    assert fetch(f"{address}/few/img/full/only-3.jpg")[0] == 200
    for path in ("few/img/thumb/pizza.jpg", "sample/img/thumb/only-3.jpg", "empty/img/thumb/pizza.jpg",
                 "damaged/img/full/pizza.jpg", "viewer/img/thumb/pizza.jpg", "nothing/img/thumb/pizza.jpg",
                 "few/../sample/img/thumb/only-3.jpg"):  # fmt: skip
        assert fetch(f"{address}/{path}")[0] == 404, path


def test_each_atlas_has_its_page_and_what_is_none_has_not(address: str) -> None:
    for name in ("sample", "few", "empty", "damaged", "compare"):
        assert fetch(f"{address}/{name}")[0] == 200
    for name in (
        "nothing",
        "viewer",
        "card/sample.png",
        "card/nothing.png?is=1",
        "card/..%2fsample.png?is=1",
    ):
        assert fetch(f"{address}/{name}")[0] == 404, name


def test_the_picture_of_a_card_is_a_small_map(address: str) -> None:
    page = fetch(address)[2].decode()
    url = page.split('src="/card/sample.png')[1].split('"')[0].replace("&amp;", "&")
    status, headers, body = fetch(f"{address}/card/sample.png{url}")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    picture = Image.open(io.BytesIO(body))
    assert picture.size == PICTURE
    drawn = (np.asarray(picture)[:, :, 3] > 0).mean()
    assert 0.01 < drawn < 0.9


# -- what a card says


def test_a_home_that_cannot_be_shown_says_why_and_what_to_type(
    homes: dict[str, Path], tmp_path: Path
) -> None:
    empty = describe_home("empty", homes["empty"])
    assert (empty.title, empty.heading) == (HOSTILE, "No index yet")
    assert empty.command.startswith("clipper index")
    damaged = describe_home("damaged", homes["damaged"])
    assert "is damaged" in damaged.reason
    assert damaged.command == f"clipper doctor --repair --home {homes['damaged']}"
    assert describe_home("gone", tmp_path / "gone").heading
    assert "<script>" not in card_html(empty, theme="", now=NOW)


def test_a_card_follows_the_chosen_theme(homes: dict[str, Path]) -> None:
    card = describe_home("sample", homes["sample"])
    alike = tell_apart([card, card._replace(name="again"), card._replace(title="Another")])
    assert [each.title for each in alike] == [f"{card.title} (sample)", f"{card.title} (again)", "Another"]
    assert card.images == 1870
    assert "prefers-color-scheme" in card_html(card, theme="", now=NOW)
    dark = card_html(card, theme="dark", now=NOW)
    assert "prefers-color-scheme" not in dark
    assert "theme=dark" in dark


@pytest.mark.parametrize(
    ("ago", "text"),
    [(timedelta(seconds=-5), "just now"), (timedelta(seconds=59), "just now"),
     (timedelta(minutes=1), "1 minute ago"), (timedelta(hours=23), "23 hours ago"),
     (timedelta(days=2), "2 days ago"), (timedelta(days=40), "on 25 March 2026")],
)  # fmt: skip
def test_an_age_is_written_as_people_say_it(ago: timedelta, text: str) -> None:
    assert age_of(NOW - ago, NOW) == text


@pytest.mark.parametrize(
    "xy", [np.zeros((0, 2)), np.zeros((1, 2)), np.ones((500, 2)), np.array([[0, 0], [1e6, 1e-6]])]
)
def test_any_map_has_a_picture(xy: np.ndarray) -> None:
    counts = count_places(xy)
    assert counts.shape == PICTURE[::-1]
    assert counts.sum() <= len(xy)
    for dark in (True, False):
        pixels = colour_density(counts, dark=dark)
        assert pixels.shape == (*PICTURE[::-1], 4)
        assert pixels.dtype == np.uint8
