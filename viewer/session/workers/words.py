"""Gives each image the nearest of a visitor's words, off the event loop, and keeps words as a column.

What does not belong here: which word is the nearest (`clipper.insight.classify`), the column that the classes
become (`dataset/columns/word_column.py`), and showing them (`components/map/words.py`).
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.atlas.discoveries import keep_words
from clipper.errors import ClipperError
from clipper.insight.classify import split_words
from clipper.store.home import Home
from clipper.store.word_columns import MAX_LENGTH, MAX_WORDS, clean_words
from viewer.dataset.columns.word_column import WordColumn
from viewer.dataset.dataset import Dataset
from viewer.pools import TAG_POOL, WORD_POOL
from viewer.session.background import in_background
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_TEXT_LENGTH = MAX_WORDS * (MAX_LENGTH + 4)  # characters of a list, with quotes and commas
KEPT_COLUMNS = 8  # of the latest words, for each version

log = logging.getLogger(__name__)


def read_words(text: str) -> tuple[str, ...]:
    """Read a typed list of words.

    Raises:
        ValueError: it is no such list; the message is for the visitor.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise ValueError(f"that is {len(text):,} characters; shorten the list")
    return tuple(clean_words(split_words(text)))


def known_column(dataset: Dataset, words: Sequence[str]) -> WordColumn | None:
    """Return the column of some words if this version has been classified by them."""
    kept: dict[tuple[str, ...], WordColumn] = dataset.cache.get("words", {})
    return kept.get(tuple(words))


def make_column(
    dataset: Dataset, words: tuple[str, ...], *, wanted: Callable[[], bool] = lambda: True
) -> WordColumn | None:
    """Classify a version by some words, once; None if they are no longer `wanted`. It runs in `WORD_POOL`.

    Raises:
        ClipperError: the model cannot be found.
    """
    column = known_column(dataset, words)
    if column is None:
        if not wanted():
            return None
        started = time.perf_counter()
        column = WordColumn(words, dataset.atlas.classify(words), dataset.index.order)
        took = (time.perf_counter() - started) * 1000
        log.info("classifying %d images by %d words took %.0f ms", dataset.n, len(words), took)
        _ = column.colouring, column.facet.total_counts  # made here, not while the page waits
    kept = {key: old for key, old in dataset.cache.get("words", {}).items() if key != words}
    dataset.cache["words"] = dict([*kept.items(), (words, column)][-KEPT_COLUMNS:])
    return column


class WordWorker:
    """Classifies by the words of one session: only the latest are shown, and after an error those before."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        state.param.watch(self._follow, "dataset")

    def ask(self, text: str) -> None:
        """Classify by a typed list; if it is not valid, say why and show what was shown."""
        try:
            words = read_words(text)
        except ValueError as error:
            self._state.param.update(asked_words=(), words_problem=_sentence(error))
            return
        self.classify(words)

    def classify(self, words: tuple[str, ...]) -> None:
        """Classify by some words; without any, there is no column."""
        state = self._state
        if not words:
            state.show_words(None)
            return
        if (known := known_column(state.dataset, words)) is not None:
            state.show_words(known)
            return
        state.param.update(asked_words=words, words_problem="")
        wanted = partial(self._wanted, state.dataset, words)
        work = partial(make_column, state.dataset, words, wanted=wanted)
        in_background(work, partial(self._found, wanted), pool=WORD_POOL)

    def keep(self, name: str) -> None:
        """Keep the words that are shown as a column of the next run."""
        state, column = self._state, self._state.word_column
        if column is None:
            return
        dataset, atlas = state.dataset, state.dataset.atlas
        home = Home(Path(atlas.settings.home))
        columns = {**atlas.columns, **atlas.insight_columns}
        work = partial(keep_words, home, name, column.words, columns=columns)
        in_background(work, partial(self._kept, dataset, column), pool=TAG_POOL)

    def _follow(self, _event: object) -> None:
        """Classify another version by the words in view, unless the change of version has brought them."""
        state = self._state
        if state.dataset is None:
            return
        words = state.asked_words or state.words
        if words and (state.asked_words or state.word_column is None):
            self.classify(words)

    def _wanted(self, dataset: Dataset, words: tuple[str, ...]) -> bool:
        return self._state.dataset is dataset and self._state.asked_words == words

    def _found(self, wanted: Callable[[], bool], done: "Future[WordColumn | None]") -> None:
        if not wanted():
            return
        error = done.exception()
        if error is not None:
            self._state.param.update(asked_words=(), words_problem=_told(error, "classified"))
        elif (column := done.result()) is not None:
            self._state.show_words(column)

    def _kept(self, dataset: Dataset, column: WordColumn, done: "Future[str]") -> None:
        state = self._state
        if state.dataset is not dataset or state.word_column is not column:
            return
        if (error := done.exception()) is not None:
            state.param.update(kept_words="", keep_problem=_told(error, "kept"))
        else:
            state.param.update(kept_words=done.result(), keep_problem="")


def _told(error: BaseException, done: str) -> str:
    if isinstance(error, ClipperError):
        return _sentence(error)
    log.error("words could not be %s", done, exc_info=error)
    return f"The words could not be {done}. The server's log says why."


def _sentence(error: BaseException) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
