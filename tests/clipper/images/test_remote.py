"""A folder behind a URL that cannot be listed is told; it is never taken for an empty one."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from clipper.errors import BadImageError, ImagesError, RefusedError, StorageError
from clipper.images.archives.folder import open_images
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.indexing.scan import scan
from clipper.network import storage


class Refusing(MemoryFileSystem):
    """Lists its folders one after another, as most servers do, and refuses some."""

    protocol = "refusing"
    store: dict[str, object] = {}  # noqa: RUF012 - of the whole process, as of its base
    pseudo_dirs = [""]  # noqa: RUF012
    refused: dict[str, Exception] = {}  # noqa: RUF012
    find = AbstractFileSystem.find

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("refusing://", "memory://"))

    def ls(self, path: str, detail: bool = True, **kwargs: object) -> object:
        if error := self.refused.get(path.rstrip("/")):
            raise error
        return super().ls(path, detail=detail, **kwargs)


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    files = fsspec.filesystem("refusing")
    for name in ("a.jpg", "closed/b.jpg", "open/c.jpg", "open/deep/d.tar", "open/deep/e.jpg"):
        files.pipe(f"/pictures/{name}", b"123")
    yield files
    files.refused.clear()
    files.store.clear()


class OfItsOwnKindError(Exception):
    """As the libraries of servers raise them."""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PAUSE", 0.0)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OfItsOwnKindError("odd")])
def test_a_closed_folder_behind_a_url_is_named_and_hides_no_other(refusing: Refusing, error: Exception):
    refusing.refused["/pictures/closed"] = error
    manifest = scan(ImageFolder("refusing://pictures"))
    assert [entry.id for entry in manifest.entries] == ["a.jpg", "open/c.jpg", "open/deep/e.jpg"]
    assert manifest.unreadable == {"closed": f"cannot be listed: {error}"}
    refusing.refused["/pictures/closed"] = FileNotFoundError()  # deleted meanwhile
    assert scan(ImageFolder("refusing://pictures")).unreadable == {}


@pytest.mark.parametrize("location", ["refusing://pictures", "refusing://pictures/**/*.tar"])
@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), OfItsOwnKindError("503"), OfItsOwnKindError()]
)
def test_a_server_that_does_not_answer_has_not_lost_its_images(
    refusing: Refusing, location: str, error: Exception
):
    refusing.refused["/pictures"] = error
    with pytest.raises(ImagesError, match=rf"{location[:19]}.*cannot be listed: .*(refused|503|Error)"):
        scan(open_images(location), may_be_empty=True)


def test_a_folder_whose_server_stops_answering_is_not_taken_for_a_closed_one(refusing: Refusing):
    refusing.refused["/pictures/open/deep"] = ConnectionResetError(104, "reset")
    with pytest.raises(StorageError, match=r"cannot be listed: .*reset"):
        scan(ImageFolder("refusing://pictures"))


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OfItsOwnKindError("403, message='Forbidden'"), RefusedError),
        (PermissionError(13, "Permission denied"), RefusedError),
        (OfItsOwnKindError("502, message='Bad gateway'"), StorageError),
        (TimeoutError(), StorageError),
    ],
)
def test_an_error_that_says_nothing_about_the_file_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception]
):
    def cat_file(*_: object, **__: object) -> bytes:
        raise error

    monkeypatch.setattr(Refusing, "cat_file", cat_file)
    with pytest.raises(kind, match=r"refusing://pictures/a\.jpg cannot be read: "):
        scan(ImageFolder("refusing://pictures"))


def test_a_folder_of_archives_that_is_closed_hides_none_of_them(refusing: Refusing):
    assert [each.name for each in open_images("refusing://pictures/**/*.tar").archives()] == [
        "open/deep/d.tar"
    ]
    assert open_images("refusing://pictures/*/*.tar").archives() == []
    refusing.refused["/pictures/open/deep"] = PermissionError("closed")
    assert open_images("refusing://pictures/*/*.tar").archives() == []  # it does not reach that far
    with pytest.raises(ImagesError, match=r"open/deep cannot be listed: closed"):
        open_images("refusing://pictures/**/*.tar").archives()


def test_a_folder_that_is_gone_is_no_empty_one_where_there_are_folders(tmp_path: Path, memory_folder: str):
    (tmp_path / "empty").mkdir()
    empty, gone = f"file://{tmp_path}/empty", f"file://{tmp_path}/gone"
    for pattern in ("", "/*.tar"):
        assert not scan(open_images(empty + pattern), may_be_empty=True).entries
        assert not scan(open_images(memory_folder + pattern), may_be_empty=True).entries
        with pytest.raises(ImagesError, match=r"gone.* does not exist; check `images`"):
            scan(open_images(gone + pattern), may_be_empty=True)


@pytest.mark.usefixtures("refusing")
def test_an_error_of_a_server_for_one_file_costs_that_file_alone(monkeypatch: pytest.MonkeyPatch):
    def cat_file(*_: object, **__: object) -> bytes:
        raise OfItsOwnKindError("a name that this server cannot read")

    monkeypatch.setattr(Refusing, "cat_file", cat_file)
    folder = ImageFolder("refusing://pictures")
    assert FoundImage("a.jpg", 3, folder.list_images()[0].mtime_ns) in folder.list_images()
    with pytest.raises(BadImageError, match="cannot be read: a name"):
        folder.read("a.jpg")


def test_files_with_brackets_in_their_names_are_read(memory_folder: str):
    files, root = fsspec.core.url_to_fs(memory_folder)
    files.pipe({f"{root}/a[1].txt": b"one", f"{root}/b.txt": b"two"})
    found = [FoundImage(name, 3, 1) for name in ("a[1].txt", "b.txt", "gone.txt")]
    folder = ImageFolder(memory_folder)
    assert folder.read_many(found) == [b"one", b"two", None]
    assert folder.read_many(found[:1]) == [b"one"]
    assert [data for _, data in folder.read_each(found)][:2] == [b"one", b"two"]
