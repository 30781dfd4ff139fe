"""Images in archives: each is found under its name and read in place, whatever else lies in the archive."""

import gzip
import io
import os
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archive_files import WRITERS, picture, pictures, write_parquet, write_tar, write_zip
from joined_metadata import entries_of, keys_of

from clipper.errors import BadImageError, ImagesError
from clipper.images.archives.contents import list_contents
from clipper.images.archives.folder import ArchiveFolder, open_images
from clipper.images.archives.location import archives_within, names_archives, root_of
from clipper.images.files.found import FoundImage
from clipper.images.files.places import Archive, Contents, Member, key_in_tar
from clipper.images.folder import ImageFolder
from clipper.images.listing import Listing
from clipper.indexing.sidecars import Sidecars


def read_all(folder: ImageFolder) -> dict[str, bytes]:
    """Each image's bytes, by id; or the reason of a failure."""
    return {image.id: read_one(folder, image) for image in folder.list_files().images}


def read_one(folder: ImageFolder, image: FoundImage) -> bytes:
    return image.reason.encode() if image.reason else folder.read(image.id, image.place)


def reasons(folder: ImageFolder) -> dict[str, str]:
    return {image.id: image.reason for image in folder.list_files().images if image.reason}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("where", ["here", "remote"])
def test_every_image_is_read_in_place(name: str, where: str, tmp_path: Path, memory_folder: str):
    files = pictures(10)
    WRITERS[name](tmp_path / name, files)
    location = str(tmp_path / name)
    if where == "remote":
        location = f"{memory_folder}/{name}"
        fsspec.filesystem("memory").pipe(location, (tmp_path / name).read_bytes())
    assert read_all(open_images(location)) == files
    assert read_all(open_images(f"{root_of(location)}/*{Path(name).suffix}")) == files


def test_pages_of_a_tiff_are_images(tmp_path: Path):
    import io

    from PIL import Image

    pages = [Image.open(io.BytesIO(picture(number))) for number in range(4)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:], compression="tiff_deflate")
    found = read_all(open_images(str(tmp_path / "scan.tif")))
    assert list(found) == [f"scan/{number:04d}.tif" for number in range(1, 5)]
    for data, page in zip(found.values(), pages, strict=True):
        assert Image.open(io.BytesIO(data)).convert("RGB").tobytes() == page.convert("RGB").tobytes()


def test_other_files_are_counted_or_describe_an_image(tmp_path: Path):
    files = {**pictures(2), "000.json": b"{}", "else.txt": b"a cat", "x.cls": b"3"}
    write_tar(tmp_path / "a.tar", {**files, "._000.png": b"", "__MACOSX/000.png": b"x"})
    listing = open_images(str(tmp_path / "a.tar")).list_files()
    assert [image.id for image in listing.images] == ["000.png", "001.png"]
    assert [sidecar.id for sidecar in listing.sidecars] == ["000.json"]
    assert listing.others == {".cls": 1, ".txt": 1, ".png": 2}


def test_names_never_lead_out_of_a_folder(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"../../etc/one.png": picture(1), "/root/two.png": picture(2)})
    write_zip(tmp_path / "b.zip", {"..\\..\\three.png": picture(3), "./x//four.png": picture(4)})
    found = [
        image.id
        for ending in ("tar", "zip")
        for image in open_images(f"{tmp_path}/*.{ending}").list_files().images
    ]
    assert found == ["etc/one.png", "root/two.png", "three.png", "x/four.png"]


def test_images_of_one_name_in_several_archives_are_kept_apart(tmp_path: Path):
    for number, shard in enumerate(("00.tar", "01.tar")):
        write_tar(tmp_path / shard, {"a.png": picture(number)})
    folder = open_images(f"{tmp_path}/*.tar")
    assert read_all(folder) == {"a.png": picture(0), "01/a.png": picture(1)}


def test_two_files_of_one_name_in_a_tar_are_both_kept(tmp_path: Path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number in range(2):
            file = tmp_path / f"{number}.png"
            file.write_bytes(picture(number))
            tar.add(file, "same.png")
    assert sorted(read_all(open_images(str(tmp_path / "a.tar"))).values()) == sorted([picture(0), picture(1)])


def test_only_an_archive_that_changed_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for shard in ("00.tar", "01.tar", "02.tar"):
        write_tar(tmp_path / shard, {f"{shard}.png": picture(int(shard[:2]))})
    folder = ArchiveFolder(f"{tmp_path}/*.tar")
    before = folder.list_files()
    opened: list[str] = []
    monkeypatch.setattr(
        ArchiveFolder, "_file", lambda self, name: opened.append(name) or open_as_before(self, name)
    )
    assert folder.list_files(archives=before.archives).images == before.images
    assert opened == []
    write_tar(tmp_path / "01.tar", {"new.png": picture(7)})
    os.utime(tmp_path / "01.tar", ns=(1, 1))
    after = folder.list_files(archives=before.archives)
    assert opened == ["01.tar"]
    assert [image.id for image in after.images] == ["00.tar.png", "02.tar.png", "new.png"]


open_as_before = ArchiveFolder._file


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_tar_that_ends_early_gives_what_it_holds(kept: float, tmp_path: Path):
    write_tar(tmp_path / "whole.tar", pictures(40))
    whole = (tmp_path / "whole.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: int(len(whole) * kept) // 512 * 512 + 100])
    folder = open_images(str(tmp_path / "a.tar"))
    found = folder.list_files().images
    good = [image for image in found if not image.reason]
    assert 0 < len(good) <= 40
    assert all(read_one(folder, image) == pictures(40)[image.id] for image in good)
    if kept < 0.99:
        assert "is damaged after" in reasons(folder)["a.tar"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("damage", ["empty", "text", "zeros", "cut"])
def test_a_damaged_archive_is_named_and_the_others_are_read(name: str, damage: str, tmp_path: Path):
    WRITERS[name](tmp_path / name, pictures(20))
    whole = (tmp_path / name).read_bytes()
    broken = {"empty": b"", "text": b"hello " * 300, "zeros": bytes(5000), "cut": whole[: len(whole) // 3]}
    (tmp_path / f"0{name}").write_bytes(broken[damage])
    folder = open_images(f"{tmp_path}/*{Path(name).suffix}")
    good = {key: data for key, data in read_all(folder).items() if key not in reasons(folder)}
    assert good.items() >= pictures(20).items()
    if (Path(name).suffix, damage) not in ((".tar", "empty"), (".tar", "zeros")):  # an empty tar is one
        assert f"0{name}" in reasons(folder)


def test_members_that_cannot_be_read_are_named_with_the_reason(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.png", picture(1), zipfile.ZIP_DEFLATED)
        archive.writestr("rare.png", picture(2), zipfile.ZIP_LZMA)
        archive.writestr("empty.png", b"")
        archive.writestr("bomb.png", bytes(5_000_000), zipfile.ZIP_DEFLATED)
        archive.writestr("bad.png", b"Q" * 3000, zipfile.ZIP_STORED)
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"Q" * 100, b"R" * 100, 1))
    found = reasons(ArchiveFolder(str(tmp_path / "a.zip"), max_bytes=1_000_000))
    assert set(found) == {"rare.png", "empty.png", "bomb.png", "bad.png"}
    assert "rare method" in found["rare.png"]
    assert "checksum does not hold" in found["bad.png"]
    assert "more than the limit" in found["bomb.png"]
    assert found["empty.png"] == "is empty (0 bytes)"


def test_an_encrypted_member_is_named(tmp_path: Path):
    write_zip(tmp_path / "a.zip", {"a.png": picture(1)})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the directory's flag
    (tmp_path / "a.zip").write_bytes(data)
    assert "is encrypted" in reasons(open_images(str(tmp_path / "a.zip")))["a.png"]


def test_a_table_with_bytes_alone_gives_images_names(tmp_path: Path):
    table = pa.table({"id": [1, 2], "jpeg": [picture(1, kind="JPEG"), picture(2, kind="WEBP")]})
    pq.write_table(table, tmp_path / "train.parquet")
    found = read_all(open_images(str(tmp_path / "train.parquet")))
    assert list(found) == ["train/00000000.jpg", "train/00000001.webp"]


def test_rows_without_an_image_are_named(tmp_path: Path):
    cells = [{"bytes": None, "path": "elsewhere.jpg"}, None, {"bytes": picture(1), "path": None}]
    pq.write_table(pa.table({"image": pa.array(cells)}), tmp_path / "a.parquet")
    folder = open_images(str(tmp_path / "a.parquet"))
    assert "bytes are elsewhere" in reasons(folder)["elsewhere.jpg"]
    assert read_all(folder)["a/00000002.png"] == picture(1)


def test_a_table_without_images_says_so(tmp_path: Path):
    pq.write_table(pa.table({"a": [1], "blob": [b"no image"]}), tmp_path / "a.parquet")
    assert "has no column of images" in reasons(open_images(str(tmp_path / "a.parquet")))["a.parquet"]


def test_an_archive_that_is_packed_as_a_whole_is_refused_with_the_way_out(tmp_path: Path):
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(ImagesError, match=r"a\.tar\.gz is packed as a whole.*unpack it"):
        open_images(f"{tmp_path}/a.tar.gz").list_files()


def test_a_pattern_that_names_nothing_is_said(tmp_path: Path):
    with pytest.raises(ImagesError, match=r"names no archive"):
        open_images(f"{tmp_path}/*.tar").require()
    assert open_images(f"{tmp_path}/*.tar").list_files().images == []
    with pytest.raises(ImagesError, match="does not exist"):
        open_images(f"{tmp_path}/nowhere/*.tar").require()


def test_an_image_that_is_gone_is_said(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet", pictures(4))
    write_tar(tmp_path / "a.tar", pictures(4))
    for name in ("a.parquet", "a.tar"):
        folder = open_images(str(tmp_path / name))
        image = folder.list_files().images[3]
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(BadImageError):
            open_images(str(tmp_path / name)).read(image.id, image.place)


def test_a_folder_is_none_whatever_it_is_called(tmp_path: Path):
    for name in ("photos [2020]", "a.zip", "what?"):
        (tmp_path / name).mkdir()
        assert not names_archives(str(tmp_path / name))
    write_zip(tmp_path / "x[1].zip", pictures(1))
    assert read_all(open_images(str(tmp_path / "x[1].zip"))) == pictures(1)


def test_the_archives_of_a_folder_without_images_are_found(tmp_path: Path):
    (tmp_path / "data").mkdir()
    assert archives_within(tmp_path) is None
    write_parquet(tmp_path / "data" / "train-00000.parquet", pictures(2))
    (tmp_path / "dataset_info.json").write_text("{}")
    assert archives_within(tmp_path) == "**/*.parquet"
    assert len(open_images(f"{tmp_path}/**/*.parquet").list_files().images) == 2
    (tmp_path / "a.png").write_bytes(picture(1))
    assert archives_within(tmp_path) is None


def test_the_fingerprint_follows_the_archives(tmp_path: Path):
    write_tar(tmp_path / "a.tar", pictures(2))
    folder = open_images(f"{tmp_path}/*.tar")
    before = folder.fingerprint()
    assert open_images(f"{tmp_path}/*.tar").fingerprint() == before
    write_tar(tmp_path / "b.tar", {"z.png": picture(9)})
    assert folder.fingerprint() != before


def test_what_describes_the_images_of_one_archive_is_never_that_of_another(tmp_path: Path):
    for number, shard in enumerate(("a.tar", "b.tar")):
        write_tar(tmp_path / shard, {
            "1.png": picture(number), "1.png.json": b'{"shard": %d}' % number,
            "images/x.png": picture(10 + number), "labels/x.txt": b"0 0.5 0.5 0.1 0.%d" % (number + 1),
        })  # fmt: skip
    listing = open_images(f"{tmp_path}/*.tar").list_files()
    places = {file.id: file.place.archive for file in listing.beside if file.place}
    assert places == {
        "1.png.json": "a.tar", "b/1.png.json": "b.tar", "labels/x.txt": "a.tar", "b/labels/x.txt": "b.tar",
    }  # fmt: skip
    assert {"1.png", "b/1.png", "images/x.png", "b/images/x.png"} == {image.id for image in listing.images}
    assert [sidecar.id for sidecar in listing.sidecars] == ["1.png.json", "b/1.png.json"]


def test_an_archive_is_read_again_under_other_limits_or_without_a_time(tmp_path: Path):
    write_tar(tmp_path / "a.tar", pictures(2))
    small = ArchiveFolder(str(tmp_path / "a.tar"), max_bytes=10, limits="10")
    before = small.list_files()
    assert all(image.reason for image in before.images)
    large = ArchiveFolder(str(tmp_path / "a.tar"), limits="more")
    assert not any(image.reason for image in large.list_files(archives=before.archives).images)
    os.utime(tmp_path / "a.tar", ns=(0, 0))
    timeless = large.list_files()
    write_tar(tmp_path / "a.tar", {"000.png": picture(8), "001.png": picture(9)})
    os.utime(tmp_path / "a.tar", ns=(0, 0))
    after = large.list_files(archives=timeless.archives)
    assert {image.content_hash for image in after.images}.isdisjoint(
        image.content_hash for image in timeless.images
    )


def test_a_file_beside_an_image_unpacks_to_no_more_than_the_archive_says(tmp_path: Path):
    write_zip(tmp_path / "a.zip", {"a.png": picture(1), "a.json": b" " * 3_000_000})
    data = (tmp_path / "a.zip").read_bytes()
    size = (3_000_000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    folder = open_images(str(tmp_path / "a.zip"))
    (sidecar,) = folder.list_files().sidecars
    assert sidecar.bytes == 10
    assert folder.read_many([sidecar]) == [None]


def test_a_table_of_metadata_beside_shards_is_no_shard(tmp_path: Path):
    write_parquet(tmp_path / "train.parquet", pictures(2))
    pq.write_table(pa.table({"file_name": ["000.png"], "year": [2010]}), tmp_path / "metadata.parquet")
    listing = open_images(f"{tmp_path}/{archives_within(tmp_path)}").list_files()
    assert [image.id for image in listing.images if image.reason] == []
    assert [table.id for table in listing.tables] == ["metadata.parquet"]


def test_any_error_of_a_library_is_the_archives(tmp_path: Path):
    write_zip(tmp_path / "a.zip", pictures(2))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 99  # a version of zip that nobody reads
    (tmp_path / "a.zip").write_bytes(data)
    assert "is damaged" in reasons(open_images(str(tmp_path / "a.zip")))["a.zip"]


def test_files_of_a_sample_in_a_tar_describe_its_images_up_to_the_first_dot(tmp_path: Path):
    files = {
        "a/k.img.png": picture(1), "a/k.cls": b"3", "a/k.json": b"{}", "z.png": picture(2),
        "z.seg.png": picture(3), "z.txt": b"two pictures", "other.txt": b"none",
    }  # fmt: skip
    write_tar(tmp_path / "s.tar", files)
    write_tar(tmp_path / "t.tar", {"a/k.img.png": picture(4), "a/k.cls": b"5"})
    listing = open_images(f"{tmp_path}/*.tar").list_files()
    described = [file.id for file in listing.sidecars]
    assert described == ["a/k.cls", "a/k.json", "t/a/k.cls", "z.txt"]
    sidecars = Sidecars({path: '{"said": "' + path + '"}' for path in described}, {})
    images = listing.images
    source = sidecars.source([i.id for i in images], [key_in_tar(i.id, i.place) for i in images])
    assert source is not None
    said = dict(zip(keys_of(source), (row["said"] for row in entries_of(source)), strict=True))
    assert said == {
        "a/k.img.png": "a/k.json", "t/a/k.img.png": "t/a/k.cls", "z.png": "z.txt", "z.seg.png": "z.txt",
    }  # fmt: skip


def test_links_in_a_tar_are_the_file_that_they_mean(tmp_path: Path):
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for name, target, kind in (
            ("a/x.png", "", tarfile.REGTYPE),
            ("y.png", "a/x.png", tarfile.LNKTYPE),
            ("a/z.png", "x.png", tarfile.SYMTYPE),
            ("lost.png", "/etc/passwd", tarfile.SYMTYPE),
            ("dev.png", "", tarfile.CHRTYPE),
            ("notes.txt", "nowhere", tarfile.SYMTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            data = picture(1) if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    folder = open_images(str(tmp_path / "s.tar"))
    found = read_all(folder)
    assert [found[name] for name in ("a/x.png", "a/z.png", "y.png")] == [picture(1)] * 3
    assert reasons(folder) == {
        "lost.png": "is a link to '/etc/passwd', which is not before it in its archive",
        "dev.png": "is no regular file in its archive",
    }


def test_a_packed_shard_that_is_called_tar_is_named_with_the_way_out(tmp_path: Path):
    write_tar(tmp_path / "s.tar", pictures(1))
    (tmp_path / "s.tar").write_bytes(gzip.compress((tmp_path / "s.tar").read_bytes()))
    assert "unpack it, or pack its files as .tar" in reasons(open_images(f"{tmp_path}/*.tar"))["s.tar"]


FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def file_of(number: int) -> dict[str, object]:
    return {"bytes": picture(number), "path": f"{number}.png"}


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        ({"mask": pa.array([file_of(9)], FILE), "image": pa.array([file_of(1)], FILE)}, ["mask"]),
        (
            {
                "audio": pa.array([{"bytes": b"RIFF", "path": "1.wav"}], FILE),
                "x": pa.array([file_of(1)], FILE),
            },
            ["audio"],
        ),
        ({"seg": pa.array([picture(9)]), "jpg": pa.array([file_of(1)], FILE)}, ["seg"]),
    ],
)
def test_of_several_columns_of_files_the_images_are_read_and_the_others_told(
    columns: dict[str, pa.Array], left_out: list[str], tmp_path: Path
):
    pq.write_table(pa.table({**columns, "label": [3]}), tmp_path / "a.parquet")
    folder = open_images(str(tmp_path / "a.parquet"))
    assert read_all(folder) == {"1.png": picture(1)}
    assert folder.images_left_out("a.parquet") == left_out
    rows = folder.rows_of("a.parquet")
    assert rows is not None
    assert rows.column_names == ["label"]


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_each_image_of_a_list_is_one(ending: str, tmp_path: Path):
    cells = [[file_of(1), file_of(2)], [], None, [{"bytes": picture(3), "path": None}]]
    table = pa.table({"images": pa.array(cells, pa.list_(FILE)), "text": ["a", "b", "c", "d"]})
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    folder = open_images(str(path))
    found = read_all(folder)
    assert (found["1.png"], found["2.png"], found["a/00000003-0.png"]) == (picture(1), picture(2), picture(3))
    assert set(reasons(folder)) == {"a/00000001-0.jpg", "a/00000002-0.jpg"}
    assert [i.place.row for i in folder.list_files().images if i.place] == [0, 0, 3]


def test_many_rows_without_an_image_hide_no_column(tmp_path: Path):
    pq.write_table(
        pa.table({"jpg": pa.array([None] * 99 + [picture(1)], pa.binary())}), tmp_path / "a.parquet"
    )
    assert read_all(open_images(str(tmp_path / "a.parquet")))["a/00000099.png"] == picture(1)


@pytest.mark.parametrize("place", [0, 3])
def test_an_arrow_file_with_wrong_places_in_it_is_named_and_ends_nothing(tmp_path: Path, place: int):
    table = pa.table({"image": [picture(1)] * 4})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    whole, size = (tmp_path / "a.arrow").read_bytes(), len(picture(1))
    right = b"".join((size * i).to_bytes(4, "little") for i in range(5))
    wrong = right[: 4 * place] + (1 << 30).to_bytes(4, "little") + right[4 * place + 4 :]
    assert whole.count(right) == 1
    (tmp_path / "a.arrow").write_bytes(whole.replace(right, wrong))
    images = ArchiveFolder(str(tmp_path / "a.arrow")).list_files().images
    assert [(image.id, "is damaged" in (image.reason or "")) for image in images] == [("a.arrow", True)]


def test_thousands_of_files_of_one_name_have_ids_in_little_time():
    asked = _Asked()
    contents = Contents(Archive("a.tar", 1, 1), [Member("x.jpg", i, 1, 1) for i in range(1000)])
    list_contents(contents, asked, set(), listing := Listing())
    listing.settle()
    assert {"x.jpg", "a/x.jpg", "a/2/x.jpg"} < set(listing.images.names())
    assert len({image.id for image in listing.images}) == 1000
    assert asked.count < 5000


class _Asked(set[str]):
    """A set that counts how often it is asked."""

    count = 0

    def __contains__(self, item: object) -> bool:
        self.count += 1
        return super().__contains__(item)


def test_ranges_as_webdataset_writes_them_name_their_archives(tmp_path: Path, memory_folder: str):
    for number in range(9, 13):
        write_tar(tmp_path / f"s{number:03}.tar", {f"{number}.png": picture(number)})
        data = (tmp_path / f"s{number:03}.tar").read_bytes()
        fsspec.filesystem("memory").pipe(f"{memory_folder}/s{number:03}.tar", data)
    for folder in (str(tmp_path), memory_folder):
        assert names_archives(f"{folder}/s{{009..011}}.tar")
        found = open_images(f"{folder}/s{{009..011}}.tar")
        assert list(read_all(found)) == ["10.png", "11.png", "9.png"]
        with pytest.raises(ImagesError, match=r"s007\.tar and 1 more of .* are not there"):
            open_images(f"{folder}/s{{007..011}}.tar").list_files()
        with pytest.raises(ImagesError, match="a range and another pattern"):
            open_images(f"{folder}/s{{009..011}}*.tar").list_files()


def test_a_server_that_sends_only_whole_files_serves_images(tmp_path: Path):
    files = pictures(4)
    write_tar(tmp_path / "s.tar", files)
    asked: list[str] = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        folder = open_images(f"http://127.0.0.1:{server.server_port}/s.tar")
        listing = folder.list_files()
        asked.clear()
        assert {i.id: folder.read(i.id, i.place) for i in listing.images} == files
        assert len(asked) == 1
    finally:
        server.shutdown()
        server.server_close()
