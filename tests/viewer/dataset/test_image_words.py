"""An image's values in words, as the open image shows them."""

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
