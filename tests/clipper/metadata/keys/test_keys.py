"""Keys of metadata files, as people and systems write them, and the images that they name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipper.metadata.keys.match import AMBIGUOUS, CONTESTED, NONE, ImageKeys

IDS = ["a.jpg", "train/b.jpg", "train/c1.jpg", "val/d.jpg", "val/x/é.jpg", "My Photo.jpg", "-1.jpg"]


def rows(*keys: str, ids: list[str] = IDS) -> list[int]:
    return ImageKeys(ids).match(list(keys)).rows.tolist()


def problems(*keys: str, ids: list[str] = IDS) -> list[str]:
    return ImageKeys(ids).match(list(keys)).problems("m.csv", keys)


@pytest.mark.parametrize(
    ("key", "image"),
    [
        ("train/b.jpg", "train/b.jpg"),
        ("train/b", "train/b.jpg"),
        ("b", "train/b.jpg"),
        ("c1.jpg", "train/c1.jpg"),
        ("  c1.jpg\t", "train/c1.jpg"),
        ("./a.jpg", "a.jpg"),
        ("././train//b.jpg", "train/b.jpg"),
        (r"train\b.jpg", "train/b.jpg"),
        (r".\train\.\b", "train/b.jpg"),
        ("x/é.jpg", "val/x/é.jpg"),
        ("val/x/e\u0301", "val/x/é.jpg"),
        ("/home/me/data/train/b.jpg", "train/b.jpg"),
        (r"C:\Data\train\b.jpg", "train/b.jpg"),
        (r"\\server\share\train\b.jpg", "train/b.jpg"),
        ("s3://bucket/data/train/b.jpg", "train/b.jpg"),
        ("https://h.org/My%20Photo.jpg?width=9#x", "My Photo.jpg"),
        ("file:///data/val/x/%C3%A9.jpg", "val/x/é.jpg"),
        ("/data/photos/c1.jpg", "train/c1.jpg"),
        ("TRAIN/B.JPG", "train/b.jpg"),
        (r"D:\Pictures\TRAIN\B.JPG", "train/b.jpg"),
        ('"a.jpg"', "a.jpg"),
        ("'-1.jpg", "-1.jpg"),
        ("b.png", "train/b.jpg"),
        ("/home/me/train/B.HEIC", "train/b.jpg"),
        ("My\u202fPhoto.jpg", "My Photo.jpg"),
        ("\ufeffa.jpg", "a.jpg"),
        ("\uff21.jpg", "a.jpg"),
    ],
)
def test_a_key_names_an_image_as_every_system_writes_it(key: str, image: str):
    assert rows(key) == [IDS.index(image)]


@pytest.mark.parametrize(
    "key", ["", " ", "nobody.jpg", "train", "train/", "b.gz", "1.jpg", "test/b.jpg", "\ud800"]
)
def test_what_names_no_image_is_not_guessed(key: str):
    assert rows(key) == [NONE]
    assert problems(key) == [f"m.csv: no image is called {key!r}"]


@pytest.mark.parametrize("key", ["7", "007", "7.0", "0007.jpg", "/old/7", "x/7.png"])
def test_a_number_names_the_image_whose_name_is_that_number(key: str):
    ids = ["x/0007.jpg", "x/0070.jpg", "x/seven.jpg"]
    assert rows(key, ids=ids) == [0]
    assert rows(key, ids=[*ids, "x/07.jpg"]) in ([AMBIGUOUS], [0])
    assert rows("7", ids=[*ids, "x/07.jpg"]) == [AMBIGUOUS]
    assert rows("8", "-7", "7.5", "cat7", "7cat", ids=ids) == [NONE] * 5


def test_a_name_that_is_only_alike_never_takes_an_image_from_its_own_name():
    assert rows("b.png", "train/b.jpg") == [CONTESTED, IDS.index("train/b.jpg")]
    assert rows("7", "07", "7.0", ids=["007.jpg"]) == [CONTESTED] * 3
    assert rows("a.gif", ids=["a.jpg", "a.png"]) == [AMBIGUOUS]


def test_keys_written_otherwise_are_told_once_for_each_way_with_an_example():
    assert problems("a.jpg", "c1.jpg", "b") == []
    assert problems(r"train\b.jpg", r"val\d.jpg", "A.JPG", "x/é") == [
        "m.csv: 1 key(s) are matched by the end of the image's path, such as 'x/é' with val/x/é.jpg",
        "m.csv: 2 key(s) are matched as a path of another system, such as 'train\\\\b.jpg' with train/b.jpg",
        "m.csv: 1 key(s) are matched in another case, such as 'A.JPG' with a.jpg",
    ]


def test_an_image_with_that_very_name_is_meant_before_any_other_reading():
    ids = ["a b.jpg", "a%20b.jpg", "A.jpg", "a.jpg", "s/a.jpg", "s\\a.jpg", " a.jpg"]
    assert rows(*ids, ids=ids) == list(range(len(ids)))


def test_a_name_of_several_images_is_never_guessed():
    ids = ["train/a.jpg", "val/a.jpg", "b.jpg", "B.jpg", "c.jpg", "c.png"]
    assert rows("a.jpg", "a", "b.JPG", "c", "A.JPG", ids=ids) == [AMBIGUOUS] * 5
    assert "several images are called" in problems("a.jpg", ids=ids)[0]


def test_two_keys_that_can_only_be_guessed_to_mean_one_image_are_both_left_out():
    for pair in (("/one/a.jpg", "/two/a.jpg"), ("A.jpg", "a.JPG"), ("/one/a.jpg", "A.JPG")):
        assert rows(*pair) == [CONTESTED] * 2
        (problem,) = problems(*pair)
        assert problem.startswith(f"m.csv: another key means the same image as {pair[0]!r}, {pair[1]!r}")


def test_a_key_by_the_end_of_a_path_yields_to_the_path_itself():
    assert rows("train/b.jpg", "b.jpg", "/gone/train/b.jpg", "TRAIN/b.jpg") == [1, *[CONTESTED] * 3]


def test_one_key_may_stand_in_several_rows():
    assert rows("/d/a.jpg", "/d/a.jpg", "c1.jpg", "c1.jpg") == [0, 0, 2, 2]


def test_keys_of_a_folder_are_relative_to_it_and_rows_are_those_of_the_whole_dataset():
    for ids in (IDS, sorted(IDS)):
        below = ImageKeys(ids).below("train")
        assert below.match(["b.jpg", "a.jpg"]).rows.tolist() == [ids.index("train/b.jpg"), NONE]
        assert below.match(["c1"]).rows.tolist() == [ids.index("train/c1.jpg")]
        assert below.match(["train/c1.jpg"]).rows.tolist() == [ids.index("train/c1.jpg")]
        assert ImageKeys(ids).below("val").match(["x/é.jpg"]).rows.tolist() == [ids.index("val/x/é.jpg")]
    assert len(ImageKeys([*IDS, "train0/z.jpg", "train.jpg"]).below("train")) == 2


def test_a_file_of_one_part_of_a_split_is_never_taken_for_that_of_another():
    assert rows("val/1.jpg", "test/x/1.jpg", "/data/val/1.jpg", ids=["1.jpg"]) == [NONE] * 3
    assert rows("val/1.jpg", "val/2.jpg", ids=["train/1.jpg", "train/2.jpg"]) == [NONE] * 2
    images = ImageKeys(["1.jpg"], folder="/data/Val/images")
    assert images.match(["val/images/1.jpg", "train/images/1.jpg"]).rows.tolist() == [0, NONE]
    assert images.match(["/data/val/1.jpg"]).rows.tolist() == [0]
    assert images.match(["/data/train/1.jpg"]).rows.tolist() == [NONE]
    below = ImageKeys(["train/1.jpg", "val/2.jpg"]).below("train")
    assert below.match(["train/1.jpg"]).rows.tolist() == [0]
    assert below.match(["val/1.jpg"]).rows.tolist() == [NONE]


def test_without_images_nothing_is_named():
    assert ImageKeys([]).match(["a.jpg"]).rows.tolist() == [NONE]
    assert ImageKeys(IDS).match([]).rows.tolist() == []


def test_files_that_cannot_be_used_are_known():
    images = ImageKeys(IDS, unusable=["train/broken.jpg"])
    assert images.are_unusable(["broken"])
    assert not images.are_unusable(["other"])
    assert images.below("train").are_unusable(["broken.jpg"])
    assert not images.below("val").are_unusable(["broken.jpg"])


path = st.text(st.sampled_from("aAé./\\ %2'\"e\u0301"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(path.map(lambda text: f"{text}.jpg"), max_size=8, unique=True), st.lists(path, max_size=8))
def test_any_keys_and_ids_give_a_row_or_a_reason_and_each_id_names_itself(ids: list[str], keys: list[str]):
    matches = ImageKeys(ids).match(keys)
    assert len(matches.rows) == len(keys)
    assert all(row in (NONE, AMBIGUOUS, CONTESTED) or 0 <= row < len(ids) for row in matches.rows)
    assert rows(*ids, ids=ids) == list(range(len(ids)))
