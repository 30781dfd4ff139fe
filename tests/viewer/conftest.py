"""What the viewer's tests share: a small fake atlas for pure things, the real server for the others."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fakes import FakeAtlas

from viewer.dataset.dataset import Dataset
from viewer.session.search import Searcher
from viewer.session.state import ViewState


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(FakeAtlas())


@pytest.fixture
def state(dataset: Dataset) -> ViewState:
    return ViewState(dataset=dataset, colour="group")


@pytest.fixture
def searcher(state: ViewState) -> Searcher:
    return Searcher(state)
