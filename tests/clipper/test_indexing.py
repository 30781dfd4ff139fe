import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from clipper import indexing
from clipper.atlas import Atlas
from clipper.collection import Collection, address_of
from clipper.errors import BusyError, ImagesError, NoIndexError, StoreError
from clipper.home import Home
from clipper.images import content_hash
from clipper.search import Query
from clipper.settings import Settings
from clipper.workspace import Step, Workspace

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]
HEAVY = ("torch", "transformers", "chromadb", "umap", "numba")


@pytest.fixture(scope="module")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """A home of 24 images, indexed once: its copies save each test the first run."""
    home = tmp_path_factory.mktemp("indexed") / "home"
    (home / "images").mkdir(parents=True)
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))
    for file in files[::77][:24]:
        shutil.copy2(file, home / "images")
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = "{model_folder}"\n')
    indexing.index(Settings.load(home))
    return home


@pytest.fixture
def indexed_home(once_indexed: Path, tmp_path: Path) -> Path:
    """An indexed home that a test may change."""
    return Path(shutil.copytree(once_indexed, tmp_path / "indexed"))


def opened(home: Path) -> Atlas:
    return Atlas(Settings.load(home))


def positions(home: Path) -> dict[str, tuple[float, float]]:
    atlas = opened(home)
    return dict(zip(atlas.ids, map(tuple, atlas.xy.tolist()), strict=True))


def written(home: Path) -> dict[str, tuple[int, int]]:
    """Every file of the store, with its inode and time; the lock is opened each time."""
    return {
        str(path.relative_to(home)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (home / "store").rglob("*")
        if path.is_file() and path.name != "lock"
    }


def metadata(home: Path, entries: Mapping[str, object]) -> None:
    (home / "images" / "metadata.json").write_text(json.dumps(entries))


def images(home: Path) -> list[Path]:
    return sorted((home / "images").glob("*.jpg"))


def draw(path: Path, colour: str, size: tuple[int, int] = (64, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def test_the_first_run_embeds_all_and_publishes(small_home: Path, run_index: Index):
    steps = run_index(small_home)
    assert list(steps) == [
        "image_manifest", "clip_embeddings", "thumbnails", "image_facts",
        "image_metadata", "umap_projection", "chroma_collection", "atlas",
    ]  # fmt: skip
    assert steps["image_manifest"].counts["added"] == 24
    assert steps["clip_embeddings"].counts == {"new": 24, "reused": 0, "failed": 0}
    assert steps["atlas"].counts["published"]
    assert all(step.version and step.seconds >= 0 for step in steps.values())
    atlas = opened(small_home)
    assert len(atlas) == 24
    assert np.isfinite(atlas.xy).all()
    assert np.allclose(np.linalg.norm(atlas.vectors, axis=1), 1, atol=1e-5)


SECOND = f"""
import sys
from clipper import indexing
from clipper.settings import Settings
steps = {{step.name: step for step in indexing.index(Settings.load(sys.argv[1]))}}
print(steps["clip_embeddings"].counts["new"], steps["atlas"].counts["published"])
print(*[name for name in {HEAVY} if name in sys.modules])
"""


def test_a_second_run_embeds_nothing_loads_no_model_and_writes_nothing(
    indexed_home: Path, run_index: Index, python: Run
):
    draw(indexed_home / "images" / "broken.jpg", "red").write_bytes(b"broken")
    run_index(indexed_home)
    before = written(indexed_home)
    result = python(SECOND, str(indexed_home))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["0 False", ""]
    assert written(indexed_home) == before


def test_one_new_image_embeds_one_and_nothing_else_moves(indexed_home: Path, run_index: Index):
    before = positions(indexed_home)
    draw(indexed_home / "images" / "sub" / "new.png", "teal")
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 1
    assert steps["umap_projection"].counts["placed"] == 1
    assert steps["chroma_collection"].counts["written"] == 1
    after = positions(indexed_home)
    assert {key: after[key] for key in before} == before
    assert opened(indexed_home).metadata(opened(indexed_home).row("sub/new.png"))["folder"] == "sub"


def test_a_renamed_image_keeps_its_place_and_is_not_embedded(indexed_home: Path, run_index: Index):
    before = positions(indexed_home)
    old = images(indexed_home)[0]
    old.rename(old.with_name("zzz renamed.jpg"))
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert steps["atlas"].counts["moved"] == 1
    after = positions(indexed_home)
    assert after["zzz renamed.jpg"] == before[old.name]
    assert old.name not in after
    atlas = opened(indexed_home)
    assert atlas.search(Query(image=atlas.image(23)), k=1)["id"].tolist() == ["zzz renamed.jpg"]
    atlas.close()


def test_a_copy_is_embedded_once_and_has_two_rows(indexed_home: Path, run_index: Index):
    original = images(indexed_home)[3]
    shutil.copy(original, indexed_home / "images" / "copy.jpg")
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    atlas = opened(indexed_home)
    assert len(atlas) == 25
    assert positions(indexed_home)["copy.jpg"] == positions(indexed_home)[original.name]
    found = atlas.search(Query(image=original.read_bytes()), k=2)
    assert set(found["id"]) == {"copy.jpg", original.name}
    atlas.close()


def test_a_changed_image_is_embedded_again_and_a_deleted_one_is_gone(indexed_home: Path, run_index: Index):
    changed, gone = images(indexed_home)[:2]
    before = opened(indexed_home).vectors[0]
    draw(changed, "purple")
    gone.unlink()
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 1
    assert (steps["atlas"].counts["changed"], steps["atlas"].counts["removed"]) == (1, 1)
    atlas = opened(indexed_home)
    assert gone.name not in atlas.ids
    assert float(atlas.vectors[atlas.row(changed.name)] @ before) < 0.999
    collection = Collection(address_of(atlas.home, atlas.snapshot.parts["collection"]))
    assert gone.name not in collection.get()["ids"]
    collection.close()


def test_edited_metadata_changes_rows_and_removed_keys_are_gone(indexed_home: Path, run_index: Index):
    first, second = (path.stem for path in images(indexed_home)[:2])
    metadata(indexed_home, {first: {"mood": "glad", "tags": ["a", "b"]}, second: {"mood": "sad"}})
    run_index(indexed_home)
    metadata(indexed_home, {first: {"mood": "calm"}, second: {"mood": "sad"}, "nobody": {"mood": "x"}})
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert steps["chroma_collection"].counts["written"] == 1
    assert any("nobody" in note for note in steps["image_metadata"].notes)
    atlas = opened(indexed_home)
    row = atlas.row(f"{first}.jpg")
    assert atlas.metadata(row)["mood"] == "calm"
    collection = Collection(address_of(atlas.home, atlas.snapshot.parts["collection"]))
    held = collection.get([f"{first}.jpg"])["metadatas"][0]
    collection.close()
    assert held["mood"] == "calm"
    assert "tags" not in held
    assert (held["x"], held["y"]) == pytest.approx(tuple(atlas.xy[row].tolist()))


def test_metadata_that_is_no_json_leaves_what_is_published(indexed_home: Path, run_index: Index):
    metadata(indexed_home, {images(indexed_home)[0].stem: {"mood": "glad"}})
    version = opened(indexed_home).version
    (indexed_home / "images" / "metadata.json").write_text('{"a": ')
    with pytest.raises(ImagesError, match=r"metadata\.json is not valid JSON"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version


def test_every_broken_file_is_named_and_none_ends_the_run(indexed_home: Path, run_index: Index):
    folder = indexed_home / "images"
    whole = images(indexed_home)[0].read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("only words")
    (folder / "link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loop.jpg").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    draw(folder / "bomb.png", "red", (3_000, 3_000))
    (folder / "bytes.jpg").write_bytes(bytes(400_000))
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:  # noqa: PTH123 - no Path of bytes
        file.write(whole)
    config = indexed_home / "clipper.toml"
    config.write_text(config.read_text() + "max_pixels = 1000000\nmax_bytes = 300000\n")
    steps = run_index(indexed_home)
    atlas = opened(indexed_home)
    assert len(atlas) == 24
    reasons = dict(zip(atlas.failures["id"], atlas.failures["reason"], strict=True))
    assert set(reasons) == {
        "truncated.jpg", "empty.jpg", "text.jpg", "link.jpg", "loop.jpg", "pipe.jpg", "bomb.png", "bytes.jpg",
        "caf\\xe9.jpg",
    }  # fmt: skip
    assert all(reasons.values())
    assert "max_pixels" in reasons["bomb.png"]
    assert "max_bytes" in reasons["bytes.jpg"]
    assert steps["atlas"].counts["failed"] == atlas.info()["failed"] == 9
    assert set(steps["image_manifest"].failures) | set(steps["image_facts"].failures) == set(reasons)


def test_a_file_over_the_limit_is_tried_again_under_a_higher_one(indexed_home: Path, run_index: Index):
    draw(indexed_home / "images" / "large.png", "red", (1_200, 1_200))
    config = indexed_home / "clipper.toml"
    plain = config.read_text()
    config.write_text(plain + "max_pixels = 1000000\n")
    run_index(indexed_home)
    assert "large.png" not in opened(indexed_home).ids
    config.write_text(plain)
    run_index(indexed_home)
    assert "large.png" in opened(indexed_home).ids
    assert opened(indexed_home).failures.empty


def test_a_mended_file_comes_onto_the_map(indexed_home: Path, run_index: Index):
    path = indexed_home / "images" / "x.jpg"
    path.write_bytes(b"broken")
    run_index(indexed_home)
    draw(path, "orange")
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 1
    assert "x.jpg" in opened(indexed_home).ids


KILLED = """
import os, signal, sys
from clipper import contents, embeddings, indexing
from clipper.settings import Settings
contents.SHARD_ROWS = 8
def progress(stage, done, total):
    if stage == "embed" and done == 20:
        os.kill(os.getpid(), signal.SIGKILL)
indexing.index(Settings.load(sys.argv[1], batch_size=4), progress=progress)
"""


@pytest.mark.slow
def test_a_killed_run_keeps_what_it_embedded_and_publishes_nothing(
    small_home: Path, run_index: Index, python: Run
):
    assert python(KILLED, str(small_home)).returncode == -signal.SIGKILL
    with pytest.raises(NoIndexError):
        opened(small_home)
    steps = run_index(small_home)
    assert 0 < steps["clip_embeddings"].counts["new"] <= 16
    assert len(opened(small_home)) == 24


def test_an_interrupted_run_keeps_what_it_embedded(small_home: Path, run_index: Index):
    def stop(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("embed", 20):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexing.index(Settings.load(small_home, batch_size=4), progress=stop)
    assert run_index(small_home)["clip_embeddings"].counts["new"] <= 8


def test_what_a_killed_run_left_half_written_goes_with_the_next_version(indexed_home: Path, run_index: Index):
    store = indexed_home / "store"
    (model,) = (store / "embeddings").iterdir()
    left = [store / "collection" / ".abc.1.tmp", model / ".abc.arrow.1.tmp", store / "manifest" / ".m.1.tmp"]
    left[0].mkdir()
    (left[0] / "chroma.sqlite3").write_bytes(b"half")
    for path in left[1:]:
        path.write_bytes(b"half")
    images(indexed_home)[0].unlink()
    run_index(indexed_home)
    assert not any(path.exists() for path in left)


def test_two_versions_are_kept_and_an_open_atlas_reads_on(indexed_home: Path, run_index: Index):
    first = opened(indexed_home)
    extra = draw(indexed_home / "images" / "extra.png", "navy")
    run_index(indexed_home)
    extra.unlink()
    run_index(indexed_home)  # the first manifest again, as a new version
    reopened = opened(indexed_home)
    for colour in ("red", "green"):
        draw(indexed_home / "images" / f"{colour}.png", colour)
        run_index(indexed_home)
        if colour == "red":
            assert len(reopened.metadata(0)) > 0
            assert reopened.info()["images"] == 24
            assert len(reopened.rank(Query(text="cat"), k=3).rows) == 3
            reopened.close()
    assert first.version != opened(indexed_home).version
    for part in ("manifest", "metadata", "projection", "collection"):
        versions = {path.name.split(".")[0] for path in (indexed_home / "store" / part).iterdir()}
        assert len(versions) == 2, part


def test_a_second_run_at_the_same_time_is_told(small_home: Path, clipper_command: Run):
    hold = "import sys,time\nfrom clipper.home import Home\nfrom pathlib import Path\n"
    hold += "with Home(Path(sys.argv[1])).writing():\n    print('held', flush=True)\n    time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(small_home)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(BusyError, match="another run is indexing"):
                indexing.index(Settings.load(small_home))
            result = clipper_command("index", "--home", str(small_home))
            assert result.returncode == 1
            assert result.stderr.startswith("clipper: another run is indexing")
        finally:
            holder.kill()
    with Home(small_home).writing():  # the system freed it
        pass


def test_a_run_may_wait_for_another(small_home: Path):
    with Home(small_home).writing():
        started = time.monotonic()
        with pytest.raises(BusyError):
            indexing.index(Settings.load(small_home), wait=0.3)
        assert time.monotonic() - started >= 0.3


def test_an_empty_or_missing_folder_leaves_what_is_published(indexed_home: Path, run_index: Index):
    version = opened(indexed_home).version
    (indexed_home / "images").rename(indexed_home / "away")
    with pytest.raises(ImagesError, match="does not exist"):
        run_index(indexed_home)
    (indexed_home / "images").mkdir()
    with pytest.raises(ImagesError, match="no image files"):
        run_index(indexed_home)
    (indexed_home / "images" / "a.jpg").write_text("no image")
    with pytest.raises(ImagesError, match="24 of 24 images are gone"):
        run_index(indexed_home)
    with pytest.raises(ImagesError, match="none of the 1 files is a usable image"):
        indexing.index(Settings.load(indexed_home, allow_shrink=True))
    atlas = opened(indexed_home)
    assert atlas.version == version
    assert len(atlas.thumbnail(0)) > 0
    shutil.rmtree(indexed_home / "images")
    (indexed_home / "away").rename(indexed_home / "images")
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 0


def test_a_folder_that_may_not_be_read_leaves_what_is_published(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    version = opened(indexed_home).version
    scandir = os.scandir

    def refused(path: Path) -> Iterator[os.DirEntry]:  # a superuser, as the tests may be, is refused nothing
        if Path(path) == indexed_home / "images":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ImagesError, match="images cannot be read: Permission denied"):
        run_index(indexed_home)
    monkeypatch.undo()
    assert opened(indexed_home).version == version


def test_more_than_half_of_the_images_do_not_vanish_without_a_word(
    indexed_home: Path, run_index: Index, clipper_command: Run
):
    version = opened(indexed_home).version
    half = images(indexed_home)[:12]
    for path in half:
        path.unlink()
    run_index(indexed_home)  # half is not more than half
    assert len(opened(indexed_home)) == 12
    version = opened(indexed_home).version
    for path in images(indexed_home)[:7]:
        path.unlink()
    with pytest.raises(ImagesError, match=r"7 of 12 images are gone from .*--allow-shrink"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version
    result = clipper_command("index", "--allow-shrink", "--home", str(indexed_home))
    assert result.returncode == 0, result.stderr
    assert len(opened(indexed_home)) == 5


def test_images_that_all_turn_unreadable_at_once_do_not_empty_the_atlas(indexed_home: Path, run_index: Index):
    version = opened(indexed_home).version
    for path in images(indexed_home)[:20]:
        path.write_bytes(b"\0" * 512)  # as a failing disk may give them
    with pytest.raises(ImagesError, match="20 of 24 images are gone"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version


def test_another_images_folder_may_be_smaller(indexed_home: Path, tmp_path: Path):
    draw(tmp_path / "one" / "only.png", "red")
    indexing.index(Settings.load(indexed_home, images=str(tmp_path / "one")))
    assert opened(indexed_home).ids == ["only.png"]


@pytest.mark.slow
def test_verify_finds_content_that_changed_under_the_same_size_and_time(
    indexed_home: Path, run_index: Index, clipper_command: Run
):
    path = images(indexed_home)[3]
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-40] ^= 0xFF
    path.write_bytes(bytes(data))
    old = status.st_mtime_ns - 10**12
    os.utime(path, ns=(old, old))
    run_index(indexed_home)
    data[-41] ^= 0xFF
    path.write_bytes(bytes(data))
    os.utime(path, ns=(old, old))
    assert run_index(indexed_home)["image_manifest"].counts["changed"] == 0
    result = clipper_command("index", "--verify", "--home", str(indexed_home))
    assert "1 changed" in result.stderr + result.stdout
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert opened(indexed_home)._hashes[3] == content_hash(bytes(data))


def test_parts_of_different_manifests_are_not_published(indexed_home: Path):
    version = opened(indexed_home).version
    draw(indexed_home / "images" / "new.png", "red")
    work = Workspace(Settings.load(indexed_home))
    indexing.scan_images(work)
    with pytest.raises(StoreError, match="image_metadata was made from another manifest"):
        indexing.publish(work)
    indexing.embed_images(work)
    indexing.join_metadata(work)
    with pytest.raises(StoreError, match="umap_projection was made from another manifest"):
        indexing.publish(work)
    indexing.project_images(work)
    with pytest.raises(StoreError, match="chroma_collection is older"):
        indexing.publish(work)
    assert opened(indexed_home).version == version
    indexing.collect(work)
    assert indexing.publish(work).counts["published"]


def test_a_step_without_the_one_before_it_names_the_asset(small_home: Path):
    work = Workspace(Settings.load(small_home))
    with pytest.raises(StoreError, match="materialize the asset image_manifest first"):
        indexing.join_metadata(work)
    indexing.scan_images(work)
    with pytest.raises(StoreError, match="materialize image_facts first"):
        indexing.join_metadata(work)


def test_thumbnails_alone_need_no_model(small_home: Path, python: Run):
    code = f"""
import sys
from clipper import contents, indexing
from clipper.settings import Settings
from clipper.workspace import Workspace
work = Workspace(Settings.load(sys.argv[1]))
indexing.scan_images(work)
print(contents.embed_images(work, wanted=("thumbnails", "image_facts"))["thumbnails"].counts["new"])
print(*[name for name in {HEAVY} if name in sys.modules])
"""
    result = python(code, str(small_home))
    assert result.stdout.splitlines() == ["24", ""], result.stderr


def test_another_model_embeds_all_and_back_again_none(
    indexed_home: Path, run_index: Index, model_folder: Path
):
    first = opened(indexed_home)
    other = Path(shutil.copytree(model_folder, indexed_home / "other"))
    config = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(config | {"image_mean": [0.5, 0.5, 0.5]}))
    settings = Settings.load(indexed_home, model="other")
    steps = {step.name: step for step in indexing.index(settings)}
    assert steps["clip_embeddings"].counts["new"] == 24
    second = opened(indexed_home)
    assert second.version != first.version
    assert second.search("cat", k=1).shape[0] == 1
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 0
    second.close()


def test_a_model_that_was_moved_embeds_nothing_again(indexed_home: Path, model_folder: Path):
    moved = shutil.copytree(model_folder, indexed_home / "elsewhere" / model_folder.name)
    steps = {step.name: step for step in indexing.index(Settings.load(indexed_home, model=str(moved)))}
    assert steps["clip_embeddings"].counts["new"] == 0


def test_an_images_folder_that_was_moved_is_published_at_its_new_place(indexed_home: Path, run_index: Index):
    (indexed_home / "images").rename(indexed_home / "pictures")
    config = indexed_home / "clipper.toml"
    config.write_text(config.read_text().replace('images = "images"', 'images = "pictures"'))
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    atlas = opened(indexed_home)
    assert Path(atlas.path(0)).exists()
    assert len(atlas.image(0)) > 0


def test_a_home_that_was_moved_works_on(indexed_home: Path, run_index: Index):
    moved = indexed_home.rename(indexed_home.with_name("moved"))
    before = written(moved)
    assert run_index(moved)["clip_embeddings"].counts["new"] == 0
    assert written(moved) == before
    atlas = opened(moved)
    assert Path(atlas.path(0)).exists()
    assert len(atlas.search("cat", k=2)) == 2
    atlas.close()


@pytest.mark.parametrize(
    "pattern",
    [
        "manifest/*.parquet",
        "metadata/*.parquet",
        "metadata/*.json",
        "projection/*.parquet",
        "projection/*.json",
        "collection/*.parquet",
        "collection/*.json",
        "current.json",
        "staged.json",
        "facts/*.arrow",
        "thumbnails/*.arrow",
        "embeddings/*/*.arrow",
        "embeddings/*/*.parquet",
    ],
)
def test_a_lost_or_damaged_file_can_be_made_again_by_its_own_remedy(
    indexed_home: Path, run_index: Index, pattern: str
):
    before = positions(indexed_home)
    (path,) = (indexed_home / "store").glob(pattern)
    path.write_bytes(b"damaged")
    told = ""
    try:
        run_index(indexed_home)
        opened(indexed_home).info()
        opened(indexed_home).thumbnail(0)
        opened(indexed_home).search("cat")
    except StoreError as error:
        told = str(error)
        path.unlink()
    assert not told or str(path) in told
    run_index(indexed_home)
    atlas = opened(indexed_home)
    assert len(atlas.search("cat", k=24)) == 24
    assert len(atlas.thumbnail(0)) > 0
    assert atlas.vectors.shape[0] == atlas.info()["images"] == 24
    assert positions(indexed_home) == before
    atlas.close()


def test_the_same_folder_gives_the_same_map_in_another_home(
    small_home: Path, run_index: Index, tmp_path: Path
):
    other = shutil.copytree(small_home, tmp_path / "other")
    run_index(small_home)
    run_index(other)
    assert positions(small_home) == positions(other)


def test_a_folder_in_memory_is_indexed_like_another(
    small_home: Path, memory_folder: str, model_folder: Path, tmp_path: Path
):
    import fsspec

    files = fsspec.filesystem("memory")
    for path in images(small_home)[:6]:
        files.pipe(f"/pictures/sub/{path.name}", path.read_bytes())
    files.pipe("/pictures/broken.jpg", b"broken")
    files.pipe("/pictures/metadata.json", json.dumps({images(small_home)[0].stem: {"v": 1}}).encode())
    settings = Settings.load(tmp_path, images=memory_folder, model=str(model_folder))
    steps = {step.name: step for step in indexing.index(settings)}
    assert steps["clip_embeddings"].counts["new"] == 6
    assert set(steps["image_facts"].failures) == {"broken.jpg"}
    atlas = Atlas(settings)
    assert atlas.path(0).startswith("memory://pictures/sub/")
    assert atlas.metadata(0)["v"] == 1
    assert atlas.image(0) == images(small_home)[0].read_bytes()
    assert {step.name: step for step in indexing.index(settings)}["clip_embeddings"].counts["new"] == 0
