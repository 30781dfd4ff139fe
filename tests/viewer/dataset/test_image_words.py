"""An image's values in words, as the open image shows them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import FakeAtlas, FakeColumn

from viewer.dataset.dataset import Dataset
from viewer.dataset.image_words import detail


@pytest.mark.parametrize(
    ("issues", "shown"),
    [(["blank", "tiny"], ["blank", "tiny"]), (["blank"], ["blank"]), ([], []), (None, None)],
)
def test_an_image_with_any_number_of_picture_issues_opens(
    issues: list[str] | None, shown: list[str] | None
) -> None:
    atlas = FakeAtlas(n=3)
    cells: list[object] = [None if issues is None else np.array(issues, object), None, None]
    atlas.points["picture_issues"] = pd.Series(cells, dtype=object)
    atlas.points["stands_apart"] = pd.Series([True, None, None], dtype="boolean")
    atlas.insight_columns = {
        "picture_issues": FakeColumn("picture_issues", "list[str]", "insight"),
        "stands_apart": FakeColumn("stands_apart", "bool", "insight"),
    }
    values = dict(detail(Dataset(atlas), 0)["values"])
    assert values.get("Picture issues") == shown
    assert values["Stands apart"] == "yes"
    assert "Stands apart" not in dict(detail(Dataset(atlas), 1)["values"])


BOX = {"category": "cat", "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}


@pytest.mark.parametrize(
    ("objects", "has"),
    [([BOX], True), ([{**BOX, "left": None}], False), ([{**BOX, "left": None}, BOX], True)],
)
def test_only_an_image_with_boxes_offers_to_show_them(objects: list[dict[str, Any]], has: bool) -> None:
    atlas = FakeAtlas(n=2)
    atlas.has_objects, atlas.boxes = True, {0: objects}
    assert detail(Dataset(atlas), 0)["boxes"] is has
    atlas.has_objects = False
    assert detail(Dataset(atlas), 0)["boxes"] is False
