"""Dagster's records in a real Postgres, with the dagster.yaml that docs/operations.md shows."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster_dev import ROOT
from ports import free_port
from test_recovery import begin, process_of

from clipper.store.home import Home
from pipelines.compat import claim_slot, free_slots
from pipelines.history import find_lost, prune
from pipelines.running.model_pool import MODEL_POOL

pytestmark = [pytest.mark.linux, pytest.mark.slow]
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
    Path(found).parent for found in [shutil.which("initdb")] if found
]
# Postgres refuses to run as root; Debian's package brings a user for it.
AS_USER = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()


def need_postgres() -> Path:
    if not BINARIES:
        assert not os.environ.get("CLIPPER_REQUIRE_POSTGRES"), "install Debian's package postgresql"
        pytest.skip("needs Postgres: Debian's package postgresql")
    pytest.importorskip("dagster_postgres")
    return BINARIES[-1]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A Postgres of its own, with a database `dagster`."""
    bin_ = need_postgres()
    number = free_port()
    # Not below pytest's folder, which the user of Postgres may not enter.
    folder = Path(tempfile.mkdtemp(prefix="clipper-postgres-", dir="/tmp"))
    if AS_USER:
        shutil.chown(folder, "postgres")

    def postgres(*command: str) -> None:
        subprocess.run([*AS_USER, *command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=120)

    try:
        postgres(str(bin_ / "initdb"), "-D", f"{folder}/data", "-U", "dagster", "--auth=trust", "--no-sync")
        options = f"-p {number} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        postgres(str(bin_ / "pg_ctl"), "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options,
                 "start")  # fmt: skip
        postgres(str(bin_ / "createdb"), "-h", "127.0.0.1", "-p", str(number), "-U", "dagster", "dagster")
        yield number
    finally:
        subprocess.run(
            [*AS_USER, str(bin_ / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop"],
            check=False, cwd="/", stdout=subprocess.DEVNULL,
        )  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(port: int, tmp_path: Path) -> Path:
    """An instance's folder: the dagster.yaml of the clone, and what the documentation adds to it."""
    (shown,) = re.findall(
        r"```yaml\n(storage:\n.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL
    )
    made = tmp_path / "dagster"
    made.mkdir()
    storage = shown.replace("db.example.org", "127.0.0.1").replace("5432", str(port))
    (made / "dagster.yaml").write_text((ROOT / "pipelines" / "dagster.yaml").read_text() + storage)
    return made


@pytest.fixture
def records(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "any")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def test_a_run_is_recorded_in_postgres_and_nothing_of_it_in_files(
    small_home: Path, folder: Path, records: dg.DagsterInstance
):
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "pipelines.definitions"]
    subprocess.run(
        [*command, "--select", "image_manifest"],
        env=os.environ | {"CLIPPER_HOME": str(small_home), "DAGSTER_HOME": str(folder)},
        cwd=folder,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    (run,) = records.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    made = records.get_latest_materialization_event(dg.AssetKey("image_manifest"))
    assert made.asset_materialization.metadata["images"].value == 24
    assert not [*folder.rglob("*.db")]
    assert Home(small_home).store.exists()
    assert prune(records, older_than=timedelta(0), location=None) == []  # the asset's page shows it


def test_a_killed_run_is_found_lost_and_its_slot_is_free_again(records: dg.DagsterInstance):
    assert claim_slot(records, MODEL_POOL, "another", "step")
    run_id = begin(records)
    with process_of(records, run_id) as process:
        assert find_lost(records, location=None) == []
        assert not claim_slot(records, MODEL_POOL, run_id, "step")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert [run.run_id for run in find_lost(records, location=None)] == [run_id]
    free_slots(records, "another")
    assert claim_slot(records, MODEL_POOL, run_id, "step")
