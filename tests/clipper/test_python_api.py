"""The Python API as a notebook uses it: every example of its docstrings runs, and tables lose nothing."""

import doctest
import io
import json
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from homes import draw
from PIL import Image

import clipper
import clipper.atlas.atlas
import clipper.atlas.discoveries
import clipper.atlas.given.labels
import clipper.atlas.given.views
import clipper.atlas.tags
from clipper import errors
from clipper.atlas import Atlas
from clipper.atlas.discoveries import Discoveries
from clipper.errors import BadImageError, ClipperError, LabelError, TagError, UnknownImageError, ViewError


@pytest.fixture
def a_persons_folder(sample_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the sample in `data`, as the examples have it."""
    (sample_copy.parent / "data").symlink_to(sample_copy)
    monkeypatch.chdir(sample_copy.parent)
    return sample_copy.parent


def examples() -> list[doctest.DocTest]:
    found = []
    for module in (
        clipper,
        clipper.atlas.atlas,
        clipper.atlas.discoveries,
        clipper.atlas.tags,
        clipper.atlas.given.labels,
        clipper.atlas.given.views,
    ):
        found += [one for one in doctest.DocTestFinder().find(module) if one.examples]
    for name, member in (vars(Discoveries) | vars(Atlas)).items():
        if isinstance(member, cached_property):  # the finder passes these over
            text = member.__doc__ or ""
            one = doctest.DocTestParser().get_doctest(text, {}, f"Atlas.{name}", None, None)
            found += [one] if one.examples else []
    return found


@pytest.mark.usefixtures("a_persons_folder")
def test_every_example_of_the_docstrings_runs():
    tests = examples()
    names = {one.name for one in tests}
    assert {"clipper", "clipper.index", "clipper.open", "Atlas.points"} <= names
    assert {"clipper.atlas.atlas.Atlas.search", "clipper.atlas.atlas.Atlas.explore"} <= names
    with clipper.open("data") as atlas:
        for one in tests:
            one.globs |= {"clipper": clipper, "atlas": atlas}
            said = io.StringIO()
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            assert not runner.run(one, out=said.write).failed, said.getvalue()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Atlas]:
    """Five images with metadata that tables like to spoil, one file that is no image."""
    folder = tmp_path_factory.mktemp("api") / "pictures"
    for number, colour in enumerate(("red", "lime", "blue", "white")):
        draw(folder / f"{number}.png", colour)
    shutil.copy(folder / "0.png", folder / "copy of 0.png")
    (folder / "broken.jpg").write_bytes(b"no image")
    entries = {
        "0": {"key": 90071992547409931, "seen": "2024-05-01T12:00:00+02:00", "words": ["a", "b"]},
        "1": {"key": 90071992547409932, "seen": "2024-05-02", "weight": 1.5, "fine": True},
        "2": {"seen": "2024-05-03", "words": ["c"], "title": "<b>blue</b>"},
    }
    (folder / "metadata.json").write_text(json.dumps(entries))
    return clipper.index(folder, home=folder.parent / "home", model=str(model_folder), progress=False)


def test_indexing_a_folder_opens_its_atlas(atlas: Atlas):
    assert len(atlas) == 5
    assert atlas.ids == ["0.png", "1.png", "2.png", "3.png", "copy of 0.png"]
    assert atlas.failures["id"].tolist() == ["broken.jpg"]
    assert "2.png" in atlas
    assert "4.png" not in atlas


def test_whole_numbers_with_gaps_stay_exact(atlas: Atlas):
    keys = atlas.metadata["key"]
    assert keys.dtype == pd.Int64Dtype()
    assert keys["0.png"] == 90071992547409931
    assert keys["1.png"] == 90071992547409932
    assert keys.isna().tolist() == [False, False, True, True, True]


def test_times_are_datetimes_lists_are_lists_and_truths_are_truths(atlas: Atlas):
    table = atlas.metadata
    assert table["seen"]["0.png"] == pd.Timestamp("2024-05-01T12:00:00")  # the wall clock, in any zone
    assert table["seen_utc"]["0.png"] == pd.Timestamp("2024-05-01T10:00:00Z")
    assert pd.isna(table["seen"]["3.png"])
    assert table["words"]["0.png"] == ["a", "b"]
    assert table["words"]["1.png"] is None
    assert table["fine"].dtype == pd.BooleanDtype()
    assert table["weight"].dtype == np.float64


def test_the_map_and_what_is_found_lie_in_tables_by_id(atlas: Atlas):
    scores = ["outlier", "stands_apart", "uniqueness", "sharpness", "brightness", "contrast", "colorfulness"]
    assert list(atlas.points.columns) == ["path", "x", "y", "cluster", *scores, "picture_issues"]
    assert Path(atlas.points["path"]["1.png"]).is_file()
    found = atlas.search("red", k=3)
    assert list(found.columns[:5]) == ["id", "path", "similarity", "x", "y"]
    assert found["key"].dtype == pd.Int64Dtype()
    assert found["similarity"].is_monotonic_decreasing
    assert found.loc[0, "x"] == atlas.points["x"][found.loc[0, "id"]]


def test_an_image_to_search_with_may_be_an_id_a_path_bytes_or_a_picture(atlas: Atlas):
    path = Path(atlas.points["path"]["2.png"])
    ways = ("2.png", path, str(path), path.read_bytes(), Image.open(path))
    tables = [atlas.search(image=way, k=2) for way in ways]
    for table in tables:
        assert table["id"][0] == "2.png"
        assert table["similarity"].to_numpy() == pytest.approx(tables[0]["similarity"].to_numpy(), abs=1e-3)
    both = atlas.search("red", image="2.png", k=5)
    assert both["similarity"].iloc[0] < 0.999


def test_similar_images_are_the_others(atlas: Atlas):
    found = atlas.similar("0.png", k=2)
    assert found["id"][0] == "copy of 0.png"
    assert found["similarity"][0] == pytest.approx(1, abs=1e-5)
    assert len(atlas.similar("0.png", k=50)) == 4


def test_originals_and_thumbnails_are_pictures(atlas: Atlas):
    assert atlas.image("0.png").size == (64, 48)
    assert atlas.image("0.png").getpixel((5, 5)) == (255, 0, 0)
    assert max(atlas.thumbnail("0.png").size) <= 128


def test_an_original_is_opened_in_its_full_size(tmp_path: Path, model_folder: Path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(folder / "large.jpg")
    with clipper.index(folder, model=str(model_folder), progress=False) as large:
        assert large.home == folder / ".clipper"
        assert large.image("large.jpg").size == (3000, 2000)


def test_tags_are_given_and_taken_by_id(atlas: Atlas):
    atlas.tags.add(["1.png", "2.png"], "cold")
    atlas.tags.add("0.png", "warm")
    assert atlas.tags.of("copy of 0.png") == ["warm"]  # the same picture
    assert atlas.tags["cold"] == ["1.png", "2.png"]
    assert list(atlas.tags) == ["cold", "warm"]
    atlas.tags.remove(["1.png", "2.png"], "cold")
    assert "cold" not in atlas.tags
    assert atlas.tags.of("1.png") == []


def test_a_cluster_has_the_name_that_a_person_gives_it_until_it_is_taken_back(sample_copy: Path):
    atlas = clipper.open(sample_copy)
    cluster = int(atlas.clusters.index[0])
    found = atlas.clusters.loc[cluster, "name"]
    atlas.rename_cluster(cluster, " my  own ")
    assert atlas.clusters.loc[cluster, "name"] == "my own"
    for nothing in (None, "", "  "):
        atlas.rename_cluster(cluster, "another")
        atlas.rename_cluster(cluster, nothing)
        assert atlas.clusters.loc[cluster, "name"] == found
    with pytest.raises(ClipperError, match="60 letters"):
        atlas.rename_cluster(cluster, "x" * 61)
    with pytest.raises(ClipperError, match="no cluster 999999"):
        atlas.rename_cluster(999_999, "mine")


def test_errors_are_of_one_tree_and_name_what_is_wrong(atlas: Atlas, tmp_path: Path):
    for wrong in (atlas.image, atlas.thumbnail, atlas.similar, atlas.tags.of):
        with pytest.raises(UnknownImageError, match=r"^there is no image 'no\.png' here; an id is a path"):
            wrong("no.png")
    with pytest.raises(UnknownImageError, match=r"no image 'no\.png'"):
        atlas.tags.add(["0.png", "no.png"], "half")
    assert "half" not in atlas.tags
    with pytest.raises(TagError, match="at least one letter"):
        atlas.tags.add("0.png", "  ")
    with pytest.raises(ClipperError, match="the query is empty"):
        atlas.search("")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(BadImageError):
        atlas.search(image=tmp_path / "text.png")
    classes = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    every = [thing for thing in classes if issubclass(thing, Exception)]
    assert BadImageError in every
    assert all(issubclass(error, ClipperError) for error in every)
    assert all(error.__name__ in (errors.__doc__ or "") for error in every)


def test_a_notebook_shows_title_counts_and_pictures_and_no_markup_of_others(
    tmp_path: Path, model_folder: Path
):
    folder = tmp_path / "<script>alert(1)"
    draw(folder / "<img src=x onerror=alert(2)>.png", "red")
    with clipper.index(folder, home=tmp_path / "home", model=str(model_folder), progress=False) as odd:
        shown = odd._repr_html_()
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script" not in shown
    assert "<img src=x" not in shown
    assert "1 image ·" in shown
    assert shown.count("data:image/webp;base64,") == 1


def test_the_public_surface_is_what_it_says(sample_atlas: Atlas):
    assert all(getattr(clipper, name) is not None for name in clipper.__all__)
    public = {name for name in dir(sample_atlas) if not name.startswith("_")}
    assert public == {
        "axes", "classify", "close", "clusters", "columns", "coverage", "drift", "drift_between",
        "duplicates", "explore", "export", "export_page", "failures", "forget_words", "home", "ids", "image",
        "indexed_at", "info", "keep_words", "kept_words", "label_issues", "labels", "metadata", "model",
        "models", "objects", "outliers", "plot", "points", "rename_cluster", "search", "similar", "tags",
        "thumbnail", "title",
        "vectors", "version", "views",
    }  # fmt: skip


def test_axes_lie_between_opposites_and_by_columns(sample_atlas: Atlas):
    found = sample_atlas.axes("a red thing <-> a blue thing", "group")
    assert found.index.to_list() == sample_atlas.ids
    names = sample_atlas.metadata["name"]
    assert names[found["x"].nlargest(12).index].str.contains("blue").sum() >= 5
    assert names[found["x"].nsmallest(40).index].str.contains("red").sum() >= 5
    assert found["y"].to_list() == sample_atlas.metadata["group"].to_list()
    numbers = sample_atlas.axes("bytes", "column:unicode_version")
    assert np.allclose(numbers["x"], sample_atlas.metadata["bytes"].astype(float))
    assert numbers["y"].equals(sample_atlas.metadata["unicode_version"].rename("y"))
    assert sample_atlas.axes("happy").columns.to_list() == ["x"]
    assert sample_atlas.axes("keywords")["x"].nunique() > 24
    for wrong in ("night <->", "", "a | b | c", "column:gone"):
        with pytest.raises(ClipperError):
            sample_atlas.axes(wrong)


def test_views_are_saved_listed_renamed_and_removed(atlas: Atlas):
    atlas.views.save("red things", "?q=red&colour=group", by="Ada")
    assert [*atlas.views] == ["red things"]
    saved = atlas.views["red things"]
    assert (saved.query, saved.by, saved.version) == ("q=red&colour=group", "Ada", atlas.version)
    with pytest.raises(ViewError, match="choose another name"):
        atlas.views.save("red things", "q=blue")
    atlas.views.rename("red things", "reds")
    assert "reds" in atlas.views
    assert len(atlas.views) == 1
    with pytest.raises(ViewError, match="at least one letter"):
        atlas.views.rename("reds", " ")
    with pytest.raises(KeyError):
        atlas.views.remove("blue things")
    atlas.views.remove("reds")
    assert repr(atlas.views) == "<Views: none>"


def test_labels_exclude_each_other_and_become_a_column_with_the_next_run(tmp_path: Path, model_folder: Path):
    for name, colour in (("a", "red"), ("b", "green"), ("c", "blue")):
        draw(tmp_path / "images" / f"{name}.png", colour)
    home, model = tmp_path / "home", str(model_folder)
    with clipper.index(tmp_path / "images", home=home, model=model, progress=False) as first:
        version = first.version
        first.labels.define("quality", ["good", "bad"])
        first.labels.give(["a.png", "b.png"], "quality", "good")
        first.labels.give("b.png", "quality", "bad")
        assert first.labels.of("b.png") == {"quality": "bad"}
        assert first.tags["quality: good"] == ["a.png"]
        for column, value in (("quality", "fair"), ("size", "good")):
            with pytest.raises(LabelError, match="make it with `define`"):
                first.labels.give("a.png", column, value)
        with pytest.raises(LabelError, match="no colon"):
            first.labels.define("a:b", [])
    with clipper.index(tmp_path / "images", home=home, model=model, progress=False) as second:
        assert second.version != version
        assert second.columns["quality"].origin == "labels"
        assert second.metadata["quality"].to_list()[:2] == ["good", "bad"]
        assert pd.isna(second.metadata["quality"].iloc[2])
        assert second.search(image="a.png", where='quality = "bad"')["id"].to_list() == ["b.png"]
        second.export(tmp_path / "out.csv", format="csv")
    assert "quality" in (tmp_path / "out.csv").read_text()
