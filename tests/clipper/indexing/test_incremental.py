"""What a reindex costs, counted: of each kind of change, only what follows from it is made again."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import colour_profiles as profiles
import pytest
from PIL import Image

from clipper.images import decode
from clipper.indexing import collect, embed, metadata, neighbours, project, publish, scan
from clipper.indexing import run as indexing
from clipper.indexing.contents import shard_writer
from clipper.indexing.insights import clusters, drift, duplicates, labels, names, scores, words
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.metadata import join
from clipper.models import source
from clipper.projection import layout
from clipper.settings import Settings
from clipper.store import embeddings, facts

IMAGES = 24
PARTS = ("manifest", "metadata", "projection", "collection")


@dataclass(frozen=True)
class Cost:
    """What one run did: contents it decoded and embedded, rows of Chroma, parts with a new version."""

    decoded: int = 0
    embedded: int = 0
    written: int = 0
    deleted: int = 0
    new: str = ""

    @classmethod
    def of(cls, steps: dict[str, Step], before: dict[str, str], after: dict[str, str]) -> "Cost":
        counts = {name: step.counts for name, step in steps.items()}
        new = [name for name in PARTS if after.get(name) != before.get(name)]
        assert counts["atlas"]["published"] == bool(new)
        decoded = max(counts["image_facts"]["new"], counts["thumbnails"]["new"])
        rows = counts["chroma_collection"]
        return cls(decoded, counts["clip_embeddings"]["new"], rows["written"], rows["deleted"], " ".join(new))


NOTHING = Cost()
ALL_FOUR = "manifest metadata projection collection"


@pytest.fixture(scope="module")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, home_at: Callable[[Path, int], Path]) -> Path:
    home = home_at(tmp_path_factory.mktemp("incremental") / "home", IMAGES)
    (home / "images" / "broken.jpg").write_bytes(b"no image")
    write_metadata(home, {name: {"mood": "calm", "rank": i} for i, name in enumerate(stems(home))})
    indexing.index(Settings.load(home))
    return home


@pytest.fixture
def home(once_indexed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once_indexed, tmp_path / "home"))


def stems(home: Path) -> list[str]:
    return [path.stem for path in files(home)]


def files(home: Path) -> list[Path]:
    return [path for path in sorted((home / "images").glob("*.jpg")) if path.name != "broken.jpg"]


def write_metadata(home: Path, entries: dict[str, dict[str, object]]) -> None:
    (home / "images" / "metadata.json").write_text(json.dumps(entries))


def read_metadata(home: Path) -> dict[str, dict[str, object]]:
    return json.loads((home / "images" / "metadata.json").read_text())


def draw(path: Path, colour: str = "teal") -> None:
    Image.new("RGB", (64, 48), colour).save(path)


def run(home: Path, **settings: object) -> Cost:
    """Index; what that cost."""
    before = parts(home)
    steps = {step.name: step for step in indexing.index(Settings.load(home, **settings))}
    return Cost.of(steps, before, parts(home))


def parts(home: Path) -> dict[str, str]:
    return json.loads((home / "store" / "current.json").read_text())["parts"]


def nothing(_: Path) -> None:
    pass


def touch_all(home: Path) -> None:
    for path in files(home):
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**12))


def add_one(home: Path) -> None:
    draw(home / "images" / "new.png")


def add_to_a_folder(home: Path) -> None:
    (home / "images" / "sub").mkdir()
    draw(home / "images" / "sub" / "new.png")


def replace_one(home: Path) -> None:
    draw(files(home)[2])


def delete_two(home: Path) -> None:
    for path in files(home)[:2]:
        path.unlink()


def rename_one(home: Path) -> None:
    files(home)[2].rename(home / "images" / "zzz.jpg")


def move_one(home: Path) -> None:
    (home / "images" / "sub").mkdir()
    files(home)[2].rename(home / "images" / "sub" / files(home)[2].name)


def copy_one(home: Path) -> None:
    shutil.copy2(files(home)[2], home / "images" / "zzz.jpg")


def break_one(home: Path) -> None:
    files(home)[2].write_bytes(b"no image any more")


def mend_the_broken(home: Path) -> None:
    draw(home / "images" / "broken.jpg")


def edit_two_entries(home: Path) -> None:
    entries = read_metadata(home)
    for name in stems(home)[:2]:
        entries[name]["mood"] = "glad"
    write_metadata(home, entries)


def remove_a_key(home: Path) -> None:
    write_metadata(home, {name: {"rank": entry["rank"]} for name, entry in read_metadata(home).items()})


def reorder_the_entries(home: Path) -> None:
    write_metadata(home, dict(reversed(read_metadata(home).items())))


def add_a_table(home: Path) -> None:
    (home / "images" / "metadata.csv").write_text(f"file,size\n{files(home)[0].name},7\n")


CHANGES: list[tuple[Callable[[Path], None], Cost]] = [
    (nothing, NOTHING),
    (touch_all, NOTHING),
    (add_one, Cost(decoded=1, embedded=1, written=1, new=ALL_FOUR)),
    (add_to_a_folder, Cost(decoded=1, embedded=1, written=1, new=ALL_FOUR)),
    (replace_one, Cost(decoded=1, embedded=1, written=1, new=ALL_FOUR)),
    (delete_two, Cost(deleted=2, new=ALL_FOUR)),
    (rename_one, Cost(written=1, deleted=1, new=ALL_FOUR)),
    (move_one, Cost(written=1, deleted=1, new=ALL_FOUR)),
    (copy_one, Cost(written=1, new=ALL_FOUR)),
    (break_one, Cost(decoded=1, deleted=1, new=ALL_FOUR)),
    (mend_the_broken, Cost(decoded=1, embedded=1, written=1, new=ALL_FOUR)),
    (edit_two_entries, Cost(written=2, new="metadata collection")),
    (remove_a_key, Cost(written=IMAGES, new="metadata collection")),
    (add_a_table, Cost(written=1, new="metadata collection")),
]


@pytest.mark.parametrize(("change", "cost"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_a_change_costs_what_follows_from_it_and_the_next_run_nothing(
    home: Path, change: Callable[[Path], None], cost: Cost
):
    change(home)
    assert run(home) == cost
    assert run(home) == NOTHING


def test_entries_in_another_order_write_no_row(home: Path):
    reorder_the_entries(home)
    assert run(home).written == 0


def test_another_parameter_of_the_projection_lays_out_and_embeds_nothing(home: Path):
    cost = run(home, umap_min_dist=0.4)
    assert cost == Cost(written=IMAGES, new="projection collection")
    assert run(home, umap_min_dist=0.4) == NOTHING


def test_another_model_embeds_all_beside_the_old_vectors_and_the_way_back_embeds_nothing(
    home: Path, model_folder: Path
):
    other = Path(shutil.copytree(model_folder, home / "other"))
    config = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(config | {"image_mean": [0.5, 0.5, 0.5]}))
    cost = run(home, model="other")
    assert (cost.embedded, cost.written, cost.new) == (IMAGES, IMAGES, "projection collection")
    assert (run(home).embedded, run(home, model="other").embedded) == (0, 0)


@pytest.fixture
def revised(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Gives constants of a module the values a later Clipper may have."""
    return lambda module, **values: [
        monkeypatch.setattr(module, name, value) for name, value in values.items()
    ]


def test_a_later_way_to_join_metadata_makes_the_columns_again(home: Path, revised: Callable[..., None]):
    revised(join, METADATA_VERSION="later")
    assert run(home) == Cost(new="metadata collection")
    assert run(home) == NOTHING


def test_a_later_way_to_read_facts_decodes_all_and_embeds_nothing(home: Path, revised: Callable[..., None]):
    revised(facts, FACTS_VERSION="later")
    assert run(home) == Cost(decoded=IMAGES + 1, new="metadata collection")
    assert run(home) == NOTHING


def test_a_later_decoder_makes_thumbnails_again_and_embeds_nothing(home: Path, revised: Callable[..., None]):
    for module in (decode, facts, embed):
        revised(module, DECODER_VERSION="later")
    assert run(home) == Cost(decoded=IMAGES)
    assert run(home) == NOTHING


def test_what_a_later_decoder_gives_other_pixels_of_is_embedded_placed_and_searched_again(
    home: Path, revised: Callable[..., None]
):
    with Image.open(files(home)[0]) as image:
        image.save(home / "images" / "wide.png", icc_profile=profiles.rgb("wide"))
    assert run(home).embedded == 1
    assert run(home) == NOTHING
    for module in (embed, embeddings, neighbours, project, collect):
        revised(module, PIXELS_VERSION="later")
    assert run(home) == Cost(embedded=1, written=1, new="projection collection")
    assert run(home) == NOTHING


def test_a_later_preprocessing_embeds_all(home: Path, revised: Callable[..., None]):
    revised(source, PREPROCESS_VERSION="later")
    assert run(home) == Cost(embedded=IMAGES, written=IMAGES, new="projection collection")
    assert run(home) == NOTHING


def test_a_later_projection_lays_out_and_embeds_nothing(home: Path, revised: Callable[..., None]):
    revised(layout, PROJECTION_VERSION="later")
    cost = run(home)
    assert (cost.decoded, cost.embedded, cost.new) == (0, 0, "projection collection")
    assert run(home) == NOTHING


def test_a_later_form_of_the_collection_writes_it_again(home: Path, revised: Callable[..., None]):
    revised(collect, COLLECTION_VERSION="later")
    assert run(home).new == "collection"
    assert run(home) == NOTHING


def test_a_broken_file_is_not_decoded_again_until_it_changes(home: Path):
    assert run(home).decoded == 0
    os.utime(home / "images" / "broken.jpg")
    assert run(home) == NOTHING
    (home / "images" / "broken.jpg").write_bytes(b"broken in another way")
    assert run(home) == Cost(decoded=1, new="manifest")


def test_files_that_vanish_or_change_while_they_are_read_are_left_to_the_next_run(home: Path):
    for name in ("gone", "changed", "stays"):
        draw(home / "images" / f"{name}.png", {"gone": "red", "changed": "green", "stays": "blue"}[name])
    work = Workspace(Settings.load(home))
    scan.scan_images(work)
    (home / "images" / "gone.png").unlink()
    draw(home / "images" / "changed.png", "yellow")
    steps = indexing.embed_images(work)
    assert steps["clip_embeddings"].counts["new"] == 1
    assert set(steps["image_facts"].failures) == {"broken.jpg", "gone.png", "changed.png"}
    assert "the next run takes it" in steps["image_facts"].failures["changed.png"]
    steps = metadata.join_metadata, indexing.find_neighbours, indexing.project_images, indexing.collect
    insights = [scores.score_images, clusters.cluster_images, names.name_clusters]
    insights += [duplicates.find_duplicates, labels.find_label_issues]
    insights += [words.make_word_columns, drift.measure_drift]
    for step in (*steps, *insights, publish.publish):
        last = step(work)
    assert (last.counts["images"], last.counts["failed"]) == (IMAGES + 1, 3)
    assert run(home) == Cost(decoded=1, embedded=1, written=1, new=ALL_FOUR)


def test_a_run_stopped_half_way_leaves_what_it_embedded(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard_writer, "SHARD_ROWS", 2)
    published = parts(home)
    for number in range(6):
        draw(home / "images" / f"new-{number}.png", f"hsl({60 * number}, 80%, 50%)")

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "embed" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexing.index(Settings.load(home), progress=stop)
    assert parts(home) == published
    cost = run(home)
    assert cost == Cost(decoded=4, embedded=4, written=6, new=ALL_FOUR)
