"""A page that stands alone: its data say what the atlas says, and nothing in them can end a script."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipper.atlas import Atlas
from clipper.atlas.exports import select
from clipper.errors import ClipperError, ModelError
from clipper.export.page import build, data, sheets, words

HOSTILE = '<img src=x onerror="alert(1)"> & Co.jpg'


def parts_of(folder: Path) -> dict[str, object]:
    found = {}
    for path in (folder / "data").iterdir():
        key, value = re.fullmatch(
            r'clipperData\(("[\w-]+"), (.*)\)\n', path.read_text("utf-8"), re.DOTALL
        ).groups()
        found[json.loads(key)] = json.loads(value)
    return found


def test_a_folder_holds_what_the_atlas_says(atlas: Atlas, tmp_path: Path):
    atlas.export_page(tmp_path / "page")
    parts = parts_of(tmp_path / "page")
    main, rows = parts["main"], parts["texts-0"]
    assert main["images"] == len(rows) == 23
    assert {row[0] for row in rows} == set(atlas.ids) - {"b/same.jpg"}
    named = {column["name"]: number for number, column in enumerate(main["columns"])}
    group = main["columns"][named["group"]]
    codes = base64.b64decode(parts[f"column-{named['group']}"])
    for row, code in zip(rows, codes, strict=True):
        label = group["labels"][code] if code < 250 else ""
        assert label == (atlas._engine.metadata(atlas._engine.row(row[0])).get("group") or "")
    x = np.frombuffer(base64.b64decode(parts["positions"]), "<u2").reshape(2, -1)[0] / 65_535
    x0, x1 = main["bounds"][:2]
    known = [atlas.points.loc[row[0], "x"] for row in rows]
    assert np.allclose(x0 + x * (x1 - x0), known, atol=(x1 - x0) / 60_000)


def test_a_sheet_shows_each_image_in_its_place(atlas: Atlas, tmp_path: Path):
    atlas.export_page(tmp_path / "page")
    rows, cell = parts_of(tmp_path / "page")["texts-0"], sheets.cell_size(23)
    with Image.open(tmp_path / "page" / "thumbs" / "0.webp") as sheet:
        for at, row in enumerate(rows):
            top, left = divmod(at, sheets.SIDE)
            shown = sheet.convert("RGB").crop((left * cell, top * cell, (left + 1) * cell, (top + 1) * cell))
            small = atlas.thumbnail(row[0]).convert("RGB").resize((cell, cell))
            assert np.abs(np.asarray(shown, float) - np.asarray(small, float)).mean() < 12, row[0]


def test_no_text_ends_a_script_and_the_policy_knows_every_script(atlas: Atlas, tmp_path: Path):
    atlas.export_page(tmp_path / "one.html", single_file=True)
    page = (tmp_path / "one.html").read_text("utf-8")
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", page, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert all(build._hash(text) in policy for text in scripts)
    assert page.count("<script") == page.count("</script>") == len(scripts)
    assert "unsafe" not in policy
    assert "http" not in policy
    assert HOSTILE not in page


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "\ud800", '"', "\\"])
def test_a_value_comes_back_as_it_was(text: str):
    script = data.script("k", {"a": [text]})
    assert not set("<\u2028\u2029") & set(script)
    value = json.loads(script.removeprefix('clipperData("k", ').removesuffix(")\n"))
    assert value["a"][0] == text.encode("utf-8", "replace").decode()


def test_neighbours_on_the_map_lie_in_one_sheet():
    xy = np.random.default_rng(0).random((4_096, 2)).astype(np.float32)
    order = sheets.order(xy)
    assert sorted(order.tolist()) == list(range(4_096))
    spread = [np.ptp(xy[order[at : at + 256]], axis=0).max() for at in range(0, 4_096, 256)]
    assert np.median(spread) < 0.4  # at random, each would reach across the whole map


def test_the_words_of_a_page_find_what_a_search_finds(atlas: Atlas):
    selection = select(atlas._engine, excluded=True)
    known, rows, why = words.nearest_images(atlas._engine, selection)
    assert why == ""
    assert {"red", "été"} <= set(known)
    assert all(len(set(one.tolist())) == len(one) >= 1 for one in rows)
    word = next(word for word, one in zip(known, rows, strict=True) if word not in ("red", "été"))
    vectors = atlas._engine.chance.scored(atlas._engine.word_vectors([word]))
    best = int((atlas.vectors @ vectors[0]).argmax())
    assert int(rows[known.index(word)][0]) == best


def test_without_the_model_names_can_still_be_searched(atlas: Atlas, monkeypatch: pytest.MonkeyPatch):
    def lost(_: object) -> None:
        raise ModelError("the model is not there")

    monkeypatch.setattr(atlas._engine, "coverage", lost)
    assert words.nearest_images(atlas._engine, select(atlas._engine)) == ([], [], "the model is not there")


def test_a_page_that_cannot_be_is_refused(atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ClipperError, match="no image is left"):
        atlas.export_page(tmp_path / "page", where={"year": 1})
    monkeypatch.setattr(build, "MOST_SINGLE", 5)
    with pytest.raises(ClipperError, match="leave out --single-file"):
        atlas.export_page(tmp_path / "one.html", single_file=True)
    atlas.export_page(tmp_path / "page", ids=["test-tube.jpg"])
    assert parts_of(tmp_path / "page")["main"]["images"] == 1
    with pytest.raises(ClipperError, match="--force"):
        atlas.export_page(tmp_path / "page")


def test_the_script_is_one_and_every_name_in_it_is_defined_once():
    script = build.joined_script()
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names)) > 30


def test_the_thumbnails_of_many_images_are_smaller():
    assert [sheets.cell_size(n) for n in (1, 5_000, 20_000, 10**7)] == [112, 80, 64, 56]
