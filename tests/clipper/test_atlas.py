import io
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clipper
from clipper.atlas import Atlas
from clipper.atlas.engine import SearchEngine
from clipper.atlas.published import name_of
from clipper.errors import BadImageError, ClipperError, ModelError, NoIndexError
from clipper.models import reference_texts
from clipper.query import Query, combine
from clipper.query_syntax import Term
from clipper.settings import Settings


def test_a_filter_is_answered_though_the_home_may_not_be_written(
    indexed_home: Path, monkeypatch: pytest.MonkeyPatch
):
    before = {path: path.read_bytes() for path in (indexed_home / "store").rglob("*") if path.is_file()}
    refused = indexed_home / "store" / "collection"
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *how: refused not in Path(path).parents and may(path, *how)
    )
    atlas = clipper.open(indexed_home)
    assert len(atlas.search("cat", k=3, where={"format": "JPEG"})) == 3
    copy = Path(atlas._engine._collection._copy.name)
    assert copy.is_dir()
    atlas.close()
    assert not copy.exists()
    assert {path: path.read_bytes() for path in before} == before


def test_cat_face_finds_cats(sample_atlas: Atlas):
    found = sample_atlas.search("cat face", k=10)
    assert sum("cat" in image_id for image_id in found["id"]) >= 5
    assert "cat" in found["id"][0]


@pytest.mark.parametrize(("text", "wanted"), [("red heart", "red-heart.jpg"), ("pizza", "pizza.jpg")])
def test_a_name_finds_its_image_among_the_first(sample_atlas: Atlas, text: str, wanted: str):
    assert wanted in sample_atlas.search(text, k=5)["id"].tolist()


def test_results_are_ranked_and_carry_what_is_known(sample_atlas: Atlas):
    found = sample_atlas.search("flag", k=25)
    assert list(found.columns[:5]) == ["id", "path", "similarity", "x", "y"]
    assert len(found) == 25
    assert found["similarity"].is_monotonic_decreasing
    assert {"name", "group", "keywords"} <= set(found.columns)
    assert all(Path(path).is_file() for path in found["path"])


def test_what_is_found_is_what_brute_force_finds(sample_engine: SearchEngine):
    for text in ("a smiling face", "something to eat", "transport", "two people", "zzz"):
        vector = sample_engine.embed_text(text)
        exact = np.sort(sample_engine.similarities(vector))[::-1][:20]
        found = sample_engine.rank(Query(text=text), k=20).similarity
        assert np.allclose(found, exact, atol=1e-5)


def test_every_row_is_one_image_in_every_view_of_it(sample_atlas: Atlas):
    atlas = sample_atlas
    known = json.loads((Path(atlas._engine.path(0)).parent / "metadata.json").read_text())
    points = atlas.points
    assert (
        len(atlas)
        == atlas._engine.n
        == len(known)
        == len(points)
        == len(atlas._engine.xy)
        == len(atlas.vectors)
    )
    assert atlas.ids == sorted(atlas.ids) == points.index.tolist()
    for row in range(0, len(atlas), 191):
        image_id = atlas.ids[row]
        stem = image_id.removesuffix(".jpg")
        assert atlas._engine.row(image_id) == row
        assert atlas._engine.metadata(row)["name"] == known[stem]["name"] == atlas._engine.name(row)
        assert atlas._engine.metadata(row)["keywords"] == known[stem]["keywords"]
        assert (points["x"].iloc[row], points["y"].iloc[row]) == tuple(atlas._engine.xy[row])
        assert float(atlas._engine.embed_image(atlas._engine.image(row)) @ atlas.vectors[row]) > 0.99
        assert atlas._engine.image_format(row) == "JPEG"
    with pytest.raises(KeyError):
        atlas._engine.row("../../etc/passwd")


def test_an_image_finds_itself_first(sample_atlas: Atlas, sample_engine: SearchEngine):
    for row in range(3, len(sample_atlas), 311):
        hits = sample_engine.rank(Query(image=sample_engine.image(row)), k=3)
        assert sample_atlas.ids[hits.rows[0]] == sample_atlas.ids[row]
        assert hits.similarity[0] > 0.99
        apart = np.linalg.norm(sample_engine.xy[row] - (hits.x, hits.y))
        assert apart < 0.1 * np.ptp(sample_engine.xy, axis=0).max()


def test_a_text_and_an_image_are_searched_together(sample_atlas: Atlas, sample_engine: SearchEngine):
    image = sample_engine.image(sample_engine.row("cat-face.jpg"))
    hits = sample_engine.rank(Query(text="red heart", image=image), k=200)
    found = [sample_atlas.ids[row] for row in hits.rows]
    assert "cat-face.jpg" in found
    assert np.linalg.norm(hits.vector) == pytest.approx(1, abs=1e-5)


def test_a_filter_limits_what_is_found(sample_atlas: Atlas, sample_engine: SearchEngine):
    group = sample_engine.metadata(sample_engine.row("cat-face.jpg"))["group"]
    found = sample_atlas.search("flag of a country", k=30, where={"group": group})
    assert len(found) == 30
    assert set(found["group"]) == {group}
    tagged = sample_atlas.search("anything", k=1_000, where={"keywords": {"$contains": "cat"}})
    assert 1 <= len(tagged) < 100
    assert all("cat" in keywords for keywords in tagged["keywords"])
    assert len(sample_atlas.search("cat", where={"group": "no such group"})) == 0
    as_linked = sample_atlas.search("flag of a country", k=30, where={"group": {"values": [group]}})
    assert as_linked["id"].tolist() == found["id"].tolist()
    one = sample_engine.metadata(sample_engine.row("pizza.jpg"))["name"]
    assert sample_atlas.search("a flag", where={"name": one})["id"].tolist() == ["pizza.jpg"]


def test_a_filter_that_is_not_understood_is_reported(sample_atlas: Atlas):
    with pytest.raises(ClipperError, match="filter"):
        sample_atlas.search("cat", where={"group": {"$near": "x"}})


def test_more_than_there_are_gives_all_of_them(sample_atlas: Atlas):
    found = sample_atlas.search("cat", k=100_000)
    assert found["id"].nunique() == len(found) == len(sample_atlas)
    assert len(sample_atlas.search("cat", k=0)) == 0
    assert len(sample_atlas.search("cat", k=-3)) == 0


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_query_is_reported(sample_atlas: Atlas, text: str):
    with pytest.raises(ClipperError, match="query is empty"):
        sample_atlas.search(text)


def test_odd_queries_are_answered(sample_atlas: Atlas):
    for text in ("🐱", "日本", "<script>", "\x00", "a\nb", "\udcff", "cat " * 400):
        assert len(sample_atlas.search(text, k=3)) == 3
    with pytest.raises(ClipperError, match="2,000"):
        sample_atlas.search("c" * 2_001)


def test_an_image_that_cannot_be_searched_for_is_reported(sample_engine: SearchEngine):
    with pytest.raises(BadImageError, match="not an image"):
        sample_engine.rank(Query(image=b"words"))
    with pytest.raises(BadImageError):
        sample_engine.rank(Query(image=b""))
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    with pytest.raises(BadImageError, match="max_pixels"):
        sample_engine.embed_image(buffer.getvalue())


def test_thumbnails_are_small_pictures_of_their_images(sample_atlas: Atlas, sample_engine: SearchEngine):
    for row in (0, 500, len(sample_atlas) - 1):
        small = Image.open(io.BytesIO(sample_engine.thumbnail(row))).convert("RGB")
        whole = Image.open(io.BytesIO(sample_engine.image(row))).convert("RGB")
        assert max(small.size) <= 128
        apart = np.asarray(small.resize((16, 16)), int) - np.asarray(whole.resize((16, 16)), int)
        assert np.abs(apart).mean() < 12


def test_the_map_is_finite_and_its_first_view_holds_nearly_all(sample_engine: SearchEngine):
    x0, x1, y0, y1 = sample_engine.view
    x, y = sample_engine.xy.T
    assert np.isfinite(sample_engine.xy).all()
    assert ((x > x0) & (x < x1) & (y > y0) & (y < y1)).mean() > 0.99


def test_a_query_falls_among_its_best_images(sample_atlas: Atlas, sample_engine: SearchEngine):
    apart = []
    for row in range(0, len(sample_atlas), 37):
        hits = sample_engine.rank(Query(text=sample_engine.name(row)), k=10)
        distance = np.linalg.norm(sample_engine.xy[hits.rows] - (hits.x, hits.y), axis=1)
        apart.append(np.median(distance))
    assert np.median(apart) < 0.04 * np.ptp(sample_engine.xy[:, 0])


def test_info_tells_what_is_there(sample_atlas: Atlas):
    known = sample_atlas.info()
    assert {"images", "failed", "model", "dimensions", "home", "indexed_at", "version", "parts"} <= set(known)
    assert known["images"] == len(sample_atlas)
    assert known["failed"] == 0
    assert known["columns"]["keywords"] == "list[str]"
    assert known["quality"]["trustworthiness"] > 0.8
    assert known["search"]["recall_at_10"] >= 0.99
    json.dumps(known, allow_nan=False)


def test_many_may_ask_at_once(sample_home: Path):
    atlas = clipper.open(sample_home)
    words = ["cat", "flag", "pizza", "heart", "train", "moon"] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: atlas.search(text, k=5)["id"].tolist(), words))
    assert found[:6] == found[6:12] == found[12:18] == found[18:]
    atlas.close()


def test_an_atlas_is_opened_by_its_home(sample_home: Path):
    atlas = clipper.open(str(sample_home))
    assert atlas.version == clipper.published_version(sample_home)
    assert "images" in repr(atlas)
    assert isinstance(atlas, clipper.Atlas)


def test_a_home_without_an_index_is_reported(tmp_path: Path):
    with pytest.raises(NoIndexError, match="clipper index FOLDER-OF-IMAGES --home"):
        clipper.open(tmp_path)
    assert clipper.published_version(tmp_path) is None


def test_a_model_that_changed_since_is_reported_and_not_used(
    sample_home: Path, tmp_path: Path, model_folder: Path
):
    home = tmp_path / "home"
    shutil.copytree(sample_home, home, symlinks=True, ignore=lambda *_: ["images"])
    (home / "images").symlink_to(sample_home / "images")
    (home / "models").unlink()
    changed = shutil.copytree(model_folder, home / "models" / model_folder.name)
    path = changed / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.1, 0.2, 0.3]}))
    with pytest.raises(ModelError, match="not the model this atlas was made with"):
        Atlas(Settings.load(home)).search("cat")


def test_a_minus_takes_away_what_it_names(sample_atlas: Atlas):
    def place(query: str) -> int:
        return sample_atlas.search(query, k=len(sample_atlas))["id"].tolist().index("cat-face.jpg")

    assert place("cat") < place("cat -face") < place("cat -face^0.6")
    assert place("like:cat.jpg") < place("like:cat.jpg -like:cat-face.jpg")
    phrase = sample_atlas.search('cat -"a face"', k=5)
    assert phrase["id"].tolist() != sample_atlas.search("cat", k=5)["id"].tolist()


def test_an_image_is_named_by_its_id(sample_atlas: Atlas, sample_engine: SearchEngine):
    row = sample_engine.row("cat-face.jpg")
    hits = sample_engine.rank(Query(text="like:cat-face.jpg"), k=2)
    assert hits.rows[0] == row
    assert np.allclose(hits.vector, sample_atlas.vectors[row], atol=1e-6)
    assert np.allclose(hits.similarities, sample_atlas.vectors @ hits.vector, atol=1e-5)
    given = Query(terms=(Term(like="mine"), Term("heart", weight=0.5)), known={"mine": hits.vector})
    assert sample_engine.rank(given, k=1).similarity[0] < 1
    with pytest.raises(ClipperError, match=r"no image 'gone\.jpg'"):
        sample_atlas.search("like:gone.jpg")


def test_where_texts_meet_images_they_weigh_as_the_map_weighs_them(
    sample_atlas: Atlas, sample_engine: SearchEngine
):
    text, image = (
        sample_engine.embed_text("heart"),
        sample_atlas.vectors[sample_engine.row("cat.jpg")],
    )
    weight = sample_engine.cross_modal_weight
    assert weight == 2.5  # CLIPScore's, for CLIP
    both = sample_engine.query_vector(Query(text="heart like:cat.jpg"))
    assert np.allclose(both, combine([text, image], [weight, 1]), atol=1e-6)
    apart = sample_engine.query_vector(Query(text="heart +cat"))
    assert np.allclose(apart, combine([text, sample_engine.embed_text("cat")]), atol=1e-6)


def test_the_baseline_is_what_most_random_words_reach(sample_atlas: Atlas, sample_engine: SearchEngine):
    best = [sample_atlas.search(word, k=1)["similarity"][0] for word in reference_texts.RANDOM_WORDS]
    assert sample_engine.random_text_baseline == pytest.approx(float(np.median(best)), abs=1e-5)
    assert sample_atlas.search("cat", k=1)["similarity"][0] > sample_engine.random_text_baseline
    assert sample_atlas.search("tax return", k=1)["similarity"][0] < sample_engine.random_text_baseline


def test_a_name_is_the_file_name_without_its_ending():
    assert [name_of(i) for i in ("a/b.c.jpg", "x.png", "a/noending")] == ["b.c", "x", "noending"]
