"""`dagster dev` as a person starts it: real processes, one instance folder, asked over its own page's API."""

import shutil
from pathlib import Path

import pytest
from dagster_dev import ask, dagster_dev, make_instance, runs, wait_for

import clipper

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return make_instance(tmp_path / "dagster")


def test_dagster_dev_indexes_what_is_dropped_into_the_folder_and_keeps_its_history(
    small_home: Path, instance: Path
):
    with dagster_dev(small_home, instance) as url:
        nodes = ask(url, "{ assetNodes { assetKey { path } } }")["assetNodes"]
        assert ["atlas"] in [node["assetKey"]["path"] for node in nodes]
        wait_for(lambda: clipper.published_version(small_home), "the first atlas")
        wait_for(lambda: runs(url) == ["SUCCESS"], "the end of the first run")
        first = min((small_home / "images").iterdir())
        shutil.copy(first, small_home / "images" / "dropped.jpg")
        wait_for(lambda: "dropped.jpg" in clipper.open(small_home).ids, "the dropped image")
        wait_for(lambda: runs(url) == ["SUCCESS", "SUCCESS"], "the end of the second run")
    with dagster_dev(small_home, instance) as url:
        assert runs(url)[-2:] == ["SUCCESS", "SUCCESS"]
