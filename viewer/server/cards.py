"""The pages around several atlases: a card for each, with a picture of its map; and two side by side.

A home that cannot be shown has a card too, which says why and what to type. What does not belong here: the
atlases' own pages (`app.py`).
"""

import asyncio
import html
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path, PurePath
from string import Template
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.ndimage import gaussian_filter
from tornado.web import HTTPError

from clipper.errors import ClipperError, StoreError
from clipper.export.drawing.palette import PLAIN_DARK, PLAIN_LIGHT, rgb
from clipper.settings import HIDDEN_HOME, Settings
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.tables import read_made_of
from viewer.components.page.no_atlas import error_view
from viewer.components.page.theme_cookie import COOKIE
from viewer.homes import named_homes
from viewer.pools import IMAGE_POOL
from viewer.server.handlers import VisitorHandler
from viewer.server.image_route import YEAR_SECONDS
from viewer.theme import FONT_FACES, page_css

HERE = Path(__file__).parent
STATIC = "/viewer/static"
PICTURE = (320, 200)  # pixels
QUANTILE = 0.003  # of the images lies outside the picture on each side
DOT = 0.7  # pixels: the standard deviation of an image's dot
GLOW = 0.45  # exponent of the density: single images are seen beside crowded places
UNITS = ((60, 3600, "minute"), (3600, 86_400, "hour"), (86_400, 30 * 86_400, "day"))  # from, to: seconds
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"


class Card(NamedTuple):
    """What is known of a home without opening its atlas."""

    name: str
    title: str
    images: int = 0
    at: datetime | None = None
    version: str = ""
    heading: str = ""  # why it cannot be shown
    reason: str = ""
    command: str = ""


def describe_home(name: str, folder: Path) -> Card:
    """Read what a card says of a home; a problem is said, never raised."""
    home = Home(folder)
    at = PurePath(home.name)
    title = at.parent.name if at.name == HIDDEN_HOME else at.name
    try:
        title = Settings.load(folder).title or title
        snapshots.refresh(home)
        snapshot = snapshots.published(home)
        read_made_of(home.part("projection", snapshot.parts["projection"]))
    except ClipperError as error:
        view = error_view(error)
        command = str(view["commands"][0])
        if "--home" not in command:
            command += f" --home {home.name}"
        return Card(name, title, heading=view["heading"], reason=view["reason"], command=command)
    except (OSError, KeyError, ValueError) as error:
        return Card(name, title, heading="Nothing to show yet", reason=f"The home cannot be read: {error}")
    images = int(snapshot.counts.get("images", 0))
    return Card(name, title, images, snapshot.published_at, snapshot.version)


def tell_apart(cards: Sequence[Card]) -> list[Card]:
    """Add its name to the title of a card whose title is another's, too."""
    titles = Counter(card.title for card in cards)
    return [
        card._replace(title=f"{card.title} ({card.name})") if titles[card.title] > 1 else card
        for card in cards
    ]


def age_of(at: datetime, now: datetime) -> str:
    """Write how long ago something was, as people say it; beyond a month, the day."""
    seconds = (now - at).total_seconds()
    for least, most, unit in UNITS:
        if least <= seconds < most:
            count = int(seconds // least)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds < UNITS[0][0] else f"on {at.day} {at:%B %Y}"


@lru_cache(maxsize=400)
def draw_picture(folder: Path, version: str, *, dark: bool) -> bytes:
    """Draw the places of all images of a version as a small PNG, stronger where there are more.

    The clusters' colours are left out: they would need the whole atlas in memory.

    Raises:
        ClipperError: another version is published by now, or the store is damaged.
    """
    home = Home(folder)
    snapshot = snapshots.published(home)
    if snapshot.version != version:
        raise StoreError(f"{folder} has another version by now")
    with pq.ParquetFile(home.part("projection", snapshot.parts["projection"])) as file:
        table = file.read(columns=["x", "y"])
    xy = np.stack([table[axis].to_numpy().astype(np.float64) for axis in "xy"], axis=1)
    out = BytesIO()
    Image.fromarray(colour_density(count_places(xy), dark=dark)).save(out, "PNG")
    return out.getvalue()


def count_places(xy: np.ndarray) -> np.ndarray:
    """Count the images (n, 2) at each pixel of the picture: (h, w) float64."""
    width, height = PICTURE
    if not len(xy):
        return np.zeros((height, width))
    low, high = (np.quantile(xy, q, axis=0) for q in (QUANTILE, 1 - QUANTILE))
    unit = max(float(((high - low) / [width * 0.9, height * 0.86]).max()), 1e-9)
    at = (xy - (low + high) / 2) / unit
    rows, columns = height / 2 - at[:, 1], at[:, 0] + width / 2
    edges = [[0, height], [0, width]]
    return np.histogram2d(rows, columns, bins=(height, width), range=edges)[0]


def colour_density(counts: np.ndarray, *, dark: bool) -> np.ndarray:
    """Turn counts (h, w) into a picture (h, w, 4) uint8 on a clear ground, in the colours of the map."""
    dots = gaussian_filter(counts, DOT)
    strength = np.clip(dots / max(float(dots.max()), 1e-9), 0, 1) ** GLOW
    ramp = np.array([rgb(text) for text in (PLAIN_DARK if dark else PLAIN_LIGHT)], np.float64)
    at = np.linspace(0, 1, len(ramp))
    channels = [np.interp(strength, at, ramp[:, channel]) for channel in range(3)]
    alpha = 255 * np.clip(strength * 2.2, 0, 1)
    return np.stack([*channels, alpha], axis=2).round().astype(np.uint8)


class _PageHandler(VisitorHandler):
    """A page of ours that no session has."""

    def send(self, file: str, **parts: str) -> None:
        """Send a page from a template beside this module, in the visitor's theme."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        style = FONT_FACES.replace("STATIC", STATIC) + page_css()
        page = Template((HERE / file).read_text("utf-8"))
        self.finish(page.substitute(parts, style=style, static=STATIC, theme=f"mui-{self.theme or 'system'}"))

    @property
    def theme(self) -> str:
        """What the visitor chose: "dark", "light", or "" for the system's."""
        chosen = self.get_cookie(COOKIE, "")
        return chosen if chosen in {"dark", "light"} else ""

    async def read_cards(self) -> list[Card]:
        """Read all homes, off the event loop."""
        loop = asyncio.get_running_loop()
        work = (loop.run_in_executor(IMAGE_POOL, describe_home, *each) for each in named_homes().items())
        return tell_apart(await asyncio.gather(*work))


class CardsHandler(_PageHandler):
    """Shows a card for each atlas."""

    async def get(self) -> None:
        """Read all homes, and send the page."""
        cards = await self.read_cards()
        found = sum(1 for card in cards if not card.heading)
        self.send(
            "cards.html",
            cards="".join(card_html(card, theme=self.theme, now=datetime.now(UTC)) for card in cards),
            count=f"{len(cards)} atlas{'' if len(cards) == 1 else 'es'}",
            compare='<a class="button" href="/compare">Compare two</a>' if found > 1 else "",
        )


class CompareHandler(_PageHandler):
    """Shows two atlases side by side with one query."""

    async def get(self) -> None:
        """Send the page; its script reads from the address what to show."""
        cards = await self.read_cards()
        options = "".join(f'<option value="{card.name}">{html.escape(card.title)}</option>' for card in cards)
        self.send("compare.html", options=options)


class PictureHandler(VisitorHandler):
    """Sends the picture of a card."""

    async def get(self, name: str) -> None:
        """Send it, or 404 for what has none."""
        folder = named_homes().get(name)
        version, dark = self.get_query_argument("is", ""), self.get_query_argument("theme", "") == "dark"
        if folder is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        work = partial(draw_picture, folder, version, dark=dark)
        try:
            data = await asyncio.get_running_loop().run_in_executor(IMAGE_POOL, work)
        except (ClipperError, OSError, KeyError, pa.ArrowException):
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", f"private, max-age={YEAR_SECONDS}, immutable")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(data)


def card_html(card: Card, *, theme: str, now: datetime) -> str:
    """Write a card, as a link to its atlas."""
    title = html.escape(card.title)
    if card.heading:
        heading, reason, command = map(html.escape, (card.heading, card.reason, card.command))
        return (
            f'<li class="card problem"><a href="/{card.name}"><h2>{title}</h2>'
            f'<p class="heading">{heading}</p></a><p class="reason">{reason}</p>'
            f'<pre tabindex="0">{command}</pre></li>'
        )
    address = f"/card/{card.name}.png?is={quote(card.version)}&amp;theme="
    size = f'width="{PICTURE[0]}" height="{PICTURE[1]}" loading="lazy" alt=""'
    picture = f'<img src="{address}{theme or "light"}" {size}>'
    dark = f'<source srcset="{address}dark" media="(prefers-color-scheme: dark)">' if not theme else ""
    plural = "" if card.images == 1 else "s"
    age = age_of(card.at, now) if card.at else ""
    return (
        f'<li class="card"><a href="/{card.name}"><picture>{dark}{picture}</picture>'
        f"<h2>{title}</h2><p>{card.images:,} image{plural} · changed {age}</p></a></li>"
    )
