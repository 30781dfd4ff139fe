"""Any history of a folder, of runs and of kills ends where a plain dictionary says it must."""

import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import faults
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

import clipper
from clipper.doctor import repair
from clipper.indexing import run as indexing
from clipper.settings import Settings
from clipper.store.home import Home

pytestmark = pytest.mark.linux  # kills by a signal

SOURCES = sorted((faults.DATA / "images").glob("*.jpg"))[::40][:40]
MOMENTS = (
    "scan, half-way 1", "after manifest table 1", "before staged.json 2", "after embeddings shard 1",
    "before facts shard 1", "after metadata origin 1", "before projection table 1",
    "within the copying of the collection 2", "after filling of the collection 1",
    "after collection folder 1",
    "before collection table 1", "after snapshots origin 1", "before current.json 1", "after current.json 1",
    "before a deletion 2",
)  # fmt: skip
BROKEN = b"no image at all"


class History(RuleBasedStateMachine):
    """A folder as a person treats it, beside a dictionary: image id -> which drawing it is, or broken."""

    folder: Path
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.home = self.folder / f"home-{next(counter)}"
        (self.home / "images").mkdir(parents=True)
        (self.home / "clipper.toml").write_text(
            f"allow_shrink = true\nmodel = {json.dumps(str(faults.DATA / 'models' / 'clip-emoji'))}\n"
        )
        self.files: dict[str, int | None] = {}
        self.entries: dict[str, dict[str, int]] = {}
        self.published: dict[str, int] | None = None
        self.embedded: set[int] = set()
        self.number = itertools.count()
        self.clock = 10**18

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    # -- the folder

    def put(self, name: str, drawing: int | None) -> None:
        path = self.home / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(BROKEN if drawing is None else SOURCES[drawing].read_bytes())
        self.clock += 10**10  # no two writes at one time, and none of them of just now
        os.utime(path, ns=(self.clock, self.clock))
        self.files[name] = drawing

    @initialize(target=names, drawing=st.integers(0, len(SOURCES) - 1))
    def begin(self, drawing: int) -> str:
        self.put("first.jpg", drawing)
        return "first.jpg"

    @rule(target=names, drawing=st.integers(0, len(SOURCES) - 1), folder=st.sampled_from(["", "below/"]))
    def add(self, drawing: int, folder: str) -> str:
        name = f"{folder}{next(self.number)}.jpg"
        self.put(name, drawing)
        return name

    @rule(name=names, drawing=st.integers(0, len(SOURCES) - 1))
    def change_or_restore(self, name: str, drawing: int) -> None:
        self.put(name, drawing)

    @rule(name=names)
    def corrupt(self, name: str) -> None:
        self.put(name, None)

    @rule(name=consumes(names))
    def delete(self, name: str) -> None:
        if name in self.files and len(self.files) > 1:
            (self.home / "images" / name).unlink()
            del self.files[name]

    @rule(target=names, name=names)
    def rename(self, name: str) -> str:
        new = f"{next(self.number)}.jpg"
        if name in self.files:
            (self.home / "images" / name).rename(self.home / "images" / new)
            self.files[new] = self.files.pop(name)
        else:
            self.put(new, 0)
        return new

    @rule(target=names, name=names)
    def copy(self, name: str) -> str:
        new = f"{next(self.number)}.jpg"
        self.put(new, self.files.get(name, 0))
        return new

    @rule(name=names, value=st.none() | st.integers(0, 9))
    def tell(self, name: str, value: int | None) -> None:
        self.entries.pop(name, None)
        if value is not None:
            self.entries[name] = {"value": value}
        (self.home / "images" / "metadata.json").write_text(json.dumps(self.entries))

    # -- runs

    @rule()
    def index(self) -> None:
        wanted = {name: drawing for name, drawing in self.files.items() if drawing is not None}
        if not wanted:
            with pytest.raises(clipper.ClipperError, match="none of the"):
                indexing.index(Settings.load(self.home))
            return
        steps = {step.name: step for step in indexing.index(Settings.load(self.home))}
        new = set(wanted.values()) - self.embedded
        assert steps["clip_embeddings"].counts["new"] <= len(new)
        assert steps["image_facts"].counts["failed"] == len(self.files) - len(wanted)
        self.embedded = set(wanted.values())
        self.published = wanted
        self.check_metadata()
        assert repair.examine(Home(self.home)) == []

    @rule(moment=st.sampled_from(MOMENTS))
    def killed(self, moment: str) -> None:
        before = clipper.published_version(self.home)
        killed = faults.kill_at(self.home, moment)
        if not killed or clipper.published_version(self.home) != before:
            wanted = {name: drawing for name, drawing in self.files.items() if drawing is not None}
            self.published = wanted or self.published
        self.embedded = set()  # it may have kept some and given back others

    @invariant()
    def what_is_published_is_what_was_there(self) -> None:
        if self.published is None:
            assert clipper.published_version(self.home) is None
            return
        atlas = clipper.open(self.home)
        try:
            assert atlas.ids == sorted(self.published)
            assert len(atlas.vectors) == len(self.published) == len(atlas._engine.xy)
            same = {
                drawing: atlas.vectors[row] for row, drawing in enumerate(map(self.published.get, atlas.ids))
            }
            for row, name in enumerate(atlas.ids):
                assert (atlas.vectors[row] == same[self.published[name]]).all()
                assert atlas._engine.thumbnail(row)
        finally:
            atlas.close()

    def check_metadata(self) -> None:
        atlas = clipper.open(self.home)
        try:
            for row, name in enumerate(atlas.ids):
                assert atlas._engine.metadata(row).get("value") == self.entries.get(name, {}).get("value")
            found = atlas.search("anything", k=len(atlas), where={"bytes": {"$gt": 0}})
            assert set(found["id"]) == set(atlas.ids)
        finally:
            atlas.close()


counter = itertools.count()


def play(folder: Path, *, sequences: int, steps: int) -> None:
    class Here(History):
        pass

    Here.folder = folder
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run(
        Here,
        settings=settings(
            max_examples=sequences, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=checks, phases=[Phase.generate],
        ),
    )  # fmt: skip


@pytest.mark.slow
def test_three_histories_end_where_they_must(tmp_path: Path):
    play(tmp_path, sequences=3, steps=10)


@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_two_hundred_histories_end_where_they_must(
    tmp_path: Path, record_property: Callable[[str, object], None]
):
    play(tmp_path, sequences=200, steps=10)
    record_property("tries", 200)
