"""Tables with a row an object: Open Images, TensorFlow's CSV, corners and sides."""

import csv
import io
import json
from pathlib import Path

import pytest
from label_folders import boxes, entries, notes, objects_in, write

from clipper.annotations.formats.table_shape import shape_of
from clipper.annotations.formats.tables import read_boxes
from clipper.errors import ImagesError

OPEN_IMAGES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


# As the VGG Image Annotator exports it.
VIA = (
    "filename,region_count,region_shape_attributes,region_attributes\n"
    'x.jpg,1,"{""name"":""rect"",""x"":20,""y"":10,""width"":100,""height"":50}","{""kind"":""cat""}"\n'
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
        "filename;class;xmin;ymin;xmax;ymax\nx.jpg;cat;20;10;120;60\n",
        "sep=;\r\nfilename;class;xmin;ymin;xmax;ymax\r\nx.jpg;cat;20;10;120;60\r\n",
        "filename\tclass\txmin\tymin\txmax\tymax\nx.jpg\tcat\t120\t60\t20\t10\n",
        "image_name,bbox_x,bbox_y,bbox_width,bbox_height,label_name\nx.jpg,20,10,100,50,cat\n",
        "Filename;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\nx.jpg;20;10;120;60;cat\n",
        "image,width,height,x,y,w,h,label\nx.jpg,200,100,20,10,100,50,cat\n",
        "filename,x_center,y_center,width,height,class\nx.jpg,0.35,0.35,0.5,0.5,cat\n",
        'image_id,width,height,bbox,label\nx,200,100,"[20.0, 1e1, 100, 50]",cat\n',
        "x.jpg,20,10,120,60,cat\n",  # RetinaNet's, without a header
        "cat,20,10,100,50,x.jpg,200,100\n",  # Make Sense's
        "TRAIN,gs://bucket/x.jpg,cat,0.1,0.1,,,0.6,0.6,,\n",  # AutoML's
        VIA,
    ],
)
def test_corners_and_sides_in_pixels_and_in_shares(tmp_path: Path, text: str):
    name = "boxes.tsv" if "\t" in text else "_annotations.csv"
    found = objects_in(write(tmp_path, {"x.jpg": None, "y.jpg": None, name: text}))
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
    for header in (
        b"file_name,label,year\n",
        b"image,width,height\n",
        b"x,y,width,height\n",
        b"",
        b"image,box,label\na.jpg,Box 3,cat\n",
    ):
        assert shape_of(header) is None
    with pytest.raises(ImagesError, match="no table of boxes"):
        read_boxes(b"a,b\n1,2\n", name="t.csv", source="t.csv", classes={})


def test_a_quote_that_is_never_closed_swallows_no_rows():
    data = b'filename,xmin,ymin,xmax,ymax,class\na.jpg,1,2,3,4,"x\nb.jpg,1,2,3,4,y\n'
    with pytest.raises(ImagesError, match="a quote is opened and never closed"):
        read_boxes(data, name="t.csv", source="t.csv", classes={})


def test_an_empty_table_has_no_objects(tmp_path: Path):
    assert boxes(objects_in(write(tmp_path, {"x.jpg": None, "b.csv": OPEN_IMAGES}))) == []


def test_shares_that_go_over_the_edge_stay_shares_and_utf_16_is_read(tmp_path: Path):
    text = "filename,xmin,ymin,xmax,ymax,class\nx.jpg,0.1,0.1,0.6,0.6,cat\nx.jpg,0.5,0.5,1.2,0.9,dog\n"
    found = objects_in(write(tmp_path, {"x.jpg": None, "a.csv": text.encode("utf-16")}))
    assert boxes(found) == [(0, "cat", (0.1, 0.1, 0.5, 0.5)), (0, "dog", (0.5, 0.5, 0.5, 0.4))]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "circle", "cx": 100, "cy": 50, "r": 20}, (0.4, 0.3, 0.2, 0.4)),
        ({"name": "ellipse", "cx": 100, "cy": 50, "rx": 20, "ry": 10}, (0.4, 0.4, 0.2, 0.2)),
        ({"all_points_x": [20, 120, 60], "all_points_y": [10, 30, 60]}, (0.1, 0.1, 0.5, 0.5)),
    ],
)
def test_shapes_of_via_have_the_box_around_them(tmp_path: Path, shape: object, box: tuple[float, ...]):
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["filename", "region_count", "region_shape_attributes", "region_attributes"])
    rows.writerow(
        ["x.jpg", 1, json.dumps(shape), json.dumps({"no": "", "kinds": {"cat": True, "dog": False}})]
    )
    rows.writerow(["y.jpg", 0, "{}", "{}"])
    found = objects_in(write(tmp_path, {"x.jpg": None, "y.jpg": None, "via.csv": out.getvalue()}))
    assert boxes(found) == [(0, "cat", box)]
    assert entries(found, tmp_path)["y.jpg"]["object_count"] == 0
    assert notes(found) == ""


def test_class_lists_of_other_tools_rename_nothing(tmp_path: Path):
    files = {"x.jpg": None, "boxes.csv": "x.jpg,20,10,120,60,cat\n", "classes.csv": "cat,0\n"}
    assert [name for _, name, _ in boxes(objects_in(write(tmp_path, files)))] == ["cat"]
    found = objects_in(
        write(
            tmp_path / "oi",
            {
                "x.jpg": None,
                "labels/detections.csv": OPEN_IMAGES + "x,xclick,/m/1,1,0.1,0.6,0.2,0.7,0,0,0,0,0\n",
                "metadata/oidv7-class-descriptions.csv": "LabelName,DisplayName\n/m/1,Ant\n",
            },
        )
    )
    assert [name for _, name, _ in boxes(found)] == ["Ant"]
