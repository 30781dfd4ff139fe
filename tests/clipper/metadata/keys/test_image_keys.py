"""The images that a key names."""

from unicodedata import normalize

import pytest

from clipper.metadata.keys.find import find_images, several_images

IDS = [
    "pets/rex.jpg",
    "pets/tom.jpg",
    "wild/tom.png",
    "rex.jpg/odd.png",
    "a.b.jpg",
    normalize("NFD", "café.jpg"),
]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("pets/rex.jpg", [0]), ("pets/rex", [0]), ("rex", [0]), ("tom", [1, 2]), ("wild/tom", [2]),
        ("a.b", [4]), ("odd", [3]), ("re", []), ("rex.jpg", []), ("", []), ("none", []),
        ("café", [5]), ("café.jpg", [5]), (normalize("NFD", "café"), [5]), ("猫", []),
    ],
)  # fmt: skip
def test_a_key_is_a_path_a_path_without_ending_or_a_name(key: str, rows: list[int]):
    assert find_images(IDS, key) == rows


def test_a_whole_path_comes_before_a_name():
    assert find_images(["x/a.jpg", "a"], "a") == [1]
    assert find_images(["x/a.jpg", "a.png"], "a") == [1]


def test_several_images_are_counted_and_two_of_them_named():
    assert several_images("tom", ["a/tom.jpg", "b/tom.jpg"]).endswith("write the path: a/tom.jpg, b/tom.jpg")
    assert several_images("tom", ["a", "b", "c", "d"]).endswith("a, b and 2 more")
