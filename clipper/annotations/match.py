"""Find the images of the folder that label files mean: by path, by the end of a path, or by name.

All in Arrow: a dataset may have ten million images. What does not belong here: keys of metadata
(`metadata/join.py`), which people write by hand.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from clipper.annotations.formats.labels import below
from clipper.images.folder_names import PART_NAMES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from clipper.annotations.formats.labels import Problems

NONE, SEVERAL = -1, -2
# A folder's name has at least so many letters if a label file such as instances_val.json is to mean it.
_LEAST_LETTERS = 3
# Parts of a split by their first letters: dev is another word for val, and so on.
_SAME_PART = {"de": "va", "ts": "te", "ev": "te", "ho": "te"}
# Of a longer path only the last parts are tried.
_MAX_PARTS = 64
_ENDING, _FOLDERS, _ABOVE = r"\.[^./]*$", r"^.*/", r"^.*/([^/]*/[^/]*)$"


class _Form(NamedTuple):
    """One way to write all ids: the different texts, the first image of each, and how many it means."""

    texts: "pa.Array"
    first: "np.ndarray"
    means: "np.ndarray"


class Matcher:
    """Finds images by the names that label files have for them."""

    def __init__(self, ids: "Sequence[str] | pa.LargeStringArray") -> None:
        """Index the ids of all images.

        Args:
            ids: paths below the images folder, with `/`.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = _composed(pa.array(ids, pa.large_string()))
        self._ids = whole
        folders = pc.unique(pc.replace_substring_regex(whole, r"/?[^/]*$", "")).to_pylist()
        self._folders: frozenset[str] = frozenset(folders)

    # Each way to write the ids costs seconds for millions of them, and most label files need the first alone.
    @cached_property
    def _exact(self) -> list[_Form]:
        return [_form(self._ids), _form(_without(self._ids, _ENDING))]

    @cached_property
    def _ends(self) -> list[_Form]:
        import pyarrow.compute as pc

        ends = pc.replace_substring_regex(self._ids, _ABOVE, r"\1")
        return [_form(ends), _form(_without(ends, _ENDING))]

    @cached_property
    def _names(self) -> list[_Form]:
        names = _without(self._ids, _FOLDERS)
        return [_form(names), _form(_without(names, _ENDING))]

    @cached_property
    def _loose(self) -> list[_Form]:
        import pyarrow.compute as pc

        whole = pc.utf8_lower(self._ids)
        named = _without(whole, _FOLDERS)
        return [_form(each) for one in (whole, named) for each in (one, _without(one, _ENDING))]

    def rows(
        self, names: Sequence[tuple[str, ...]], *, source: str, problems: "Problems | None" = None
    ) -> "np.ndarray":
        """Return the row of each image, (n,) int64; `NONE` for none, `SEVERAL` where it is not clear.

        An image is looked up under all its names as paths. If the folder that the first one names has
        images, it must be there: an image of the same name in another split is another one. Otherwise the
        end of a path decides, or a name that only one image has. If several have it, those count that lie
        with the label file, or in the part of a split that it is of. At last names match in any case, with
        any ending, and as URLs write them.

        Args:
            names: of each image, the likeliest first.
            source: the label file. If it is called `instances_val2017.json`, its images are looked for in a
                folder `val2017`.
            problems: gets a note on names that match only at last.
        """
        import numpy as np

        found = np.full(len(names), NONE, np.int64)
        self._try(found, names, self._exact)
        if (meant := self._folder_meant(source)) is not None:
            names = [(below(meant, each[-1]), *each) for each in names]
            self._try(found, names, self._exact)
        sure = found != NONE
        if sure.all():
            return found
        free = np.array(
            [_folder(each[0]) == "" or _folder(each[0]) not in self._folders for each in names], bool
        )
        self._try(found, [_tails(each[-1]) for each in names], self._exact, where=free)
        self._try(
            found,
            [tuple(_end(name) for name in each if "/" in name) for each in names],
            self._ends,
            where=free,
        )
        self._try(
            found,
            [tuple(name for name in each if "/" not in name) for each in names],
            self._names,
            where=free,
        )
        self._narrow(found, names, source)
        unknown = np.flatnonzero((found == NONE) & free)
        if len(unknown):
            there = found[unknown]
            self._try(there, [_loosely(names[i][-1]) for i in unknown.tolist()], self._loose)
            found[unknown] = there
        self._drop_other_parts(found, ~sure & (found >= 0), source)
        loose = unknown[found[unknown] >= 0]
        if problems is not None:
            problems.add(
                "image(s) are written otherwise, in another case or with another ending",
                "they are matched",
                (names[i][-1] for i in loose[:3].tolist()),
                count=len(loose),
            )
        return found

    def _narrow(self, found: "np.ndarray", names: Sequence[tuple[str, ...]], source: str) -> None:
        """Find images of which several have the name among those near the label file, and of its part."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not (found == SEVERAL).any():
            return
        folder, own = _folder(source), parts_in(source)
        near = pc.starts_with(self._ids, f"{folder}/") if folder else None
        parts = [one for one in self._folders if parts_in(one) & own]
        of_part = pc.is_in(_without(self._ids, r"/?[^/]*$"), pa.array(parts, pa.large_string()))
        for mask in (near, of_part if own else None):
            rows = np.flatnonzero(mask) if mask is not None else np.zeros(0, np.int64)
            several = np.flatnonzero(found == SEVERAL)
            if not len(rows) or len(rows) == len(self._ids) or not len(several):
                continue
            inner = Matcher(self._ids.take(pa.array(rows)))
            there = inner.rows([names[i] for i in several.tolist()], source="")
            found[several[there >= 0]] = rows[there[there >= 0]]

    def _drop_other_parts(self, found: "np.ndarray", guessed: "np.ndarray", source: str) -> None:
        """Take back what was found by name alone for a file of one part of a split in another part."""
        import numpy as np

        if not (own := parts_in(source)):
            return
        parts: dict[str, set[str]] = {}
        for i in np.flatnonzero(guessed).tolist():
            folder = _folder(self._ids[int(found[i])].as_py())
            if folder not in parts:
                parts[folder] = parts_in(folder)
            if parts[folder] and not parts[folder] & own:
                found[i] = NONE

    def _folder_meant(self, source: str) -> str | None:
        """Return the images' folder whose name is in that of a label file, such as instances_val2017.json."""
        stem = source.rpartition("/")[2].lower()
        named = [
            (len(last), folder)
            for folder in self._folders
            if len(last := folder.rpartition("/")[2].lower()) >= _LEAST_LETTERS and last in stem
        ]
        best = max(named, default=(0, ""))
        return best[1] if sum(length == best[0] for length, _ in named) == 1 else None

    def _try(
        self,
        found: "np.ndarray",
        names: Sequence[tuple[str, ...]],
        forms: Sequence[_Form],
        *,
        where: "np.ndarray | None" = None,
    ) -> None:
        """Look the images that are not found yet up under their first names, then under their second, ..."""
        import numpy as np

        most = max(map(len, names), default=0)
        for place in range(most):
            for form in forms:
                open_rows = found == NONE if where is None else (found == NONE) & where
                wanted = [i for i in np.flatnonzero(open_rows).tolist() if place < len(names[i])]
                if wanted:
                    found[wanted] = _look_up([names[i][place] for i in wanted], form)


def parts_in(path: str) -> set[str]:
    """Return the parts of a split that a path names: "instances_val2017.json" is of the part "va"."""
    words = set(re.split(r"[^a-z]+", path.lower())) & PART_NAMES
    return {_SAME_PART.get(word[:2], word[:2]) for word in words}


def _look_up(names: Sequence[str], form: _Form) -> "np.ndarray":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = _composed(pa.array(names, pa.large_string()))
    at = np.asarray(pc.fill_null(pc.index_in(keys, value_set=form.texts), -1).to_numpy(zero_copy_only=False))
    rows = (
        np.where(form.means[at] > 1, SEVERAL, form.first[at]) if len(form.first) else np.full(len(at), NONE)
    )
    return np.where(at < 0, NONE, rows)


def _form(texts: "pa.Array") -> _Form:
    import numpy as np

    encoded = texts.dictionary_encode()
    codes = np.asarray(encoded.indices)
    first = np.zeros(len(encoded.dictionary), np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return _Form(encoded.dictionary, first, np.bincount(codes, minlength=len(first)))


def _composed(texts: "pa.Array") -> "pa.Array":
    """Return texts in Unicode's composed form: file names of a Mac are decomposed."""
    import pyarrow.compute as pc

    plain = pc.all(pc.string_is_ascii(texts)).as_py()
    return texts if plain is not False else pc.utf8_normalize(texts, form="NFC")


def _without(texts: "pa.Array", pattern: str) -> "pa.Array":
    import pyarrow.compute as pc

    return pc.replace_substring_regex(texts, pattern, "")


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _end(name: str) -> str:
    """Return the last folder and the name."""
    return "/".join(name.rsplit("/", 2)[-2:])


def _loosely(name: str) -> tuple[str, ...]:
    """Return a path, its ends, and its name without ending: in lower case, as no URL writes it."""
    plain = unquote(name.partition("?")[0]).lower()
    own = plain.rpartition("/")[2]
    return (plain, *_tails(plain), own, re.sub(_ENDING, "", own))


def _tails(name: str) -> tuple[str, ...]:
    """Return a path without its first folder, without its first two, ...: where others have the dataset."""
    parts = name.split("/")[-_MAX_PARTS:]
    return tuple("/".join(parts[i:]) for i in range(1, len(parts)))
