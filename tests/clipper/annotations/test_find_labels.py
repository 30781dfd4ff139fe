"""Label files where the setting `labels` says, remote ones, and folders of many kinds at once."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from label_folders import boxes, coco, objects_in, write
from PIL import Image

from clipper.annotations.kinds import Search
from clipper.annotations.match import NONE, SEVERAL, Matcher
from clipper.errors import SettingsError
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder

ONE = coco([{"image_id": 1, "category_id": 1, "bbox": [20, 10, 100, 50]}])


def test_off_reads_none(tmp_path: Path):
    write(tmp_path, {"a.jpg": None, "c.json": ONE})
    assert boxes(objects_in(tmp_path)) != []
    assert boxes(objects_in(tmp_path, "off")) == []


@pytest.mark.parametrize("setting", ["labels.json", "given", "given/labels.json", ["given/labels.json"]])
def test_a_path_is_taken_from_the_home_or_from_the_images_folder(tmp_path: Path, setting: str):
    images = write(tmp_path / "photos", {"a.jpg": None, "labels.json": ONE, "c.json": coco([])})
    write(tmp_path, {"given/labels.json": ONE})
    found = objects_in(images, setting, home=tmp_path)
    assert [name for _, name, _ in boxes(found)] == ["cat"]


def test_a_named_folder_inside_the_images_folder_keeps_its_paths(tmp_path: Path):
    files = {
        "train/images/x.jpg": None, "valid/images/x.jpg": None, "data.yaml": "names: [cat]",
        "train/labels/x.txt": "0 0.5 0.5 0.2 0.4", "valid/labels/x.txt": "0 0.5 0.5 0.2 0.4",
    }  # fmt: skip
    found = objects_in(write(tmp_path, files), "valid/labels")
    assert boxes(found) == [(1, "cat", (0.4, 0.3, 0.2, 0.4))]


@pytest.mark.parametrize(
    ("setting", "said"),
    [("nowhere.json", "neither in the home nor in the images folder"), ("words", "holds no labels of COCO")],
)
def test_a_path_that_is_not_there_or_holds_none_ends_with_its_name(tmp_path: Path, setting: str, said: str):
    write(tmp_path, {"a.jpg": None, "words/hello.txt": "hello"})
    with pytest.raises(SettingsError, match=said):
        objects_in(tmp_path, setting)


def test_labels_of_a_remote_folder_are_found(tmp_path: Path):
    files = fsspec.filesystem("memory")
    Image.new("RGB", (200, 100)).save(tmp_path / "a.jpg")
    picture = (tmp_path / "a.jpg").read_bytes()
    files.pipe("/labelled/images/a.jpg", picture)
    files.pipe("/labelled/images/b.jpg", picture)
    files.pipe("/labelled/labels/a.txt", b"0 0.5 0.5 0.2 0.4")
    files.pipe("/labelled/labels/b.txt", b"")
    files.pipe("/labelled/data.yaml", b"names: [cat]")
    files.pipe("/labelled/annotations/c.json", json.dumps(ONE).encode())
    try:
        for where in ("memory://labelled", "memory://labelled/images"):
            found = objects_in(where)
            assert sorted(name for _, name, _ in boxes(found)) == ["cat", "cat"]
            assert len(found.images) == 2
        assert len(boxes(objects_in("memory://labelled/images", "memory://labelled/labels"))) == 1
    finally:
        files.rm("/labelled", recursive=True)


def test_an_image_is_found_by_path_then_by_its_end_then_by_its_name():
    ids = ["train/a.jpg", "val/a.jpg", "val/b.jpg", "deep/er/c.png", "e.jpg"]
    rows = Matcher(ids).rows(
        [
            ("val/a.jpg",),
            ("val/a",),
            ("b.jpg",),
            ("/data".lstrip("/") + "/set/val/b.jpg",),
            ("er/c",),
            ("a.jpg",),
            ("train/b.jpg",),
            ("", ""),
        ],
        source="labels.json",
    )
    assert rows.tolist() == [1, 1, 2, 2, 3, SEVERAL, NONE, NONE]


def test_accents_match_however_they_are_written():
    assert Matcher(["cafe\u0301.jpg"]).rows([("caf\u00e9.jpg",)], source="x").tolist() == [0]
    assert Matcher([]).rows([("a",)], source="x").tolist() == [NONE]


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("info.json", {"product": {"categories": ["a", "b"]}}),
        ("notes.json", {"annotations": [{"text": "hello"}]}),
        ("names.json", {"images": ["a.jpg"], "categories": ["cat"]}),
        ("samples.json", {"samples": [{"filepath": "a.jpg", "categories": ["cat"], "images": [1]}]}),
        ("a.jpg.json", {"title": "x", "categories": ["cat"], "annotations": [{"image_id": 3}]}),
        ("half.json", {"annotations": [{"image_id": 1, "category_id": 1}]}),
    ],
)
def test_json_of_another_kind_is_no_coco_and_stops_nothing(tmp_path: Path, name: str, document: object):
    found = objects_in(write(tmp_path, {"a.jpg": None, name: document, "c.json": ONE}))
    assert [category for _, category, _ in boxes(found)] == ["cat"]


def test_coco_is_known_by_its_own_keys_in_any_order(tmp_path: Path):
    reversed_keys = dict(reversed(ONE.items()))
    nested = {"info": {"categories": [1]}, **ONE}
    for document in (ONE, reversed_keys, nested):
        assert len(boxes(objects_in(write(tmp_path, {"a.jpg": None, "c.json": document})))) == 1


def test_one_caption_of_numbers_makes_no_labels_of_the_others(tmp_path: Path):
    texts = {"a.txt": "1 2 3 4 5 little ducks", "b.txt": "a red square", "c.txt": "a blue one"}
    images = dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"))
    assert boxes(objects_in(write(tmp_path, images | texts))) == []


def test_clippers_own_table_is_no_table_of_boxes(tmp_path: Path):
    table = "id,path,x,y,name,width,height\na.jpg,/p/a.jpg,3.25,-1.5,cat,800,600\n"
    assert boxes(objects_in(write(tmp_path, {"a.jpg": None, "table.csv": table}))) == []


def test_the_setting_may_be_a_pattern(tmp_path: Path):
    images = write(tmp_path / "photos", {"a.jpg": None, "given/one.json": ONE, "other.json": coco([])})
    write(tmp_path, {"given/two.json": ONE, "given/b.xml": "<annotation/>", "given/deep/three.json": ONE})
    for setting in ("given/*.json", f"{tmp_path}/**/*.json", "photos/g*"):
        assert [name for _, name, _ in boxes(objects_in(images, setting, home=tmp_path))] == ["cat"]
    with pytest.raises(SettingsError, match="neither in the home nor in the images folder"):
        objects_in(images, "given/*.csv", home=tmp_path)


def test_labels_of_another_part_beside_the_folder_are_not_its_own(tmp_path: Path):
    other = coco([{"image_id": 1, "category_id": 2, "bbox": [0, 0, 10, 10]}])
    files = {
        "train2017/a.jpg": None, "val2017/a.jpg": None,
        "annotations/instances_train2017.json": ONE, "annotations/instances_val2017.json": other,
    }  # fmt: skip
    write(tmp_path, files)
    assert [name for _, name, _ in boxes(objects_in(tmp_path / "train2017"))] == ["cat"]


@pytest.mark.parametrize(
    "names",
    [
        ("train/images/a.jpg", "val/images/a.jpg", "annotations/{}.json"),
        ("train/img/a.jpg", "val/img/a.jpg", "{}/ann.json"),
    ],
)
def test_of_images_of_one_name_those_of_the_label_files_part_are_meant(
    tmp_path: Path, names: tuple[str, ...]
):
    other = coco([{"image_id": 1, "category_id": 2, "bbox": [0, 0, 10, 10]}])
    *photos, labels = names
    files = {**dict.fromkeys(photos), labels.format("train"): ONE, labels.format("val"): other}
    found = objects_in(write(tmp_path, files))
    assert [(row, name) for row, name, _ in boxes(found)] == [(0, "cat"), (1, "dog")]


@pytest.mark.parametrize(
    "written", ["https://x.org/up/my%20A.jpg?sig=1", "up/MY a.JPG", "my A.png", "C:\\up\\My A.jpg"]
)
def test_names_in_another_case_of_urls_or_with_another_ending_are_matched_and_said(
    tmp_path: Path, written: str
):
    images = [{"id": 1, "file_name": written}, {"id": 2, "file_name": "your a.jpg"}]
    document = coco([{"image_id": i, "category_id": i, "bbox": [20, 10, 100, 50]} for i in (1, 2)], images)
    found = objects_in(write(tmp_path, {"my A.jpg": None, "b.jpg": None, "c.json": document}))
    assert [(row, name) for row, name, _ in boxes(found)] == [(1, "cat")]
    said = "\n".join(found.problems)
    assert "1 image(s) are written otherwise" in said
    assert "1 image(s) are not in the images folder ('your a.jpg')" in said


def test_label_files_of_a_web_server_are_read_and_a_wrong_address_is_said(tmp_path: Path):
    images = write(tmp_path / "photos", {"a.jpg": None})
    write(tmp_path / "web", {"one.json": ONE})

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        for setting in (f"{address}/one.json", f"{address}/*.json"):
            assert [name for _, name, _ in boxes(objects_in(images, setting))] == ["cat"]
        with pytest.raises(SettingsError, match="check the path"):
            objects_in(images, f"{address}/none.json")
    finally:
        server.shutdown()
        server.server_close()


def test_a_path_of_a_million_parts_takes_little_memory():
    name = "a/" * 1_000_000 + "x.jpg"
    assert Matcher(["b/x.jpg", "x.png"]).rows([(name,)], source="").tolist() == [0]


@pytest.mark.parametrize("setting", ["**.json", "a**/x.json"])
def test_what_is_no_pattern_is_said(tmp_path: Path, setting: str):
    write(tmp_path, {"a.jpg": None, "labels.json": ONE})
    with pytest.raises(SettingsError, match="is no pattern"):
        objects_in(tmp_path, setting)


def test_the_images_are_asked_for_once_however_many_texts_there_are(tmp_path: Path):
    write(tmp_path, {f"{i}.txt": "hello" for i in range(5)} | {f"{i}.json": "{}" for i in range(5)})
    asked: list[int] = []
    folder = ImageFolder(str(tmp_path))
    files = folder.list_files().beside
    search = Search(folder, files, stems=lambda: asked.append(1) or frozenset())
    assert list(search.found()) == []
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xml", b"<!---->" * 500 + b"x"),
        ("a.jsonl", b'"objects":["file_name"' * 2500),
        ("a.json", b'{"images": ["' + rb"\"" * 30_000),
        ("a.csv", b"image,bbox\na.jpg," + b"e" * 60_000),
    ],
)
def test_a_file_made_to_take_hours_is_looked_at_quickly(tmp_path: Path, name: str, data: bytes):
    (tmp_path / name).write_bytes(data)
    folder = ImageFolder(str(tmp_path))
    search = Search(folder, [FoundImage(name, len(data), 1)], stems=frozenset, named=True)
    assert all(found.kind == "coco" for found in search.found())


def test_tables_of_metadata_are_known_in_capitals(tmp_path: Path):
    table = "file_name,label,x,y,width,height\na.jpg,cat,1,2,200,100\n"
    assert boxes(objects_in(write(tmp_path, {"a.jpg": None, "Metadata.csv": table}))) == []
