"""One incremental pass over a folder: what is embedded, kept, moved, reported and skipped."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from homes import HEAVY, aged, draw, engine_of, images, metadata, opened, positions, written

from clipper.chroma.collection import Collection, address_of
from clipper.errors import ImagesError
from clipper.hashing import content_hash
from clipper.indexing.staging.workspace import Step

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]


def test_the_first_run_embeds_all_and_publishes(small_home: Path, run_index: Index):
    steps = run_index(small_home)
    assert list(steps) == [
        "image_manifest", "clip_embeddings", "thumbnails", "image_facts",
        "image_metadata", "image_neighbours", "umap_projection", "image_scores", "image_clusters",
        "cluster_names", "duplicates", "label_issues", "word_columns", "drift", "chroma_collection", "atlas",
    ]  # fmt: skip
    assert steps["image_manifest"].counts["added"] == 24
    assert steps["clip_embeddings"].counts == {"new": 24, "reused": 0, "failed": 0}
    assert steps["atlas"].counts["published"]
    assert [name for name, step in steps.items() if not step.version] == ["word_columns"]  # nobody keeps any
    assert steps["clip_embeddings"].seconds > 0
    atlas = opened(small_home)
    assert len(atlas) == 24
    assert np.isfinite(atlas._engine.xy).all()
    assert np.allclose(np.linalg.norm(atlas.vectors, axis=1), 1, atol=1e-5)


SECOND = f"""
import sys
from clipper.indexing import run
from clipper.settings import Settings
steps = {{step.name: step for step in run.index(Settings.load(sys.argv[1]))}}
print(steps["clip_embeddings"].counts["new"], steps["atlas"].counts["published"])
print(*[name for name in {HEAVY} if name in sys.modules])
"""


def test_a_second_run_embeds_nothing_loads_no_model_and_writes_nothing(
    indexed_home: Path, run_index: Index, python: Run
):
    draw(indexed_home / "images" / "broken.jpg", "red").write_bytes(b"broken")
    run_index(aged(indexed_home))
    before = written(indexed_home)
    result = python(SECOND, str(indexed_home))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["0 False", ""]
    assert written(indexed_home) == before


def test_one_new_image_embeds_one_and_nothing_else_moves(indexed_home: Path, run_index: Index):
    before = positions(indexed_home)
    draw(indexed_home / "images" / "sub" / "new.png", "teal")
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 1
    assert steps["umap_projection"].counts["placed"] == 1
    assert steps["chroma_collection"].counts["written"] == 1
    after = positions(indexed_home)
    assert {key: after[key] for key in before} == before
    assert engine_of(indexed_home).metadata(engine_of(indexed_home).row("sub/new.png"))["folder"] == "sub"


def test_a_renamed_image_keeps_its_place_and_is_not_embedded(indexed_home: Path, run_index: Index):
    before = positions(indexed_home)
    old = images(indexed_home)[0]
    old.rename(old.with_name("zzz renamed.jpg"))
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert steps["atlas"].counts["moved"] == 1
    after = positions(indexed_home)
    assert after["zzz renamed.jpg"] == before[old.name]
    assert old.name not in after
    atlas = opened(indexed_home)
    assert atlas.search(image=atlas._engine.image(23), k=1)["id"].tolist() == ["zzz renamed.jpg"]
    atlas.close()


def test_a_copy_is_embedded_once_and_has_two_rows(indexed_home: Path, run_index: Index):
    original = images(indexed_home)[3]
    shutil.copy(original, indexed_home / "images" / "copy.jpg")
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    atlas = opened(indexed_home)
    assert len(atlas) == 25
    assert positions(indexed_home)["copy.jpg"] == positions(indexed_home)[original.name]
    found = atlas.search(image=original.read_bytes(), k=2)
    assert set(found["id"]) == {"copy.jpg", original.name}
    atlas.close()


def test_a_changed_image_is_embedded_again_and_a_deleted_one_is_gone(indexed_home: Path, run_index: Index):
    changed, gone = images(indexed_home)[:2]
    before = opened(indexed_home).vectors[0]
    draw(changed, "purple")
    gone.unlink()
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 1
    assert (steps["atlas"].counts["changed"], steps["atlas"].counts["removed"]) == (1, 1)
    atlas = opened(indexed_home)
    assert gone.name not in atlas.ids
    assert float(atlas.vectors[atlas._engine.row(changed.name)] @ before) < 0.999
    collection = Collection(address_of(atlas._engine.home, atlas._engine.snapshot.parts["collection"]))
    assert gone.name not in collection.get()["ids"]
    collection.close()


def test_edited_metadata_changes_rows_and_removed_keys_are_gone(indexed_home: Path, run_index: Index):
    first, second = (path.stem for path in images(indexed_home)[:2])
    metadata(indexed_home, {first: {"mood": "glad", "tags": ["a", "b"]}, second: {"mood": "sad"}})
    run_index(indexed_home)
    metadata(indexed_home, {first: {"mood": "calm"}, second: {"mood": "sad"}, "nobody": {"mood": "x"}})
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert steps["chroma_collection"].counts["written"] == 1
    assert any("nobody" in note for note in steps["image_metadata"].notes)
    atlas = opened(indexed_home)
    row = atlas._engine.row(f"{first}.jpg")
    assert atlas._engine.metadata(row)["mood"] == "calm"
    collection = Collection(address_of(atlas._engine.home, atlas._engine.snapshot.parts["collection"]))
    held = collection.get([f"{first}.jpg"])["metadatas"][0]
    collection.close()
    assert held["mood"] == "calm"
    assert "tags" not in held
    assert (held["x"], held["y"]) == pytest.approx(tuple(atlas._engine.xy[row].tolist()))


def test_metadata_that_is_no_json_leaves_what_is_published(indexed_home: Path, run_index: Index):
    metadata(indexed_home, {images(indexed_home)[0].stem: {"mood": "glad"}})
    version = opened(indexed_home).version
    (indexed_home / "images" / "metadata.json").write_text('{"a": ')
    with pytest.raises(ImagesError, match=r"metadata\.json is not valid JSON"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version


@pytest.mark.linux
def test_every_broken_file_is_named_and_none_ends_the_run(indexed_home: Path, run_index: Index):
    folder = indexed_home / "images"
    whole = images(indexed_home)[0].read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("only words")
    (folder / "link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loop.jpg").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    draw(folder / "bomb.png", "red", (3_000, 3_000))
    (folder / "bytes.jpg").write_bytes(bytes(400_000))
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:  # noqa: PTH123 - no Path of bytes
        file.write(whole)
    config = indexed_home / "clipper.toml"
    config.write_text(config.read_text() + "max_pixels = 1000000\nmax_bytes = 300000\n")
    steps = run_index(indexed_home)
    atlas = opened(indexed_home)
    assert len(atlas) == 25
    assert [row["damage"] for row in map(atlas._engine.metadata, range(25)) if "damage" in row] == [
        "ends early"
    ]
    reasons = dict(zip(atlas.failures["id"], atlas.failures["reason"], strict=True))
    assert set(reasons) == {
        "empty.jpg", "text.jpg", "link.jpg", "loop.jpg", "pipe.jpg", "bomb.png", "bytes.jpg",
        "caf\\xe9.jpg",
    }  # fmt: skip
    assert all(reasons.values())
    assert "max_pixels" in reasons["bomb.png"]
    assert "max_bytes" in reasons["bytes.jpg"]
    assert steps["atlas"].counts["failed"] == atlas.info()["failed"] == 8
    assert set(steps["image_manifest"].failures) | set(steps["image_facts"].failures) == set(reasons)


def test_what_a_broken_file_costs_is_counted(indexed_home: Path, run_index: Index):
    draw(indexed_home / "images" / "new.png", "red")
    for n in range(2):
        (indexed_home / "images" / f"broken {n}.jpg").write_bytes(bytes([n]) * 900)
    steps = run_index(indexed_home)
    for part in ("clip_embeddings", "thumbnails", "image_facts"):
        assert {name: steps[part].counts[name] for name in ("new", "reused", "failed")} == {
            "new": 3 if part == "image_facts" else 1,  # why a file cannot be used is a fact of it
            "reused": 24,
            "failed": 2,
        }, part


def test_a_file_over_the_limit_is_tried_again_under_a_higher_one(indexed_home: Path, run_index: Index):
    draw(indexed_home / "images" / "large.png", "red", (1_200, 1_200))
    config = indexed_home / "clipper.toml"
    plain = config.read_text()
    config.write_text(plain + "max_pixels = 1000000\n")
    run_index(indexed_home)
    assert "large.png" not in opened(indexed_home).ids
    config.write_text(plain)
    run_index(indexed_home)
    assert "large.png" in opened(indexed_home).ids
    assert opened(indexed_home).failures.empty


def test_a_mended_file_comes_onto_the_map(indexed_home: Path, run_index: Index):
    path = indexed_home / "images" / "x.jpg"
    path.write_bytes(b"broken")
    run_index(indexed_home)
    draw(path, "orange")
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 1
    assert "x.jpg" in opened(indexed_home).ids


@pytest.mark.slow
def test_verify_finds_content_that_changed_under_the_same_size_and_time(
    indexed_home: Path, run_index: Index, clipper_command: Run
):
    path = images(indexed_home)[3]
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-40] ^= 0xFF
    path.write_bytes(bytes(data))
    old = status.st_mtime_ns - 10**12
    os.utime(path, ns=(old, old))
    run_index(indexed_home)
    data[-41] ^= 0xFF
    path.write_bytes(bytes(data))
    os.utime(path, ns=(old, old))
    assert run_index(indexed_home)["image_manifest"].counts["changed"] == 0
    result = clipper_command("index", "--verify", "--home", str(indexed_home))
    assert "1 changed" in result.stderr + result.stdout
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert engine_of(indexed_home).hashes[3] == content_hash(bytes(data))
