"""Pascal VOC's XML, and the faults of those who write it."""

from pathlib import Path

import pytest
from label_folders import boxes, entries, notes, objects_in, write


def xml(filename: str = "x.jpg", objects: str | None = None, size: str | None = None) -> str:
    objects = one() if objects is None else objects
    size = "<size><width>200</width><height>100</height><depth>3</depth></size>" if size is None else size
    return f"<annotation><folder>VOC</folder><filename>{filename}</filename>{size}{objects}</annotation>"


def one(name: str = "cat", corners: tuple[object, ...] = (20, 10, 120, 60)) -> str:
    sides = "".join(
        f"<{side}>{value}</{side}>"
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return f"<object><name>{name}</name><difficult>0</difficult><bndbox>{sides}</bndbox></object>"


def test_annotations_and_jpegimages(tmp_path: Path):
    files = {
        "VOC2012/JPEGImages/x.jpg": None,
        "VOC2012/JPEGImages/y.jpg": None,
        "VOC2012/Annotations/x.xml": xml(),
        "VOC2012/Annotations/y.xml": xml("y.jpg", ""),
        "VOC2012/Annotations/z.xml": xml("z.jpg"),
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]
    assert entries(found, tmp_path)["VOC2012/JPEGImages/y.jpg"] == {"objects": [], "object_count": 0}
    assert notes(found) == (
        "VOC2012/Annotations: 1 image(s) are not in the images folder ('z.jpg'); their labels are left out"
    )


def test_the_images_folder_may_be_jpegimages_itself(tmp_path: Path):
    write(tmp_path, {"JPEGImages/x.jpg": None, "Annotations/x.xml": xml("other.jpg")})
    assert [row for row, _, _ in boxes(objects_in(tmp_path / "JPEGImages"))] == [0]


def test_an_xml_beside_its_image_means_that_image_whatever_it_says(tmp_path: Path):
    files = {
        "train/x.jpg": None,
        "train/y.jpg": None,
        "train/x.xml": xml("y.jpg"),
        "train/y.xml": xml("/old/x.jpg"),
    }
    found = objects_in(write(tmp_path, files))
    assert [row for row, _, _ in boxes(found)] == [0, 1]


def test_the_written_file_name_counts_where_the_own_name_is_no_image(tmp_path: Path):
    files = {"images/x.jpg": None, "annotations/0001.xml": xml("x.jpg")}
    assert [row for row, _, _ in boxes(objects_in(write(tmp_path, files)))] == [0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (xml(objects=one(corners=("a", 1, 2, 3))), "1 object(s) have no box of four numbers"),
        (xml(objects="<object><name>cat</name></object>"), "no box of four numbers"),
        (xml(objects=one(corners=(50, 50, 50, 60))), "no area inside their image"),
        (xml(objects=one(corners=(-90, -90, 500, 500))), "reach beyond their image"),
        ("<annotation><object>", "1 file(s) are no XML of Pascal VOC ('annotations/x.xml'); left out"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + xml(objects=one("&b;")), "no XML of Pascal VOC"),
    ],
)
def test_what_cannot_be_kept_is_said(tmp_path: Path, text: str, said: str):
    files = {
        "images/x.jpg": None,
        "images/y.jpg": None,
        "annotations/x.xml": text,
        "annotations/y.xml": xml("y.jpg"),
    }
    found = objects_in(write(tmp_path, files))
    assert (1, "cat", (0.1, 0.1, 0.5, 0.5)) in boxes(found)
    assert said in notes(found)


def test_without_a_size_the_image_has_its_own(tmp_path: Path):
    for size in ("", "<size><width>0</width><height>0</height></size>", "<size><width>?</width></size>"):
        write(tmp_path, {"x.jpg": None, "x.xml": xml(size=size)})
        assert boxes(objects_in(tmp_path)) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]


def test_other_xml_is_left_alone(tmp_path: Path):
    found = objects_in(write(tmp_path, {"x.jpg": None, "x.xml": "<xmpmeta/>", "feed.xml": "<annotations/>"}))
    assert entries(found, tmp_path) == {}


@pytest.mark.parametrize(
    "shape",
    [
        "<robndbox><cx>70</cx><cy>35</cy><w>50</w><h>100</h><angle>1.5707963</angle></robndbox>",
        "<polygon><x1>20</x1><y1>10</y1><x2>120</x2><y2>10</y2><x3>80</x3><y3>60</y3></polygon>",
        "<bndbox><xmin>120</xmin><ymin>60</ymin><xmax>20</xmax><ymax>10</ymax></bndbox>",
    ],
)
def test_polygons_turned_boxes_and_swapped_corners_have_a_box(tmp_path: Path, shape: str):
    text = xml(objects=f"<object><name>cat</name>{shape}</object>")
    found = objects_in(write(tmp_path, {"x.jpg": None, "x.xml": text}))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]


def test_xml_in_any_folder_is_found_by_what_it_says(tmp_path: Path):
    text = xml("renamed.jpg").replace("<size>", r"<path>C:\photos\pics\x.jpg</path><size>")
    found = objects_in(write(tmp_path, {"pics/x.jpg": None, "xml/1.xml": text}))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]


@pytest.mark.parametrize(
    "text", ["<annotation><body>hello</body></annotation>", "<doc><annotation/><size/></doc>"]
)
def test_xml_with_annotations_of_another_kind_labels_nothing(tmp_path: Path, text: str):
    found = objects_in(write(tmp_path, {"x.jpg": None, "x.xml": text}))
    assert (len(found.images), found.problems) == (0, [])
