"""The steps of insights, on real homes: made once, kept from run to run, switched off, and read back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import misbehaviour
import numpy as np
import pytest
from PIL import Image, ImageOps

import clipper
from clipper.doctor.repair import diagnose
from clipper.indexing.contents import decode
from clipper.indexing.insights.duplicates import find_duplicates
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings
from clipper.store import cluster_names, snapshots
from clipper.store.home import Home
from clipper.store.parts import clusters as stored
from clipper.store.staged import INSIGHTS
from clipper.store.tables import read_parquet

Index = Callable[[Path], dict[str, Step]]


def part(home: Path, name: str) -> Path:
    return Home(home).part(name, snapshots.published(Home(home)).parts[name])


def test_the_sample_has_clusters_in_three_levels_and_each_lies_within_its_parent(sample_home: Path):
    with clipper.open(sample_home) as atlas:
        clusters = atlas.clusters
    counts = clusters["level"].value_counts()
    assert 5 <= counts[0] <= 20 < counts[2]
    assert counts[0] < counts[1] < counts[2]
    finer = clusters[clusters["level"] > 0]
    parents = clusters.loc[finer["parent"].to_numpy(int)]
    assert (parents["level"].to_numpy() == finer["level"].to_numpy() - 1).all()
    assert (parents["size"].to_numpy() >= finer["size"].to_numpy()).all()


def test_no_name_comes_twice_on_a_level_and_most_clusters_have_one(sample_home: Path):
    with clipper.open(sample_home) as atlas:
        clusters = atlas.clusters
    for _, level in clusters.groupby("level"):
        named = level["name"][level["name"] != ""]
        assert named.is_unique
        assert len(named) >= 0.7 * len(level)  # 0.82 and more were seen; layouts differ by processor
    assert {"flag", "clock"} <= {name.lower().removesuffix("s") for name in clusters["name"]}


def test_a_name_that_a_person_gives_takes_the_place_of_the_found_one(sample_copy: Path):
    with clipper.open(sample_copy) as atlas:
        cluster = int(atlas.clusters.index[0])
    cluster_names.give(Home(sample_copy), cluster, "My flags")
    with clipper.open(sample_copy) as atlas:
        assert atlas.clusters["name"][cluster] == "My flags"


def test_copies_of_every_kind_are_found_and_the_original_is_to_be_kept(indexed_home: Path, run_index: Index):
    images = indexed_home / "images"
    original = max(images.glob("*.jpg"), key=lambda file: file.stat().st_size)
    (images / "copy.jpg").write_bytes(original.read_bytes())
    with Image.open(original) as opened:
        picture = opened.convert("RGB")
    picture.resize((picture.width // 2, picture.height // 2)).save(images / "half.png")
    ImageOps.mirror(picture).save(images / "mirrored.png")
    run_index(indexed_home)
    with clipper.open(indexed_home) as atlas:
        found = atlas.duplicates().set_index("id")
    group = found.loc[original.name, "group"]
    kinds = found[found["group"] == group]["kind"].to_dict()
    assert kinds["half.png"] == "resized"
    assert kinds["mirrored.png"] == "mirrored"
    assert {kinds["copy.jpg"], kinds[original.name]} == {"exact", "kept"}
    assert found["keep"].sum() == found["group"].nunique()


def with_a_small_copy(home: Path) -> str:
    """Put a copy of half the size beside an image of a home; the copy's id."""
    original = max((home / "images").glob("*.jpg"), key=lambda file: file.stat().st_size)
    with Image.open(original) as opened:
        opened.convert("RGB").resize((80, 80)).save(home / "images" / "half.png")
    return "half.png"


def duplicate_ids(home: Path) -> set[str]:
    with clipper.open(home) as atlas:
        return set(atlas.duplicates()["id"])


def test_duplicates_that_are_switched_on_later_decode_each_image_once_more(
    small_home: Path, run_index: Index
):
    config, copy = small_home / "clipper.toml", with_a_small_copy(small_home)
    written = config.read_text()
    config.write_text(f"{written}\nduplicates = false\n")
    run_index(small_home)
    assert not list((small_home / "store" / "signatures").glob("*.arrow"))
    config.write_text(written)
    steps = run_index(small_home)
    assert steps["clip_embeddings"].counts["new"] == steps["thumbnails"].counts["new"] == 0
    assert copy in duplicate_ids(small_home)
    made = part(small_home, "duplicates")
    (shard,) = (small_home / "store" / "signatures").glob("*.arrow")
    data = shard.read_bytes()
    shard.unlink()
    run_index(small_home)
    assert shard.read_bytes() == data
    assert part(small_home, "duplicates") == made


def test_pictures_without_signatures_are_compared_once_they_have_them(small_home: Path, run_index: Index):
    copy = with_a_small_copy(small_home)
    exact = small_home / "images" / "exact.png"
    shutil.copy2(small_home / "images" / copy, exact)
    run_index(small_home)
    whole = part(small_home, "duplicates")
    shutil.rmtree(small_home / "store" / "signatures")
    step = find_duplicates(Workspace(Settings.load(small_home)))
    assert step.counts == {"groups": 1, "images": 2, "exact": 1, "kept": 1}
    (note,) = step.notes
    assert note.startswith("25 image(s) have no signature, so only exact copies of them are found;")
    steps = run_index(small_home)
    assert steps["duplicates"].notes == []
    assert steps["duplicates"].counts["resized"] == 2
    assert part(small_home, "duplicates") == whole


@pytest.mark.slow
def test_an_image_that_can_be_decoded_no_more_stays_on_the_map_without_a_signature(
    small_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    run_index(small_home)
    shutil.rmtree(small_home / "store" / "signatures")
    monkeypatch.setattr(decode, "decode_file", misbehaviour.refuse)
    steps = run_index(small_home)
    (note,) = steps["duplicates"].notes
    assert note.startswith("24 image(s) have no signature, so only exact copies of them are found;")
    with clipper.open(small_home) as atlas:
        assert len(atlas) == 24
    assert diagnose(Settings.load(small_home)).before == []
    tried = list((small_home / "store" / "signatures").iterdir())
    assert not run_index(small_home)["atlas"].counts["published"]
    assert list((small_home / "store" / "signatures").iterdir()) == tried


def test_a_run_without_changes_makes_no_insight_again(sample_copy: Path, run_index: Index):
    made = {*INSIGHTS} & snapshots.published(Home(sample_copy)).parts.keys()
    before = {name: part(sample_copy, name).stat().st_mtime_ns for name in made}
    steps = run_index(sample_copy)
    assert not steps["atlas"].counts["published"]
    assert {name: part(sample_copy, name).stat().st_mtime_ns for name in made} == before


def test_an_insight_that_is_switched_off_is_not_published_and_comes_back(sample_copy: Path, run_index: Index):
    config = sample_copy / "clipper.toml"
    written = config.read_text()
    off = "".join(f"{name} = false\n" for name in INSIGHTS)
    config.write_text(f"{written}\n{off}")
    steps = run_index(sample_copy)
    assert steps["image_clusters"].counts == steps["cluster_names"].counts == {"switched_off": True}
    assert not set(INSIGHTS) & set(snapshots.published(Home(sample_copy)).parts)
    with clipper.open(sample_copy) as atlas:
        assert len(atlas.clusters) == len(atlas.duplicates()) == 0
    config.write_text(written)
    run_index(sample_copy)
    with clipper.open(sample_copy) as atlas:
        assert len(atlas.clusters)


def test_names_that_people_gave_do_not_go_to_clusters_that_are_found_from_nothing(
    sample_copy: Path, run_index: Index
):
    cluster_names.give(Home(sample_copy), 3, "Mine")
    config = sample_copy / "clipper.toml"
    written = config.read_text()
    config.write_text(f"{written}\nclusters = false\n")
    run_index(sample_copy)
    config.write_text(written)
    run_index(sample_copy)
    with clipper.open(sample_copy) as atlas:
        assert atlas.clusters.index.min() == 4
        assert "Mine" not in set(atlas.clusters["name"])


def test_scores_are_columns_and_what_stands_apart_comes_first(sample_home: Path):
    with clipper.open(sample_home) as atlas:
        points, apart = atlas.points, atlas.outliers()
    assert points["uniqueness"].between(0, 1).all()
    assert points["sharpness"].notna().all()
    assert 0 < len(apart) < 30
    assert apart["outlier"].is_monotonic_decreasing
    assert apart["outlier"].min() > points["outlier"].drop(apart.index).max()


def test_the_settings_say_what_stands_apart_and_which_labels_are_doubted(sample_copy: Path, run_index: Index):
    with clipper.open(sample_copy) as atlas:
        apart, doubted = atlas.outliers(), atlas.label_issues()
    limit, sure = float(apart["outlier"].iloc[2]), float(doubted["confidence"].median())
    with (sample_copy / "clipper.toml").open("a") as config:
        config.write(f"\noutlier_deviations = {limit - 1e-6}\nlabel_confidence = {sure - 1e-4}\n")
    run_index(sample_copy)
    with clipper.open(sample_copy) as atlas:
        assert list(atlas.outliers().index) == list(apart.index[:3])
        assert 0 < len(atlas.label_issues()) < len(doubted)
        assert atlas.label_issues()["confidence"].min() > sure - 1e-3


@pytest.mark.slow
def test_swapped_labels_are_found_with_what_they_were(sample_copy: Path, run_index: Index):
    table = sample_copy / "images" / "metadata.json"
    entries = json.loads(table.read_text("utf-8"))
    names = sorted(entries)[::40]
    was = {name: entries[name]["group"] for name in names}
    for name, other in zip(names, [*names[7:], *names[:7]], strict=True):
        entries[name] = {**entries[name], "group": was[other]}
    swapped = {name for name in names if entries[name]["group"] != was[name]}
    table.write_text(json.dumps(entries), "utf-8")
    run_index(sample_copy)
    with clipper.open(sample_copy) as atlas:
        found = atlas.label_issues("group").head(len(swapped))
    hits = found[[Path(image_id).stem in swapped for image_id in found["id"]]]
    assert len(hits) >= 0.9 * len(swapped)
    assert sum(was[Path(row.id).stem] == row.suggested for row in hits.itertuples()) >= 0.8 * len(hits)


@pytest.mark.slow
def test_a_new_kind_of_image_is_drift_and_more_of_the_same_is_none(sample_copy: Path, run_index: Index):
    assert run_index(sample_copy)["drift"].counts == {"images": 1870, "drifted": False}
    kept = sample_copy / "later"
    kept.mkdir()
    flags = sorted((sample_copy / "images").glob("flag-*.jpg"))
    some = sorted(set((sample_copy / "images").glob("*.jpg")) - set(flags))[::9]
    for file in [*flags, *some]:
        file.rename(kept / file.name)
    run_index(sample_copy)
    for file in some:
        (kept / file.name).rename(file)
    assert run_index(sample_copy)["drift"].counts["drifted"] is False
    for file in flags:
        (kept / file.name).rename(file)
    counts = run_index(sample_copy)["drift"].counts
    assert counts["drifted"] is True
    assert counts["new"] == len(flags)
    with clipper.open(sample_copy) as atlas:
        (drift,) = [found for found in atlas._engine.findings if found.key == "drift"]
    assert len(drift.rows) == len(flags)
    assert "Their kind differs" in drift.detail


@pytest.mark.slow
def test_when_a_tenth_is_added_nine_of_ten_clusters_keep_their_number_name_and_colour(
    sample_copy: Path, run_index: Index
):
    kept = sample_copy / "later"
    kept.mkdir()
    for file in sorted((sample_copy / "images").glob("*.jpg"))[::11]:
        file.rename(kept / file.name)
    shutil.rmtree(sample_copy / "store")
    run_index(sample_copy)
    before = names_and_colours(sample_copy)
    for file in kept.iterdir():
        file.rename(sample_copy / "images" / file.name)
    run_index(sample_copy)
    after = names_and_colours(sample_copy)
    assert np.mean([after.get(number) == looks for number, looks in before.items()]) >= 0.9
    assert all(after[number][1] == colour for number, (_, colour) in before.items() if number in after)


def names_and_colours(home: Path) -> dict[int, tuple[str, int]]:
    _, found = stored.read(part(home, "clusters"))
    names = read_parquet(part(home, "cluster_names")).to_pydict()
    named = dict(zip(names["cluster"], names["name"], strict=True))
    return {
        number: (named[number], colour)
        for number, colour in zip(found.ids.tolist(), found.colors.tolist(), strict=True)
    }
