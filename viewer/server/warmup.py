"""Pays once what the first visitor would otherwise wait for: the data, the compiled loops, the model."""

import gc
import logging
import time
from contextlib import suppress

from clipper.errors import ClipperError
from viewer.dataset.suggestions import suggestions
from viewer.dataset.tag_rows import rows_by_tag
from viewer.dataset.versions import load, shown
from viewer.dataset.viewport import Viewport
from viewer.render.painter import Wish, paint
from viewer.session.background import CHANCERS, SEARCHERS

log = logging.getLogger(__name__)


def warm() -> None:
    """Load the dataset and what a page shows of it, draw it, load the model. What fails here is not fatal."""
    started = time.perf_counter()
    _settle()
    try:
        dataset = load()
        viewport = Viewport.fitted(dataset.view, width=640, height=480)
        paint(Wish(dataset, viewport, dataset.first_colour, dark=True))
        dataset.prepare(colour=dataset.first_colour)
        suggestions(dataset)
        with suppress(ClipperError):  # the page says why
            rows_by_tag(dataset)
        log.info("map ready after %.1f s", time.perf_counter() - started)
        SEARCHERS.submit(dataset.atlas.warm).result()
        CHANCERS.submit(lambda: dataset.atlas.chance)  # a search that finds nothing can then say so at once
        log.info("model ready after %.1f s", time.perf_counter() - started)
        if not shown(dataset.atlas.settings.home):  # what a visitor has must be found again as garbage
            _settle()
    except ClipperError as error:
        log.info("nothing to warm yet: %s", error)
    except Exception:
        log.exception("warming failed; the first visitor will wait a little longer")


def _settle() -> None:
    """Count what is loaded as there to stay: each visitor who leaves would have all of it looked through."""
    gc.collect()
    gc.freeze()
