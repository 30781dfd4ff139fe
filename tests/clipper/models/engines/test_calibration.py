"""The fastest engine that finds the neighbours of float32 is chosen, and the choice is kept."""

from pathlib import Path

import numpy as np
import pytest

from clipper.errors import StoreError
from clipper.models.engines import record
from clipper.models.engines.calibration import (
    NEIGHBOURS,
    Calibration,
    choose,
    neighbour_overlap,
    time_engines,
)
from clipper.models.engines.towers import EXACT

VECTORS = np.random.default_rng(0).standard_normal((120, 32)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
CROPS = np.arange(120, dtype=np.uint8).reshape(-1, 1, 1, 1)


class FakeEngine:
    """Gives each crop the vector of its number, with some noise."""

    def __init__(self, noise: float) -> None:
        self.noise, self.embedded = noise, 0

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.embedded += len(crops)
        rows = crops.reshape(-1).astype(int)
        noisy = VECTORS[rows] + self.noise * np.random.default_rng(1).standard_normal((len(rows), 32))
        return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


def engines(**noise: float) -> dict[str, FakeEngine]:
    return {name: FakeEngine(level) for name, level in {EXACT: 0.0, **noise}.items()}


def test_the_fastest_that_keeps_the_neighbours_is_chosen():
    made = engines(int8=0.2, bfloat16=1e-6, float16=1e-6)
    speeds = {EXACT: 10, "int8": 50, "bfloat16": 30, "float16": 20}
    choice = choose(made, CROPS, speeds=speeds, machine="here")
    assert choice.engine == "bfloat16"
    assert choice.overlap >= 0.98
    assert choice.overlaps["int8"] < 0.98
    assert (choice.sample, choice.machine) == (120, "here")
    assert made["float16"].embedded == 0  # a slower one than the chosen is not looked at


def test_float32_stays_where_nothing_is_faster_or_nothing_agrees():
    slower = engines(bfloat16=1e-6)
    choice = choose(slower, CROPS, speeds={EXACT: 10, "bfloat16": 11})
    assert (choice.engine, choice.overlap) == (EXACT, 1.0)
    assert slower["bfloat16"].embedded == slower[EXACT].embedded == 0
    assert choose(engines(int8=0.5), CROPS, speeds={EXACT: 10, "int8": 99}).engine == EXACT


def test_a_sample_in_which_all_are_neighbours_proves_nothing():
    assert choose(engines(int8=0.5), CROPS[:20], speeds={EXACT: 10, "int8": 99}).engine == EXACT


def test_the_overlap_counts_shared_neighbours():
    assert neighbour_overlap(VECTORS, VECTORS) == 1.0
    shuffled = VECTORS[np.random.default_rng(2).permutation(120)]
    assert neighbour_overlap(VECTORS, shuffled) < 0.3
    moved = VECTORS.copy()
    moved[0] = np.nan
    assert neighbour_overlap(VECTORS, moved) == 0.0
    nearest = np.argsort(-(VECTORS @ VECTORS.T), axis=1)[:, 1 : NEIGHBOURS + 1]
    noisy = engines(int8=0.05)["int8"](CROPS)
    theirs = np.argsort(-(noisy @ noisy.T), axis=1)[:, 1 : NEIGHBOURS + 1]
    by_hand = np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(nearest, theirs, strict=True)])
    assert neighbour_overlap(VECTORS, noisy) == pytest.approx(by_hand)


def test_each_engine_is_timed_on_the_same_few_crops():
    made = engines(int8=0.1)
    speeds = time_engines(made, CROPS)
    assert speeds.keys() == made.keys()
    assert min(speeds.values()) > 0
    assert made[EXACT].embedded == made["int8"].embedded < len(CROPS)


def test_a_choice_is_kept_beside_the_vectors(tmp_path: Path):
    assert record.read_choice(tmp_path / "none") is None
    choice = Calibration("int8", 0.991, 200, "here", {EXACT: 10.0, "int8": 50.0}, {"int8": 0.991})
    record.write_choice(tmp_path / "model", choice)
    assert record.read_choice(tmp_path / "model") == choice
    (path,) = (tmp_path / "model").iterdir()
    for damaged in (path.read_text().replace("int8", "int9"), "{", "[]", '{"engine": 3}'):
        path.write_text(damaged)
        assert record.read_choice(tmp_path / "model") is None
        with pytest.raises(StoreError, match=r"engine\.json is damaged"):
            record.verify_choice(path)


def test_speeds_are_kept_for_one_model_on_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(record, "cache_folder", lambda name: tmp_path / name)
    speeds = {EXACT: 10.0, "int8": 50.0}
    record.keep_speeds("model", "machine", speeds)
    assert record.read_speeds("model", "machine") == speeds
    assert record.read_speeds("model", "another") == record.read_speeds("another", "machine") == {}
    (path,) = (tmp_path / "clipper" / "engines").iterdir()
    path.write_text(path.read_text().replace("50", "90"))
    assert record.read_speeds("model", "machine") == {}
    monkeypatch.setattr(record, "cache_folder", lambda _: None)
    record.keep_speeds("model", "machine", speeds)
    assert record.read_speeds("model", "machine") == {}
