"""The route that serves the objects of one image: /objects/<id> below the app's path, as JSON.

A page asks for those of one image, never for those of a whole dataset. What does not belong here: where
objects come from (`clipper.annotations`).
"""

import asyncio
import math
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from clipper.errors import ClipperError
from clipper.export.drawing.palette import CATEGORY_DARK
from viewer.dataset.atlas_reader import AtlasReader
from viewer.dataset.versions import dataset_with
from viewer.pools import IMAGE_POOL
from viewer.server.handlers import VisitorHandler
from viewer.server.processes.workers import hand_on

ROUTE = r"/objects/(.+)"
MAX_BOXES = 2_000  # of one image: more are no longer told apart
_SIDES = ("left", "top", "width", "height")
_DIGITS = 5  # of a share of the image


def find_objects(image_id: str, *, stamp: str = "", home: Path | None = None) -> dict[str, Any]:
    """Return the objects of an image as JSON values, of the version of a home that has it.

    Returns:
        `boxes`: for each its `name`, `color`, `left`, `top`, `width` and `height` as shares of the upright
        image, `crowd`, and `score` where there is one; the largest first, so that small ones lie above.
        `total`: how many boxes there are.

    Raises:
        KeyError: there is no such image.
        ClipperError: there is no atlas, or a file of it is damaged.
    """
    atlas = dataset_with(image_id, stamp, home=home).atlas
    return boxes_of(atlas, atlas.row(image_id))


def boxes_of(atlas: AtlasReader, row: int) -> dict[str, Any]:
    """Return the boxes of an image, as `find_objects` does."""
    found = [one for one in atlas.objects(row).to_pylist() if one["left"] is not None]
    found.sort(key=lambda one: -one["width"] * one["height"])
    rank = {name: place for place, name in enumerate(atlas.object_categories)}
    return {
        "total": len(found),
        "boxes": [
            {
                "name": one["category"],
                # On a picture, whatever the page's theme is.
                "color": CATEGORY_DARK[rank.get(one["category"], 0) % len(CATEGORY_DARK)],
                **{side: round(one[side], _DIGITS) for side in _SIDES},
                "crowd": one["crowd"],
                **({} if one["score"] is None or math.isnan(one["score"]) else {"score": one["score"]}),
            }
            for one in found[:MAX_BOXES]
        ],
    }


class ObjectsHandler(VisitorHandler):
    """Answers with the objects of one image."""

    async def get(self, image_id: str) -> None:
        """Send the objects, or 404 for an id that is not in the atlas."""
        find = partial(find_objects, image_id, stamp=self.get_query_argument("is", ""), home=self.home)
        try:
            found = await asyncio.get_running_loop().run_in_executor(IMAGE_POOL, find)
        except (KeyError, ClipperError, OSError):
            if await hand_on(self):  # another worker may have a session that still shows it
                return
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        # Labels may change while the image does not: the browser asks each time, and gets 304 for the same.
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.write(found)
