"""Collections on a real Chroma server, on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from homes import engine_of

import clipper
from clipper.chroma.build import Rows, build
from clipper.chroma.collection import Address, Collection, server_names
from clipper.errors import ServerError, SettingsError, StoreError
from clipper.indexing.run import Step
from clipper.settings import CONFIG_NAME, Settings

pytestmark = pytest.mark.linux  # ends a group of processes

Index = Callable[[Path], dict[str, Step]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """`chroma run`, alive while the context lasts."""
    chroma = Path(sys.executable).with_name("chroma")
    process = subprocess.Popen(
        [chroma, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | {"ANONYMIZED_TELEMETRY": "False"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    last = time.monotonic() + 280
    while True:
        try:
            server_names(url)
        except StoreError:
            assert process.poll() is None, "chroma ended"
            assert time.monotonic() < last, "chroma does not answer"
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("chroma"), free_port()) as url:
        yield url


@pytest.fixture
def served_home(server: str, small_home: Path) -> Path:
    with (small_home / CONFIG_NAME).open("a") as config:
        config.write(f'chroma = "{server}"\n')
    return small_home


def ours(home: Path, server: str) -> list[str]:
    """The names of the home's collections on the server."""
    from clipper.store.home import Home
    from clipper.store.staged import Staged

    key = Staged.read(Home(home)).server_key
    return [name for name in server_names(server) if key in name]


@pytest.mark.slow
def test_a_home_indexed_with_a_server_keeps_no_collection_of_its_own(
    served_home: Path, server: str, run_index: Index
):
    steps = run_index(served_home)
    assert steps["chroma_collection"].counts["written"] == 24
    assert [path.suffix for path in (served_home / "store" / "collection").iterdir()].count("") == 0
    atlas = clipper.open(served_home)
    collection = atlas._engine._collection
    assert collection.address.place == server
    assert collection.count() == 24
    row = collection.get([atlas.ids[3]], vectors=True)
    assert np.allclose(row["embeddings"][0], atlas.vectors[3], atol=1e-6)
    assert np.isclose(row["metadatas"][0]["x"], atlas._engine.xy[3, 0])
    found = atlas.search("a face", k=5, where={"x": {"$gt": float(np.median(atlas._engine.xy[:, 0]))}})
    assert len(found) == 5
    assert (found["x"] > np.median(atlas._engine.xy[:, 0])).all()
    atlas.close()


def test_an_unchanged_home_writes_nothing_to_the_server(served_home: Path, server: str, run_index: Index):
    run_index(served_home)
    before = ours(served_home, server)
    steps = run_index(served_home)
    assert steps["chroma_collection"].counts["written"] == 0
    assert not steps["atlas"].counts["published"]
    assert ours(served_home, server) == before


def test_readers_keep_the_version_they_have_open_and_older_ones_go(
    served_home: Path, server: str, run_index: Index
):
    run_index(served_home)
    first = clipper.open(served_home)
    gone = first.ids[0]
    (served_home / "images" / gone).unlink()
    run_index(served_home)
    assert first._engine._collection.count() == 24
    assert engine_of(served_home)._collection.count() == 23
    assert len(ours(served_home, server)) == 2
    (served_home / "images" / first.ids[1]).unlink()
    run_index(served_home)
    assert len(ours(served_home, server)) == 2
    assert engine_of(served_home)._collection.count() == 22


@pytest.mark.slow
def test_homes_share_a_server_without_touching_each_other(
    served_home: Path, server: str, run_index: Index, tmp_path: Path
):
    run_index(served_home)
    other = tmp_path / "other"
    other.mkdir()
    (other / CONFIG_NAME).write_text((served_home / CONFIG_NAME).read_text())
    (other / "images").symlink_to(served_home / "images")
    run_index(other)
    assert len(ours(served_home, server)) == len(ours(other, server)) == 1
    (served_home / "images" / clipper.open(other).ids[0]).unlink()
    run_index(other)
    run_index(other)
    assert engine_of(served_home)._collection.count() == 24


def test_a_collection_that_is_gone_is_written_again(served_home: Path, server: str, run_index: Index):
    run_index(served_home)
    atlas = clipper.open(served_home)
    Address.at_server(server, atlas._engine._collection.address.name).remove()
    with pytest.raises(StoreError, match="run `clipper index`"):
        clipper.open(served_home).search("a face", where={"x": {"$gt": 0.0}})
    assert run_index(served_home)["chroma_collection"].counts["written"] == 24
    assert len(clipper.open(served_home).search("a face", k=3, where={"x": {"$gt": -1e9}})) == 3


@pytest.mark.slow
def test_moving_between_server_and_home_embeds_nothing(served_home: Path, server: str, run_index: Index):
    run_index(served_home)
    config = served_home / CONFIG_NAME
    with_server = config.read_text()
    config.write_text(with_server.replace(f'chroma = "{server}"\n', ""))
    steps = run_index(served_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert steps["chroma_collection"].counts["written"] == 24
    assert engine_of(served_home)._collection.address.folder.is_dir()
    config.write_text(with_server)
    run_index(served_home)
    assert engine_of(served_home)._collection.address.place == server


def test_what_a_killed_run_left_half_written_is_replaced(
    server: str, unit_vectors: Callable[..., np.ndarray]
):
    address = Address.at_server(server, "half-written")
    left = Collection.create(Address.at_server(server, "half-written-growing"), ef=100)
    left.write(["old"], unit_vectors(1), [{"x": 0.0}])
    left.close()
    vectors = unit_vectors(30)
    ids = [str(i) for i in range(30)]
    rows = Rows(ids, vectors, [{"x": float(i)} for i in range(30)], ids)
    for _ in range(2):  # the second time the place is taken
        assert build(address, rows, probes=unit_vectors(4, seed=1)).recall == 1.0
    assert set(Collection(address).get()["ids"]) == set(ids)
    assert "half-written-growing" not in server_names(server)


def test_recall_is_measured_and_a_server_given_a_larger_ef(
    server: str, unit_vectors: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.chroma.build.SERVER_EF_STEPS", (10, 1_600))
    noise = np.random.default_rng(0).normal(size=(3_000, 64)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    ids = [str(i) for i in range(3_000)]
    rows = Rows(ids, noise, [{"x": 0.0}] * 3_000, ids)
    built = build(Address.at_server(server, "noise"), rows, probes=unit_vectors(20, d=64, seed=2))
    assert (built.ef, built.recall) == (1_600, pytest.approx(1.0, abs=0.01))


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_reported_and_the_published_atlas_stays(
    small_home: Path, tmp_path: Path, run_index: Index
):
    port = free_port()
    with (small_home / CONFIG_NAME).open("a") as config:
        config.write(f'chroma = "http://127.0.0.1:{port}"\n')
    with serving(tmp_path / "chroma", port):
        run_index(small_home)
    next((small_home / "images").glob("*.jpg")).unlink()
    with pytest.raises(ServerError, match=rf"http://127.0.0.1:{port} cannot be used.*CLIPPER_CHROMA"):
        run_index(small_home)
    atlas = clipper.open(small_home)
    assert len(atlas) == 24
    assert len(atlas.search("a face", k=4)) == 4  # the whole of a small dataset is compared, without Chroma
    with pytest.raises(StoreError, match="cannot be used"):
        atlas.search("a face", where={"x": {"$gt": 0.0}})
    with serving(tmp_path / "chroma", port):
        assert run_index(small_home)["atlas"].counts["images"] == 23


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://x",
        "http://me:secret@host:1",
        "http://host/path",
        "http://host:1?x=1",
        "http://",
    ],
)
def test_a_url_that_is_no_servers_is_reported(small_home: Path, monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("CLIPPER_CHROMA", url)
    with pytest.raises(SettingsError, match=r"CLIPPER_CHROMA.*must be http://HOST:PORT"):
        Settings.load(small_home)
