"""The parts of a split compared; and what has changed before stays when only the metadata change."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from homes import engine_of

from clipper.atlas import report
from clipper.hashing import digest
from clipper.indexing.insights.drift import DRIFT_VERSION, _inputs
from clipper.indexing.insights.split_drift import MOST_PARTS, compare_parts
from clipper.indexing.staging.workspace import Step

Index = Callable[[Path], dict[str, Step]]


def vectors_of(*groups: tuple[int, int], seed: int = 0) -> np.ndarray:
    """So many images around each of some axes: (axis, count)."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.eye(32)[axis] + 0.05 * rng.normal(size=(count, 32)) for axis, count in groups])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def column(parts: Sequence[str]) -> pa.Array:
    return pa.array(parts, pa.large_string())


def test_the_version_of_the_step_is_that_of_lists_of_parts():
    splits = {"split": ["train", 'a "part"', "", "größe"], "fold": ["1", "2", "1", ""]}
    for some in (splits, {"fold": splits["fold"]}, {}):
        inputs = _inputs(0.05, {name: column(parts) for name, parts in some.items()})
        assert digest("drift", inputs) == digest("drift", [DRIFT_VERSION, 0.05, some])


def test_parts_of_another_kind_differ_and_random_parts_do_not():
    vectors = vectors_of((0, 300), (1, 40))
    rng = np.random.default_rng(1)
    parts = np.where(rng.random(340) < 0.5, "train", "test").astype(object)
    parts[300:] = "val"
    told, far = compare_parts({"split": column(parts)}, vectors, np.arange(340), None, {})
    found = {frozenset((pair["one"], pair["other"])): pair["drifted"] for pair in told}
    assert found == {
        frozenset(("train", "test")): False,
        frozenset(("train", "val")): True,
        frozenset(("test", "val")): True,
    }
    assert all(pair["one"] == "val" for pair in told if pair["drifted"])
    assert [set(rows.tolist()) == set(range(300, 340)) for rows in far] == [pair["drifted"] for pair in told]


def test_the_clusters_that_only_one_part_has_are_named():
    vectors, clusters = vectors_of((0, 100), (1, 50)), np.repeat([4, 9], [100, 50])
    parts = ["train"] * 100 + ["val"] * 50
    (pair,), _ = compare_parts({"set": column(parts)}, vectors, np.arange(150), clusters, {9: "cats"})
    assert "They alone have: cats." in pair["summary"]
    assert "They have none: cluster 4." in pair["summary"]


def test_images_without_a_part_are_left_out_and_of_many_parts_the_largest_are_compared():
    vectors = vectors_of((0, 90))
    parts = [str(at % 9) for at in range(90)]
    parts[0] = ""
    told, far = compare_parts({"fold": column(parts)}, vectors, np.arange(90), None, {})
    assert len(told) == len(far) == MOST_PARTS * (MOST_PARTS - 1) // 2
    assert "0" not in {pair[side] for pair in told for side in ("one", "other")}
    told, _ = compare_parts({"split": column(["train", "val"])}, vectors[:2], np.arange(2), None, {})
    assert [pair["tested"] for pair in told] == [False]


def test_copies_count_in_each_part_they_are_in():
    vectors, positions = vectors_of((0, 20)), np.array([*range(20), *range(20)])
    parts = ["train"] * 20 + ["val"] * 20
    (pair,), _ = compare_parts({"split": column(parts)}, vectors, positions, None, {})
    assert (pair["before"], pair["after"], pair["drifted"]) == (20, 20, False)


@pytest.mark.slow
def test_parts_that_differ_are_a_finding_and_other_metadata_keep_what_changed_before(
    sample_copy: Path, run_index: Index
):
    flags = sorted((sample_copy / "images").glob("flag-*.jpg"))
    for file in flags[:150]:
        file.unlink()
    run_index(sample_copy)
    before = engine_of(sample_copy)
    assert before.drift["gone"] == 150
    table = sample_copy / "images" / "metadata.json"
    entries = json.loads(table.read_text("utf-8"))
    for at, (name, entry) in enumerate(entries.items()):
        entry["split"] = "val" if name.startswith("flag-") or not at % 3 else "train"
    table.write_text(json.dumps(entries), "utf-8")
    counts = run_index(sample_copy)["drift"].counts
    assert (counts["pairs"], counts["pairs_differ"], counts["gone"]) == (1, 1, 150)
    atlas = engine_of(sample_copy)
    assert atlas.drift == before.drift
    assert atlas.novelty is not None
    assert not atlas.novelty.any()
    (found,) = [finding for finding in report.describe(atlas)["findings"] if finding["key"] == "drift:split"]
    assert found["title"] == "split: val and train differ by more than chance"
    flag_like = [image["id"].startswith("flag-") for image in found["images"]]
    assert np.mean(flag_like) > 0.5
    table.write_text(table.read_text("utf-8") + " ", "utf-8")
    assert run_index(sample_copy)["drift"].version == atlas.snapshot.parts["drift"]
