"""Dagster's way through the gate: what is damaged just before publishing is not published either."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import damage
import pytest
from PIL import Image

import clipper
from pipelines.failures import reason_of_failure

Reindex = Callable[..., dg.ExecuteInProcessResult]


@pytest.mark.slow
@damage.each(others="reliability")
def test_a_part_that_is_damaged_after_its_checks_is_not_published(
    name: str,
    indexed_home: Path,
    reindex_in: Reindex,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
):
    before = clipper.published_version(indexed_home)
    Image.new("RGB", (64, 64), "teal").save(indexed_home / "images" / "new.png")
    with monkeypatch.context() as patch:
        damage.before_publishing(name, patch)
        result = reindex_in(indexed_home)
    assert not result.success
    assert clipper.published_version(indexed_home) == before
    assert damage.ALL[name].message in reason_of_failure(instance, result.run_id)
    damage.mend(indexed_home, name)
    assert reindex_in(indexed_home).success
    assert clipper.published_version(indexed_home) != before
