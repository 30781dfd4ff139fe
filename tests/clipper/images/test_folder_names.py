"""Parts of a split and classes, from the names of folders."""

from collections.abc import Sequence

import pytest
from joined_metadata import join

from clipper.images import folder_names


def of_folders(ids: Sequence[str]) -> list[dict[str, str]]:
    """What the folders of each image say."""
    folders = [image_id.rpartition("/")[0] for image_id in ids]
    different = list(dict.fromkeys(folders))
    said = dict(zip(different, folder_names.of_folders(different), strict=True))
    return [said[folder] for folder in folders]


def said(*ids: str) -> list[tuple[str | None, str | None]]:
    """The part and the class of each image."""
    return [(one.get("split"), one.get("label")) for one in of_folders(ids)]


def test_an_imagefolder_has_parts_and_classes():
    ids = ["train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg"]
    assert said(*ids) == [("train", "cat"), ("train", "dog"), ("test", "cat")]
    assert of_folders(ids)[0]["folder"] == "train/cat"
    made = join(ids, [{}] * 3, [])
    assert {column.name: column.origin for column in made.columns} == dict.fromkeys(
        ["folder", "split", "label"], "folder"
    )


def test_parts_are_found_below_other_folders_and_stay_as_they_are_written():
    assert said("set/Train/cat/1.jpg", "set/Valid/dog/2.jpg") == [("Train", "cat"), ("Valid", "dog")]
    assert said("images/train/1.jpg", "images/val/2.jpg") == [("train", None), ("val", None)]


@pytest.mark.parametrize(
    "ids",
    [
        ("train/1.jpg", "holiday/2.jpg"),  # one part alone: a folder of trains
        ("cat/1.jpg", "dog/2.jpg"),
        ("1.jpg",),
        ("a/train/1.jpg", "test/2.jpg"),
        (),
    ],
)
def test_folders_that_are_no_split_say_nothing_of_one(ids: tuple[str, ...]):
    assert said(*ids) == [(None, None)] * len(ids)


def test_folders_between_a_part_and_its_images_are_no_classes():
    assert said("train/images/1.jpg", "valid/images/2.jpg") == [("train", None), ("valid", None)]
    assert said("train/a/b/1.jpg", "test/c/2.jpg") == [("train", None), ("test", None)]
    assert said("train/cat/1.jpg", "test/cat/2.jpg") == [("train", None), ("test", None)]


def test_an_image_outside_of_all_parts_has_none():
    ids = ["train/cat/1.jpg", "test/dog/2.jpg", "train/3.jpg", "other/4.jpg", "5.jpg"]
    assert said(*ids)[2:] == [("train", None), (None, None), (None, None)]
    assert of_folders(ids)[4] == {}


def test_parts_of_a_split_may_have_a_year():
    said = of_folders(["train2017/a.jpg", "val2017/b.jpg", "trainer/c.jpg", "test12/d.jpg"])
    assert [one.get("split") for one in said] == ["train2017", "val2017", None, None]
