r"""Match the keys of a metadata file with images: a path, a name, or a path as another system writes it.

A key is looked for in steps, and the first step that knows it decides:

1. as it is written, and without blanks around it;
2. with its accents composed, as people type them: file names of a Mac are decomposed;
3. as a path of another system: `\` for `/`, a leading `./`, quotes around it, `%20` for a blank;
4. by its end: an absolute path or a URL whose last folders and name are an image's id;
5. without the folders that all keys share, such as those of another computer;
6. in another case;
7. with other blanks, or other forms of the same letters, such as full-width ones;
8. with the ending of another format: photos that were converted since;
9. as a number: `7` or `7.0` for `007.jpg`, as spreadsheets and pandas write it.

Steps 1 to 3 and 6 to 9 try a path, a path without its ending, the end of a path, and that end without its
ending. Steps 6 to 9 then go on as steps 4 and 5 do. Steps 4 to 9 guess, so they count only where one key
means one image, and they never take a file of one part of a split for that of another. Whatever is not
written as the image's own path or name is reported. What does not belong here: which column holds the keys
(`key_column.py`).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from clipper.columns import integers, numbers, truths
from clipper.images.folder_names import PART_NAMES
from clipper.metadata.keys.forms import (
    AMBIGUOUS,
    BY_END,
    GUESSED,
    MAX_PARTS,
    NO_NAME,
    NONE,
    SURE,
    Forms,
    as_numbers,
    as_written,
    composed,
    composed_accents,
    decoded_paths,
    lower_case,
    other_endings,
    plain_paths,
    same_letters,
    shared_folder,
    taken,
    texts,
)  # fmt: skip
from clipper.metadata.values.types import EXAMPLES, first_few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from clipper.metadata.keys.forms import Spelling

# In the place of an image's row, beside `NONE` and `AMBIGUOUS`: an image that a surer key names.
CONTESTED = -3


@dataclass(frozen=True)
class Matches:
    """The image of each key.

    `rows` is (n,) int64: the row of the image, or `NONE`, `AMBIGUOUS` or `CONTESTED`. `readings` has, for
    each way in which keys were read, how many there were, and a key and the id that it named.
    """

    rows: "np.ndarray"
    readings: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    @property
    def named(self) -> int:
        """How many different images are named."""
        import numpy as np

        return len(np.unique(self.rows[self.rows >= 0]))

    def problems(self, name: str, keys: "Sequence[str] | pa.Array") -> list[str]:
        """Describe the keys that name no image, and those that were read in another way than written."""
        import numpy as np

        problems = [
            f"{name}: {count:,} key(s) are matched {how}, such as {first_few([key])} with {image_id}"
            for how, (count, key, image_id) in self.readings.items()
        ]
        for code, start, end in (
            (NONE, "no image is called", ""),
            (AMBIGUOUS, "several images are called", "; write their paths"),
            (CONTESTED, "another key means the same image as", "; left out, write the path of each image"),
        ):
            found = np.flatnonzero(self.rows == code)
            if len(found):
                examples = [str(keys[i]) for i in found[:EXAMPLES].tolist()]
                problems.append(f"{name}: {start} {first_few(examples, count=len(found))}{end}")
        return problems


class ImageKeys:
    """Images of a dataset, found by key. Indices are made when they are first needed.

    `prefix` is the folder that the keys leave out, with `/`, or "".
    """

    def __init__(
        self,
        ids: "Sequence[str] | pa.Array",
        rows: "np.ndarray | None" = None,
        *,
        prefix: str = "",
        folder: str = "",
        unusable: Sequence[str] = (),
    ) -> None:
        """Take ids without `prefix`, their rows, the path of their folder, and the ids of damaged files."""
        self._ids, self._prefix, self._unusable = texts(ids), prefix, unusable
        self._folder = folder.replace("\\", "/")
        # Files of one name in two parts of a split are different images.
        self.other_splits = sorted(PART_NAMES.difference(self._folder.lower().split("/")))
        self._rows = rows
        self._below: dict[str, ImageKeys] = {}
        self._views: dict[Spelling, Forms] = {}

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._ids)

    def id_of(self, place: int) -> str:
        """Return the whole id of one of these images."""
        return self._prefix + str(self._ids[place])

    def below(self, folder: str) -> "ImageKeys":
        """Return the images below a folder; their keys are relative to it. "" is the images folder itself."""
        if not folder:
            return self
        if folder not in self._below:
            import pyarrow.compute as pc

            def read(place: int) -> str:
                return str(self._ids[int(self._order[place])])

            # "0" follows "/".
            places = range(len(self))
            start, end = (bisect_left(places, f"{folder}{mark}", key=read) for mark in "/0")
            rows, prefix = self._order[start:end], f"{folder}/"
            self._below[folder] = ImageKeys(
                pc.utf8_slice_codeunits(self._ids.take(integers(rows)), len(prefix)),
                rows,
                prefix=prefix,
                folder=f"{self._folder}/{folder}",
                unusable=[path[len(prefix) :] for path in self._unusable if path.startswith(prefix)],
            )
        return self._below[folder]

    def match(self, keys: "Sequence[str] | pa.ChunkedArray") -> Matches:
        """Find the image of each key."""
        import numpy as np

        if not len(self):
            return Matches(np.full(len(keys), NONE, np.int64))
        search = _Search(texts(keys), self)
        search.run()
        search.refuse_contested()
        rows = search.rows
        if self._rows is not None:  # the codes count from the end
            rows = np.append(self._rows, [CONTESTED, AMBIGUOUS, NONE])[rows]
        return Matches(rows, search.readings())

    def are_unusable(self, keys: "Sequence[str] | pa.ChunkedArray") -> bool:
        """Whether any of the keys names an image that cannot be used, such as a damaged file."""
        return bool(self._unusable) and bool(ImageKeys(self._unusable).match(keys).named)

    def view(self, spelling: "Spelling") -> Forms:
        """The forms of the ids in a spelling."""
        if spelling not in self._views:
            self._views[spelling] = Forms(spelling(self._ids))
        return self._views[spelling]

    @cached_property
    def _order(self) -> "np.ndarray":
        """The places of the ids in alphabetical order, (n,) int64."""
        import numpy as np
        import pyarrow.compute as pc

        ids = self._ids
        if truths(pc.less_equal(ids[:-1], ids[1:])).all():  # the usual case
            return np.arange(len(ids))
        return numbers(pc.sort_indices(ids)).astype(np.int64)


class _Search:
    """The images that the keys of one file name, found step by step."""

    def __init__(self, keys: "pa.Array", images: ImageKeys) -> None:
        import numpy as np

        self.keys, self.images = keys, images
        self.rows = np.full(len(keys), NONE, np.int64)
        self.sure = np.zeros(len(keys), np.int8)
        # How each key was read: its place in `_hows`, whose first one is worth no note.
        self.read = np.zeros(len(keys), np.int8)
        self._hows = [""]

    def run(self) -> None:
        """Try each step on the keys that name no image yet."""
        import pyarrow.compute as pc

        self._try(as_written, as_written)
        self._try(pc.utf8_trim_whitespace, as_written)
        self._try(composed_accents, composed)
        self._try(plain_paths, composed, how="as a path of another system")
        self._try(decoded_paths, composed, how="with % signs decoded")
        shared = shared_folder(decoded_paths(self._of(self._open())))
        if shared and shared.split("/")[-2].lower() in self.images.other_splits:
            shared = ""
        for spelling, write, how in (
            (composed, composed, ""),
            (lower_case, lower_case, "in another case"),
            (same_letters, same_letters, "with other blanks or letters"),
            (lower_case, other_endings, "with the ending of another format"),
            (as_numbers, as_numbers, "as a number"),
        ):
            at = self._open()
            if not len(at):
                return
            self._guess_all(at, spelling, write, how=how, shared=shared)

    def _guess_all(
        self, at: "np.ndarray", spelling: "Spelling", write: "Spelling", *, how: str, shared: str
    ) -> None:
        """Look for keys in a spelling: whole, by their ends, and without the folders that they share."""
        import numpy as np
        import pyarrow.compute as pc

        paths = decoded_paths(self._of(at))
        written = write(paths)
        fit = np.flatnonzero(pc.not_equal(written, NO_NAME).to_numpy(zero_copy_only=False))
        at, paths, written = at[fit], taken(paths, fit), taken(written, fit)
        if how:
            self._guess(at, written, spelling, how=how)
        self._by_end(at, written, spelling, how=f"by the end of a longer path{how and ', '}{how}")
        if shared:
            inside = np.flatnonzero(pc.starts_with(paths, shared).to_numpy(zero_copy_only=False))
            rest = write(pc.utf8_slice_codeunits(taken(paths, inside), len(shared)))
            how = f"without the {shared!r} that they share{how and ' '}{how}"
            self._guess(at[inside], rest, spelling, how=how)

    def refuse_contested(self) -> None:
        """Take back a match that is not sure if a surer key, or another guess, names the same image."""
        import numpy as np

        found = self.rows >= 0
        weak = np.flatnonzero(found & (self.sure > SURE))
        if not len(weak):
            return
        best = np.full(len(self.images), GUESSED, np.int8)
        np.minimum.at(best, self.rows[found], self.sure[found])
        contested = weak[self.sure[weak] > best[self.rows[weak]]]
        guessed = weak[self.sure[weak] == GUESSED]
        codes = self.keys.dictionary_encode().indices.to_numpy()
        pairs = np.unique(np.stack([self.rows[guessed], codes[guessed]]), axis=1)
        places, counts = np.unique(pairs[0], return_counts=True)
        several = guessed[np.isin(self.rows[guessed], places[counts > 1])]
        self.rows[np.concatenate([contested, several])] = CONTESTED

    def _open(self) -> "np.ndarray":
        """The places of the keys that name no image yet."""
        import numpy as np

        return np.flatnonzero(self.rows == NONE)

    def _of(self, at: "np.ndarray") -> "pa.Array":
        return taken(self.keys, at)

    def _try(self, write: "Spelling", spelling: "Spelling", *, how: str = "") -> None:
        """Look for the open keys, written in another way."""
        import numpy as np
        import pyarrow.compute as pc

        at = self._open()
        if not len(at):
            return
        places, sure = self.images.view(spelling).find(write(self._of(at)))
        self._take(at, places, sure)
        named = np.flatnonzero(places >= 0)
        if not how:
            # Most tables name images by their bare names; a part of a path is worth a note.
            named = named[sure[named] == BY_END]
            named = named[pc.match_substring(self._of(at[named]), "/").to_numpy(zero_copy_only=False)]
            how = "by the end of the image's path"
        self._note(how, at[named])

    def _guess(self, at: "np.ndarray", keys: "pa.Array", spelling: "Spelling", *, how: str) -> None:
        """Look for some keys, written in another way, if they are open."""
        import numpy as np

        still = np.flatnonzero(self.rows[at] == NONE)
        places, sure = self.images.view(spelling).find(taken(keys, still))
        self._take(at[still], places, np.full_like(sure, GUESSED))
        self._note(how, at[still][places >= 0])

    def _by_end(self, at: "np.ndarray", keys: "pa.Array", spelling: "Spelling", *, how: str) -> None:
        """Drop the first folders of some keys, one at a time, until the rest is the path of an image."""
        import numpy as np
        import pyarrow.compute as pc

        forms = self.images.view(spelling)
        was_split = np.zeros(len(at), bool)
        for _ in range(MAX_PARTS):
            longer = pc.match_substring(keys, "/").to_numpy(zero_copy_only=False)
            left = np.flatnonzero(longer & (self.rows[at] == NONE))
            if not len(left):
                return
            whole = taken(keys, left)
            dropped = pc.utf8_lower(pc.replace_substring_regex(whole, "(?s)/.*$", ""))
            is_split = _are_among(dropped, self.images.other_splits)
            at, keys = at[left], pc.replace_substring_regex(whole, "^[^/]*/", "")
            places = forms.whole.find(keys)
            places = np.where(places == NONE, forms.stems.find(keys), places)
            # `val/1.jpg` is no name for `1.jpg` of the folder train.
            places[is_split | was_split[left]] = NONE
            was_split = is_split
            self._take(at, places, np.full(len(at), GUESSED, np.int8))
            self._note(how, at[places >= 0])

    def _take(self, at: "np.ndarray", places: "np.ndarray", sure: "np.ndarray") -> None:
        self.rows[at], self.sure[at] = places, sure

    def _note(self, how: str, at: "np.ndarray") -> None:
        if len(at):
            if how not in self._hows:
                self._hows.append(how)
            self.read[at] = self._hows.index(how)

    def readings(self) -> dict[str, tuple[int, str, str]]:
        """Return how many keys were read in each way, an example, and the id of its image."""
        import numpy as np

        readings = {}
        for number, how in enumerate(self._hows):
            at = np.flatnonzero((self.read == number) & (self.rows >= 0))
            if how and len(at):
                key, place = self.keys[int(at[0])].as_py(), int(self.rows[at[0]])
                readings[how] = (len(at), key, self.images.id_of(place))
        return readings


def _are_among(names: "pa.Array", known: Sequence[str]) -> "np.ndarray":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(names, value_set=pa.array(known, names.type))
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)
