"""What `clipper.open` returns: a dataset to look into from a notebook, image by image, by their ids.

What does not belong here: rows and threads (`engine.py`), tables (`frames.py`) and HTML (`html.py`).
"""

import io
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from clipper.atlas import frames, html
from clipper.atlas.discoveries import Discoveries
from clipper.atlas.engine import SearchEngine
from clipper.atlas.exports import Exports
from clipper.atlas.given.labels import Labels
from clipper.atlas.given.views import Views
from clipper.atlas.tags import Tags
from clipper.errors import BadImageError, ClipperError, UnknownImageError
from clipper.images.decode import read_file
from clipper.metadata.columns import Column
from clipper.query import Query
from clipper.query_syntax import Term
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.snapshots import current, refresh

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    import numpy as np
    import pandas as pd
    from PIL import Image

    from clipper.notebook.explorer import Explorer, Tables

# An image to search with: an id of the atlas, a file, a file's bytes, or a picture in memory.
ImageLike: TypeAlias = "str | Path | bytes | Image.Image"


class Atlas(Discoveries, Exports):
    """A published dataset: images, their metadata, their places on the map, and search.

    An atlas reads one version of the dataset and keeps it until it is closed, also while a run publishes the
    next one. What is large is loaded when first asked for. Several threads may use one atlas.

    Examples:
        >>> with clipper.open("data") as atlas:
        ...     len(atlas)
        1870
    """

    def __init__(self, settings: Settings, *, model: str | None = None) -> None:
        """Open what is published in the home of `settings`.

        Args:
            settings: of the home.
            model: which model's vectors and map to use, in an atlas of several; None: the first one's.

        Raises:
            NoIndexError: nothing is published yet.
            StoreError: a file of the store is damaged.
            ModelError: the atlas has no such model.
        """
        self._engine = SearchEngine(settings, model=model)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._engine)

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and image_id in self._engine

    def __repr__(self) -> str:
        return f"<Atlas {self.title!r}: {len(self):,} images, {self.home}>"

    def _repr_html_(self) -> str:
        return html.summary(self._engine)

    def close(self) -> None:
        """Let go of this version's files. A `with` block does it at its end."""
        self._engine.close()

    @property
    def title(self) -> str:
        """The dataset's name: the setting `title`, or the name of the images folder."""
        return self._engine.title

    @property
    def home(self) -> Path:
        """The folder that holds the atlas."""
        return self._engine.settings.home

    @property
    def version(self) -> str:
        """The name of the published version; it changes with every change of the dataset."""
        return self._engine.version

    @property
    def models(self) -> list[str]:
        """The models that the atlas was indexed with, the first one first."""
        return list(self._engine.models)

    @property
    def model(self) -> str:
        """The model whose vectors and map this atlas uses."""
        return self._engine.model

    @property
    def indexed_at(self) -> "datetime":
        """When the version was published, in UTC."""
        return self._engine.indexed_at

    @property
    def ids(self) -> list[str]:
        """The images' ids, sorted: each is a path below the images folder, with `/`."""
        return list(self._engine.ids)

    @property
    def columns(self) -> dict[str, Column]:
        """The metadata columns by name: type, role and origin of each."""
        return dict(self._engine.columns)

    @cached_property
    def points(self) -> "pd.DataFrame":
        """The map as a table: one row an image, and the id as its index.

        Beside `path`, `x` and `y` it has `cluster`, the number of the finest cluster that an image is in, and
        the scores: `outlier` in deviations from the usual, `uniqueness` from 0 to 1, what was measured on the
        picture, and what is wrong with it. Then come the columns of words, see `keep_words`.

        Examples:
            >>> atlas.points.columns.to_list()[:5]
            ['path', 'x', 'y', 'cluster', 'outlier']
        """
        return frames.points(self._engine)

    @cached_property
    def metadata(self) -> "pd.DataFrame":
        """The metadata as a table: one row an image, and the id as its index.

        Whole numbers are `Int64`: exact to 64 bits, also in a column in which values are missing. Times are
        datetimes without a zone: the wall clock where the photo was taken. Where some have an offset from
        UTC, a column such as `taken_at_utc` has their instants, and NaT for the others.

        Examples:
            >>> atlas.metadata["bytes"].dtype
            Int64Dtype()
        """
        return frames.metadata(self._engine)

    def objects(self, image_id: str | None = None) -> "pd.DataFrame":
        """Return the objects that label files of COCO, YOLO and others know, of one image or of all.

        Examples:
            >>> atlas.objects("cat-face.jpg").empty  # the sample has no label files
            True

        Returns:
            a row for each object: `id` of its image, `category`, its box as `left`, `top`, `width` and
            `height` in shares of the upright image (float32, NaN without a box), `crowd`, and `score` (NaN
            unless a detector gave one).

        Raises:
            UnknownImageError: the image is not in the atlas.
        """
        return frames.objects(self._engine, None if image_id is None else self._row(image_id))

    @cached_property
    def failures(self) -> "pd.DataFrame":
        """The files that are not on the map: `id` and `reason`."""
        return self._engine.failures

    @property
    def vectors(self) -> "np.ndarray":
        """The images' vectors in the order of `ids`: (n, d) float32, rows L2-normalised; a copy in memory."""
        return self._engine.vectors

    @cached_property
    def tags(self) -> Tags:
        """The tags that people give to images: to read, to add and to remove."""
        return Tags(self._engine)

    @cached_property
    def labels(self) -> Labels:
        """The columns of labels that people made, and the labels of images: to read and to change."""
        return Labels(self._engine)

    @cached_property
    def views(self) -> Views:
        """The views of the page that people saved: to list, to save and to remove."""
        return Views(self._engine.home, version=self.version)

    def search(
        self,
        text: str = "",
        *,
        image: "ImageLike | None" = None,
        k: int = 10,
        where: Mapping[str, Any] | str | None = None,
    ) -> "pd.DataFrame":
        """Rank the images by a text, by an image, or by both together.

        Examples:
            >>> atlas.search("red heart -blue", k=3)["id"][0]
            'red-heart.jpg'

        Args:
            text: words. `-word` asks for less of it, `"two words"` is a phrase, `^2` a weight, and `like:ID`
                an image.
            image: an id of the atlas, a path, a file's bytes, or a PIL image.
            k: how many images to return at most.
            where: a filter as a text, such as `'year > 2010 and group = "Flags"'`; or as Chroma writes it,
                such as `{"group": "Flags"}`; or as the viewer's links do, such as
                `{"group": {"values": ["Flags"]}}`. Scores, kept words and `cluster` filter, too.

        Returns:
            one row an image, best first: `id`, `path`, `similarity` (cosine), `x`, `y`, the metadata columns.
            `attrs["parts"]` has each text that is longer than the model reads at once, and in how many
            parts it was searched. For words alone `attrs["scores"]` has the score of each image, of 100, on
            the scale that `attrs["scale"]` names: CLIPScore, or SigLIP's match probability.

        Raises:
            ClipperError: there is nothing to search for, or the filter is not understood.
            UnknownImageError: a term names an image that is not in the atlas.
            BadImageError: the image cannot be read or decoded.
            NoTextError: there are words, and the model embeds images only.
            ModelError: the model that made the vectors cannot be found.
        """
        terms, data = self._image_terms(image)
        query = Query(text=text, image=data, terms=terms, where=where)
        hits = self._engine.rank(query, k=k)
        found = self._table(hits.rows, hits.similarity)
        found.attrs["parts"] = self._engine.long_texts(query)
        if hits.figures is not None:
            found.attrs |= {"scale": hits.scale.name, "scores": hits.figures}
        return found

    def similar(self, image_id: str, k: int = 10) -> "pd.DataFrame":
        """Rank the other images by their similarity to one of the atlas; needs no model.

        Examples:
            >>> "cat-face.jpg" in atlas.similar("cat-face.jpg", k=5)["id"].to_list()
            False

        Returns:
            a table as `search` returns it, without the image itself.

        Raises:
            UnknownImageError: the image is not in the atlas.
        """
        row = self._row(image_id)
        hits = self._engine.rank(Query(terms=(Term(like=image_id),)), k=k + 1)
        others = hits.rows != row
        return self._table(hits.rows[others][:k], hits.similarity[others][:k])

    def image(self, image_id: str) -> "Image.Image":
        """Open an original, upright, as RGB, in its full size.

        Raises:
            UnknownImageError: the image is not in the atlas.
            BadImageError: the file is gone or unreadable by now.
        """
        from clipper.images.decode import decode

        limit = self._engine.settings.max_pixels
        return decode(self._engine.image(self._row(image_id)), max_pixels=limit, min_side=limit).pixels

    def thumbnail(self, image_id: str) -> "Image.Image":
        """Open an image's thumbnail: 128 pixels on the longer side at most, without reading the original.

        Raises:
            UnknownImageError: the image is not in the atlas.
        """
        from PIL import Image

        return Image.open(io.BytesIO(self._engine.thumbnail(self._row(image_id))))

    def explore(self, *, height: int = 700, width: str = "100%", proxy: str | None = None) -> "Explorer":
        """Show the viewer in the cell of a notebook; needs the extra `viewer`.

        The page is the one of `clipper view`, in a process of its own that ends with this one. It begins with
        the map of this atlas's model. Outside of a notebook, print what this returns, or call its `open()`.

        Examples:
            >>> explorer = atlas.explore()
            >>> explorer.search("a cat")
            >>> explorer.query
            'a cat'
            >>> explorer.stop()

        Args:
            height: of the frame, in pixels.
            width: of the frame, as CSS writes it.
            proxy: if the browser runs on another machine, the URL or path of the Jupyter server, such as
                `"/"`, whose jupyter-server-proxy passes requests on; None: that of JupyterHub, if it started
                the kernel; "" for none.

        Returns:
            an explorer: its `selection` and `results` are tables of what the page shows now.

        Raises:
            MissingExtraError: the viewer's packages are not installed.
            ClipperError: the server does not start, or an argument is malformed.
        """
        from clipper.notebook.explorer import Explorer
        from clipper.notebook.server import server_of

        home = self.home

        def latest(known: "Tables", model: str) -> Atlas | None:
            folder = Home(home)
            refresh(folder)
            published = current(folder)
            if published is None or (published.version, model) == (known.version, known.model):
                return None
            there = model in [each.name for each in published.models]
            return Atlas(Settings.load(home), model=model if there else None)

        return Explorer(
            self,
            lambda: server_of(home),
            latest=latest,
            ranked=Atlas._table,
            height=height,
            width=width,
            proxy=proxy,
        )

    def info(self) -> dict[str, Any]:
        """Return what `clipper info --json` prints: counts, the model, versions, figures of the map."""
        return self._engine.info()

    def _row(self, image_id: str) -> int:
        try:
            return self._engine.row(image_id)
        except KeyError:
            raise UnknownImageError(image_id) from None

    def _table(self, rows: "np.ndarray", similarity: "np.ndarray") -> "pd.DataFrame":
        """The images of some rows with their similarities, places and metadata."""
        table = self.points.iloc[rows].reset_index()
        table.insert(2, "similarity", similarity)
        metadata = self.metadata.iloc[rows].reset_index(drop=True)
        return table.join(metadata[[name for name in metadata if name not in table.columns]])

    def _image_terms(self, image: "ImageLike | None") -> tuple[tuple[Term, ...], bytes | None]:
        """An image to search with as a term, where it is in the atlas, else as bytes to decode."""
        if image is None or isinstance(image, bytes):
            return (), image
        if isinstance(image, str) and image in self:
            return (Term(like=image),), None
        if isinstance(image, str | Path):
            return (), self._read(Path(image).expanduser())
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return (), buffer.getvalue()

    def _read(self, path: Path) -> bytes:
        try:
            return read_file(str(path), max_bytes=self._engine.settings.max_bytes)
        except FileNotFoundError:
            raise UnknownImageError(str(path)) from None
        except BadImageError as error:
            raise BadImageError(f"{path} {error}") from error
        except OSError as error:
            raise ClipperError(f"{path} cannot be read: {error.strerror}") from error
