"""A session that follows a real home."""

from pathlib import Path

import pytest

from viewer.app import Viewer
from viewer.components.page.follower import Follower
from viewer.dataset import versions
from viewer.session.state import ViewState


@pytest.fixture
def home(indexed_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLIPPER_HOME", str(indexed_home))
    monkeypatch.setattr(versions, "RETRY_SECONDS", 0.0)
    return indexed_home


@pytest.fixture
def viewer(home: Path) -> Viewer:
    return Viewer(ViewState(dataset=versions.load(home)))


@pytest.fixture
def follower(viewer: Viewer) -> Follower:
    return Follower(state=viewer.state)
