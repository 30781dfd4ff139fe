"""Loads at the start what the first visitor would wait for: the data, the compiled loops, the model."""

import gc
import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

from clipper.errors import ClipperError
from viewer.dataset.geometry.viewport import Viewport
from viewer.dataset.suggestions import suggest_queries
from viewer.dataset.tag_rows import read_tag_rows
from viewer.dataset.versions import load, shown_datasets
from viewer.homes import named_homes
from viewer.pools import BASELINE_POOL, SEARCH_POOL, interpreter_ends
from viewer.render.overview import Overviews, face_size
from viewer.render.painter import RenderRequest, paint

MOST_WARM = 4  # homes

log = logging.getLogger(__name__)
_one_by_one = threading.Lock()


def warm_up(home: Path | None = None) -> None:
    """Load and draw the dataset of a home, and load its model. A failure is logged and ends nothing.

    Of several homes only the first few are loaded, one after the other; the others when somebody looks.
    """
    with _one_by_one:
        if home is None or home in [*named_homes().values()][:MOST_WARM]:
            _warm_up(home)


def _warm_up(home: Path | None) -> None:
    started = time.perf_counter()
    _freeze_loaded()
    try:
        dataset = load(home)
        viewport = Viewport.fitted(dataset.view, width=1000, height=750)
        overview = Overviews().of(dataset, None, face=face_size(viewport.width), faces=True, names=True)
        paint(RenderRequest(dataset, viewport, dataset.default_colour, dark=True, overview=overview))
        dataset.prepare(colour=dataset.default_colour)
        suggest_queries(dataset)
        with suppress(ClipperError):  # the page says why
            read_tag_rows(dataset)
        log.info("map ready after %.1f s", time.perf_counter() - started)
        SEARCH_POOL.submit(dataset.atlas.warm).result()
        if dataset.atlas.has_text:  # needed once a search finds nothing
            BASELINE_POOL.submit(lambda: dataset.atlas.random_text_baseline)
        log.info("model ready after %.1f s", time.perf_counter() - started)
        if not shown_datasets(dataset.atlas.settings.home):  # objects of a visitor must stay collectable
            _freeze_loaded()
        if overview is not None:
            overview.prepare()
            log.info("all zooms ready after %.1f s", time.perf_counter() - started)
    except ClipperError as error:
        log.info("nothing is loaded yet: %s", error)
    except Exception:
        if not interpreter_ends():  # else the server was ended while it loaded, and nobody waits
            log.exception("loading at the start failed; the first visitor waits longer")


def _freeze_loaded() -> None:
    """Exclude what is loaded from garbage collection, which would traverse it whenever a visitor leaves."""
    gc.collect()
    gc.freeze()
