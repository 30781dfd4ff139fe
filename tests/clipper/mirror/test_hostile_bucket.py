"""Names that somebody put into a bucket, or into a URL: nothing leaves the copy, nothing else is hurt."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from object_store import BUCKET, ObjectStore

import clipper
from clipper.errors import SettingsError, StoreError
from clipper.mirror import copy as copies
from clipper.mirror import layout
from clipper.mirror.location import normal_url
from clipper.mirror.objects import open_objects
from clipper.settings import Settings, named_folder
from clipper.store.home import Home

UseMachine = Callable[[str], Path]
HOSTILE = [
    "store/facts/" + "a" * 300 + ".arrow",
    "store/facts/" + "é" * 120,
    "store/facts/a.arrow.",
    "store/facts/a.arrow ",
    "store/ ../a",
    "store/facts/NUL.arrow",
    "store/facts/con",
    "store/facts",
    "store/facts/",
    "store/facts//a",
    "store/facts/../../a",
    "store/facts/a\\..\\b",
    "store/C:/a",
    "store/Dagster/storage.db",
    "store/facts_$folder$",
    "/store/facts/a",
    "../clipper.toml",
    ".mirror.json",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_of_a_copy_is_named_so(name: str):
    assert not layout.is_copied(name)


@pytest.mark.parametrize(
    "name",
    [
        "clipper.toml",
        "tags.json",
        "store/staged.json",
        "store/label_texts.parquet",
        "store/embeddings/Modèle-模型_2-0123456789ab/0123456789abcdef0123456789abcdef.arrow",
        "store/embeddings/-0123456789ab/codes/0123.npy",
        "store/collection/0123456789abcdef/chroma.sqlite3",
        "store/collection/0123456789abcdef/5c1c1a52-0000-4000-8000-0123456789ab/data_level0.bin",
    ],
)
def test_a_file_of_a_home_is_copied(name: str):
    assert layout.is_copied(name)


def test_a_run_and_a_reader_leave_hostile_names_alone(store: ObjectStore, machine: UseMachine):
    names = [name for name in HOSTILE if "\\" not in name]
    for name in [*names, "store/facts/good.arrow"]:
        store.write(f"{BUCKET}/album/{name}", b"{}")
    store.write(f"{BUCKET}/album/store/current.json", b"{}")
    caches = machine("two")
    with Home(Settings.load(f"s3://{BUCKET}/album").home).writing():
        pass
    came = {path.name for path in caches.rglob("*") if path.is_file() and path.read_bytes() == b"{}"}
    assert came == {"good.arrow", "current.json"}
    assert {f"album/{name}" for name in names} <= {*store.listed()}


SNAPSHOT = {
    "format": 1,
    "parts": {"collection": "a"},
    "images": "images",
    "model": {},
    "embeddings": "clip-0123456789ab",
    "published_at": "2026-01-01T00:00:00+00:00",
    "counts": {},
}
CLIMBING = [
    {"parts": {"collection": "../../../x"}},
    {"parts": {"collection": "/x"}},
    {"parts": {"collection": "a\\..\\b"}},
    {"parts": {"collection": 3}},
    {"parts": []},
    {"embeddings": ".."},
    {"further": [{"model": {}, "embeddings": "../x", "parts": {}}]},
    {"further": [{"model": {}, "embeddings": "a", "parts": {"collection": "../x"}}]},
]


@pytest.mark.parametrize(
    "data", [b"[" * 200_000, *(json.dumps(SNAPSHOT | each).encode() for each in CLIMBING)]
)
def test_a_hostile_current_json_is_refused_in_one_line(store: ObjectStore, data: bytes):
    store.write(f"{BUCKET}/album/store/current.json", data)
    with pytest.raises(StoreError, match=r"current\.json is damaged") as told:
        clipper.open(f"s3://{BUCKET}/album")
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("store")
def test_a_copy_is_one_however_its_folder_is_named(monkeypatch: pytest.MonkeyPatch):
    folder = Settings.load(f"s3://{BUCKET}/album").home
    monkeypatch.chdir(folder.parent)
    assert named_folder(folder.name) == folder
    assert copies.of(named_folder(folder.name)) is copies.of(folder)


@pytest.mark.usefixtures("store")
def test_a_folder_of_copies_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLIPPER_HOME_CACHE", "~nobody-is-called-so/copies")
    with pytest.raises(SettingsError, match="CLIPPER_HOME_CACHE=~nobody"):
        Settings.load(f"s3://{BUCKET}/album")


@pytest.mark.parametrize(
    "url",
    [
        "s3://me:pass/word@photos/album",
        "s3://me:pass/word@photos/album?X-Amz-Signature=pass/word",
        "s3://photos/album?X-Amz-Signature=pass/word",
        "S3://me:pass/word@photos/album",
    ],
)
def test_no_secret_in_a_url_is_taken_or_shown(url: str):
    with pytest.raises(SettingsError, match="set credentials in the environment") as told:
        normal_url(url)
    assert "word" not in str(told.value)


def test_a_url_is_one_however_its_scheme_is_written():
    assert normal_url("S3://photos/My Album 100%/é/") == "s3://photos/My Album 100%/é"


def test_a_url_that_fsspec_would_take_for_two_is_refused():
    with pytest.raises(SettingsError, match="write the plain path"):
        normal_url("s3://photos/a::memory://b")


@pytest.mark.parametrize("home", ["alb[u]m", "a*", "*"])
def test_a_home_whose_name_looks_like_a_pattern_deletes_only_its_own(store: ObjectStore, home: str):
    for name in (home, "album"):
        store.write(f"{BUCKET}/{name}/store/projection/a.parquet", b"made")
    objects = open_objects(normal_url(f"s3://{BUCKET}/{home}"))
    objects.remove([*objects.list_below("store")])
    assert store.listed() == ["album/store/projection/a.parquet"]
