import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from clipper.errors import BadImageError, ImagesError
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder


def ids(folder: Path | str) -> list[str]:
    return [image.id for image in ImageFolder(str(folder)).list_images()]


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_images_are_found_below_the_folder_sorted_by_path(folder: Path):
    for name in ("b.jpg", "a/z.PNG", "a/deep/er/c.webp", "ä ö.tiff", "noise.txt", "metadata.json", "jpg"):
        touch(folder / name)
    assert ids(folder) == ["a/deep/er/c.webp", "a/z.PNG", "b.jpg", "ä ö.tiff"]


def test_what_is_hidden_is_left_alone(folder: Path):
    for name in (".a.jpg", ".git/b.jpg", "a/.clipper/store/c.jpg", "@eaDir/d.jpg", "._e.jpg", "f.jpg"):
        touch(folder / name)
    assert ids(folder) == ["f.jpg"]


def test_a_folder_below_a_hidden_one_may_itself_be_the_images_folder(tmp_path: Path):
    touch(tmp_path / ".hidden" / "pictures" / "a.jpg")
    assert ids(tmp_path / ".hidden" / "pictures") == ["a.jpg"]


def test_a_folder_with_the_name_of_an_image_is_a_folder(folder: Path):
    touch(folder / "album.jpg" / "a.jpg")
    assert ids(folder) == ["album.jpg/a.jpg"]


def test_links_to_files_are_followed_and_circles_of_folders_are_not(folder: Path, tmp_path: Path):
    (folder / "link.jpg").symlink_to(touch(tmp_path / "elsewhere.jpg", b"123"))
    (folder / "circle").symlink_to(folder)
    (folder / "circle.jpg").symlink_to(folder)
    assert ids(folder) == ["circle.jpg", "link.jpg"]
    found = ImageFolder(str(folder))
    assert found.read("link.jpg") == b"123"
    with pytest.raises(BadImageError):
        found.read("circle.jpg")


def test_sizes_and_times_are_listed_without_opening_a_file(folder: Path):
    file = touch(folder / "a.jpg", b"12345")
    found = ImageFolder(str(folder)).list_images()[0]
    assert (found.bytes, found.mtime_ns) == (5, file.stat().st_mtime_ns)


def test_a_missing_folder_is_reported(tmp_path: Path):
    with pytest.raises(ImagesError, match="does not exist"):
        ImageFolder(str(tmp_path / "none")).list_images()


def test_a_broken_link_is_listed_and_refused_when_read(folder: Path):
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    assert ImageFolder(str(folder)).list_images() == [FoundImage("gone.jpg", bytes=0, mtime_ns=0)]
    with pytest.raises(BadImageError, match="cannot be read"):
        ImageFolder(str(folder)).read("gone.jpg")


@pytest.mark.linux
@pytest.mark.timeout(60)
def test_a_pipe_with_the_name_of_an_image_does_not_stop_the_run(folder: Path):
    os.mkfifo(folder / "pipe.jpg")
    assert ids(folder) == ["pipe.jpg"]
    with pytest.raises(BadImageError, match="not a regular file"):
        ImageFolder(str(folder)).read("pipe.jpg")


@pytest.mark.linux
@pytest.mark.timeout(60)
def test_a_pipe_with_the_name_of_the_metadata_does_not_stop_the_run(folder: Path):
    os.mkfifo(folder / "metadata.json")
    with pytest.raises(ImagesError, match="not a regular file"):
        ImageFolder(str(folder)).read_beside("metadata.json")


def test_empty_and_oversized_files_are_reported(folder: Path):
    touch(folder / "empty.jpg", b"")
    touch(folder / "large.jpg", bytes(11))
    small = ImageFolder(str(folder), max_bytes=10)
    with pytest.raises(BadImageError, match="0 bytes"):
        small.read("empty.jpg")
    with pytest.raises(BadImageError, match=r"11 bytes.*max_bytes"):
        small.read("large.jpg")
    assert len(ImageFolder(str(folder), max_bytes=11).read("large.jpg")) == 11


def test_what_is_no_image_by_its_ending_is_counted_and_not_listed(folder: Path, tmp_path: Path):
    others = ("a.txt", "b.TXT", "sub/c.csv", "README", "x.tar.gz", "odd.a b", "d.pdf", "sub/d.csv",
              "e.parquet", "f.database", "g.~bak")  # fmt: skip
    for name in (*others, "metadata.csv", "sub/metadata.csv", ".hidden.txt", ".git/d.txt"):
        touch(folder / name)
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    (folder / "itself").symlink_to(folder / "itself")
    listing = ImageFolder(str(folder)).list_files()
    assert listing.images == []
    expected = {
        ".txt": 3, ".csv": 2, "no ending": 5, ".gz": 1, ".pdf": 1, ".parquet": 1, "links to folders": 1,
    }  # fmt: skip
    assert listing.others == expected


def test_the_files_of_a_home_within_are_neither_listed_nor_counted(folder: Path):
    for home in (folder, folder / "atlas"):
        touch(home / "clipper.toml")
        touch(home / "store" / "picture.png")
        touch(home / "store" / "manifest" / "1.parquet")
    for name in ("a.jpg", "other/store/b.jpg", "other/notes.txt"):
        touch(folder / name)
    listing = ImageFolder(str(folder)).list_files()
    assert [image.id for image in listing.images] == ["a.jpg", "other/store/b.jpg"]
    assert listing.others == {".txt": 1}


@pytest.mark.linux
def test_images_that_are_not_decoded_are_listed_and_refused_without_being_read(folder: Path):
    touch(folder / "a.exr", b"v/1\x01" + bytes(99))
    touch(folder / "b.xcf", b"gimp xcf")
    touch(folder / "c.xcf", b"\xff\xd8\xff\xe0 a JPEG")
    touch(folder / "d.jpg", b"8BPS")
    with (folder / "e.svg").open("wb") as large:
        large.truncate(1 << 40)
    os.mkfifo(folder / "f.eps")
    found = ImageFolder(str(folder))
    reasons = {image.id: found.reason_not_read(image.id) for image in found.list_images()}
    assert reasons["a.exr"] == "is OpenEXR, which Clipper does not read; convert it to JPEG or PNG"
    assert "SVG" in (reasons["e.svg"] or "")
    assert "GIMP" in (reasons["b.xcf"] or "")
    assert [name for name, reason in reasons.items() if reason is None] == ["c.xcf", "d.jpg", "f.eps"]


def test_behind_a_url_the_ending_alone_decides_what_is_refused(memory_folder: str):
    found = ImageFolder(memory_folder)
    fsspec.filesystem("memory").pipe("/pictures/c.xcf", b"\xff\xd8\xff\xe0 a JPEG")
    assert "export it as PNG" in (found.reason_not_read("c.xcf") or "")
    assert found.reason_not_read("a.jpg") is None


UNLISTED = ("hash", "b.jpg_large", "c.1", "d.data", "e.jpg~")


def test_a_file_whose_ending_says_nothing_is_an_image_if_it_begins_as_one(folder: Path):
    beginnings = (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\x00",
        b"\x00\x00\x00\x18ftypheic",
        b"GIF89a",
    )
    for name, beginning in zip(UNLISTED, beginnings, strict=True):
        touch(folder / name, beginning + bytes(99))
    touch(folder / "notes.txt", b"\xff\xd8\xff\xe0 with the ending of a text")
    touch(folder / "bm", b"BM is how this text begins")
    touch(folder / "weights.bin", bytes(5_000))
    touch(folder / "README", b"text")
    listing = ImageFolder(str(folder)).list_files()
    assert [image.id for image in listing.images] == sorted(UNLISTED)
    assert listing.others == {".txt": 1, "no ending": 2, ".bin": 1}


def test_of_an_ending_that_is_never_an_images_only_some_files_are_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.images.folder.MAX_MISSES", 3)
    for number in range(9):
        touch(folder / f"{number}.dat", b"numbers")
    for name in ("zz.dat", "zz.other"):
        touch(folder / name, b"\xff\xd8\xff\xe0")
    found = ImageFolder(str(folder))
    assert ids(folder) == ["zz.other"]
    assert found.list_files().others == {".dat": 10}
    assert [image.id for image in found.list_files(images={"zz.dat"}).images] == ["zz.dat", "zz.other"]


def test_an_image_of_the_last_run_is_not_opened_to_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    touch(folder / "hash", b"\xff\xd8\xff\xe0")
    found = ImageFolder(str(folder))
    known = {image.id for image in found.list_images()}

    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("a file is opened")

    monkeypatch.setattr("clipper.images.folder.read_file", refuse)
    assert [image.id for image in found.list_files(images=known).images] == ["hash"]


def test_behind_a_url_only_the_ending_makes_an_image(memory_folder: str):
    fsspec.filesystem("memory").pipe("/pictures/hash", b"\xff\xd8\xff\xe0 a JPEG")
    listing = ImageFolder(memory_folder).list_files()
    assert "hash" not in [image.id for image in listing.images]
    assert listing.others["no ending"] == 1


def test_a_listing_has_the_same_fingerprint_as_the_folder(folder: Path):
    touch(folder / "hash", b"\xff\xd8\xff\xe0")
    touch(folder / "other", b"text")
    found = ImageFolder(str(folder))
    assert found.fingerprint(found.list_files()) == found.fingerprint()


def test_a_folder_within_that_cannot_be_listed_is_named_and_the_rest_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    touch(folder / "a.jpg")
    touch(folder / "locked" / "b.jpg")
    closed = folder / "locked"

    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    listed = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    found = ImageFolder(str(folder))
    assert found.list_images() == [
        FoundImage("a.jpg", 1, (folder / "a.jpg").stat().st_mtime_ns),
        FoundImage("locked", bytes=0, mtime_ns=0),
    ]
    with pytest.raises(BadImageError):
        found.read("locked")
    closed = folder
    with pytest.raises(ImagesError, match="cannot be read: Permission denied"):
        found.list_images()


def test_a_folder_that_is_required_is_there_or_the_error_says_what_to_check(folder: Path, memory_folder: str):
    for there, missing in ((str(folder), f"{folder}/none"), (memory_folder, "memory://none")):
        ImageFolder(there).require()
        with pytest.raises(ImagesError, match="does not exist; check `images`"):
            ImageFolder(missing).require()


def test_the_fingerprint_changes_with_any_file_of_the_dataset_and_with_no_other(folder: Path):
    found = ImageFolder(str(folder))
    touch(folder / "a.jpg", b"123")
    known = [found.fingerprint()]
    for change in (
        lambda: touch(folder / "b.jpg"),
        lambda: touch(folder / "a.jpg", b"1234"),
        lambda: os.utime(folder / "a.jpg", ns=(5, 5)),
        lambda: touch(folder / "metadata.json", b"{}"),
        lambda: touch(folder / "metadata.json", b"{ }"),
        lambda: os.utime(folder / "metadata.json", ns=(5, 5)),
        (folder / "b.jpg").unlink,
    ):
        change()
        known.append(found.fingerprint())
    assert len(set(known)) == len(known)
    touch(folder / "notes.txt")
    assert found.fingerprint() == known[-1]


def test_the_fingerprint_of_a_url_changes_with_its_metadata(memory_folder: str):
    files, found = fsspec.filesystem("memory"), ImageFolder(memory_folder)
    files.pipe("/pictures/a.jpg", b"123")
    without = found.fingerprint()
    files.pipe("/pictures/metadata.json", b"{}")
    assert without != found.fingerprint() == found.fingerprint()


def test_an_empty_file_behind_a_url_is_refused(memory_folder: str):
    fsspec.filesystem("memory").pipe("/pictures/a.jpg", b"")
    found = ImageFolder(memory_folder)
    assert [image.bytes for image in found.list_images()] == [0]
    with pytest.raises(BadImageError, match="0 bytes"):
        found.read("a.jpg")


def test_a_file_beside_the_images_is_read_or_absent(folder: Path):
    assert ImageFolder(str(folder)).read_beside("metadata.json") is None
    touch(folder / "metadata.json", b"{}")
    assert ImageFolder(str(folder)).read_beside("metadata.json") == b"{}"
    (folder / "other.json").mkdir()
    with pytest.raises(ImagesError, match=r"other\.json"):
        ImageFolder(str(folder)).read_beside("other.json")


def test_a_url_is_a_folder_like_another(memory_folder: str):
    files = fsspec.filesystem("memory")
    for name in ("a.jpg", "sub/b.png", ".hidden/c.jpg", "notes.txt"):
        files.pipe(f"/pictures/{name}", b"123")
    found = ImageFolder(memory_folder)
    assert [(image.id, image.bytes) for image in found.list_images()] == [("a.jpg", 3), ("sub/b.png", 3)]
    assert found.list_images()[0].mtime_ns > 0
    assert found.read("sub/b.png") == b"123"
    assert found.path("sub/b.png") == "memory://pictures/sub/b.png"
    assert found.read_beside("metadata.json") is None
    files.pipe("/pictures/metadata.json", b"{}")
    assert found.read_beside("metadata.json") == b"{}"


@pytest.mark.parametrize("remote", [False, True])
def test_thumbnails_bins_and_homes_of_others_are_no_images(remote: bool, folder: Path, memory_folder: str):
    names = [
        "a.jpg", "sub/b.jpg", "sub/store/c.jpg", "@eaDir/a.jpg/thumb.png", "sub/__MACOSX/b.jpg",
        "#recycle/d.jpg", "home/clipper.toml", "home/store/e.png", "home/images/f.jpg", ".trash/g.jpg",
    ]  # fmt: skip
    for name in names:
        if remote:
            fsspec.filesystem("memory").pipe(f"/pictures/{name}", b"123")
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"123")
    found = ImageFolder(memory_folder if remote else str(folder)).list_files()
    assert [image.id for image in found.images] == [
        "a.jpg",
        "home/images/f.jpg",
        "sub/b.jpg",
        "sub/store/c.jpg",
    ]
    assert not found.others


def test_files_and_urls_that_cannot_be_read_are_reported(memory_folder: str):
    fsspec.filesystem("memory").pipe("/pictures/a.jpg", b"123")
    with pytest.raises(BadImageError):
        ImageFolder(memory_folder).read("gone.jpg")
    with pytest.raises(BadImageError, match="max_bytes"):
        ImageFolder(memory_folder, max_bytes=2).read("a.jpg")
    with pytest.raises(ImagesError, match=r"nosuch://"):
        ImageFolder("nosuch://bucket").list_images()


class Described(MemoryFileSystem):
    """Describes its files as object stores of several kinds do."""

    protocol = "described"
    entries: dict[str, dict[str, object]] = {}  # noqa: RUF012 - of the whole process

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("described://", "memory://"))

    def find(self, path: str, *_args: object, **_kwargs: object) -> object:
        return {f"{path}/{name}": entry for name, entry in self.entries.items()}


@pytest.mark.parametrize(
    ("entry", "size", "mtime_ns"),
    [
        ({"size": 3, "mtime": 12.5}, 3, 12_500_000_000),
        ({"size": 3, "LastModified": datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)}, 3, 2_000_000_000),
        ({"size": 3, "created": datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)}, 3, 3_000_000_000),
        ({"size": 3}, 3, 0),
        ({"size": None}, 0, 0),
    ],
)
def test_sizes_and_times_of_remote_files_come_in_bytes_and_nanoseconds(
    monkeypatch: pytest.MonkeyPatch, entry: dict[str, object], size: int, mtime_ns: int
):
    fsspec.register_implementation("described", Described, clobber=True)
    monkeypatch.setattr(Described, "entries", {"a.jpg": entry})
    assert ImageFolder("described://pictures").list_images() == [FoundImage("a.jpg", size, mtime_ns)]


class Remembering(MemoryFileSystem):
    """Keeps what it has listed, as the file systems of object stores do."""

    protocol = "remembering"
    listed: dict[str, object] = {}  # noqa: RUF012 - of the whole process, as theirs

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("remembering://", "memory://"))

    def find(self, path: str, *args: object, **kwargs: object) -> object:
        if path not in self.listed:
            self.listed[path] = super().find(path, *args, **kwargs)
        return self.listed[path]

    def invalidate_cache(self, path: str | None = None) -> None:  # noqa: ARG002
        self.listed.clear()


def test_a_remote_folder_is_listed_anew_by_each_look_of_a_process(memory_folder: str):
    fsspec.register_implementation("remembering", Remembering, clobber=True)
    files = fsspec.filesystem("memory")
    folder = ImageFolder(memory_folder.replace("memory", "remembering"))
    files.pipe_file("/pictures/a.jpg", b"x")
    before = folder.fingerprint()
    assert folder.fingerprint() == before
    files.pipe_file("/pictures/b.jpg", b"y")
    assert folder.fingerprint() != before
