"""Homes of models that are no CLIP: one that embeds images only, and one with another scale of scores."""

from collections.abc import Iterator
from pathlib import Path

import made_models
import numpy as np
import pytest
from PIL import Image

import clipper
from clipper.atlas.engine import SearchEngine
from clipper.cli.output import summarise
from clipper.doctor.repair import examine
from clipper.errors import NoTextError
from clipper.indexing.run import Step, index_images
from clipper.projection.cross_modal import CROSS_MODAL_WEIGHT
from clipper.query import Query
from clipper.settings import Settings
from clipper.store import word_columns
from clipper.store.home import Home

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 210)}


def made_home(kind: str, folder: Path, model_folder: Path) -> tuple[Path, list[Step]]:
    """A home of sixty pictures, whose folders are labels, indexed with a model of two layers."""
    model = made_models.make(kind, folder / "model", clip_tokenizer=model_folder)
    chosen = np.random.default_rng(1)
    for name, colour in COLOURS.items():
        (folder / "images" / name).mkdir(parents=True)
        for at in range(20):
            noise = chosen.integers(-30, 31, (24, 24, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            picture = Image.fromarray(pixels).resize((60, 48))
            picture.save(folder / "images" / name / f"{name}-{at}.png")
    _, steps = index_images(
        folder / "images", home=folder / "home", model=str(model), progress=False, device="cpu"
    )
    return folder / "home", steps


@pytest.fixture(scope="module")
def images_only(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> tuple[Path, list[Step]]:
    return made_home("dinov2", tmp_path_factory.mktemp("dinov2"), model_folder)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> tuple[Path, list[Step]]:
    return made_home("siglip", tmp_path_factory.mktemp("siglip"), model_folder)


@pytest.fixture
def engine(images_only: tuple[Path, list[Step]]) -> Iterator[SearchEngine]:
    engine = SearchEngine(Settings.load(images_only[0]))
    yield engine
    engine.close()


def test_without_texts_there_is_a_map_with_clusters_duplicates_and_scores(
    images_only: tuple[Path, list[Step]],
):
    with clipper.open(images_only[0]) as atlas:
        assert len(atlas) == 60
        assert np.isfinite(atlas.points[["x", "y", "outlier"]].to_numpy(float)).all()
        assert len(atlas.clusters) > 0
        assert set(atlas.clusters["name"]) == {""}
        near = atlas.similar("red/red-0.png", k=15)
        assert near["id"].str.startswith("red/").mean() > 0.8
        assert atlas.info()["score"] is None


def test_an_image_finds_its_like_without_texts(images_only: tuple[Path, list[Step]]):
    with clipper.open(images_only[0]) as atlas:
        outside = Image.new("RGB", (90, 70), COLOURS["blue"])
        found = atlas.search(image=outside, k=10)
        assert found["id"].str.startswith("blue/").mean() > 0.8
        assert found["similarity"].is_monotonic_decreasing
        assert "scores" not in found.attrs


def test_a_note_says_which_model_reads_words(
    images_only: tuple[Path, list[Step]], capsys: pytest.CaptureFixture[str]
):
    home, steps = images_only
    summarise({step.name: step for step in steps}, Settings.load(home))
    notes = [line for line in capsys.readouterr().out.splitlines() if "note: " in line]
    assert len(notes) == 1
    assert "embeds images only" in notes[0]
    assert "google/siglip2" in notes[0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.rank(Query(text="a cat")),
        lambda engine: engine.rank(Query(text="a cat like:red/red-0.png")),
        lambda engine: engine.coverage(["cat"]),
        lambda engine: engine.coverage(engine.vocabulary),
        lambda engine: engine.classify(["cat", "dog"]),
        lambda engine: engine.text_axis("night", "day"),
        lambda engine: engine.random_text_baseline,
        lambda engine: engine.chance,
        lambda engine: engine.text_parts("a " * 500),
    ],
)
def test_whatever_asks_in_words_says_that_words_need_another_model(engine: SearchEngine, ask: object):
    with pytest.raises(NoTextError, match="embeds images only"):
        ask(engine)  # type: ignore[operator]


def test_the_search_is_warm_without_texts(engine: SearchEngine):
    engine.warm()
    assert engine.rank(Query(text="like:red/red-1.png"), k=1).rows.tolist() == [engine.row("red/red-1.png")]


def test_a_home_without_texts_is_sound_and_stays_as_it_is(images_only: tuple[Path, list[Step]]):
    home = images_only[0]
    assert not examine(Home(home))
    _, steps = index_images(home=home, progress=False)
    done = {step.name: step for step in steps}
    assert done["clip_embeddings"].counts["new"] == 0
    assert not done["atlas"].counts["published"]


def test_words_that_are_kept_are_no_reason_to_fail(images_only: tuple[Path, list[Step]]):
    home = images_only[0]
    word_columns.keep(Home(home), "animal", ["cat", "dog"])
    _, steps = index_images(home=home, progress=False)
    notes = [note for step in steps for note in step.notes]
    assert any("animal" in note and "embeds images only" in note for note in notes)
    word_columns.forget(Home(home), "animal")


def test_siglip_shows_probabilities_and_has_its_weight_measured(siglip: tuple[Path, list[Step]]):
    with clipper.open(siglip[0]) as atlas:
        found = atlas.search("a red car", k=60)
        info = atlas.info()
    similarity = found["similarity"].to_numpy()
    wanted = 100 / (1 + np.exp(-(np.exp(4.5) * similarity - 12.0)))
    assert found.attrs["scale"] == "match probability"
    assert found.attrs["scores"] == pytest.approx(wanted.tolist(), rel=0.06, abs=0.51)
    assert info["quality"][CROSS_MODAL_WEIGHT] == info["cross_modal_weight"]
    assert 1 <= info["cross_modal_weight"] <= 20
    engine = SearchEngine(Settings.load(siglip[0], cross_modal_weight=3.5))
    assert engine.cross_modal_weight == 3.5
    engine.close()
