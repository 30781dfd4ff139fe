"""What the viewer's tests share: a small fake atlas for pure things, the real server for the others."""

import pytest
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
