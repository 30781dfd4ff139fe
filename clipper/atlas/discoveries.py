"""The questions that an atlas answers: which clusters, duplicates and concepts does the dataset have?

What does not belong here: how anything is found (`insight/`), and the tables' columns (`frames.py`).
"""

from typing import TYPE_CHECKING

from clipper.atlas import frames
from clipper.atlas.engine import SearchEngine
from clipper.errors import ClipperError
from clipper.insight.classify import parse_words, split_words
from clipper.insight.drift import DRIFT_LEVEL, Drift, cluster_ids, measure_drift
from clipper.metadata.columns import WORDS, Column
from clipper.projection.axes import Axis, jitters
from clipper.projection.axis_text import parse_axis
from clipper.store import word_columns
from clipper.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

    from clipper.store.home import Home


class Discoveries:
    """The part of `clipper.Atlas` that tells what is in a dataset."""

    _engine: SearchEngine

    @property
    def clusters(self) -> "pd.DataFrame":
        """The clusters, in three levels from a few large ones (0) to many small ones (2).

        The index is the cluster's number, which lasts as long as most of its images stay. `parent` is the
        number of the cluster one level up, `representative` the image that stands for it best.

        Examples:
            >>> atlas.clusters.columns.to_list()
            ['level', 'name', 'size', 'representative', 'x', 'y', 'parent']
        """
        return frames.clusters(self._engine)

    def rename_cluster(self, cluster: int, name: str | None) -> None:
        """Give a cluster a name in place of the one that Clipper found; the viewer shows it at once.

        The name stays as long as the cluster does, also while images come and go.

        Examples:
            >>> atlas.rename_cluster(4, "city cats")
            >>> atlas.clusters.loc[4, "name"]
            'city cats'

        Args:
            cluster: its number, as the index of `clusters` has it.
            name: the name; None or "" takes it back.

        Raises:
            ClipperError: there is no such cluster, or the name is too long.
            StoreError: the home's names are damaged or cannot be written.
        """
        self._engine.rename_cluster(cluster, name)

    def duplicates(self) -> "pd.DataFrame":
        """Return the images that are double: `group`, `id`, `kind`, `similarity`, `keep` and `why`.

        In each group one image is the one to keep. `kind` says how another differs from it: exact, resized,
        recompressed, brighter, darker, cropped, mirrored.
        """
        return frames.duplicates(self._engine)

    def outliers(self) -> "pd.DataFrame":
        """Return the images that stand apart from all others, the oddest first: `outlier`, `uniqueness`.

        A uniform dataset may have none. The scores of all images are in `points`.
        """
        return frames.outliers(self._engine)

    def label_issues(self, column: str | None = None) -> "pd.DataFrame":
        """Return the images whose label looks wrong, the surest first.

        Args:
            column: a metadata column of categories; None for all.

        Returns:
            `column`, `id`, `given`, `suggested` and `confidence`, 0 to 1.

        Raises:
            ClipperError: there is no such column.
        """
        if column is not None and column not in self._engine.columns:
            raise ClipperError(f"there is no column {column!r}; there are {', '.join(self._engine.columns)}")
        return frames.label_issues(self._engine, column)

    def classify(self, words: "Sequence[str] | str") -> "pd.DataFrame":
        """Give each image the nearest of some words, or none if no word is nearer than chance.

        Examples:
            >>> atlas.classify("flag, clock")["word"].value_counts().index.to_list()
            ['flag', 'clock']

        Args:
            words: a list, or a text with commas between them.

        Returns:
            by id: `word` (missing for none of them), and `margin`, how much nearer it is than the next word,
            or than chance; below 0 for none.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        named = _listed(words)
        return frames.classes(self._engine, named, self._engine.classify(named))

    def keep_words(self, name: str, words: "Sequence[str] | str") -> None:
        """Keep some words as a column: each run from the next one on gives every image the nearest, or none.

        The column then colours the map and filters it, and `points` has it. Other words under the same name
        take the place of those before.

        Examples:
            >>> atlas.keep_words("animal", "cat, dog, bird")
            >>> atlas.kept_words
            {'animal': ['cat', 'dog', 'bird']}
            >>> atlas.forget_words("animal")

        Args:
            name: of the column; the metadata must not have it.
            words: up to 20: a list, or a text with commas between them.

        Raises:
            ClipperError: the name is taken, or the name or the words are not valid.
        """
        engine = self._engine
        listed = split_words(words) if isinstance(words, str) else words
        columns = {**engine.columns, **engine.insight_columns}
        keep_words(engine.home, name, listed, columns=columns, replace=True)

    def forget_words(self, name: str) -> None:
        """Keep a column of words no longer; from the next run on it is gone.

        Raises:
            ClipperError: no words are kept under that name.
        """
        forget_words(self._engine.home, name)

    @property
    def kept_words(self) -> dict[str, list[str]]:
        """The words that are kept as columns, by the column's name, also those that no run has made yet."""
        return word_columns.read(self._engine.home)

    def coverage(self, concepts: "Sequence[str] | str | None" = None) -> "pd.DataFrame":
        """Count the images that show each of many concepts: what is there, and what is missing.

        Args:
            concepts: a list, or a text with commas or line ends between them; None for the vocabulary that
                ships with Clipper, thousands of things that can be seen.

        Returns:
            one row a concept, those that no image shows first: `concept`, `images` (how many are nearer than
            chance finds), `unsure` (none is, but the nearest one may show it: look at it), `best` (the
            nearest image), its `similarity`, `x` and `y`.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        engine = self._engine
        named = engine.vocabulary if concepts is None else _listed(concepts)
        return frames.coverage(engine, named, engine.coverage(named))

    def axes(self, x: str, y: str | None = None) -> "pd.DataFrame":
        """Place each image between opposites, by a word, or by a column: the viewer's axes of meaning.

        Examples:
            >>> atlas.axes("a red thing <-> a blue thing", "bytes").columns.to_list()
            ['x', 'y']

        Args:
            x: two opposites, such as `night <-> day` (or with `↔`, `vs` or `|` between them); one text, for
                the similarity to it; or a column of `columns` or `points`. `column:night` is the column even
                if its name could be a text.
            y: another one.

        Returns:
            by id: `x` and `y`. For opposites the difference of the image's similarities with both, each in
            standard deviations over all images: above 0 it is nearer to the second. For a column its values:
            numbers (whole ones as `Int64`), times, or the category.

        Raises:
            ClipperError: an axis is not understood, or there is no such column.
            ModelError: the model that made the vectors cannot be found.
        """
        spread = jitters(self._engine.hashes)
        named = {"x": x} if y is None else {"x": x, "y": y}
        found = {
            name: self._axis(said, jitter)
            for (name, said), jitter in zip(named.items(), spread, strict=False)
        }
        return frames.axes(self._engine, found)

    def _axis(self, said: str, jitter: "np.ndarray") -> Axis:
        engine = self._engine
        columns = {**engine.columns, **engine.insight_columns}
        try:
            asked = parse_axis(said)
        except ValueError as error:
            raise ClipperError(f"the axis {said!r} is not understood: {error}") from None
        name = asked.column or asked.high if not asked.low else ""
        if name in columns:
            return frames.column_axis(engine, columns[name], jitter=jitter)
        if asked.column:
            raise ClipperError(f"there is no column {asked.column!r}; there are {', '.join(columns)}")
        return engine.text_axis(asked.low, asked.high)

    def drift(self, other: "Discoveries") -> Drift:
        """Compare this version with an earlier one, or with another dataset of the same model.

        Examples:
            >>> atlas.drift(atlas).drifted
            False

        Raises:
            ClipperError: the vectors of the two are of different models.
        """
        mine, theirs = self._engine, other._engine  # noqa: SLF001 - of the same class
        if mine.fingerprint != theirs.fingerprint:
            raise ClipperError(f"{theirs.title} was made with another model; index both with the same one")
        both = theirs.clusters, mine.clusters
        clusters = None
        if both[0] and both[1] and mine.home.folder == theirs.home.folder:  # elsewhere numbers mean others
            clusters = (cluster_ids(both[0], DRIFT_LEVEL), cluster_ids(both[1], DRIFT_LEVEL))
        return measure_drift(theirs.stored, mine.stored, keys=(theirs.hashes, mine.hashes), clusters=clusters)

    def drift_between(self, column: str, one: object, other: object) -> Drift:
        """Compare the images with two values of a column, such as `train` and `val` of `split`.

        Raises:
            ClipperError: there is no such column.
        """
        import numpy as np

        engine = self._engine
        if column not in engine.columns:
            raise ClipperError(f"there is no column {column!r}; there are {', '.join(engine.columns)}")
        values = np.array(engine.metadata_table[column].to_pylist(), object)
        rows = [np.flatnonzero(values == value) for value in (one, other)]
        ids = cluster_ids(engine.clusters, DRIFT_LEVEL) if engine.clusters else None
        return measure_drift(
            engine.stored[rows[0]],
            engine.stored[rows[1]],
            clusters=None if ids is None else (ids[rows[0]], ids[rows[1]]),
        )


def keep_words(
    home: "Home", name: str, words: "Sequence[str]", *, columns: "Mapping[str, Column]", replace: bool = False
) -> str:
    """Keep a list of words as a column; return the column's name as it is kept.

    Args:
        home: the atlas's.
        name: of the column.
        words: that an image may get.
        columns: those of the atlas; their names are taken, unless they are columns of words.
        replace: whether these words may take the place of others under that name.

    Raises:
        ClipperError: the name or the words are not valid, or the name is taken.
        StoreError: the file of the lists is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    column = one_line(name)
    if column in columns and columns[column].origin != WORDS:
        raise ClipperError(f"there is a column “{column}” already; choose another name")
    try:
        word_columns.keep(home, column, words, replace=replace)
    except ValueError as error:
        raise ClipperError(str(error)) from error
    return column


def forget_words(home: "Home", name: str) -> None:
    """Keep a column no longer.

    Raises:
        ClipperError: no list is kept under that name.
        StoreError: the file of the lists is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    try:
        word_columns.forget(home, name)
    except KeyError:
        kept = ", ".join(word_columns.read(home)) or "none"
        raise ClipperError(f"no words are kept as {name!r}; kept columns: {kept}") from None


def _listed(words: "Sequence[str] | str") -> list[str]:
    return parse_words(words) if isinstance(words, str) else list(dict.fromkeys(words))
