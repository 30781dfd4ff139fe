"""The step `image_neighbours`: it searches what is new, and a run without anything new writes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from homes import draw

from clipper.errors import StoreError
from clipper.indexing.staging.workspace import Step
from clipper.projection.neighbors import nearest
from clipper.store import embeddings, snapshots
from clipper.store.home import Home
from clipper.store.parts import neighbors

Index = Callable[[Path], dict[str, Step]]


def graph_path(home: Path) -> Path:
    return Home(home).part("neighbours", snapshots.published(Home(home)).parts["neighbours"])


def truth(home: Path, keys: list[bytes]) -> np.ndarray:
    """The true distances of each image's nearest 15, (n, 15)."""
    snapshot = snapshots.published(Home(home))
    vectors = embeddings.read(embeddings.of_model(Home(home), snapshot.embeddings, snapshot.model), keys)
    return nearest(vectors, vectors, 15, own=np.arange(len(keys)))[1]


def test_an_image_that_comes_is_searched_and_one_that_goes_is_forgotten(indexed_home: Path, run_index: Index):
    draw(indexed_home / "images" / "new.png", "teal")
    sorted((indexed_home / "images").glob("*.jpg"))[5].unlink()
    step = run_index(indexed_home)["image_neighbours"]
    assert step.counts == {"images": 24, "new": 1, "recall_at_15": 1.0}
    column, rows, distances = neighbors.read(graph_path(indexed_home))
    keys = column.to_pylist()
    assert keys == sorted(keys)
    assert ((rows >= 0).sum(1) == 23).all()
    assert distances[:, :15] == pytest.approx(truth(indexed_home, keys), abs=1e-5)


def test_a_name_or_a_copy_changes_no_neighbour(indexed_home: Path, run_index: Index):
    before = graph_path(indexed_home)
    written = before.stat().st_mtime_ns
    images = sorted((indexed_home / "images").glob("*.jpg"))
    images[0].rename(images[0].with_name("renamed.jpg"))
    images[1].with_name("copy.jpg").write_bytes(images[1].read_bytes())
    steps = run_index(indexed_home)
    assert steps["atlas"].counts["published"]
    assert steps["image_neighbours"].counts["new"] == 0
    assert graph_path(indexed_home) == before
    assert before.stat().st_mtime_ns == written


def test_one_image_alone_has_no_neighbours(home_of: Callable[[str, int], Path], run_index: Index):
    home = home_of("alone", 1)
    assert run_index(home)["image_neighbours"].counts["images"] == 1
    _, rows, distances = neighbors.read(graph_path(home))
    assert (rows < 0).all()
    assert np.isinf(distances).all()


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".json"])
def test_a_damaged_graph_is_named_with_the_way_out(indexed_home: Path, run_index: Index, suffix: str):
    path = graph_path(indexed_home).with_suffix(suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    draw(indexed_home / "images" / "new.png", "teal")
    with pytest.raises(StoreError, match=f"{path.name} is damaged .*doctor --repair"):
        run_index(indexed_home)
