"""Names of clusters: true of a cluster, of few other images, and no name where chance does as well."""

from collections.abc import Sequence

import numpy as np
import pytest

from clipper.insight.words.candidates import DatasetWords
from clipper.insight.words.naming import ClusterName, WordVectors, name_clusters
from clipper.store.parts.clusters import LEVELS, REPRESENTATIVES, Clusters

KINDS = ("flag", "cat", "tree", "boat", "clock", "heart", "house", "arrow", "bread", "star", "hand", "bird")
EACH, DIMENSIONS = 40, 64
SEED = 3


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


class World:
    """Images of twelve kinds, in clusters of one, three and six; texts lie apart from them, as CLIP's do."""

    def __init__(self) -> None:
        random = np.random.default_rng(SEED)
        groups = random.normal(size=(len(KINDS) // 3, DIMENSIONS)) * 0.4
        self.meanings = np.repeat(groups, 3, axis=0) + random.normal(size=(len(KINDS), DIMENSIONS))
        self.gap = 3 * unit(random.normal(size=DIMENSIONS))
        self.kind = np.repeat(np.arange(len(KINDS)), EACH)
        noise = random.normal(size=(len(self.kind), DIMENSIONS)) * 0.8
        self.vectors = unit(self.meanings[self.kind] + noise + self.gap)
        members = np.stack([self.kind // 6, 2 + self.kind // 3, 6 + self.kind], axis=1)
        self.clusters = clusters_of(members.astype(np.int32))

    def text(self, meaning: np.ndarray) -> np.ndarray:
        return unit(meaning - self.gap)

    def embed(self, words: Sequence[str]) -> np.ndarray:
        """Embed the words that this CLIP knows by their meaning; any other at random."""
        return np.stack([self.text(self.meaning(word)) for word in words])

    def meaning(self, word: str) -> np.ndarray:
        for number, kind in enumerate(KINDS):
            if word.casefold() in (kind, f"{kind}s"):
                return self.meanings[number]
        return np.random.default_rng([*word.encode()]).normal(size=DIMENSIONS)

    def vocabulary(self, words: Sequence[str] = KINDS, others: int = 500) -> WordVectors:
        listed = [*words, *(f"word {number}" for number in range(others))]
        return WordVectors(listed, self.embed(listed))

    def name(self, **given: object) -> list[ClusterName]:
        given = {"vocabulary": self.vocabulary(), **given}
        vocabulary = given.pop("vocabulary")
        return name_clusters(self.vectors, self.clusters, vocabulary, embed=self.embed, **given)

    def finest(self, found: Sequence[ClusterName]) -> list[ClusterName]:
        return [found[row] for row in self.clusters.rows_at(LEVELS - 1)]


def clusters_of(members: np.ndarray) -> Clusters:
    count = int(members.max(initial=-1)) + 1
    levels, parents = np.zeros(count, np.int8), np.full(count, -1, np.int32)
    for level in range(LEVELS):
        inside = members[members[:, level] >= 0]
        levels[inside[:, level]] = level
        if level:
            parents[inside[:, level]] = inside[:, level - 1]
    return Clusters(
        ids=np.arange(count),
        levels=levels,
        parents=parents,
        sizes=np.bincount(members[members >= 0], minlength=count).astype(np.int32),
        centers=np.zeros((count, 2), np.float32),
        colors=np.zeros(count, np.int16),
        representatives=np.full((count, REPRESENTATIVES), -1, np.int32),
        members=members,
        faces=np.arange(len(members), dtype=np.int32),
    )


def words_of(images: dict[str, np.ndarray]) -> DatasetWords:
    words = sorted(images)
    starts = np.cumsum([0, *(len(images[word]) for word in words)], dtype=np.int64)
    rows = np.concatenate([np.sort(images[word]) for word in words]).astype(np.int32)
    return DatasetWords(tuple(words), starts, rows)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_each_cluster_has_the_word_that_is_true_of_it(world: World) -> None:
    found = world.finest(world.name())
    assert [name.name for name in found] == [*KINDS]
    assert {name.source for name in found} == {"vocabulary"}
    assert min(name.score for name in found) > 0.5


@pytest.mark.parametrize(("share", "kept"), [(0.9, True), (0.7, False)])
def test_a_cluster_keeps_the_name_it_had_unless_another_is_much_better(
    world: World, share: float, kept: bool
) -> None:
    cluster = int(world.clusters.rows_at(LEVELS - 1)[1])
    images = np.flatnonzero(world.kind == 1)
    own = words_of({"whole": images, "part": images[: round(share * len(images))]})
    given = {"vocabulary": world.vocabulary(()), "own": own}
    assert world.name(**given)[cluster].name == "whole"
    before = ["part" if row == cluster else "" for row in range(len(world.clusters))]
    assert world.name(**given, before=before)[cluster].name == ("part" if kept else "whole")


def test_names_are_the_same_every_time(world: World) -> None:
    assert world.name() == world.name()


def test_no_word_names_two_clusters_of_a_level_nor_a_cluster_and_its_parent(world: World) -> None:
    own = words_of({kind: np.flatnonzero(world.kind == number) for number, kind in enumerate(KINDS)})
    found = world.name(own=own)
    for level in range(LEVELS):
        names = [found[row].name for row in world.clusters.rows_at(level) if found[row].name]
        assert len(names) == len(set(names))
    for row, parent in enumerate(world.clusters.parents):
        assert parent < 0 or not found[row].name or found[row].name != found[parent].name


def test_words_that_mean_nothing_name_nothing(world: World) -> None:
    found = world.name(vocabulary=world.vocabulary((), 3_000))
    assert sum(bool(name.name) for name in found) <= 1


def test_words_that_are_spread_over_all_images_name_nothing(world: World) -> None:
    random = np.random.default_rng(0)
    n = len(world.kind)
    own = words_of({f"tag {k}": random.choice(n, 40, replace=False) for k in range(300)})
    found = world.name(own=own, vocabulary=WordVectors((), np.empty((0, DIMENSIONS), np.float32)))
    assert not any(name.name for name in found)


def test_a_word_stays_as_the_metadata_writes_it(world: World) -> None:
    own = words_of({"Flags": np.flatnonzero(world.kind == 0)})
    flags = world.finest(world.name(own=own))[0]
    assert (flags.name, flags.source) == ("Flags", "metadata")
    assert "flag" not in flags.runners_up


def test_what_people_wrote_counts_even_if_clip_does_not_know_it(world: World) -> None:
    own = words_of({"Ziggy": np.flatnonzero(world.kind == 1)})
    found = world.finest(world.name(own=own, vocabulary=world.vocabulary(KINDS[2:])))
    assert (found[1].name, found[1].source) == ("Ziggy", "metadata")


def test_a_word_that_clip_is_sure_of_comes_before_one_that_only_the_metadata_knows(world: World) -> None:
    own = words_of({"class q": np.flatnonzero(world.kind == 1)})
    cats = world.finest(world.name(own=own))[1]
    assert (cats.name, cats.runners_up[0]) == ("cat", "class q")


def test_a_word_of_the_home_is_used_where_it_is_true(world: World) -> None:
    vocabulary = world.vocabulary(KINDS[1:])
    home = WordVectors(
        ("my flags", "nonsense"), np.stack([world.embed(["flag"])[0], world.embed(["nonsense"])[0]])
    )
    found = world.finest(world.name(vocabulary=vocabulary, home=home))
    assert (found[0].name, found[0].source) == ("my flags", "home")
    assert [name.name for name in found[1:]] == [*KINDS[1:]]


def test_a_short_word_comes_before_a_long_one_that_is_as_good(world: World) -> None:
    words = ("picture of flag", "flag", "flags shown")
    vocabulary = WordVectors([*words, *KINDS[1:]], world.embed(["flag", "flag", "flag", *KINDS[1:]]))
    assert world.finest(world.name(vocabulary=vocabulary))[0].name == "flag"


def test_runners_up_are_the_next_best_each_once(world: World) -> None:
    own = words_of(
        {word: np.flatnonzero(world.kind == 2) for word in ("tree", "plant", "oak", "ash", "elm", "fir")}
    )
    trees = world.finest(world.name(own=own))[2]
    assert trees.name == "tree"
    assert len(trees.runners_up) == len({*trees.runners_up} - {"tree"}) == 4


def test_images_in_no_cluster_change_nothing_else(world: World) -> None:
    members = world.clusters.members.copy()
    members[::10] = -1
    found = name_clusters(world.vectors, clusters_of(members), world.vocabulary(), embed=world.embed)
    assert [name.name for name in found[6:]] == [*KINDS]


def test_samples_of_large_clusters_find_the_same_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipper.insight.words.evidence.MEMBERS", 20)
    monkeypatch.setattr("clipper.insight.words.evidence.BACKGROUND", 300)
    assert [name.name for name in world.finest(world.name())] == [*KINDS]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_images_are_no_error(world: World, n: int) -> None:
    none = np.full((n, LEVELS), -1, np.int32)
    assert name_clusters(world.vectors[:n], clusters_of(none), world.vocabulary(), embed=world.embed) == []
    if n:
        one = np.tile(np.arange(LEVELS, dtype=np.int32), (n, 1))
        found = name_clusters(world.vectors[:n], clusters_of(one), world.vocabulary(), embed=world.embed)
        assert found == [ClusterName()] * LEVELS


def test_one_cluster_of_all_images_has_no_name_that_tells_it_from_others(world: World) -> None:
    own = words_of({"image": np.arange(len(world.kind))})
    clusters = clusters_of(np.tile(np.arange(LEVELS, dtype=np.int32), (len(world.kind), 1)))
    found = name_clusters(world.vectors, clusters, world.vocabulary(), embed=world.embed, own=own)
    assert found == [ClusterName()] * LEVELS


def test_images_that_are_all_the_same_are_no_error(world: World) -> None:
    same = np.repeat(world.vectors[:1], len(world.vectors), axis=0)
    found = name_clusters(same, world.clusters, world.vocabulary(), embed=world.embed)
    assert all(np.isfinite(name.score) for name in found)
    assert len(found) == len(world.clusters)


@pytest.mark.parametrize("words", [0, 1, 2])
def test_few_words_are_no_error(world: World, words: int) -> None:
    vocabulary = WordVectors(KINDS[:words], world.embed(KINDS)[:words])
    assert len(world.name(vocabulary=vocabulary)) == len(world.clusters)
