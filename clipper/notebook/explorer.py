"""The viewer in a cell of a notebook: what `atlas.explore()` returns.

What does not belong here: the server's process (`server.py`) and the frame's HTML (`frame.py`).
"""

import re
import secrets
import webbrowser
from typing import TYPE_CHECKING, Any, Protocol

from clipper.errors import ClipperError
from clipper.notebook.frame import frame_html, page_address, proxy_base
from clipper.notebook.server import ViewerServer, stop_server

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

_WIDTH = re.compile(r"\d{1,5}(px|%|em|rem|vw)")


class Tables(Protocol):
    """An atlas, as far as an explorer reads it."""

    @property
    def version(self) -> str:
        """The name of its version."""

    @property
    def model(self) -> str:
        """The model whose vectors and map it uses."""

    @property
    def models(self) -> list[str]:
        """The models that it was indexed with, the first one first."""

    @property
    def title(self) -> str:
        """The dataset's name."""

    @property
    def metadata(self) -> "pd.DataFrame":
        """The metadata, by id."""


class Explorer:
    """The viewer's page in a cell, and what is selected and found in it now.

    Each explorer has its own page; reloading it changes nothing. If several pages of one explorer are open,
    the one that was opened or used last counts. All explorers of one home share a server, which ends with
    `stop()` or with this process.
    """

    def __init__(
        self,
        atlas: Tables,
        start: "Callable[[], ViewerServer]",
        *,
        latest: "Callable[[Tables, str], Tables | None]",
        ranked: "Callable[[Any, np.ndarray, np.ndarray], pd.DataFrame]",
        height: int = 700,
        width: str = "100%",
        proxy: str | None = None,
    ) -> None:
        """Make an explorer, and start its server if none runs.

        Args:
            atlas: the atlas as it was opened.
            start: returns the viewer's server; it is called once the arguments are valid.
            latest: opens the version that is published now, as a model sees it; None if that is the atlas
                given.
            ranked: returns a table of an atlas' rows (k,) with their similarities (k,).
            height: of the frame, in pixels.
            width: of the frame, as CSS writes it.
            proxy: as `Atlas.explore` takes it.

        Raises:
            ClipperError: a size or the proxy is malformed, or the server does not start.
        """
        if not _WIDTH.fullmatch(width):
            raise ClipperError(f"width is a length of CSS, such as '100%' or '900px': not {width!r}")
        self._atlas, self._latest, self._ranked = atlas, latest, ranked
        self._base = proxy_base(proxy)
        self._height, self._width = int(height), width
        self._key = secrets.token_urlsafe(9)
        self._query = ""  # of a page that is not open yet
        self._model = atlas.model if atlas.model != atlas.models[0] else ""
        self._server = start()

    def __repr__(self) -> str:
        if not self._server.is_running:
            return f"<Explorer of {self._atlas.title!r}, stopped>"
        return f"<Explorer of {self._atlas.title!r}: {self.address}>"

    def _repr_html_(self) -> str:
        if not self._server.is_running:
            return "The explorer is stopped."
        return frame_html(
            self.address,
            title=f"Clipper: {self._atlas.title}",
            height=self._height,
            width=self._width,
            proxied=bool(self._base),
        )

    @property
    def address(self) -> str:
        """The page's address, for a browser on this machine or through the proxy. Who knows it sees all."""
        server = self._server
        asked = {"explorer": self._key, "model": self._model, "q": self._query}
        return page_address(server.port, server.path, base=self._base, **asked)

    @property
    def selection(self) -> "pd.DataFrame":
        """The metadata of the images that are selected in the page now, by id; empty if none are.

        If the page shows a newer version of the dataset, or another model's map, the metadata are of these.
        """
        page = self._page()
        table = self._tables(page).metadata
        rows = table.index.get_indexer(page["selection"])
        return table.iloc[rows[rows >= 0]]

    @property
    def results(self) -> "pd.DataFrame":
        """The results of the query that the page lists now, as `atlas.search` returns them."""
        import numpy as np

        page = self._page()
        atlas = self._tables(page)
        rows = atlas.metadata.index.get_indexer(page["results"])
        similarity = np.array(page["similarity"], np.float32)
        return self._ranked(atlas, rows[rows >= 0], similarity[rows >= 0])

    @property
    def query(self) -> str:
        """The query of the page now; "" if there is none."""
        page = self._page()
        return str(page["query"]) if page["open"] else self._query

    def search(self, text: str) -> None:
        """Search in the page, and wait for its results; an empty text removes the query.

        If no page is open yet, it begins with this query.

        Raises:
            ClipperError: the page cannot answer the query; the message says why.
        """
        page = self._ask({"text": text})
        if not page["open"]:
            self._query = text
        elif page["message"]:
            raise ClipperError(page["message"])

    def open(self) -> None:
        """Open the page in a browser of its own, which needs no notebook."""
        webbrowser.open(self.address)

    def stop(self) -> None:
        """End the server: the pages of this atlas stop, their port and memory are free."""
        stop_server(self._server)

    def _page(self) -> dict[str, Any]:
        return self._ask(None)

    def _ask(self, told: object) -> dict[str, Any]:
        answer = self._server.ask(f"explorer/{self._key}", told=told)
        assert isinstance(answer, dict)
        return answer

    def _tables(self, page: dict[str, Any]) -> Tables:
        """Return the atlas of the version and the model that the page shows."""
        atlas = self._atlas
        if page["version"] not in {"", atlas.version} or page["model"] not in {"", atlas.model}:
            self._atlas = self._latest(atlas, page["model"]) or atlas
        return self._atlas
