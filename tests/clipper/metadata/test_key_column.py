"""The column that names the images is the one whose values match; a table that names none is refused."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from joined_metadata import join

from clipper.errors import ImagesError
from clipper.metadata import sources
from clipper.metadata.keys.match import ImageKeys

IDS = ["p0.jpg", "p1.jpg", "p2.jpg", "train/c1.jpg"]


def described(
    name: str, data: str | bytes, ids: list[str] = IDS
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The values of each image that a file describes, without its folder, and the problems."""
    raw = data.encode() if isinstance(data, str) else data
    source = sources.read(name, raw, location=f"the/{name}", max_bytes=1 << 20, images=ImageKeys(ids))
    made = join(ids, [{}] * len(ids), [source])
    rows = {i: {k: v for k, v in row.items() if k != "folder"} for i, row in zip(ids, made.rows, strict=True)}
    return {image_id: row for image_id, row in rows.items() if row}, made.problems


def refused(name: str, data: str | bytes) -> str:
    with pytest.raises(ImagesError) as raised:
        described(name, data)
    message = str(raised.value)
    assert message.startswith(f"the/{name}")
    return message


def test_blanks_around_names_are_trimmed_as_those_around_other_cells():
    assert described("metadata.csv", "label, file_name\ncat, p0.jpg\ndog, p1.jpg\n") == (
        {"p0.jpg": {"label": "cat"}, "p1.jpg": {"label": "dog"}},
        [],
    )


def test_a_name_with_its_ending_names_the_only_file_that_is_called_so():
    assert described("metadata.csv", "file_name,label\nc1.jpg,a\n") == ({"train/c1.jpg": {"label": "a"}}, [])


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,name,pic,v", "7,Cat,p0.jpg,1"),
        ("file_name,image_path,v", "IMG_7,p0.jpg,1"),
        ("image,filename,img,v", "a cat,IMG_7,p0.jpg,1"),
        ("name,picture file,v", "Cat,/data/p0.jpg,1"),
    ],
)
def test_a_column_that_matches_is_taken_before_one_that_is_called_like_it(header: str, row: str):
    rows, problems = described("metadata.csv", f"{header}\n{row}\n")
    assert rows["p0.jpg"]["v"] == 1
    assert any("names the images, not the column" in problem for problem in problems)


def test_a_column_of_the_next_image_is_not_taken_for_the_images_own():
    lines = [f"p{i}.jpg,p{i + 1}.jpg,{i}" for i in range(-1, 2)]
    rows, problems = described("metadata.csv", "\n".join(["file_name,next,v", *lines]))
    assert rows == {"p0.jpg": {"next": "p1.jpg", "v": 0}, "p1.jpg": {"next": "p2.jpg", "v": 1}}
    assert problems == ["metadata.csv: no image is called 'p-1.jpg'"]


def test_labels_that_are_called_like_an_image_do_not_make_a_column_of_names():
    message = refused("metadata.csv", "file_name,label,v\nx/0.jpg,p0,1\nx/1.jpg,p0,2\nx/2.jpg,dog,3\n")
    assert "By the column 'file_name', no image is called 'x/0.jpg', 'x/1.jpg', 'x/2.jpg'" in message
    assert "the images are called like 'p0.jpg'" in message
    assert "The best other column is the column 'label' (such as 'p0'), which names 1 of 3" in message


@pytest.mark.parametrize("name", ["imageId", "photo_id", "Picture Number", "ImageID"])
def test_a_column_of_ids_names_the_images_that_are_called_by_them(name: str):
    ids = ["17.jpg", "18.jpg"]
    expected = {"17.jpg": {"v": 5}, "18.jpg": {"v": 6}}
    assert described("metadata.csv", f"v,{name}\n5,17\n6,18\n", ids)[0] == expected
    document = [{"v": 5, name: 17}, {"v": 6, name: 18}]
    assert described("metadata.json", json.dumps(document), ids)[0] == expected
    with pytest.raises(ImagesError, match="names the images"):
        described("metadata.csv", "v,likes\n5,17\n6,18\n", ids)


def test_numbers_of_a_database_do_not_stand_for_images_whose_names_are_wrong():
    ids = ["001.jpg", "002.jpg"]
    lines = "id,v\n1,a\n2,b\n"
    assert described("metadata.csv", lines, ids)[0] == {"001.jpg": {"v": "a"}, "002.jpg": {"v": "b"}}
    with pytest.raises(ImagesError, match=r"no image is called 'x\.jpg', 'y\.jpg'.* the column 'id'"):
        described("metadata.csv", "file_name,id,v\nx.jpg,1,a\ny.jpg,2,b\n", ids)


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", "file_name,v\nwrong/0.jpg,1\n"),
        ("metadata.tsv", "file_name\tv\nwrong/0.jpg\t1\n"),
        ("metadata.parquet", parquet(file_name=["wrong/0.jpg"], v=[1])),
        ("metadata.jsonl", '{"file_name": "wrong/0.jpg", "v": 1}\n'),
        ("metadata.json", '{"wrong/0.jpg": {"v": 1}}'),
        ("metadata.json", '[{"file_name": "wrong/0.jpg", "v": 1}]'),
    ],
)
def test_a_file_that_names_none_of_the_images_is_refused_and_says_what_it_tried(name: str, data: str | bytes):
    message = refused(name, data)
    assert "describes no image, and nothing was changed" in message
    assert "'wrong/0.jpg'" in message


@pytest.mark.parametrize(
    ("name", "data"), [("metadata.csv", "title,v\na,1\n"), ("metadata.jsonl", '{"v": 1}\n')]
)
def test_a_table_without_a_column_of_names_says_how_to_call_it(name: str, data: str):
    assert "has no column that names the images; call it file_name" in refused(name, data)


@pytest.mark.parametrize("data", ["3", "[1]", '{"p0": 3}', '{"p0": [1], "p1": 2}'])
def test_json_that_holds_no_objects_is_refused(data: str):
    assert "must be an object like" in refused("metadata.json", data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", "file_name,v"),
        ("metadata.json", "{}"),
        ("metadata.json", "[]"),
        ("metadata.jsonl", "\n"),
        ("metadata.json", '{"media_type": "image", "info": {}}'),
    ],
)
def test_a_file_without_rows_describes_nothing_and_is_no_slip(name: str, data: str):
    assert described(name, data) == ({}, [])


def test_a_file_about_images_that_cannot_be_used_is_not_refused():
    images = ImageKeys(IDS, unusable=["broken.jpg"])
    source = sources.read("m.csv", b"file_name,v\nbroken.jpg,1\n", location="m", max_bytes=99, images=images)
    assert join(IDS, [{}] * 4, [source]).problems == ["m.csv: no image is called 'broken.jpg'"]


ROWS = [{"file_name": "p0.jpg", "v": 1}, {"file_name": "p2.jpg", "v": 2}]


@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"0": ROWS[0], "1": ROWS[1]},
        {"a-7": ROWS[0], "b-9": ROWS[1]},
        {"file_name": {"0": "p0.jpg", "1": "p2.jpg"}, "v": {"0": 1, "1": 2}},
        {"file_name": ["p0.jpg", "p2.jpg"], "v": [1, 2]},
        {"images": ROWS},
        {"p0.jpg": {"v": 1}, "p2": {"v": 2}},
    ],
)
def test_json_is_read_in_every_shape_that_tools_write(document: Any):
    assert described("metadata.json", json.dumps(document))[0] == {"p0.jpg": {"v": 1}, "p2.jpg": {"v": 2}}


def test_objects_by_number_are_not_matched_with_images_that_are_called_by_numbers():
    ids = ["0.jpg", "1.jpg", "2.jpg"]
    document = {"0": {"file_name": "2.jpg", "v": 1}, "1": {"file_name": "0.jpg", "v": 2}}
    assert described("metadata.json", json.dumps(document), ids)[0] == {"2.jpg": {"v": 1}, "0.jpg": {"v": 2}}
    assert described("metadata.json", '{"0": {"v": 1}, "1": {"v": 2}}', ids)[0] == {
        "0.jpg": {"v": 1},
        "1.jpg": {"v": 2},
    }


def test_objects_whose_keys_name_images_are_no_columns_though_an_image_is_called_like_one():
    ids = ["key.jpg", "file.jpg", "image.jpg", "0.jpg"]
    document = {
        "key": {"group": "p1"},
        "file": {"group": "key"},
        "image": {"group": "image"},
        "0": {"group": "0"},
    }
    rows, problems = described("metadata.json", json.dumps(document), ids)
    assert rows == {f"{key}.jpg": entry for key, entry in document.items()}
    assert problems == []


def test_what_of_a_json_file_is_not_read_is_said():
    document = {"info": {"year": 2020}, "images": ROWS, "annotations": [{"image_id": 1}]}
    assert described("metadata.json", json.dumps(document))[1] == [
        "metadata.json: only 'images' is read, not 'info', 'annotations'"
    ]


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\r\n', "\ufeffsep=;\n", "SEP=;\n"])
def test_excels_line_with_the_delimiter_is_no_header(line: str):
    assert described("metadata.csv", f"{line}file_name;v\np0.jpg;1,5\n")[0] == {"p0.jpg": {"v": 1.5}}
    assert described("metadata.csv", f"{line}file_name;v\np0.jpg;1,5\n".replace(";", "|"))[0] == {
        "p0.jpg": {"v": 1.5}
    }


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "Unnamed: 0.1"])
@pytest.mark.parametrize("first", [0, 1])
def test_row_numbers_without_a_name_are_left_out_without_a_word(name: str, first: int):
    table = f"{name},file_name,v\n{first},p0.jpg,5\n{first + 1},p1.jpg,6\n"
    assert described("metadata.csv", table) == ({"p0.jpg": {"v": 5}, "p1.jpg": {"v": 6}}, [])


def test_an_unnamed_column_of_names_is_found_and_one_of_numbers_is_told():
    rows, problems = described("metadata.csv", ",v\np0.jpg,5\np1.jpg,6\n")
    assert rows == {"p0.jpg": {"v": 5}, "p1.jpg": {"v": 6}}
    assert problems == ["metadata.csv: the column '' names the images"]
    assert described("metadata.csv", ",file_name\n7,p0.jpg\n3,p1.jpg\n")[1] == [
        "metadata.csv: column 1 has no name, and numbers only; left out"
    ]


def test_the_index_of_pandas_may_name_the_images():
    import pandas as pd

    frame = pd.DataFrame({"v": [1, 2]}, index=["p0.jpg", "p1.jpg"])
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    assert described("metadata.parquet", buffer.getvalue())[0] == {"p0.jpg": {"v": 1}, "p1.jpg": {"v": 2}}
    assert described("metadata.csv", frame.to_csv())[0] == {"p0.jpg": {"v": 1}, "p1.jpg": {"v": 2}}
    assert described("metadata.json", frame.to_json(orient="index"))[0] == {
        "p0.jpg": {"v": 1},
        "p1.jpg": {"v": 2},
    }


def test_the_path_within_hugging_faces_images_names_them():
    images = [{"bytes": b"x", "path": "p0.jpg"}, {"bytes": b"y", "path": "p1.jpg"}]
    assert described("metadata.parquet", parquet(image=images, v=[1, 2]))[0] == {
        "p0.jpg": {"v": 1},
        "p1.jpg": {"v": 2},
    }


def test_tabs_separate_a_tsv_whatever_else_its_header_holds():
    assert described("metadata.tsv", "file_name\ta,b,c\np0.jpg\t1\n")[0] == {"p0.jpg": {"a,b,c": 1}}
