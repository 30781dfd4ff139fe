"""Collections on a real Chroma server, on loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial, partialmethod
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from chroma_rows import made
from homes import engine_of
from ports import free_port

import clipper
from clipper.chroma.collection import HOLDS, Address, Collection, addresses_of, told_by_server
from clipper.chroma.rows import Rows
from clipper.chroma.server import Servers
from clipper.chroma.shards import open_all
from clipper.doctor.repair import diagnose, repair
from clipper.errors import AuditError, ServerError, SettingsError, StoreError
from clipper.indexing.run import Step
from clipper.settings import CONFIG_NAME, Settings
from clipper.store import snapshots
from clipper.store.home import Home

pytestmark = pytest.mark.linux  # ends a group of processes

Index = Callable[[Path], dict[str, Step]]


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
            told_by_server(url)
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
    return [name for name in told_by_server(server) if key in name]


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


@pytest.mark.slow
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
    assert first._engine._collection.count() == 24
    assert engine_of(served_home)._collection.count() == 22
    assert len(ours(served_home, server)) == 3
    first.close()
    for image_id in first.ids[2:5]:  # from here on it is two or three in turn
        (served_home / "images" / image_id).unlink()
        steps = run_index(served_home)
        assert steps["chroma_collection"].counts["written"] <= 1
        assert len(ours(served_home, server)) == 3


def rename_one(home: Path, name: str) -> None:
    image = min((home / "images").glob("*.jpg"))
    image.rename(image.with_name(f"zz-{name}.jpg"))


@pytest.mark.slow
def test_a_reader_whom_no_run_knows_is_told_when_its_collection_holds_another_version(
    served_home: Path, server: str, run_index: Index, tmp_path: Path
):
    """Such as one of a local copy on another machine, of a home on an object store."""
    run_index(served_home)
    elsewhere = shutil.copytree(served_home, tmp_path / "elsewhere")
    where = {"x": {"$gt": -1e9}}
    open_for_long, opened_late = clipper.open(elsewhere), clipper.open(elsewhere)
    assert len(open_for_long.search("a face", k=24, where=where)) == 24
    rename_one(served_home, "one")
    run_index(served_home)
    assert len(open_for_long.search("a face", k=24, where=where)) == 24  # it is in the other collection
    rename_one(served_home, "two")
    run_index(served_home)
    assert len(ours(served_home, server)) == 2
    for atlas in (open_for_long, opened_late):
        with pytest.raises(StoreError, match=r"no longer holds this version .*; open the atlas again"):
            atlas.search("a face", k=24, where=where)
        with pytest.raises(StoreError, match=r"no longer holds this version .*; open the atlas again"):
            atlas._engine.passing({"$or": [where, {"width": {"$gt": 0}}]})
        assert len(atlas.search("a face", k=24)) == 24
    with clipper.open(served_home) as newer:
        assert "zz-two.jpg" in set(newer.search("a face", k=24, where=where)["id"])


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2])
def test_a_collection_that_is_being_written_holds_no_version(
    tmp_path: Path, server: str, unit_vectors: Callable[..., np.ndarray], shards: int
):
    vectors, key = unit_vectors(20), f"{shards}written"
    servers = servers_of(tmp_path, server, key, shards=shards)
    _, before = servers.build("1", generated(vectors), probes=vectors[:3], model="m")
    with closing(open_all(before)) as reader:
        reader.require_version()
        with closing(Collection(Address.at_server(server, before[-1].name))) as written:
            written.label({HOLDS: "2-growing"})
            written.require_version()  # who writes means no version
        with pytest.raises(StoreError, match="no longer holds this version"):
            reader.require_version()


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


@pytest.mark.slow
def test_one_value_that_is_edited_is_one_row_that_is_written(
    served_home: Path, server: str, run_index: Index
):
    run_index(served_home)
    ids = clipper.open(served_home).ids
    for number, written in ((1, 24), (2, 1), (3, 2), (4, 2)):  # each differs from the one before the last
        values = {ids[number]: {"note": "edited"}}
        (served_home / "images" / "metadata.json").write_text(json.dumps(values))
        steps = run_index(served_home)
        assert steps["chroma_collection"].counts["written"] == written
        found = engine_of(served_home)._collection.get()
        noted = [i for i, row in zip(found["ids"], found["metadatas"], strict=True) if "note" in row]
        assert noted == [ids[number]]
        assert len(ours(served_home, server)) == 2


def servers_of(
    home: Path, server: str, key: str, *, shards: int = 1, in_use: tuple[str, ...] = ()
) -> Servers:
    (home / "store").mkdir(parents=True, exist_ok=True)
    return Servers(Home(home), [server] * shards, f"clipper-{key}-", "here", in_use)


def generated(vectors: np.ndarray, value: float = 0.0) -> Rows:
    return made(
        [str(i) for i in range(len(vectors))], vectors, [{"x": value + i} for i in range(len(vectors))]
    )


def rows_at(addresses: list[Address]) -> dict[str, float]:
    collection = open_all(addresses)
    try:
        found = collection.get()
        return {i: row["x"] for i, row in zip(found["ids"], found["metadatas"], strict=True)}
    finally:
        collection.close()


class Killed(BaseException):
    """Ends a run in its midst."""


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "at", [pytest.param(0, marks=SLOW), 1, *(pytest.param(at, marks=SLOW) for at in (2, 3))]
)
def test_after_a_run_that_was_killed_while_it_wrote_every_row_is_right(
    tmp_path: Path,
    server: str,
    unit_vectors: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    at: int,
):
    monkeypatch.setattr("clipper.chroma.fill.BATCH", 10)
    vectors, key = unit_vectors(40, seed=at), f"{at}killed"
    build = partial(Servers.build, probes=vectors[:3], model="m")
    _, before = build(servers_of(tmp_path, server, key), "1", generated(vectors))
    changed = generated(np.vstack([vectors[:20], -vectors[20:35]]), value=0.5)  # updates, writes, deletions

    def dying(self: Collection, *given: object, original: Callable[..., None], **named: object) -> None:
        if (left := next(moments)) == at:
            raise Killed
        assert left < at
        original(self, *given, **named)

    moments = iter(range(100))
    for name in ("delete", "update", "write"):
        original = getattr(Collection, name)
        monkeypatch.setattr(Collection, name, partialmethod(dying, original=original))
    with pytest.raises(Killed):
        build(servers_of(tmp_path, server, key), "2", changed)
    monkeypatch.undo()
    assert not before[0].exists()  # a reader that kept no lease must not take it for its version
    with pytest.raises(StoreError, match="no longer holds this version"):
        Collection(before[0])
    third = generated(np.vstack([vectors[:30], -vectors[30:]]), value=0.5)
    built, after = build(servers_of(tmp_path, server, key), "3", third)
    assert rows_at(after) == {str(i): 0.5 + i for i in range(40)}
    assert built.written <= 40
    collection = open_all(after)
    assert [ids[0] for ids in collection.nearest_many(third.vectors, k=1)] == third.ids.to_pylist()
    collection.close()
    assert len([name for name in told_by_server(server) if key in name]) == 1


@pytest.mark.slow
def test_a_collection_whose_note_is_lost_or_of_another_version_is_put_right(
    tmp_path: Path, server: str, unit_vectors: Callable[..., np.ndarray]
):
    vectors = unit_vectors(30)
    build = partial(Servers.build, probes=vectors[:3], model="m")
    build(servers_of(tmp_path, server, "lost"), "1", generated(vectors))
    shutil.copytree(tmp_path, tmp_path / "backup")
    build(servers_of(tmp_path, server, "lost"), "2", generated(vectors[:20], value=9.0))
    for home in (tmp_path / "backup", tmp_path):
        if home == tmp_path:
            shutil.rmtree(tmp_path / "store" / "server")
        _, after = build(servers_of(home, server, "lost"), home.name, generated(vectors[5:]))
        assert rows_at(after) == {str(i): float(i) for i in range(25)}
    assert len([name for name in told_by_server(server) if "lost" in name]) == 1


@contextmanager
def at_server(address: Address) -> Iterator[Any]:
    """The collection as any other program sees it."""
    import chromadb

    url = urlsplit(address.place)
    client = chromadb.HttpClient(url.hostname, url.port)
    yield client.get_collection(address.name, embedding_function=None)


def damage(address: Address, how: str) -> None:
    with at_server(address) as collection:
        image_id = collection.get(limit=1, offset=3, include=[])["ids"][0]
        if how == "a row is lost":
            collection.delete(ids=[image_id])
        elif how == "a value is another":
            collection.update(ids=[image_id], metadatas=[{"x": 99.0}])
        else:
            vector = collection.get([image_id], include=["embeddings"])["embeddings"][0]
            collection.update(ids=[image_id], embeddings=[(-np.asarray(vector)).tolist()])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a row is lost", "a value is another", "a vector is another"])
def test_a_published_collection_that_is_damaged_is_repaired(served_home: Path, run_index: Index, how: str):
    run_index(served_home)
    home = Home(served_home)
    damage(addresses_of(home, snapshots.current(home).parts["collection"])[0], how)
    repaired = repair(Settings.load(served_home))
    assert repaired.before
    assert not repaired.after


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a row is lost", "a vector is another"])
def test_a_spare_collection_that_is_damaged_stops_one_run_at_most(
    served_home: Path, run_index: Index, how: str
):
    run_index(served_home)
    home = Home(served_home)
    (spare,) = addresses_of(home, snapshots.current(home).parts["collection"])
    image_id = next((served_home / "images").glob("*.jpg")).name

    def edit(value: str) -> None:
        (served_home / "images" / "metadata.json").write_text(json.dumps({image_id: {"note": value}}))

    edit("first")
    run_index(served_home)
    damage(spare, how)
    edit("second")
    with suppress(AuditError):
        run_index(served_home)
    run_index(served_home)
    assert not diagnose(Settings.load(served_home)).before


def test_vectors_of_any_length_are_written_and_searched_for(tmp_path: Path, server: str):
    vectors = np.random.default_rng(3).standard_normal((1_500, 4_096), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _, (at,) = servers_of(tmp_path, server, "long").build(
        "1", generated(vectors), probes=vectors[:3], model="m"
    )
    with closing(Collection(at)) as collection:
        found = collection.nearest_many(vectors[:1_000], k=1)
    assert [near[0] for near in found] == [str(i) for i in range(1_000)]


@pytest.mark.slow
def test_vectors_of_another_model_and_more_shards_get_collections_of_their_own(
    tmp_path: Path, server: str, unit_vectors: Callable[..., np.ndarray]
):
    vectors = unit_vectors(40)
    first = servers_of(tmp_path, server, "other")
    _, before = first.build("1", generated(vectors), probes=vectors[:3], model="m")
    wider = unit_vectors(40, d=48)
    second = servers_of(tmp_path, server, "other", in_use=(before[0].name,))
    _, after = second.build("2", generated(wider), probes=wider[:3], model="n")
    assert rows_at(before) == rows_at(after)
    third = servers_of(tmp_path, server, "other", shards=3, in_use=(after[0].name,))
    built, spread = third.build("3", generated(wider), probes=wider[:3], model="n")
    assert (built.written, built.recall, len(spread)) == (40, 1.0, 3)
    assert rows_at(spread) == rows_at(after)
    last = servers_of(tmp_path, server, "other", shards=3, in_use=tuple(at.name for at in spread))
    last.prune("n")
    assert {name for name in told_by_server(server) if "other" in name} == {at.name for at in spread}
    again = servers_of(tmp_path, server, "other", shards=3)
    built, after = again.build("4", generated(wider, value=1.0), probes=wider[:3], model="n")
    assert {at.name for at in after} == {at.name for at in spread}
    assert (built.written, built.worn) == (40, 0)


@pytest.mark.slow
def test_recall_is_measured_and_the_ef_that_it_takes_is_kept(
    tmp_path: Path, server: str, unit_vectors: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.chroma.server.EF_STEPS", (10, 1_600))
    noise = np.random.default_rng(0).normal(size=(3_000, 64)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    probes = unit_vectors(20, d=64, seed=2)
    adding = Collection.add
    added: list[int] = []
    monkeypatch.setattr(
        Collection, "add", lambda self, *given: (added.append(len(given[0])), adding(self, *given))
    )
    built, at = servers_of(tmp_path, server, "noise").build("1", generated(noise), probes=probes, model="m")
    assert (built.ef, built.recall, sum(added)) == (1_600, pytest.approx(1.0, abs=0.01), 6_000)
    next_one = servers_of(tmp_path, server, "noise", in_use=(at[0].name,))
    built, _ = next_one.build("2", generated(noise), probes=probes, model="m", ef=built.ef)
    assert (built.ef, built.recall, sum(added)) == (1_600, pytest.approx(1.0, abs=0.01), 9_000)


@pytest.mark.slow
def test_a_copied_home_gets_collections_of_its_own_and_leaves_those_of_the_original(
    served_home: Path, server: str, run_index: Index, tmp_path: Path
):
    run_index(served_home)
    copy = tmp_path / "copy"
    shutil.copytree(served_home, copy, copy_function=shutil.copy2)
    for _ in range(2):
        next((copy / "images").glob("*.jpg")).unlink()
        run_index(copy)
        assert engine_of(served_home)._collection.count() == 24
    assert engine_of(copy)._collection.count() == 22
    assert not {*ours(copy, server)} & {*ours(served_home, server)}
    assert run_index(served_home)["chroma_collection"].counts["written"] == 0
    assert run_index(copy)["chroma_collection"].counts["written"] == 0


@pytest.mark.slow
def test_a_copy_that_took_the_collections_of_a_home_out_of_sight_keeps_them_and_the_home_makes_others(
    served_home: Path, server: str, run_index: Index, tmp_path: Path
):
    run_index(served_home)
    away = tmp_path / "unmounted"
    copy = tmp_path / "copy"
    shutil.copytree(served_home, copy, copy_function=shutil.copy2)
    served_home.rename(away)
    assert run_index(copy)["chroma_collection"].counts["written"] == 0  # it was moved, as far as it can see
    away.rename(served_home)
    assert run_index(served_home)["chroma_collection"].counts["written"] == 24
    assert not {*ours(copy, server)} & {*ours(served_home, server)}
    assert engine_of(copy)._collection.count() == engine_of(served_home)._collection.count() == 24


@pytest.mark.slow
def test_a_home_that_was_moved_or_restored_keeps_its_collections(
    served_home: Path, server: str, run_index: Index, tmp_path: Path
):
    run_index(served_home)
    names = ours(served_home, server)
    moved = served_home.rename(tmp_path / "moved")
    assert run_index(moved)["chroma_collection"].counts["written"] == 0
    backup = shutil.copytree(moved, tmp_path / "backup", copy_function=shutil.copy2)
    gone = next((moved / "images").glob("*.jpg"))
    gone.unlink()
    run_index(moved)
    shutil.rmtree(moved)
    backup.rename(tmp_path / "elsewhere").rename(moved)
    steps = run_index(moved)
    assert set(names) <= set(ours(moved, server))
    assert steps["chroma_collection"].counts["rows"] == 24
    assert engine_of(moved)._collection.count() == 24


@pytest.mark.slow
def test_an_unchanged_home_needs_no_server(small_home: Path, tmp_path: Path, run_index: Index):
    port = free_port()
    with (small_home / CONFIG_NAME).open("a") as config:
        config.write(f'chroma = "http://127.0.0.1:{port}"\n')
    with serving(tmp_path / "chroma", port):
        run_index(small_home)
    steps = run_index(small_home)
    assert steps["chroma_collection"].counts["written"] == 0
    assert "does not answer" in steps["chroma_collection"].notes[0]
    assert not steps["atlas"].counts["published"]


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


def test_several_servers_are_named_in_a_list(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    assert Settings.load(small_home).servers == []
    monkeypatch.setenv("CLIPPER_CHROMA", "http://a:1/")
    assert Settings.load(small_home).servers == ["http://a:1"]
    monkeypatch.setenv("CLIPPER_CHROMA", '["http://a:1/", "https://b"]')
    assert Settings.load(small_home).servers == ["http://a:1", "https://b"]
    monkeypatch.setenv("CLIPPER_CHROMA", '["http://a:1", ""]')
    with pytest.raises(SettingsError, match="must be http://HOST:PORT"):
        Settings.load(small_home)
    monkeypatch.setenv("CLIPPER_CHROMA", '["http://a:1", "http://a:1/"]')
    with pytest.raises(SettingsError, match="names a server twice; set chroma_shards"):
        Settings.load(small_home)
