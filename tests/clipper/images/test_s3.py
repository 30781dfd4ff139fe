"""Images in S3: a refusal ends the run, what passes is tried again, and neither drops an image."""

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import clipper
from clipper.errors import BadImageError, MissingExtraError, RefusedError, StorageError, is_transient
from clipper.hashing import content_hash
from clipper.images.archives.folder import open_images
from clipper.images.files import fetched
from clipper.images.folder import ImageFolder
from clipper.images.listing import FoundImage
from clipper.indexing.scan import scan
from clipper.network import storage
from tests.clipper.fake_s3 import FakeS3, serve

s3fs = pytest.importorskip("s3fs", reason="pip install 'clipper[s3]'")

FOLDER = "s3://pictures/cats"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """A bucket with six images, reached by nothing but the environment."""
    fake = FakeS3({"pictures": {f"cats/{number}.jpg": b"image %d" % number for number in range(6)}})
    with serve(fake):
        for name, value in {
            "AWS_ENDPOINT_URL": fake.url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_CONFIG_FILE": "/nowhere",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.setattr(storage, "PAUSE", 0.001)
        monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
        s3fs.S3FileSystem.clear_instance_cache()
        yield fake
        s3fs.S3FileSystem.clear_instance_cache()


Fault = tuple[int, str] | str | None


def first_time(fault: Fault, times: int = 1) -> Callable[[str, str], Fault]:
    """Answer so for the first times that a key is asked for."""
    seen: Counter[tuple[str, str]] = Counter()

    def decide(method: str, key: str) -> Fault:
        seen[method, key] += 1
        return fault if seen[method, key] <= times else None

    return decide


@pytest.mark.parametrize("in_order", [True, False])
def test_a_bucket_of_many_keys_is_listed_whole_whether_or_not_its_keys_come_in_order(
    s3: FakeS3, *, in_order: bool
):
    s3.page, s3.is_reversed = 10, not in_order
    names = [f"{folder}/{number:04} é+%.jpg" for folder in ("train", "val") for number in range(300)]
    s3.buckets["pictures"] = {f"cats/{name}": b"an image" for name in names}
    s3.buckets["pictures"] |= {
        "cats/train/": b"",
        "cats0.jpg": b"",
        "cats/notes.txt": b"",
        "cats/metadata.csv": b"",
    }
    listing = ImageFolder(FOLDER).list_files()
    assert [image.id for image in listing.images] == sorted(names)
    assert {(image.bytes, image.mtime_ns) for image in listing.images} == {(8, 1_767_323_045_000_000_000)}
    assert (dict(listing.others), [table.id for table in listing.tables]) == ({".txt": 1}, ["metadata.csv"])


@pytest.mark.parametrize("fault", [(503, "SlowDown"), (500, "InternalError"), "reset"])
def test_what_passes_is_tried_again(s3: FakeS3, fault: Fault):
    s3.fault = first_time(fault)
    manifest = scan(ImageFolder(FOLDER))
    assert (len(manifest.entries), manifest.unreadable) == (6, {})


@pytest.mark.parametrize("fault", [(503, "SlowDown"), "reset"])
def test_a_server_that_stays_in_trouble_ends_the_run_and_may_be_asked_again_later(s3: FakeS3, fault: Fault):
    s3.fault = lambda _, key: fault if key == "cats/5.jpg" else None
    with pytest.raises(StorageError, match=rf"{FOLDER}/5\.jpg cannot be read: .*check the network") as told:
        scan(ImageFolder(FOLDER))
    assert is_transient(told.value)


def test_a_file_is_asked_for_once_though_many_threads_read(s3: FakeS3):
    scan(ImageFolder(FOLDER))
    assert {key: count for (_, key), count in s3.asked.items() if key} == {
        f"cats/{number}.jpg": 1 for number in range(6)
    }


def test_of_an_object_that_grew_since_it_was_listed_no_more_is_read_than_the_limit(s3: FakeS3):
    folder = ImageFolder(FOLDER, max_bytes=100)
    listing = folder.list_files()
    s3.buckets["pictures"] |= {"cats/3.jpg": bytes(10_000), "cats/4.jpg": b"image that grew"}
    manifest = scan(folder, listing=listing)
    (grown,) = [entry for entry in manifest.entries if entry.id == "4.jpg"]
    assert grown.content_hash == content_hash(b"image that grew")
    assert manifest.unreadable == {"3.jpg": "has grown to more bytes than the limit of 100 (max_bytes)"}


def test_a_refusal_ends_the_run_and_drops_no_image(s3: FakeS3):
    s3.fault = lambda _, key: (403, "AccessDenied") if key[-5:-4] in "147" and key else None
    with pytest.raises(
        RefusedError, match=r"cats/1.*\.jpg cannot be read: .*AWS_ACCESS_KEY_ID.*s3:GetObject"
    ) as told:
        scan(ImageFolder(FOLDER))
    assert not is_transient(told.value)
    assert max(s3.asked.values()) < 3  # it is not tried again


def test_a_bucket_that_may_not_be_listed_and_one_that_is_not_there(s3: FakeS3):
    with pytest.raises(Exception, match=r"s3://dogs does not exist; check `images`"):
        scan(ImageFolder("s3://dogs"))
    s3.fault = lambda _, key: None if key else (403, "AccessDenied")
    with pytest.raises(RefusedError, match=rf"{FOLDER} cannot be listed: .*s3:ListBucket"):
        scan(ImageFolder(FOLDER))
    with pytest.raises(RefusedError, match=rf"{FOLDER} cannot be listed: .*s3:ListBucket"):
        ImageFolder(FOLDER).require()


def test_without_credentials_one_line_says_which(s3: FakeS3, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(RefusedError, match=rf"{FOLDER} cannot be listed: .*AWS_ACCESS_KEY_ID") as told:
        scan(ImageFolder(FOLDER))
    assert "\n" not in str(told.value)
    assert not s3.asked


@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_nobody_answers_at_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9.*AWS_ENDPOINT_URL"):
        scan(ImageFolder(FOLDER))


def test_an_object_that_is_gone_or_archived_is_a_matter_of_that_object(s3: FakeS3):
    folder = ImageFolder(FOLDER)
    folder.list_images()
    del s3.buckets["pictures"]["cats/3.jpg"]
    with pytest.raises(BadImageError, match="cannot be read"):
        folder.read("3.jpg")
    s3.fault = lambda method, key: (
        (403, "InvalidObjectState") if (method, key) == ("GET", "cats/4.jpg") else None
    )
    manifest = scan(ImageFolder(FOLDER))
    assert len(manifest.entries) == 4
    assert list(manifest.unreadable) == ["4.jpg"]


def test_files_read_many_at_once_are_asked_for_again_one_by_one(s3: FakeS3):
    found = [FoundImage(f"{number}.jpg", 8, 1) for number in range(6)]
    s3.fault = first_time((503, "SlowDown"))
    assert ImageFolder(FOLDER).read_many(found) == [b"image %d" % number for number in range(6)]
    s3.fault = lambda _, key: (403, "AccessDenied") if key == "cats/5.jpg" else None
    with pytest.raises(RefusedError):
        ImageFolder(FOLDER).read_many(found)


def shard() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for number in range(5):
            image = io.BytesIO()
            Image.new("RGB", (20 + number, 20), "red").save(image, "PNG")
            about = tarfile.TarInfo(f"{number}.png")
            about.size = image.tell()
            image.seek(0)
            tar.addfile(about, image)
    return data.getvalue()


def test_an_archive_is_not_damaged_because_its_server_was(s3: FakeS3):
    s3.buckets["pictures"]["shards/0.tar"] = shard()
    location = "s3://pictures/shards/*.tar"
    s3.fault = first_time((503, "SlowDown"))
    listing = open_images(location).list_files()
    assert [image.reason for image in listing.images] == [None] * 5
    s3.fault = lambda *asked: (403, "AccessDenied") if asked == ("GET", "shards/0.tar") else None
    with pytest.raises(RefusedError, match="GetObject"):
        open_images(location).list_files()
    folder, image = open_images(location), listing.images[2]
    with pytest.raises(RefusedError):
        folder.read(image.id, image.place)
    s3.fault = first_time("reset")
    assert folder.read(image.id, image.place).startswith(b"\x89PNG")


@pytest.mark.parametrize(("url", "extra"), [("s3://a/b", "s3"), ("gs://a/b", "gcs")])
def test_without_its_extra_a_url_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, url: str, extra: str, tmp_path: Path
):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for location in (url, f"{url}/*.tar"):
        with pytest.raises(MissingExtraError, match=rf"^{url}.*pip install 'clipper\[{extra}\]'"):
            open_images(location).list_files()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_atlas_keeps_its_images_when_some_are_denied(
    s3: FakeS3, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def picture(number: int) -> bytes:
        data = io.BytesIO()
        Image.new("RGB", (32, 32), (number * 10, 90, 200)).save(data, "PNG")
        return data.getvalue()

    s3.buckets["pictures"] = {f"cats/{number}.png": picture(number) for number in range(10)}
    home, options = tmp_path / "home", {"model": str(model_folder), "progress": False}
    before = clipper.index(FOLDER, home=home, **options)
    assert len(before) == 10
    s3.buckets["pictures"] |= {f"cats/new-{number}.png": picture(20 + number) for number in range(3)}
    denied = {"cats/new-0.png", "cats/new-2.png"}
    s3.fault = lambda _, key: (403, "AccessDenied") if key in denied else None
    with pytest.raises(RefusedError, match=r"new-0\.png cannot be read"):
        clipper.index(FOLDER, home=home, **options)
    # Readable while it is hashed, and denied when it is decoded, for which there was no room on the disk.
    monkeypatch.setattr(fetched, "MAX_BYTES", 0)
    hashed: Counter[tuple[str, str]] = Counter()

    def deny_later(method: str, key: str) -> Fault:
        hashed[method, key] += 1
        return (403, "AccessDenied") if key in denied and hashed["GET", key] > 1 else None

    s3.fault = deny_later
    with pytest.raises(RefusedError, match=r"new-\d\.png cannot be read"):
        clipper.index(FOLDER, home=home, **options)
    assert clipper.open(home).ids == before.ids
