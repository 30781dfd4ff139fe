"""An object whose bytes are known by their ETag is not read again, and an ETag that lies hides no change."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tagged_store import Tagged, md5

from clipper.errors import StorageError
from clipper.hashing import content_hash
from clipper.images.files.etags import etag_of, is_etag_of
from clipper.images.files.found import FoundImage, FoundImages
from clipper.images.folder import ImageFolder
from clipper.indexing.files.checkpoint import Checkpoint
from clipper.indexing.scan import scan
from clipper.store.columns.entries import Entries
from clipper.store.home import Home
from clipper.store.manifest import Manifest

MIB = 1 << 20


def scanned(before: Manifest | None = None, **options: Any) -> tuple[Manifest, list[str]]:
    """Scan the bucket; return the manifest and the objects that were read."""
    Tagged.asked.clear()
    manifest = scan(ImageFolder("tagged://bucket"), before=before, **options)
    return manifest, sorted(path.rpartition("/")[2] for path in Tagged.asked)


def contents(manifest: Manifest) -> dict[str, bytes]:
    return {entry.id: entry.content_hash for entry in manifest.entries}


def test_twenty_objects_that_are_uploaded_again_are_not_read(bucket: Tagged):
    before, read = scanned()
    assert len(read) == 20
    for number in range(20):
        bucket.upload(f"{number:02}.jpg", b"image %d" % number, at=1_700_000_000)
    after, read = scanned(before)
    assert read == []
    assert after.version == before.version
    assert {entry.mtime_ns for entry in after.entries} == {1_700_000_000_000_000_000}
    assert [entry.first_ns for entry in after.entries] == [entry.first_ns for entry in before.entries]
    assert scanned(after) == (after, [])


def test_an_object_with_other_bytes_is_read_also_if_its_size_or_time_is_as_before(bucket: Tagged):
    before, _ = scanned()
    bucket.upload("03.jpg", b"image X", at=1_700_000_000)
    bucket.upload("04.jpg", b"image Y", at=1_600_000_000)
    after, read = scanned(before)
    assert read == ["03.jpg", "04.jpg"]
    assert contents(after)["03.jpg"] == content_hash(b"image X")
    assert contents(after)["04.jpg"] == content_hash(b"image Y")


def test_copies_and_renamed_objects_are_not_read(bucket: Tagged):
    before, _ = scanned()
    bucket.upload("more/copy.jpg", b"image 7", at=1_700_000_000)
    bucket.upload("renamed.jpg", b"image 8", at=1_700_000_000)
    bucket.upload("drawing.svg", b"image 9", at=1_700_000_000)
    bucket.rm_file("/bucket/08.jpg")
    after, read = scanned(before)
    assert read == []
    assert after.version == scanned()[0].version
    assert list(after.unreadable) == ["drawing.svg"]
    assert after.changes_since(before).moved == {"08.jpg": "renamed.jpg"}
    assert after.changes_since(before).added == ["more/copy.jpg"]


def test_an_etag_that_is_not_of_the_bytes_counts_for_nothing(bucket: Tagged):
    same = f'"{"5" * 32}"'  # of all: as encryption or a strange server may make them
    Tagged.tags.update(dict.fromkeys(Tagged.store, same))
    before, _ = scanned()
    assert not before.entries.has_etags
    bucket.upload("03.jpg", b"image X", at=1_700_000_000)
    after, read = scanned(before)
    assert read == ["03.jpg"]
    assert contents(after)["03.jpg"] == content_hash(b"image X")


def test_an_object_that_changed_after_it_was_listed_is_not_known_by_the_listed_etag(bucket: Tagged):
    folder = ImageFolder("tagged://bucket")
    listing = folder.list_files()
    bucket.upload("03.jpg", b"image X", at=1_650_000_000)
    manifest = scan(folder, listing=listing)
    bucket.upload("03.jpg", b"image 3", at=1_700_000_000)
    after, read = scanned(manifest)
    assert read == ["03.jpg"]
    assert contents(after)["03.jpg"] == content_hash(b"image 3")


def test_verify_reads_all(bucket: Tagged):
    assert bucket
    before, _ = scanned()
    assert len(scanned(before, verify=True)[1]) == 20


def test_a_stopped_run_leaves_its_etags_too(bucket: Tagged, tmp_path: Path):
    checkpoint = Checkpoint(Home(tmp_path))
    Tagged.fails_at = "/bucket/15.jpg"
    with pytest.raises(StorageError):
        scanned(checkpoint=checkpoint)
    Tagged.fails_at = ""
    for number in range(10):
        bucket.upload(f"{number:02}.jpg", b"image %d" % number, at=1_700_000_000)
    manifest, read = scanned(checkpoint=checkpoint)
    assert read == [f"{number:02}.jpg" for number in range(15, 20)]
    assert manifest.version == scanned()[0].version


def test_manifests_keep_etags_and_read_those_of_an_earlier_clipper(bucket: Tagged, tmp_path: Path):
    bucket.upload("more.png", b"", at=1_600_000_000)
    manifest, _ = scanned()
    manifest.write(tmp_path / "new.parquet")
    assert Manifest.read(tmp_path / "new.parquet") == manifest
    assert Manifest.read(tmp_path / "new.parquet").entries[3].etag == md5(b"image 3").digest() + bytes(4)
    earlier = Entries(manifest.entries.table.drop_columns(["etag"]))
    replace(manifest, entries=earlier).write(tmp_path / "old.parquet")
    old = Manifest.read(tmp_path / "old.parquet")
    assert scanned(old) == (old, ["more.png"])  # an unchanged run writes nothing new
    bucket.upload("03.jpg", b"image 3", at=1_700_000_000)
    after, read = scanned(old)
    assert read == ["03.jpg", "more.png"]
    assert [entry.id for entry in after.entries if entry.etag] == ["03.jpg"]


def test_columns_of_found_images_give_back_their_etags():
    images = [FoundImage("a", 1, 2, etag=bytes(20)), FoundImage("b", 1, 2), FoundImage("c", 1, 2, reason="x")]
    assert list(FoundImages.of(images)) == images
    assert list(FoundImages.of(images[:2])) == images[:2]


@pytest.mark.parametrize(
    ("entry", "etag"),
    [
        ({"ETag": f'"{"0f" * 16}"'}, b"\x0f" * 16 + bytes(4)),
        ({"ETag": f'"{"0F" * 16}-12"'}, b"\x0f" * 16 + b"\0\0\0\x0c"),
        ({"md5Hash": b64encode(b"\x01" * 16).decode()}, b"\x01" * 16 + bytes(4)),
        ({"ETag": "0x8D4BCC2E4835CD0"}, None),
        ({"ETag": f'W/"{"0f" * 16}"'}, None),
        ({"md5Hash": "no base64"}, None),
        ({"md5Hash": "AAAA"}, None),
        ({"ETag": None}, None),
        ({}, None),
    ],
)
def test_what_a_listing_says_is_read(entry: dict[str, Any], etag: bytes | None):
    assert etag_of(entry) == etag


@pytest.mark.parametrize("part", [5, 8, 16])
def test_an_object_that_was_uploaded_in_parts_is_known_by_the_etag_of_its_parts(part: int):
    data = bytes(range(256)) * (17 * MIB // 256)
    parts = [data[start : start + part * MIB] for start in range(0, len(data), part * MIB)]
    whole = md5(b"".join(md5(one).digest() for one in parts)).digest()
    assert is_etag_of(data, whole + len(parts).to_bytes(4, "big"))
    assert not is_etag_of(data[:-1], whole + len(parts).to_bytes(4, "big"))
    assert not is_etag_of(data, whole + (len(parts) + 1).to_bytes(4, "big"))
    assert not is_etag_of(data, whole + bytes(4))
