"""Words that may name clusters: what ships, what a home adds, and their vectors, computed once a machine."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from clipper.caches import cache_folder
from clipper.insight.words import vocabulary
from clipper.insight.words.candidates import plain_form
from clipper.store.home import Home

UNSEEMLY = {
    "ape", "gorilla", "chimpanzee", "monkey", "slave", "gypsy", "negro", "bastard", "bitch", "slut",
    "whore", "cripple", "savage", "primitive", "dwarf", "midget", "fag", "dyke", "nude", "penis",
    "breast", "vagina", "corpse", "mugshot", "criminal", "thug", "terrorist", "noose", "swastika",
    "prostitute", "pimp", "chink", "spic", "coon", "redskin",
}  # fmt: skip


class Embedder:
    """Embeds a text by its letters, and counts what it embedded."""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        seeds = [sum(text.encode()) * 1000 + len(text) for text in texts]
        vectors = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


def vectors_of(
    words: Sequence[str], embedder: Embedder, folder: Path, fingerprint: str = "model"
) -> np.ndarray:
    return vocabulary.word_vectors(words, embed=embedder, fingerprint=fingerprint, folder=folder)


def test_thousands_of_words_ship_each_once_short_and_plain() -> None:
    words = vocabulary.shipped_words()
    assert 5_000 <= len(words) <= 10_000
    assert len({plain_form(word) for word in words}) == len(words)
    assert max(map(len, words)) <= 40
    assert {"screenshot", "black and white photo", "night sky", "handwritten text", "cat", "lighthouse"} <= {
        *words
    }


def test_no_shipped_word_insults_or_is_indecent() -> None:
    parts = {part for word in vocabulary.shipped_words() for part in word.replace("-", " ").split()}
    assert not parts & UNSEEMLY


def test_the_licence_of_wordnet_stands_at_the_head_of_the_list() -> None:
    path = Path(vocabulary.__file__).with_name("vocabulary.txt")
    head = path.read_text("utf-8").partition("\n# Clipper\n")[0]
    assert "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved." in head
    assert all(line.startswith("#") or not line for line in head.split("\n"))


def test_a_home_adds_words_one_a_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert vocabulary.home_words(home) == ((), ())
    vocabulary.path_of(home).write_text(
        "# mine\n  blue   tit \nBlue Tits\n\nharvester # a machine\n", "utf-8-sig"
    )
    assert vocabulary.home_words(home) == (("blue tit", "harvester"), ())


@pytest.mark.parametrize(
    ("data", "words", "problem"),
    [
        (b"caf\xe9\nbar\n", 0, "no UTF-8 text"),
        (os.urandom(4096) + b"\xff", 0, "no UTF-8 text"),
        (b"\x00\x01\x02", 0, "no text"),
        (b"cat\n" + b"x" * 100 + b"\ndog\n", 2, "more than 60 characters"),
        (b"x" * 3_000_000, 0, "larger than 2,000,000 bytes"),
        (b"cat\n" + b"y" * 3_000_000, 1, "larger than 2,000,000 bytes"),
        (b"".join(b"word %x\n" % n for n in range(1_000_000)), 10_000, "more than 10,000 words"),
    ],
)  # fmt: skip
def test_a_hostile_list_is_cut_or_refused_and_that_is_told(
    tmp_path: Path, data: bytes, words: int, problem: str
) -> None:
    home = Home(tmp_path)
    vocabulary.path_of(home).write_bytes(data)
    found = vocabulary.home_words(home)
    assert len(found.words) == words
    assert problem in " ".join(found.problems)


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    vocabulary.path_of(Home(tmp_path)).mkdir()
    found = vocabulary.home_words(Home(tmp_path))
    assert not found.words
    assert "cannot be read" in found.problems[0]


def test_what_a_terminal_obeys_does_not_get_into_a_word(tmp_path: Path) -> None:
    home = Home(tmp_path)
    vocabulary.path_of(home).write_text("red\x1b[31m car\u202e\n", "utf-8")
    assert vocabulary.home_words(home).words == ("red [31m car",)


def test_words_are_embedded_once_for_each_model_and_list(tmp_path: Path, embedder: Embedder) -> None:
    words = [f"word {n}" * (1 + n % 3) for n in range(600)]
    first = vectors_of(words, embedder, tmp_path)
    assert first.dtype == np.float32
    assert np.allclose(np.linalg.norm(first, axis=1), 1)
    assert embedder.texts == len(vocabulary.TEMPLATES) * len(words)
    assert np.array_equal(vectors_of(words, embedder, tmp_path), first)
    assert embedder.texts == len(vocabulary.TEMPLATES) * len(words)
    vectors_of(words, embedder, tmp_path, "another model")
    vectors_of(words[1:], embedder, tmp_path)
    assert embedder.texts == len(vocabulary.TEMPLATES) * (3 * len(words) - 1)


def test_a_words_vector_is_the_mean_over_the_templates(tmp_path: Path, embedder: Embedder) -> None:
    (vector,) = vectors_of(["cat"], embedder, tmp_path)
    both = embedder([form.format("cat") for form in vocabulary.TEMPLATES]).sum(axis=0)
    assert np.allclose(vector, both / np.linalg.norm(both), atol=1e-6)


def test_no_words_need_no_model(tmp_path: Path, embedder: Embedder) -> None:
    assert vectors_of([], embedder, tmp_path).shape[0] == 0
    assert embedder.texts == 0


@pytest.mark.parametrize("change", ["cut", "bit", "empty", "other"])
def test_a_damaged_or_foreign_file_is_made_again(tmp_path: Path, embedder: Embedder, change: str) -> None:
    right = vectors_of(["cat", "dog"], embedder, tmp_path)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    if change == "cut":
        data = data[:-4]
    elif change == "bit":
        data[-1] ^= 1
    elif change == "empty":
        data = bytearray()
    else:
        vectors_of(["cow", "pig"], embedder, tmp_path / "other")
        data = bytearray(next((tmp_path / "other").iterdir()).read_bytes())
    path.write_bytes(data)
    before = embedder.texts
    assert np.array_equal(vectors_of(["cat", "dog"], embedder, tmp_path), right)
    assert embedder.texts > before
    before = embedder.texts
    assert np.array_equal(vectors_of(["cat", "dog"], embedder, tmp_path), right)
    assert embedder.texts == before


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "file").touch()
    assert len(vectors_of(["cat", "dog"], embedder, tmp_path / "file" / "words")) == 2


def test_lists_that_were_not_read_for_long_are_dropped(tmp_path: Path, embedder: Embedder) -> None:
    for n in range(vocabulary._KEPT + 3):
        vectors_of([f"word {n}"], embedder, tmp_path)
        for path in tmp_path.iterdir():  # all of them are older than the next
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - 10**9))
        vectors_of(["word 0"], embedder, tmp_path)
    assert len([*tmp_path.iterdir()]) == vocabulary._KEPT
    before = embedder.texts
    vectors_of(["word 0"], embedder, tmp_path)
    assert embedder.texts == before


def test_several_that_make_the_same_file_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    found: list[np.ndarray] = []

    def make() -> None:
        found.append(vectors_of([f"word {n}" for n in range(300)], Embedder(), tmp_path))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(np.array_equal(vectors, found[0]) for vectors in found)


def test_the_cache_lies_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("clipper/words") == tmp_path / "clipper" / "words"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("clipper/words") == tmp_path / ".cache" / "clipper" / "words"
