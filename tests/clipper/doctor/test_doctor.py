"""Damage to any file of the store is noticed, named and mended; what is sound is left alone."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import faults
import numpy as np
import pytest

import clipper
from clipper.doctor import collection as collection_audit
from clipper.doctor import files, repair
from clipper.errors import BusyError, ImagesError, NoIndexError, StoreError
from clipper.indexing import run
from clipper.models.engines.calibration import Calibration
from clipper.models.engines.record import write_choice
from clipper.sandbox.process import ChildDied
from clipper.settings import Settings
from clipper.store import snapshots, word_columns
from clipper.store.home import Home, read_json
from clipper.store.shards import read_shard, write_shard

Run = Callable[..., subprocess.CompletedProcess[str]]
Record = Callable[[str, object], None]
IMAGES = 40


def noise(path: Path) -> None:
    """Random bytes over a third of a file, from its middle on: what a bad sector leaves."""
    data = bytearray(path.read_bytes())
    start, length = len(data) // 3, max(1, len(data) // 3)
    data[start : start + length] = np.random.default_rng(len(data)).bytes(length)
    path.write_bytes(data)


def flip(path: Path) -> None:
    """One bit, in the middle: there or behind it, where not all is zero, as in a database's unused bytes."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[next((at for at in range(middle, len(data)) if data[at]), middle)] ^= 0x10
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": Path.unlink,
    "noise": noise,
    "one bit": flip,
}
FILES = {
    "current": "current.json",
    "staged": "staged.json",
    "snapshot": "snapshots/*.json",
    "manifest": "manifest/*.parquet",
    "manifest's origin": "manifest/*.json",
    "neighbours": "neighbours/*.parquet",
    "neighbours' lists": "neighbours/*.arrow",
    "neighbours' origin": "neighbours/*.json",
    "clusters": "clusters/*.parquet",
    "clusters' origin": "clusters/*.json",
    "names": "cluster_names/*.parquet",
    "names' origin": "cluster_names/*.json",
    "duplicates": "duplicates/*.parquet",
    "duplicates' origin": "duplicates/*.json",
    "scores": "scores/*.parquet",
    "scores' origin": "scores/*.json",
    "doubted labels": "label_issues/*.parquet",
    "doubted labels' origin": "label_issues/*.json",
    "words": "word_columns/*.parquet",
    "words' origin": "word_columns/*.json",
    "drift": "drift/*.parquet",
    "drift's origin": "drift/*.json",
    "signatures": "signatures/*.arrow",
    "measures": "measures/*.arrow",
    "metadata": "metadata/*.parquet",
    "metadata's origin": "metadata/*.json",
    "projection": "projection/*.parquet",
    "projection's origin": "projection/*.json",
    "collection's table": "collection/*.parquet",
    "collection's origin": "collection/*.json",
    "Chroma's database": "collection/*/chroma.sqlite3",
    "graph": "collection/*/*/data_level0.bin",
    "graph's header": "collection/*/*/header.bin",
    "graph's lengths": "collection/*/*/length.bin",
    "graph's names": "collection/*/*/index_metadata.pickle",
    "vectors": "embeddings/*/*.arrow",
    "probes": "embeddings/*/*.parquet",
    "probes' origin": "embeddings/*/*.json",
    "thumbnails": "thumbnails/*.arrow",
    "facts": "facts/*.arrow",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, home_at: Callable[[Path, int], Path]) -> Path:
    """A home that is sound. Not to be written to."""
    home = home_at(tmp_path_factory.mktemp("doctor") / "sound", IMAGES)
    word_columns.keep(Home(home), "kind", ["face", "flag"])
    run.index(Settings.load(home))
    for path in sorted((home / "images").iterdir())[:2]:  # so that the map has a history
        path.unlink()
    run.index(Settings.load(home))
    return home


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "home", symlinks=True))


def examined(home: Path) -> list[repair.Damage]:
    return repair.diagnose(Settings.load(home)).before


def test_a_home_that_is_sound_is_called_so_and_not_touched(sound: Path, clipper_command: Run):
    watched = [path for path in sound.rglob("*") if path.is_file() and path.suffix != ".sqlite3"]
    before = {path: path.stat().st_mtime_ns for path in watched}
    result = clipper_command("doctor", "--home", str(sound))
    assert (result.returncode, result.stdout) == (0, f"{sound} is sound\n")
    assert repair.repair(Settings.load(sound)).before == []
    assert {path: path.stat().st_mtime_ns for path in watched} == before


def test_the_list_of_files_below_is_whole(sound: Path):
    store = sound / "store"
    listed = {path for pattern in FILES.values() for path in store.glob(pattern)}
    there = {path for path in store.rglob("*") if path.is_file() and not path.name.endswith("lock")}
    assert {path.name for path in there - listed} <= {"link_lists.bin"}  # empty in a graph this small
    assert all(list(store.glob(pattern)) for pattern in FILES.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_to_any_file_is_noticed(home: Path, kind: str, record_property: Record):
    damaged = 0
    for name, pattern in FILES.items():
        for path in (home / "store").glob(pattern):
            data = path.read_bytes()
            DAMAGES[kind](path)
            found = repair.examine(Home(home))
            assert found, f"{name}, {kind}: not noticed"
            path.write_bytes(data)
            damaged += 1
    assert examined(home) == []
    record_property("tries", damaged)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["projection", "vectors", "graph", "current"])
def test_damage_is_mended_to_the_bit(home: Path, name: str):
    mend(home, name, "noise")


@pytest.mark.reliability
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_any_kind_to_any_file_is_mended_to_the_bit(
    sound: Path, tmp_path: Path, kind: str, record_property: Record
):
    for name in FILES:
        home = Path(shutil.copytree(sound, tmp_path / "home", symlinks=True))
        mend(home, name, kind)
        shutil.rmtree(home)
    record_property("tries", len(FILES))


def mend(home: Path, name: str, kind: str) -> None:
    wanted = faults.state(home)
    for path in (home / "store").glob(FILES[name]):
        DAMAGES[kind](path)
    mended = repair.repair(Settings.load(home))
    assert mended.before, f"{name}, {kind}: not noticed"
    assert mended.after == [], f"{name}, {kind}"
    state = faults.state(home)
    if name.startswith(("clusters", "drift", "names")):  # they follow from what was before
        del state["version"], wanted["version"]
    assert state == wanted, f"{name}, {kind}"


def test_the_command_names_the_damage_and_the_way_out(home: Path, clipper_command: Run):
    (path,) = (home / "store" / "metadata").glob("*.parquet")
    flip(path)
    result = clipper_command("doctor", "--home", str(home))
    assert result.returncode == 1
    assert f"metadata/{path.name}: is damaged" in result.stdout
    assert "clipper doctor --repair" in result.stdout
    result = clipper_command("doctor", "--repair", "--home", str(home))
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "1 repaired")


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_a_run_stopped_at_any_deletion_of_old_parts_leaves_nothing_that_looks_damaged(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    min((home / "images").iterdir()).unlink()
    remove, stopped = snapshots.remove, 0

    def one_only(entry: Path) -> None:
        remove(entry)
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshots, "remove", one_only)
    while True:
        try:
            run.index(Settings.load(home))
            break
        except KeyboardInterrupt:
            stopped += 1
            assert repair.examine(Home(home)) == []
    assert stopped > 2 * len(snapshots.PARTS)


@pytest.mark.slow
def test_everything_damaged_at_once_is_made_again_from_the_images(home: Path):
    ids = clipper.open(home).ids
    for path in (home / "store").rglob("*"):
        if path.is_file() and path.name != "lock":
            noise(path)
    assert repair.repair(Settings.load(home)).after == []
    assert clipper.open(home).ids == ids


def test_nothing_is_deleted_while_the_images_or_the_model_are_not_there(home: Path):
    (path,) = (home / "store" / "thumbnails").glob("*.arrow")
    noise(path)
    hidden = (home / "images").rename(home / "elsewhere")
    with pytest.raises(ImagesError, match="does not exist"):
        repair.repair(Settings.load(home))
    assert path.exists()
    hidden.rename(home / "images")
    with pytest.raises(clipper.ClipperError, match="nowhere"):
        repair.repair(Settings.load(home, model=str(home / "nowhere")))
    assert path.exists()


def test_a_shard_that_is_whole_but_wrong_is_found_by_its_vectors(home: Path):
    (path,) = (home / "store").glob("embeddings/*/*.arrow")
    table = read_shard(path)
    rows = table.to_pylist()
    rows[5]["vector"] = [3.0] * len(rows[5]["vector"])
    path.unlink()
    write_shard(path.parent, type(table).from_pylist(rows, schema=table.schema))
    assert "length is not 1" in examined(home)[0].what
    assert repair.repair(Settings.load(home)).after == []


def test_a_damaged_note_of_the_engine_is_found(home: Path):
    (folder,) = (home / "store" / "embeddings").iterdir()
    write_choice(folder, Calibration("int8", 0.99, 100, "here", {"int8": 9.0}, {"int8": 0.99}))
    assert list(files.shards(Home(home))) == []
    flip(folder / "engine.json")
    (damage,) = files.shards(Home(home))
    assert damage.where == f"embeddings/{folder.name}/engine.json"
    assert damage.lost == (folder / "engine.json",)


def test_a_script_without_a_main_guard_may_examine_a_home(home: Path, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from clipper.doctor import repair as doctor; from clipper.settings import Settings\n"
        "print('FOUND', doctor.diagnose(Settings.load(sys.argv[1])).before)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, str(script), str(home)]
    result = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600, check=True)
    assert result.stdout.splitlines() == ["FOUND []"]


def test_what_cannot_be_examined_is_not_called_damaged(home: Path):
    snapshot = snapshots.published(Home(home))
    with pytest.raises(StoreError, match=r"could not be examined \(KeyError"):
        collection_audit.problems(Home(home), replace(snapshot, model={}))


def test_an_audit_that_the_system_ends_is_no_verdict(home: Path, monkeypatch: pytest.MonkeyPatch):
    def ended(*_: object) -> None:
        raise ChildDied("made the system end the decoder (signal 9)")

    monkeypatch.setattr(collection_audit.Sandbox, "ask", ended)
    with pytest.raises(StoreError, match="could not be examined"):
        collection_audit.problems(Home(home), snapshots.published(Home(home)))


@pytest.mark.slow
def test_rows_that_somebody_changed_in_chroma_are_found(home: Path):
    from clipper.chroma.collection import Collection, address_of

    atlas = clipper.open(home)
    collection = Collection(address_of(Home(home), atlas._engine.snapshot.parts["collection"]))
    collection.delete([atlas.ids[3]])
    ids, vectors = [atlas.ids[7]], -atlas.vectors[7:8]
    collection.write(ids, vectors, [{"group": "other"}])
    collection.close()
    atlas.close()
    problems = collection_audit.problems(Home(home), atlas._engine.snapshot)
    assert any("rows instead of" in problem for problem in problems)
    assert any("other metadata" in problem for problem in problems)
    assert any("other vectors" in problem for problem in problems)
    assert repair.repair(Settings.load(home)).after == []


def test_a_lost_note_of_what_is_staged_moves_no_point(home: Path):
    wanted = faults.state(home)
    (home / "store" / "staged.json").unlink()
    steps = {step.name: step for step in run.index(Settings.load(home))}
    assert steps["clip_embeddings"].counts["new"] == 0
    assert faults.state(home) == wanted


def test_dagsters_database_is_examined_and_never_deleted(home: Path):
    path = home / "store" / "dagster" / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (id TEXT)")
        database.executemany("INSERT INTO runs VALUES (?)", [("x" * 500,)] * 200)
        database.commit()
    assert examined(home) == []
    noise(path)
    (damage,) = examined(home)
    assert "stop Dagster and delete it" in damage.what
    assert repair.repair(Settings.load(home)).after == [damage]
    assert path.exists()


def test_a_home_without_an_index_and_one_that_is_being_written_are_reported(
    home: Path, tmp_path: Path, home_at: Callable[[Path, int], Path]
):
    empty = home_at(tmp_path / "empty", 3)
    with pytest.raises(NoIndexError, match="has no index yet"):
        examined(empty)
    assert not (empty / "store").exists()
    with Home(home).writing(), pytest.raises(BusyError):
        examined(home)


def test_a_home_of_an_earlier_clipper_without_checksums_opens_and_is_brought_up_to_date(home: Path):
    store = home / "store"
    wanted = faults.state(home)
    for path in store.rglob("*.json"):
        later = {"table", "files", "projection"} if path.parent.parent == store else set()
        value = {key: item for key, item in read_json(path).items() if key not in later}
        path.write_text(json.dumps(value))
    for path in store.glob("*/*.arrow"):
        path.rename(path.with_name(f"{path.name[:16]}.arrow"))
    for path in store.glob("manifest/*.json"):
        path.unlink()
    (damage,) = examined(home)
    assert damage.what.endswith(".json is missing")
    assert faults.state(home) == wanted
    steps = {step.name: step for step in run.index(Settings.load(home))}
    assert steps["clip_embeddings"].counts["new"] == 0
    assert faults.state(home) == wanted
    assert examined(home) == []
