"""Thumbnail, embedded pixels and opened image have the colours, and stand, as the browser shows the file."""

import base64
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
from panel_server import ROOT, serving
from shown_pictures import ALIKE, PICTURES

from clipper.images.decode import decode, shrink
from clipper.indexing import run
from clipper.settings import Settings

MODEL = ROOT / "data" / "models" / "clip-emoji"
# Mean difference of a channel, of 255, that nobody sees.
NEAR = 3
TYPES = {"jpg": "jpeg", "tif": "tiff"}
# Draws an image on a ground and returns its pixels, RGBA; null if the browser cannot show it.
LOOK = """async ({url, ground}) => {
  const image = new Image()
  image.src = url
  try { await image.decode() } catch { return null }
  const canvas = document.createElement("canvas")
  canvas.width = image.naturalWidth
  canvas.height = image.naturalHeight
  const context = canvas.getContext("2d", {colorSpace: "srgb"})
  context.fillStyle = ground
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0)
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data
  return {width: canvas.width, height: canvas.height, pixels: btoa(String.fromCharCode(...pixels))}
}"""


@pytest.fixture(scope="module")
def shown(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A page of a viewer whose images are `PICTURES`."""
    home = tmp_path_factory.mktemp("shown")
    (home / "images").mkdir()
    for name, make in PICTURES.items():
        (home / "images" / name).write_bytes(make())
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = "{MODEL}"\n')
    run.index(Settings.load(home))
    with serving(home) as address:
        page = browser.new_page()
        page.goto(f"{address}/viewer/static/")  # a page of the same server, whose pictures it may read
        yield SimpleNamespace(page=page, address=address)
        page.close()


def seen(page: object, url: str, *, ground: str = "white") -> np.ndarray | None:
    """What the browser shows of an image: (h, w, 3)."""
    found = page.evaluate(LOOK, {"url": url, "ground": ground})
    if found is None:
        return None
    pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8)
    return pixels.reshape(found["height"], found["width"], 4)[..., :3]


def difference(one: object, other: object) -> float:
    pair = np.asarray(one, np.int16), np.asarray(other, np.int16)
    assert pair[0].shape == pair[1].shape
    return float(np.abs(pair[0] - pair[1]).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_embedded_and_shown_alike_and_as_the_browser_shows_the_file(shown: object, name: str):
    data = PICTURES[name]()
    decoded = decode(data, max_pixels=1 << 20, min_side=128).pixels
    at = f"{shown.address}/viewer/img"
    for size in ("view", "full"):
        for ground in ("white", "black"):
            sent = seen(shown.page, f"{at}/{size}/{quote(name)}", ground=ground)
            assert difference(sent, decoded) <= NEAR, (size, ground)
    thumbnail = seen(shown.page, f"{at}/thumb/{quote(name)}")
    assert difference(thumbnail, shrink(decoded)) <= NEAR
    ending = name.rpartition(".")[2]
    original = seen(
        shown.page, f"data:image/{TYPES.get(ending, ending)};base64,{base64.b64encode(data).decode()}"
    )
    if name in ALIKE and ending != "tif":
        assert difference(original, decoded) <= NEAR


def test_what_a_browser_cannot_show_is_compared_with_a_file_that_it_can(shown: object):
    for space in ("adobe", "p3", "wide"):
        in_tiff = seen(shown.page, f"{shown.address}/viewer/img/full/{space}.tif")
        data = base64.b64encode(PICTURES[f"{space}.png"]()).decode()
        assert difference(in_tiff, seen(shown.page, f"data:image/png;base64,{data}")) <= NEAR


def test_white_drawings_do_not_look_alike(shown: object):
    names = ("white drawing.png", "other white drawing.webp")
    one, other = (seen(shown.page, f"{shown.address}/viewer/img/thumb/{quote(name)}") for name in names)
    assert difference(one, other) > 20
