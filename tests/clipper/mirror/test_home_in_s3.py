"""A home on an object store: indexed on one machine, read and indexed again on others, with few requests."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from object_store import BUCKET, ObjectStore
from PIL import Image

import clipper
from clipper.errors import NoIndexError, SettingsError
from clipper.indexing.run import index_images
from clipper.mirror import copy as copies
from clipper.settings import Settings

UseMachine = Callable[[str], Path]


def steps_of(home: str, **more: object) -> dict[str, dict[str, object]]:
    _, steps = index_images(home=home, progress=False, **more)
    return {step.name: dict(step.counts) for step in steps}


def found(atlas: clipper.Atlas, query: str, **more: Any) -> list[tuple[str, float]]:
    table = atlas.search(query, **more)
    return list(zip(table["id"], table["similarity"], strict=True))


def add_image(store: ObjectStore, name: str, colour: str = "teal") -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "JPEG")
    store.write(f"{BUCKET}/album/images/{name}", data.getvalue())


@pytest.mark.slow
def test_a_folder_is_indexed_into_a_bucket_and_searched_on_another_machine(
    store: ObjectStore, machine: UseMachine, home_of: Callable[[str, int], Path], model_folder: Path
):
    pictures = home_of("local", 6) / "images"
    home = f"s3://{BUCKET}/six/.clipper"
    index_images(pictures, home=home, model=str(model_folder), progress=False)
    with clipper.open(home) as atlas:
        here = found(atlas, "a face"), atlas.version

    machine("two")
    store.asked.clear()
    with clipper.open(home) as atlas:
        assert (len(atlas), atlas.version) == (6, here[1])
        assert found(atlas, "a face") == here[0]
    assert not store.names("PUT")
    assert clipper.published_version(home) == here[1]


def test_a_home_that_was_copied_into_a_bucket_opens_with_its_images(album: str, once_indexed: Path):
    with clipper.open(album) as atlas, clipper.open(once_indexed) as copied:
        assert atlas.version == copied.version
        assert found(atlas, "a flag") == found(copied, "a flag")
        assert atlas.info()["home"] == album
        first = atlas.ids[0]
        assert atlas.image(first).size == copied.image(first).size


def test_a_run_with_nothing_to_do_moves_almost_no_bytes(store: ObjectStore, album: str):
    steps_of(album)
    published = store.read(f"{BUCKET}/album/store/current.json")
    store.asked.clear()
    steps_of(album)
    written = store.names("PUT")
    assert {key.rpartition("/")[2] for key in written} == {"lease.json"}
    assert len([each for each in store.asked if "images" not in each.key]) <= 16
    # Lists apart, which grow with the number of files.
    assert sum(each.sent + each.came for each in store.asked if each.key) < 8_000
    assert store.read(f"{BUCKET}/album/store/current.json") == published


def test_a_reader_fetches_only_what_the_published_version_needs(store: ObjectStore, album: str):
    clipper.open(album).close()
    fetched = store.names("GET")
    assert any("/embeddings/" in key for key in fetched)
    # What only runs need, and the collection, of which only filters of Chroma make use.
    assert not [key for key in fetched if re.search("/(measures|signatures|collection/[0-9a-f]+/)", key)]
    store.asked.clear()
    settle(album)
    clipper.open(album).close()
    assert {key for key in store.names("GET") if key} == set()


@pytest.mark.slow
def test_images_that_were_added_are_embedded_once_and_readers_fetch_what_is_new(
    store: ObjectStore, album: str, machine: UseMachine
):
    caches = machine("reader")
    first = clipper.open(album)
    fetched = shards(store)
    held = maps(caches)

    machine("two")
    add_image(store, "new.jpg")
    assert steps_of(album)["clip_embeddings"]["new"] == 1
    machine("one")
    assert steps_of(album)["clip_embeddings"]["new"] == 0

    machine("reader")
    store.asked.clear()
    settle(album)
    with clipper.open(album) as second:
        assert (len(first), len(second)) == (24, 25)
        assert len(found(second, "a colour", k=25)) == 25
        both = maps(caches)
    assert len(held) == 1
    assert held < both
    assert shards(store)
    assert not {*shards(store)} & {*fetched}
    # Nobody reads the first version any more: it leaves this machine once there is another.
    first.close()
    store.remove(f"{BUCKET}/album/images/new.jpg")
    machine("two")
    steps_of(album)
    machine("reader")
    settle(album)
    clipper.open(album).close()
    assert len(maps(caches)) == 1
    assert not maps(caches) & both


def test_chroma_filters_work_on_another_machine(album: str, machine: UseMachine, once_indexed: Path):
    machine("two")
    with clipper.open(album) as atlas, clipper.open(once_indexed) as copied:
        where = {"width": {"$gt": 1}}
        assert found(atlas, "a flag", where=where) == found(copied, "a flag", where=where)


def test_settings_that_somebody_changes_in_the_bucket_count_on_all_machines(store: ObjectStore, album: str):
    config = store.read(f"{BUCKET}/album/clipper.toml")
    assert not Settings.load(album).title
    store.write(f"{BUCKET}/album/clipper.toml", config + b'title = "Album"\n')
    settle(album)
    assert Settings.load(album).title == "Album"


def test_a_relative_images_folder_is_beside_the_home_in_the_bucket(album: str):
    assert Settings.load(album).images_location == f"s3://{BUCKET}/album/images"


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("gs://photos/album", "a home cannot be at gs://; it can be a folder, or be in S3"),
        ("https://example.com/album", "a home cannot be at https://"),
        ("s3://photos", r"names no home; write it like s3://BUCKET/FOLDER/\.clipper"),
        ("s3://me:secret@photos/album", "without a query, and set credentials in the environment"),
        ("s3://photos/../album", "has an empty part, or one of dots"),
    ],
)
def test_a_home_that_cannot_be_is_refused_in_one_line(store: ObjectStore, home: str, said: str):
    with pytest.raises(SettingsError, match=said) as told:
        clipper.open(home)
    assert "\n" not in str(told.value)
    assert not store.asked


def test_a_url_without_an_index_says_how_to_make_one(store: ObjectStore):
    with pytest.raises(NoIndexError, match=rf"clipper index FOLDER-OF-IMAGES --home s3://{BUCKET}/none"):
        clipper.open(f"s3://{BUCKET}/none")
    assert not store.names("PUT")


def test_what_a_bucket_holds_besides_a_home_is_left_alone(
    store: ObjectStore, album: str, machine: UseMachine
):
    for name in ("../out.json", "store/../../out", "store/facts/.hidden", "notes.docx", "store/lock"):
        store.write(f"{BUCKET}/album/{name}", b"{}")
    caches = machine("two")
    steps_of(album)
    assert not [*caches.parent.rglob("out*"), *caches.rglob(".hidden"), *caches.rglob("notes.docx")]
    assert "album/notes.docx" in store.listed()


def maps(caches: Path) -> set[str]:
    """The versions of the map in a machine's copies."""
    return {path.name.partition(".")[0] for path in caches.rglob("projection/*.parquet")}


def shards(store: ObjectStore) -> list[str]:
    return [key for key in store.names("GET") if key.endswith(".arrow")]


def settle(home: str) -> None:
    """Let the time pass until the store is asked again."""
    copy = copies.of(Settings.load(home).home)
    assert copy is not None
    copy._asked.clear()
