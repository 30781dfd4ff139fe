"""A home in a bucket, wherever a home is named: the command, CLIPPER_HOME, the viewer and Dagster."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from object_store import BUCKET, ObjectStore

import clipper
from clipper.cli.homes import find_homes, name_homes, names_home
from clipper.indexing.run import index_images
from clipper.mirror import copy as copies
from clipper.settings import Settings
from clipper.store import tags
from clipper.store.home import Home
from pipelines.definitions import build_definitions
from pipelines.resources import HomeResource
from viewer.dataset import versions
from viewer.server.cards import describe_home

UseMachine = Callable[[str], Path]
Command = Callable[..., tuple[int, str, str]]


def edit_metadata(store: ObjectStore, home: str) -> None:
    """Publish a new version for which nothing is embedded."""
    store.write(f"{BUCKET}/album/images/metadata.json", json.dumps({"1st-place-medal": {"legs": 4}}).encode())
    index_images(home=home, progress=False)


def settle(home: str) -> None:
    copy = copies.of(Settings.load(home).home)
    assert copy is not None
    copy._asked.clear()


def test_the_command_takes_a_url(album: str, command: Command):
    code, out, error = command("doctor", "--home", album)
    assert (code, out, error) == (0, f"{album} is sound\n", "")
    code, out, _ = command("info", "--home", album, "--json")
    assert code == 0
    assert json.loads(out)["home"] == album
    code, out, _ = command("search", "a flag", "--home", album, "--json")
    assert code == 0
    assert len(json.loads(out)["hits"]) == 20


def test_the_command_names_the_url_where_nothing_is_indexed(store: ObjectStore, command: Command):
    code, _, error = command("search", "a flag", "--home", f"s3://{BUCKET}/nothing")
    assert code != 0
    command_line = f"clipper index FOLDER-OF-IMAGES --home s3://{BUCKET}/nothing"
    assert f"s3://{BUCKET}/nothing has no index yet; make one with `{command_line}`" in error
    assert len(error.splitlines()) == 1
    assert not store.listed()


def test_the_environment_may_name_a_url(album: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLIPPER_HOME", album)
    with clipper.open() as atlas:
        assert atlas.info()["home"] == album


def test_homes_of_a_bucket_are_shown_beside_others(album: str, indexed_home: Path):
    assert names_home(album)
    named = name_homes(find_homes([album, str(indexed_home)]))
    assert [*named] == ["album", indexed_home.name]
    card = describe_home("album", named["album"])
    assert (card.title, card.reason) == ("album", "")


def test_the_viewer_shows_a_new_version_and_new_tags_of_another_machine(
    store: ObjectStore, album: str, machine: UseMachine
):
    index_images(home=album, progress=False)
    machine("viewer")
    first = versions.load(album)
    machine("two")
    edit_metadata(store, album)
    key = bytes(16)
    tags.add(Home(Settings.load(album).home), "kept", [key])

    machine("viewer")
    settle(album)
    while (now := versions.load(album)).version == first.version:  # it is fetched in the background
        time.sleep(0.01)
    assert tags.read(Home(Settings.load(album).home)) == {"kept": {key}}
    assert len(now.atlas) == 24


def test_the_viewer_shows_what_it_has_while_the_store_does_not_answer(
    store: ObjectStore, album: str, machine: UseMachine, caplog: pytest.LogCaptureFixture
):
    machine("viewer")
    first = versions.load(album)
    store.fault = lambda *_: 503
    for _ in range(3):
        settle_here(first.atlas.settings.home)
        assert versions.load(first.atlas.settings.home) is first
        wait_for_background(first.atlas.settings.home)
    said = [record.message for record in caplog.records if "is shown as it was" in record.message]
    assert len(said) == 1


def settle_here(folder: Path) -> None:
    copy = copies.of(folder)
    assert copy is not None
    copy._asked.clear()


def wait_for_background(folder: Path) -> None:
    copy = copies.of(folder)
    assert copy is not None
    assert copy._asking is not None
    copy._asking.join()


@pytest.mark.slow
def test_dagster_indexes_a_home_in_a_bucket(store: ObjectStore, album: str, machine: UseMachine):
    store.write(f"{BUCKET}/album/images/metadata.json", json.dumps({"1st-place-medal": {"legs": 4}}).encode())
    before = clipper.published_version(album)
    job = build_definitions(home=HomeResource(home=album)).resolve_job_def("reindex")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    machine("two")
    assert clipper.published_version(album) != before
    assert json.loads(store.read(f"{BUCKET}/album/store/lease.json"))["seconds"] == 0
