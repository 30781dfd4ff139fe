"""A session that follows a real home."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clipper.indexing import run
from viewer.app import Viewer
from viewer.components.page.follower import Follower
from viewer.dataset import versions
from viewer.session.state import ViewState

Index = Callable[[Path], dict[str, run.Step]]


@pytest.fixture
def home(small_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    monkeypatch.setattr(versions, "RETRY_SECONDS", 0.0)
    run_index(small_home)
    return small_home


@pytest.fixture
def viewer(home: Path) -> Viewer:
    return Viewer(ViewState(dataset=versions.load(home)))


@pytest.fixture
def follower(viewer: Viewer) -> Follower:
    return Follower(state=viewer.state)
