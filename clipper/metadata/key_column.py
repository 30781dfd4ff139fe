"""Choose the column of a table that names the images: the one whose values match.

A column that is called like a file name is kept unless another one names more than twice as many images: one
that names the next image of a series may match as well. What does not belong here: how a value matches
(`keys/match.py`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clipper.errors import ImagesError
from clipper.metadata.entries import Source
from clipper.metadata.values.types import first_few

if TYPE_CHECKING:
    import pyarrow as pa

    from clipper.metadata.keys.match import ImageKeys

# Names of a column with the files' names, in upper or lower case, with `_`, `-` or a blank between words.
FILE_COLUMNS = (
    "file_name", "filename", "file", "path", "image", "file_path", "filepath", "image_path", "image_file",
    "image_filename", "image_name", "img", "img_path", "img_file", "img_name", "picture", "photo", "fname",
    "image_file_name", "relative_path", "rel_path", "relpath", "full_path", "fullpath", "absolute_path",
)  # fmt: skip
# Names that other things have as often.
OTHER_COLUMNS = ("id", "name", "image_id", "img_id", "key", "index", "url", "image_url", "uri")
KEY_COLUMNS = FILE_COLUMNS + OTHER_COLUMNS
# Whole numbers may name images in columns of these names, too.
_NUMBERED = ("id", "idx", "number", "key", "code")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A column to which no name points must name at least this share of the images, or one in so many of its rows:
# a column of labels may hold the name of an image by chance.
MIN_SHARE = 0.5
# So many rows, spread over the table, choose among its columns.
_SAMPLE_ROWS = 10_000
# What names the images where it is no column: the keys of a JSON object.
KEYS = "\0"


@dataclass(frozen=True)
class Candidate:
    """A column that may name the images: its name, whether its values are text, and its values.

    `read` returns the values as text, None where they are neither text nor whole numbers.
    """

    name: str
    is_text: bool
    read: "Callable[[], pa.ChunkedArray | Sequence[str] | None]"

    @property
    def rank(self) -> int:
        """The place in the list of known names; behind it for any other name."""
        if self.name == KEYS:
            return -1
        plain = _plain(self.name)
        return KEY_COLUMNS.index(plain) if plain in KEY_COLUMNS else len(KEY_COLUMNS)

    @property
    def is_known(self) -> bool:
        """Whether it is called like a column that names images."""
        return self.rank < len(KEY_COLUMNS)

    @property
    def is_file(self) -> bool:
        """Whether it is called like a column of file names."""
        return self.rank < len(FILE_COLUMNS)

    @property
    def may_name(self) -> bool:
        """Whether its values are worth a look: a column of plain numbers is, if its name speaks of ids."""
        return self.is_known or self.is_text or _plain(self.name).endswith(_NUMBERED)

    def described(self) -> str:
        """Its name, for a message."""
        return "the keys" if self.name == KEYS else f"the column {self.name!r}"


@dataclass(frozen=True)
class Choice:
    """The column that names the images, by its place among the candidates.

    `note` says what a person should know of the choice, "" for nothing. `other` describes the best of the
    other columns, "" if there is none.
    """

    place: int
    note: str = ""
    other: str = ""


@dataclass(frozen=True)
class _Score:
    """How a candidate fares in a sample: its filled rows, the images that it names, and one of its values.

    `odd` counts the keys that are not written as an image's own path or name.
    """

    place: int
    candidate: Candidate
    rows: int
    named: int
    odd: int
    example: str

    @property
    def order(self) -> tuple[int, int]:
        """The greater, the better."""
        return self.named, -self.odd

    def described(self) -> str:
        """Its name, a value, and how many images it names, for a message."""
        name = self.candidate.described()
        return f"{name} (such as {self.example[:60]!r}), which names {self.named:,} of {self.rows:,}"


def choose(candidates: Sequence[Candidate], images: "ImageKeys | None", *, name: str, source: str) -> Choice:
    """Choose the column that names the images.

    Args:
        candidates: the table's columns, in their order.
        images: that may be named; without them, or where there are none, the names of the columns decide.
        name: of the file, for notes.
        source: the file's path, for errors.

    Raises:
        ImagesError: no column is called like a file name, and none matches.
    """
    ranked = sorted(range(len(candidates)), key=lambda place: candidates[place].rank)
    known = [place for place in ranked if candidates[place].is_known]
    if images is None or not len(images):
        if not known:
            raise ImagesError(_without_key(candidates, source, ""))
        return Choice(known[0])

    def scores_of(places: Sequence[int]) -> list[_Score]:
        return [score for place in places if (score := _score(place, candidates[place], images))]

    files = scores_of([place for place in known if candidates[place].is_file])
    best_file = max(files, key=lambda score: score.order, default=None)
    if best_file and best_file.named and best_file.named >= MIN_SHARE * best_file.rows:
        # No other can name more than twice as many; but beside paths of another computer there may be ids.
        others = [place for place in known if not candidates[place].is_file] if best_file.odd else []
        chosen = max([best_file, *scores_of(others)], key=lambda score: score.order)
        return Choice(chosen.place, _note(chosen.candidate, known[0], candidates, name))
    wanted = [place for place in ranked if candidates[place].may_name]
    scores = files + scores_of([place for place in wanted if not candidates[place].is_file])
    fit = [score for score in scores if score.named and _is_fit(score, known[:1], len(images))]
    if best_file and not best_file.named:  # numbers that are only like an image's may be those of a database
        fit = [score for score in fit if score.candidate.is_text or score.odd < score.named]
    if not fit:
        rest = [score for score in scores if score.place not in known[:1]]
        other = max(rest, key=lambda score: score.named).described() if rest else ""
        if not known:
            raise ImagesError(_without_key(candidates, source, other))
        return Choice(known[0], other=other)
    chosen = max(fit, key=lambda score: score.order)
    if best_file in fit and best_file and 2 * best_file.named >= chosen.named:
        chosen = best_file
    return Choice(chosen.place, _note(chosen.candidate, known[0] if known else None, candidates, name))


def is_file_column(name: str) -> bool:
    """Whether a column is called like one of file names."""
    return _plain(name) in FILE_COLUMNS


def is_key_column(name: str) -> bool:
    """Whether a column is called like one that names images, by files or by ids."""
    return _plain(name) in KEY_COLUMNS


def _plain(name: str) -> str:
    """Write a name as those of the list: `imagePath`, `Image Path` and `image-path` as `image_path`."""
    return _CAMEL.sub("_", name.strip()).lower().replace("-", "_").replace(" ", "_")


def _note(chosen: Candidate, pointed: int | None, candidates: Sequence[Candidate], name: str) -> str:
    """Say which column names the images, unless its name says so; `pointed` is the column whose name does."""
    if pointed is None:
        return f"{name}: {chosen.described()} names the images"
    other = candidates[pointed]
    return (
        "" if other is chosen else f"{name}: {chosen.described()} names the images, not {other.described()}"
    )


def matched(source: Source, choice: Choice, column: str, images: "ImageKeys", *, path: str) -> Source:
    """Match the keys of a source with images.

    Args:
        source: a file's entries.
        choice: of the column that has its keys.
        column: the name of that column.
        images: that may be named.
        path: the file's path or URL, for errors.

    Raises:
        ImagesError: no key names an image, although there are keys and images. Nothing is indexed then, so
            that a wrong prefix does not remove all metadata from a published atlas.
    """
    matches = images.match(source.keys)
    notes = [choice.note] if choice.note else []
    is_empty = not len(source.keys) and not source.lost
    if matches.named or is_empty or not len(images) or images.are_unusable(source.keys):
        return replace(source, matches=matches, problems=[*source.problems, *notes])
    if not len(source.keys):
        why = "; ".join(problem.partition(": ")[2] or problem for problem in source.problems)
        raise ImagesError(
            f"{path} describes no image, and nothing was changed: {why}. Correct it, call the column of "
            "names file_name, or delete the file"
        )
    wrong = "; ".join(problem.partition(": ")[2] for problem in matches.problems("", source.keys))
    tried = "its keys" if column == KEYS else f"the column {column!r}"
    best = f" The best other column is {choice.other}." if choice.other else ""
    raise ImagesError(
        f"{path} describes no image, and nothing was changed. By {tried}, {wrong}; the images are called "
        f"like {images.id_of(0)!r}.{best} Correct the names, call the right column file_name, or "
        "delete the file"
    )


def _score(place: int, candidate: Candidate, images: "ImageKeys") -> _Score | None:
    """Match a sample of a candidate's values; None if it holds none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from clipper.metadata.keys.forms import texts

    values = candidate.read()
    if values is None or not len(values):
        return None
    whole = texts(values)
    if len(whole) > _SAMPLE_ROWS:
        whole = whole.take(pa.array(np.linspace(0, len(whole) - 1, _SAMPLE_ROWS).astype(np.int64)))
    filled = whole.filter(pc.not_equal(pc.utf8_trim_whitespace(whole), ""))
    if not len(filled):
        return None
    matches = images.match(filled)
    odd = sum(count for count, *_ in matches.readings.values())
    return _Score(place, candidate, len(filled), matches.named, odd, filled[0].as_py())


def _is_fit(score: _Score, pointed: Sequence[int], images: int) -> bool:
    """Whether a column names enough images; one to which its name points needs only one."""
    return score.place in pointed or score.named >= MIN_SHARE * min(score.rows, images)


def _without_key(candidates: Sequence[Candidate], source: str, other: str) -> str:
    names = first_few([one.name for one in candidates])
    best = f"; the best is {other}" if other else ""
    return f"{source} has no column that names the images; call it file_name (its columns: {names}{best})"
