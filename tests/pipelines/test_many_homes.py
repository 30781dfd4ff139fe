"""Several homes in one Dagster: each has its own names, settings, runs and pool."""

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster_dev import dagster_dev, launch, make_instance, wait_for

import clipper
from clipper.settings import CONFIG_NAME
from pipelines import compat
from pipelines.compat import claim_slot, release_slot
from pipelines.definitions import build_definitions, build_many
from pipelines.history import lost_runs_sensor, prune
from pipelines.naming import Names, name_of
from pipelines.resources import HomeResource
from pipelines.running import model_pool
from pipelines.running.model_pool import MODEL_POOL

PHOTOS, PAINTINGS = Names("photos"), Names("paintings")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/srv/photos/.clipper", "photos"),
        ("/srv/photos", "photos"),
        ("/srv/My  photos -- 2026!/.clipper", "My_photos_2026"),
        ("/srv/a__b_", "a_b"),
        ("s3://bucket/paintings/.clipper", "paintings"),
    ],
)
def test_a_home_has_the_name_of_its_folder(folder: str, name: str):
    assert name_of(folder) == name


def test_names_that_dagster_cannot_have_or_that_are_taken_are_told_apart():
    odd = [name_of(Path(f"/srv/{label}/.clipper")) for label in ("фото", "картины", "2026", "...")]
    assert len(set(odd)) == 4
    same = [name_of(Path(f"/srv/{team}/photos"), taken=["Photos"]) for team in ("a", "b")]
    assert len({*same, "photos"}) == 3
    for name in (*odd, *same):
        dg.Definitions.validate_loadable(build_definitions(f"/srv/{name}", name=name))


@pytest.mark.parametrize("name", ["my photos", "a__b", "_", "фото"])
def test_a_name_that_dagster_cannot_have_is_refused_in_one_line(name: str):
    with pytest.raises(ValueError, match=f"^name = '{name}': .*letters, digits and single underscores$"):
        build_definitions("/srv/photos", name=name)


def test_ten_homes_load_beside_each_other_and_share_no_name(tmp_path: Path):
    folders = [tmp_path / team / "photos" / ".clipper" for team in "abcdefghij"]
    definitions = build_many(folders)
    dg.Definitions.validate_loadable(definitions)
    assert len({job.name for job in definitions.jobs}) == 20
    assert len({sensor.name for sensor in definitions.sensors}) == 30
    assert len({schedule.name for schedule in definitions.schedules}) == 20
    graph = definitions.resolve_asset_graph()
    assert len(graph.get_all_asset_keys()) == 10 * 17
    for key in graph.get_all_asset_keys():
        assert {parent.path[0] for parent in graph.get(key).parent_keys} <= {key.path[0]}
    names = {key.path[0] for key in graph.get_all_asset_keys()}
    assert "photos" in names
    more = build_many([*folders, tmp_path / "k" / "photos"]).resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in more} > names, "a home that is added renames no other"


def test_a_home_that_is_there_twice_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=f"twice: {tmp_path / 'photos'}"):
        build_many([tmp_path / "photos", tmp_path / "photos" / ".." / "photos"])


def run(home: Path, instance: dg.DagsterInstance, *assets: str) -> dg.ExecuteInProcessResult:
    job = build_definitions(home).resolve_job_def(f"{home.name}__reindex")
    selection = [Names(home.name).key(asset) for asset in assets] or None
    return job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False)


def test_each_home_is_indexed_under_its_own_keys_and_from_its_own_settings(
    home_of: Callable[[str, int], Path], instance: dg.DagsterInstance
):
    photos, paintings = home_of("photos", 16), home_of("paintings", 12)
    for home, images in ((photos, 16), (paintings, 12)):
        assert run(home, instance, "images_folder", "image_manifest").success
        made = instance.get_latest_materialization_event(Names(home.name).key("image_manifest"))
        assert made.asset_materialization.metadata["images"].value == images
    assert instance.get_latest_materialization_event(dg.AssetKey("image_manifest")) is None


def test_schedule_and_sensor_of_a_home_see_that_home_alone(
    home_of: Callable[[str, int], Path], instance: dg.DagsterInstance
):
    photos, paintings = home_of("photos", 16), home_of("paintings", 12)
    (paintings / CONFIG_NAME).open("a").write('schedule = "15 * * * *"\n')
    definitions = build_many([photos, paintings])
    lines = {made.name: made.cron_schedule for made in definitions.schedules}
    assert lines["photos__scheduled_reindex"] == "0 2 * * *"
    assert lines["paintings__scheduled_reindex"] == "15 * * * *"
    sensors = {made.name: made for made in definitions.sensors}

    def tick(name: str, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            return sensors[f"{name}__folder_changes"](context)

    job = build_definitions(photos).resolve_job_def("photos__reindex")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "in progress" in tick("photos").skip_message
    first = tick("paintings")
    assert len(first.run_requests) == 1
    next((photos / "images").iterdir()).unlink()
    assert tick("paintings", first.cursor).skip_message == "nothing changed in the images folder"
    next((paintings / "images").iterdir()).unlink()
    assert len(tick("paintings", first.cursor).run_requests) == 1


@pytest.mark.slow
def test_pruning_one_home_leaves_the_runs_of_others(
    home_of: Callable[[str, int], Path], instance: dg.DagsterInstance
):
    photos, paintings = home_of("photos", 16), home_of("paintings", 12)
    ours = [run(photos, instance, "image_manifest").run_id for _ in range(2)]
    others = [run(paintings, instance, "image_manifest").run_id for _ in range(2)]
    deleted = prune(instance, older_than=timedelta(0), location=None, names=PHOTOS)
    assert deleted == ours[:1]
    assert {one.run_id for one in instance.get_runs()} == {ours[1], *others}


def test_runs_without_the_job_belong_to_the_home_of_their_assets():
    def of(*keys: dg.AssetKey) -> dg.DagsterRun:
        return dg.DagsterRun(job_name="__ASSET_JOB", asset_selection=frozenset(keys))

    assert PHOTOS.owns(of(PHOTOS.key("atlas")))
    assert not PAINTINGS.owns(of(PHOTOS.key("atlas")))
    assert not PHOTOS.owns(of(PHOTOS.key("atlas"), PAINTINGS.key("atlas")))
    assert not PHOTOS.owns(dg.DagsterRun(job_name="photos_2__reindex"))


def test_the_pool_of_a_home_is_there_before_its_first_run(tmp_path: Path):
    lost_runs = lost_runs_sensor(HomeResource(home="/srv/photos", name="photos"))
    with dg.DagsterInstance.from_config(str(make_instance(tmp_path / "dagster"))) as instance:
        for _ in range(2):
            lost_runs(dg.build_sensor_context(instance=instance))
            assert pools(instance) == {PHOTOS.pool}


def test_a_slot_of_the_model_is_claimed_by_one_run_at_a_time(instance: dg.DagsterInstance):
    assert claim_slot(instance, "without a limit", "one", "step")
    instance.event_log_storage.set_concurrency_slots(MODEL_POOL, 1)
    assert claim_slot(instance, MODEL_POOL, "one", "step")
    assert not claim_slot(instance, MODEL_POOL, "two", "step")
    release_slot(instance, "one", "step")
    assert claim_slot(instance, MODEL_POOL, "two", "step")
    assert not claim_slot(instance, MODEL_POOL, "three", "step")
    compat.free_slots(instance, "two")
    assert claim_slot(instance, MODEL_POOL, "three", "step")


def test_a_step_waits_for_its_turn_at_the_model_says_so_and_gives_it_back(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_pool, "POLL_SECONDS", 0.05)
    instance.event_log_storage.set_concurrency_slots(MODEL_POOL, 1)
    assert claim_slot(instance, MODEL_POOL, "another run", "step")
    said: list[str] = []

    def hear(message: str, *names: str) -> None:
        said.append(message % names)
        release_slot(instance, "another run", "step")  # it ends

    context = SimpleNamespace(
        instance=instance,
        run=SimpleNamespace(run_id="this run"),
        log=SimpleNamespace(info=hear),
        op_execution_context=SimpleNamespace(op_def=SimpleNamespace(name="image_contents")),
    )
    with model_pool.model_turn(context):
        assert not claim_slot(instance, MODEL_POOL, "a third run", "step")
    assert said == ["waiting for the pool clipper_model: as many other runs embed as its limit allows"]
    assert claim_slot(instance, MODEL_POOL, "a third run", "step")


MANY = """
import os
from pathlib import Path
from pipelines.definitions import build_many
defs = build_many(sorted(Path(os.environ["HOMES"]).iterdir()))
"""


@pytest.mark.linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_homes_in_one_dagster_two_of_them_at_once_and_never_two_runs_of_one(
    home_at: Callable[[Path, int], Path], tmp_path: Path
):
    homes = [home_at(tmp_path / "homes" / f"home{n}", 12) for n in range(10)]
    for home in homes[2:]:  # their sensors have nothing to ask for
        (home / "images").rename(home / "elsewhere")
    (tmp_path / "many.py").write_text(MANY)
    folder = make_instance(tmp_path / "dagster")
    load = ("-f", str(tmp_path / "many.py"))
    with (
        dagster_dev(homes[0], folder, load=load, HOMES=str(tmp_path / "homes")) as url,
        dg.DagsterInstance.from_config(str(folder)) as instance,
    ):
        wait_for(lambda: {f"clipper_home_home{n}" for n in (0, 1)} <= pools(instance), "the pools")
        for name in ("home0", "home1", "home0"):
            launch(url, f"{name}__reindex")
        most = 0
        deadline = time.monotonic() + 1200
        while time.monotonic() < deadline and len(reindexed(instance, "home0")) < 2:
            busy = {record.dagster_run.job_name for record in instance.get_run_records(BUSY)}
            most = max(most, sum(name.endswith("__reindex") for name in busy))
            time.sleep(0.2)
        wait_for(lambda: all(clipper.published_version(home) for home in homes[:2]), "both atlases")
        spans = sorted((record.start_time, record.end_time) for record in reindexed(instance, "home0"))
        assert len(spans) >= 2
        for (_, ends), (begins, _) in pairwise(spans):
            assert ends <= begins
    assert most == 2
    for home in homes[2:]:
        assert clipper.published_version(home) is None


def reindexed(instance: dg.DagsterInstance, name: str) -> list[dg.RunRecord]:
    """The runs that reindexed a home to their end; sensors may have asked for some."""
    done = instance.get_run_records(DONE)
    return [record for record in done if record.dagster_run.job_name == f"{name}__reindex"]


def pools(instance: dg.DagsterInstance) -> set[str]:
    """The names of the pools that have a limit."""
    return {limit.name for limit in instance.event_log_storage.get_pool_limits()}


BUSY = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
DONE = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
