"""A run embeds with the engine that was measured for its atlas, and with float32 where none was."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipper.cli.output import describe_precision
from clipper.indexing.contents import precision, sample
from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.models import encoder as model
from clipper.models import source as model_files
from clipper.models.engines import record
from clipper.models.engines.calibration import Calibration
from clipper.models.engines.towers import EXACT
from clipper.settings import Settings
from clipper.store import embeddings

Homes = Callable[[str, int], Path]
CHOSEN = Calibration("bfloat16", 0.99, 60, "here", {EXACT: 10.0, "bfloat16": 30.0}, {"bfloat16": 0.99})


@pytest.fixture(autouse=True)
def _a_machine_that_has_bfloat16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (precision, sample):
        monkeypatch.setattr(module, "available", lambda _: (EXACT, "bfloat16"))
    monkeypatch.setattr(record, "cache_folder", lambda name: tmp_path / "cache" / name)


def embedded(home: Path, **settings: object) -> tuple[Step, np.ndarray, Workspace]:
    """Embed what is new; return the step's report and all vectors, in the order of their keys."""
    work = Workspace(Settings.load(home, **settings))
    with work.home.writing():
        scan_images(work)
        step = embed_images(work, wanted=("clip_embeddings",))["clip_embeddings"]
    key, _, store = work.embeddings()
    assert key
    return step, embeddings.read(store, sorted(store.keys())), work


def by(engine: str, work: Workspace) -> np.ndarray:
    """The vectors of all images, by one engine alone."""
    source = model_files.find(work.settings)
    encoder = model.Encoder(source, engine=engine)
    _, manifest = work.manifest()
    entries = sorted(manifest.entries, key=lambda entry: entry.content_hash)
    return encoder.embed_pixels(sample.decode_crops(entries, work.folder, work.settings, encoder.transform))


def test_many_images_are_embedded_by_the_engine_that_was_measured(
    home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    home = home_of("home", 60)
    monkeypatch.setattr(precision, "CALIBRATE_FROM", 40)
    monkeypatch.setattr(sample, "SAMPLE_FROM", 30)
    monkeypatch.setattr(sample, "time_engines", lambda *_: {EXACT: 10.0, "bfloat16": 30.0})
    step, vectors, work = embedded(home)
    choice = record.read_choice(work.home.embeddings(work.staged.embeddings))
    assert choice
    assert 30 <= choice.sample <= 60
    assert choice.overlaps["bfloat16"] > 0.9  # measured: the sample model's own rounding
    assert choice.engine == ("bfloat16" if choice.overlaps["bfloat16"] >= 0.98 else EXACT)
    assert step.counts["engine"] == choice.engine
    assert step.counts["overlap_at_10"] == choice.overlap
    assert np.array_equal(vectors, by(choice.engine, work))


@pytest.mark.parametrize(
    ("speeds", "images", "measures"),
    [
        ({}, 999, False),
        ({}, 1_000, True),
        ({EXACT: 18.0, "bfloat16": 43.0}, 999, True),
        ({EXACT: 18.0, "bfloat16": 43.0}, 300, True),
        ({EXACT: 18.0, "bfloat16": 43.0}, 200, False),
        ({EXACT: 18.0, "bfloat16": 19.0}, 999, False),  # no engine is worth its rounding
        ({EXACT: 18.0, "of another machine": 43.0}, 999, False),
        ({"bfloat16": 43.0}, 999, False),
    ],
)
def test_fewer_images_are_measured_where_the_engines_were_timed_before_and_it_pays(
    home_of: Homes, speeds: dict[str, float], images: int, *, measures: bool
):
    work = Workspace(Settings.load(home_of("home", 1)))
    encoder = model.Encoder(model_files.find(work.settings))
    if speeds:
        record.keep_speeds(encoder.source.fingerprint, record.describe_machine(encoder.device), speeds)
    assert precision._is_worth_measuring(work, encoder, images) == measures


def test_a_small_run_profits_from_what_an_earlier_one_timed(home_of: Homes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sample, "SAMPLE_FROM", 30)
    monkeypatch.setattr(sample, "time_engines", None)
    home = home_of("home", 120)
    source = model_files.find(Settings.load(home))
    machine = record.describe_machine(model.find_device("auto"))
    record.keep_speeds(source.fingerprint, machine, {EXACT: 1.0, "bfloat16": 30.0})
    step, vectors, work = embedded(home)
    choice = record.read_choice(work.home.embeddings(work.staged.embeddings))
    assert choice
    assert (choice.sample, choice.images_per_second["bfloat16"]) == (30, 30.0)
    assert step.counts["engine"] == choice.engine
    assert np.array_equal(vectors, by(choice.engine, work))


def test_later_images_are_embedded_as_the_first_ones(home_of: Homes, monkeypatch: pytest.MonkeyPatch):
    home = home_of("home", 12)
    late = home / "images" / "late.png"
    work = embedded(home, precision="exact")[2]
    folder = work.home.embeddings(work.staged.embeddings)
    shutil.rmtree(folder)
    record.write_choice(folder, CHOSEN)
    monkeypatch.setattr(precision, "CALIBRATE_FROM", 0)
    monkeypatch.setattr(precision, "calibrate", None)  # nothing is measured again
    embedded(home)
    Image.radial_gradient("L").convert("RGB").save(late)
    step, vectors, work = embedded(home)
    assert step.counts["new"] == 1
    assert np.array_equal(vectors, by("bfloat16", work))


@pytest.mark.parametrize("settings", [{"precision": "exact"}, {"dtype": "float32"}, {}])
def test_few_images_and_those_of_a_careful_person_are_exact(
    home_of: Homes, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
):
    home = home_of("home", 12)
    if settings:
        monkeypatch.setattr(precision, "CALIBRATE_FROM", 0)
    step, vectors, work = embedded(home, **settings)
    assert "engine" not in step.counts
    assert record.read_choice(work.home.embeddings(work.staged.embeddings)) is None
    assert np.array_equal(vectors, by(EXACT, work))


def test_an_engine_that_this_machine_lacks_is_replaced_by_float32(
    home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    home = home_of("home", 12)
    work = Workspace(Settings.load(home))
    folder = work.home.embeddings(model_files.find(work.settings).key)
    record.write_choice(folder, CHOSEN)
    monkeypatch.setattr(precision, "available", lambda _: (EXACT,))
    _, vectors, work = embedded(home)
    assert np.array_equal(vectors, by(EXACT, work))
    assert record.read_choice(folder) == CHOSEN


def test_files_that_cannot_be_decoded_are_no_sample(home_of: Homes, monkeypatch: pytest.MonkeyPatch):
    home = home_of("home", 3)
    for number in range(30):
        (home / "images" / f"broken-{number}.jpg").write_bytes(f"no image {number}".encode())
    monkeypatch.setattr(precision, "CALIBRATE_FROM", 0)
    step, vectors, work = embedded(home)
    assert (step.counts["new"], step.counts["failed"]) == (3, 30)
    assert record.read_choice(work.home.embeddings(work.staged.embeddings)) is None
    assert len(vectors) == 3


def test_a_sample_is_spread_evenly():
    entries = list(range(1_000))
    assert sample.spread(entries, 10) == list(range(0, 1_000, 100))
    assert sample.spread(entries, 3_000) == entries
    assert sample.spread([], 10) == []


def test_a_person_reads_what_was_measured():
    assert describe_precision(CHOSEN.to_dict() | {"new_vectors": CHOSEN.engine}) == (
        "bfloat16; 99.0% of the 10 nearest neighbours are those of float32 (60 images compared); "
        "images per second: bfloat16 30, float32 10 (here)"
    )
