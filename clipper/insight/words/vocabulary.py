"""The vocabulary that ships with Clipper, that of a home, and the vectors of words, kept on this machine.

What does not belong here: the words of a dataset's metadata (`candidates.py`), and making the shipped
list (`data/vocabulary/`).
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clipper.caches import cache_folder
from clipper.hashing import content_hash, digest
from clipper.insight.words.candidates import plain_form
from clipper.store.home import Home, atomic_path
from clipper.text import one_line

if TYPE_CHECKING:
    import numpy as np

# What is read of a home's list at most.
MAX_BYTES, MAX_WORDS, MAX_LENGTH = 2_000_000, 10_000, 60
# A word as a query has it, and as a caption has it. CLIP's authors found that a prompt around a word helps,
# and the mean of several more (Radford et al. 2021, section 3.1.4); a name must hold as a bare query, too. On
# the sample's model, which learned both, the choice makes no difference.
TEMPLATES = ("{}", "a photo of a {}")
BARE = ("{}",)
# Texts that are embedded at once. They are sorted by length: each batch is padded to its longest.
_BATCH = 256
# Files of vectors that are kept; the one that was not read for longest goes first.
_KEPT = 16
_SUFFIX = ".words"
_FORMAT = 1

Embed = Callable[[Sequence[str]], "np.ndarray"]


class HomeWords(NamedTuple):
    """The words of a home's vocabulary.txt, and what could not be read of it, in sentences."""

    words: tuple[str, ...]
    problems: tuple[str, ...]


@cache
def shipped_words() -> tuple[str, ...]:
    """Return the vocabulary that ships with Clipper: what can be seen, in English."""
    return tuple(_unrepeated(_lines(_shipped().decode())))


def shipped_version() -> str:
    """Return the version of the vocabulary that ships: a run that has nothing to do reads no words for it."""
    return content_hash(_shipped()).hex()


def path_of(home: Home) -> Path:
    """The file in which a person lists words that may name clusters, one a line."""
    return home.folder / "vocabulary.txt"


def home_words(home: Home) -> HomeWords:
    """Read a home's vocabulary; a home without the file has no words.

    `#` begins a comment. A file that is no text gives no words; of one that is too large, the first words are
    taken. Both are told, and neither is an error: names are no reason to fail.
    """
    path = path_of(home)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return HomeWords((), ())
    except OSError as error:
        return HomeWords((), (f"{path} cannot be read ({error.strerror or error})",))
    problems = []
    if len(data) > MAX_BYTES:
        problems.append(f"{path} is larger than {MAX_BYTES:,} bytes; the rest is left out")
        data = data[: data.rfind(b"\n", 0, MAX_BYTES) + 1]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return HomeWords((), (f"{path} is no UTF-8 text; save it as UTF-8, one word a line",))
    if "\0" in text:
        return HomeWords((), (f"{path} is no text; write one word a line",))
    short = (word for word in _lines(text) if len(word) <= MAX_LENGTH)
    words = tuple(islice(_unrepeated(short), MAX_WORDS + 1))
    if len(words) > MAX_WORDS:
        problems.append(f"{path} has more than {MAX_WORDS:,} words; the first of them are used")
    if long := sum(len(word) > MAX_LENGTH for word in _lines(text)):
        problems.append(f"{path}: {long:,} line(s) of more than {MAX_LENGTH} characters are left out")
    return HomeWords(words[:MAX_WORDS], tuple(problems))


def word_vectors(
    words: Sequence[str],
    *,
    embed: Embed,
    fingerprint: str,
    folder: Path | None = None,
    templates: Sequence[str] = TEMPLATES,
) -> "np.ndarray":
    """Return the vectors of words, from this machine's cache if they are there, and keep them in it if not.

    A damaged file is made again. A folder that cannot be written only costs the time of the next embedding.

    Args:
        words: any.
        embed: embeds texts: (n, d) float32, rows L2-normalised. Not called if the cache has the vectors.
        fingerprint: of the model.
        folder: of the cache; None for the one of this user.
        templates: the texts around a word.

    Returns:
        (w, d) float32, rows L2-normalised: of each word, the mean over the templates; (0, 0) for no words.
    """
    import numpy as np

    if not words:
        return np.empty((0, 0), np.float32)
    folder = folder or cache_folder("clipper/words")
    key = digest(_FORMAT, fingerprint, templates, list(words))
    if folder is None:
        return embed_words(words, embed, templates)
    path = folder / f"{key}{_SUFFIX}"
    vectors = _read(path, key, len(words))
    if vectors is None:
        vectors = embed_words(words, embed, templates)
        with suppress(OSError):
            _write(path, key, vectors)
            _prune(folder)
    return vectors


def embed_words(words: Sequence[str], embed: Embed, templates: Sequence[str] = TEMPLATES) -> "np.ndarray":
    """Embed words, each in the templates: (w, d) float32, rows L2-normalised; (0, 0) for no words."""
    import numpy as np

    if not words:
        return np.empty((0, 0), np.float32)
    order = sorted(range(len(words)), key=lambda row: (len(words[row]), row))
    parts = []
    for start in range(0, len(words), _BATCH):
        batch = [words[row] for row in order[start : start + _BATCH]]
        parts.append(np.sum([embed([form.format(word) for word in batch]) for form in templates], axis=0))
    summed = np.concatenate(parts)
    vectors = np.empty_like(summed, np.float32)
    vectors[order] = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
    return vectors


def _shipped() -> bytes:
    return resources.files("clipper.insight.words").joinpath("vocabulary.txt").read_bytes()


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if word := one_line(line.partition("#")[0]):
            yield word


def _unrepeated(words: Iterator[str]) -> Iterator[str]:
    """Yield each word once, in its first spelling."""
    seen: set[str] = set()
    for word in words:
        if (key := plain_form(word)) not in seen:
            seen.add(key)
            yield word


def _read(path: Path, key: str, count: int) -> "np.ndarray | None":
    """Read kept vectors; None if there are none, or if the file is not as it was written."""
    import numpy as np

    try:
        data = path.read_bytes()
        if data[:32] != _checksum(key, data[32:]):
            return None
        vectors: np.ndarray = np.load(io.BytesIO(data[32:]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != count:  # noqa: PLR2004
        return None
    with suppress(OSError):
        os.utime(path)  # read now: it is kept longer
    return vectors


def _write(path: Path, key: str, vectors: "np.ndarray") -> None:
    import numpy as np

    payload = io.BytesIO()
    np.save(payload, vectors, allow_pickle=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_checksum(key, payload.getvalue()) + payload.getvalue())


def _checksum(key: str, payload: bytes) -> bytes:
    """Return 32 bytes over vectors and what they are of: a file that was renamed does not pass either."""
    return hashlib.blake2b(payload, digest_size=32, key=key.encode()).digest()


def _prune(folder: Path) -> None:
    """Delete all but the files that were read last."""
    kept = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)
