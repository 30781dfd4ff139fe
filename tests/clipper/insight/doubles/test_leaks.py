"""Leaks: groups that span the parts of a split, and which columns and folders are splits."""

import numpy as np

from clipper.insight.doubles.leaks import Leak, leaks, split_columns, split_of_folders


def grouped(*groups: list[int]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array([row for group in groups for row in group], int)
    return rows, np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def test_a_group_in_two_parts_is_a_leak():
    parts = ["train", "test", "train", "train", None, "test", float("nan"), "val"]
    assert leaks(*grouped([0, 1, 2], [3, 4], [5, 6, 7]), parts) == [
        Leak(0, ("test", "train"), (1, 2)),
        Leak(2, ("test", "val"), (1, 1)),
    ]
    assert leaks(*grouped(), []) == []


def test_split_columns_are_told_by_their_names_or_their_values():
    columns = {
        "Split": ["a", "b"],
        "cv_fold": [1, 2],
        "part": ["train", "Val"],
        "set": ["train", None, "test"],
        "label": ["cat", "train"],
        "subset": ["one", "one"],
        "splitter": ["a", "b"],
        "split id": [str(i) for i in range(100)],
    }
    assert split_columns(columns) == ["Split", "cv_fold", "part", "set"]


def test_folders_that_name_the_parts_of_a_split_are_one():
    assert split_of_folders(["train/cat/1.jpg", "Test/2.jpg", "3.jpg", "other/4.jpg"]) == [
        "train", "Test", None, None,
    ]  # fmt: skip
    assert split_of_folders(["train/1.jpg", "train/2.jpg"]) is None
    assert split_of_folders(["cats/1.jpg", "dogs/2.jpg"]) is None
    assert split_of_folders([]) is None
