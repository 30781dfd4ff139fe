"""Leaks: groups that span the parts of a split, and which columns and folders are splits."""

import numpy as np
import pyarrow as pa

from clipper.insight.doubles.leaks import Leak, find_splits, leaks, split_columns, split_of_folders


def ids(*names: str) -> pa.LargeStringArray:
    return pa.array(names, pa.large_string())


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
    assert split_columns({name: pa.chunked_array([values]) for name, values in columns.items()}) == [
        "Split",
        "cv_fold",
        "part",
        "set",
    ]


def test_folders_that_name_the_parts_of_a_split_are_one():
    found = split_of_folders(ids("train/cat/1.jpg", "Test/2.jpg", "3.jpg", "other/4.jpg"))
    assert found is not None
    assert found.to_pylist() == ["train", "Test", "", ""]
    assert split_of_folders(ids("train/1.jpg", "train/2.jpg")) is None
    assert split_of_folders(ids("cats/1.jpg", "dogs/2.jpg")) is None
    assert split_of_folders(ids()) is None


def test_the_parts_of_a_split_are_named_and_of_columns_that_say_the_same_one_counts():
    columns = {
        "folder": pa.chunked_array([["train", "test"], ["train", None]]),
        "split": pa.chunked_array([["train"], ["test", "train", None]]),
        "fold": pa.chunked_array([[True, None, False, True]]),
        "kind": pa.chunked_array([["a", "b", "a", "b"]]),
    }
    found = find_splits(columns, ids("train/1.jpg", "test/2.jpg", "train/3.jpg", "4.jpg"))
    assert {name: parts.to_pylist() for name, parts in found.items()} == {
        "split": ["train", "test", "train", ""],
        "fold": ["True", "", "False", "True"],
    }
    found = find_splits({}, ids("train/1.jpg", "test/2.jpg", "4.jpg"))
    assert {name: parts.to_pylist() for name, parts in found.items()} == {"folder": ["train", "test", ""]}
    assert find_splits({}, ids("a/1.jpg", "b/2.jpg")) == {}
