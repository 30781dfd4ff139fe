"""The images folder as the asset that all others come from."""

import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]
Tick = Callable[..., dg.SensorResult | dg.SkipReason]
FOLDER = "images_folder"


def observed(result: dg.ExecuteInProcessResult) -> dg.AssetObservation:
    (event,) = result.get_asset_observation_events()
    return event.asset_observation_data.asset_observation


def inputs(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """The folder's data version that each asset was made from, for those that read the folder."""
    made = [e.step_materialization_data.materialization for e in result.get_asset_materialization_events()]
    tag = f"dagster/input_data_version/{FOLDER}"
    return {m.asset_key.to_user_string(): m.tags[tag] for m in made if tag in m.tags}


@pytest.mark.slow
def test_the_folder_is_observed_first_and_its_fingerprint_is_what_the_assets_are_made_from(
    small_home: Path, reindex_in: Reindex, tick: Tick
):
    result = reindex_in(small_home)
    folder = observed(result)
    version = folder.tags["dagster/data_version"]
    assert version == tick().cursor
    assert inputs(result) == {"image_manifest": version, "image_metadata": version}
    files = [path.stat().st_size for path in (small_home / "images").iterdir()]
    assert folder.metadata["location"].value == str(small_home / "images")
    assert folder.metadata["images"].value == 24
    assert folder.metadata["megabytes"].value == round(sum(files) / 1e6, 1)
    assert result.all_events[0].event_type_value == "PIPELINE_START"
    started = [event.step_key for event in result.all_events if event.is_step_start]
    assert started[0] == FOLDER


def test_the_folders_version_changes_with_images_and_metadata_and_comes_back(
    small_home: Path, reindex_in: Reindex
):
    def version() -> str:
        return observed(reindex_in(small_home, FOLDER)).tags["dagster/data_version"]

    first = version()
    shutil.copy(min((small_home / "images").iterdir()), small_home / "images" / "copy.jpg")
    with_copy = version()
    (small_home / "images" / "metadata.csv").write_text("file_name,mood\n")
    with_metadata = version()
    assert len({first, with_copy, with_metadata}) == 3
    (small_home / "images" / "metadata.csv").unlink()
    (small_home / "images" / "copy.jpg").unlink()
    assert version() == first


def test_observing_waits_for_no_other_run(small_home: Path, reindex_in: Reindex):
    other = HomeResource(home=str(small_home))
    with dg.build_init_resource_context() as context, other.yield_for_execution(context) as writer:
        writer.workspace()
        assert reindex_in(small_home, FOLDER).success
        assert not reindex_in(small_home, FOLDER, "image_manifest").success


def test_a_folder_that_cannot_be_observed_is_named_in_one_line(small_home: Path, reindex_in: Reindex):
    (small_home / "images").rename(small_home / "elsewhere")
    result = reindex_in(small_home, FOLDER)
    assert not result.success
    failed = next(event for event in result.all_events if event.is_step_failure)
    assert "does not exist; check `images`" in failed.step_failure_data.user_failure_data.description
