"""Tables with a row an object: Open Images, TensorFlow's CSV, corners and sides."""

from pathlib import Path

import pytest
from label_folders import boxes, entries, notes, objects_in, write

from clipper.annotations.formats.tables import read_boxes, shape_of
from clipper.errors import ImagesError

OPEN_IMAGES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


def test_open_images(tmp_path: Path):
    files = {
        "train/0001eeaf4aed83f9.jpg": None,
        "train/000595fe6fee6369.jpg": None,
        "oidv6-train-annotations-bbox.csv": OPEN_IMAGES
        + "0001eeaf4aed83f9,xclick,/m/0cmf2,1,0.1,0.6,0.2,0.7,0,0,0,0,0\n"
        + "0001eeaf4aed83f9,xclick,/m/0,1,0.0,0.5,0.0,0.5,0,0,1,0,0\n"
        + "ffff,xclick,/m/0cmf2,1,0.1,0.6,0.2,0.7,0,0,0,0,0\n",
        "class-descriptions-boxable.csv": '/m/0cmf2,"Airplane"\n/m/1,B\n',
        "train-annotations-human-imagelabels.csv": "ImageID,Source,LabelName,Confidence\n"
        "000595fe6fee6369,verification,/m/0cmf2,1\n000595fe6fee6369,verification,/m/1,0\n",
    }
    found = objects_in(write(tmp_path, files))
    assert boxes(found) == [
        (0, "Airplane", (0.1, 0.2, 0.5, 0.5)),
        (0, "/m/0", (0.0, 0.0, 0.5, 0.5)),
        (1, "Airplane", None),
    ]
    assert found.table["crowd"].to_pylist() == [False, True, False]
    assert "1 image(s) are not in the images folder ('ffff')" in notes(found)


@pytest.mark.parametrize(
    "text",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\nx.jpg,200,100,cat,20,10,120,60\n",
        "path,x1,y1,x2,y2,class_name\nx.jpg,20,10,120,60,cat\n",
        "image,x,y,width,height,label\nx.jpg,20,10,100,50,cat\n",
        "\ufeffFileName, XMin, YMin, XMax, YMax, Label\r\nx, 0.1, 0.1, 0.6, 0.6, cat\r\n",
    ],
)
def test_corners_and_sides_in_pixels_and_in_shares(tmp_path: Path, text: str):
    found = objects_in(write(tmp_path, {"x.jpg": None, "y.jpg": None, "_annotations.csv": text}))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5))]
    assert list(entries(found, tmp_path)) == ["x.jpg"]
    assert notes(found) == ""


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x.jpg,cat,a,1,2,3", "1 row(s) have no box of four numbers ('row 3'); left out"),
        ("x.jpg,cat,,,,", "no box of four numbers"),
        (",cat,1,1,2,3", "1 row(s) name no image"),
        ("x.jpg,cat,1", "lack or exceed the header's cells"),
        ("x.jpg,cat,50,50,50,60", "no area inside their image"),
        ("nowhere.jpg,cat,1,1,5,6", "not in the images folder ('nowhere.jpg')"),
    ],
)
def test_a_row_that_cannot_be_kept_is_said(tmp_path: Path, row: str, said: str):
    text = f"image,label,xmin,ymin,xmax,ymax\nx.jpg,cat,20,10,120,60\n{row}\n"
    found = objects_in(write(tmp_path, {"x.jpg": None, "boxes.csv": text}))
    assert (0, "cat", (0.1, 0.1, 0.5, 0.5)) in boxes(found)
    assert said in notes(found)


def test_tables_of_metadata_are_not_taken_for_boxes():
    for header in (b"file_name,label,year\n", b"image,width,height\n", b"x,y,width,height\n", b""):
        assert shape_of(header) is None
    with pytest.raises(ImagesError, match="no table of boxes"):
        read_boxes(b"a,b\n1,2\n", name="t.csv", source="t.csv", classes={})


def test_an_empty_table_has_no_objects(tmp_path: Path):
    assert boxes(objects_in(write(tmp_path, {"x.jpg": None, "b.csv": OPEN_IMAGES}))) == []
