"""The home as a resource: opened and locked when a run starts, let go when it ends, however it ends.

What does not belong here: settings themselves (`clipper.settings`) and what is done in the home.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from pydantic import Field, PrivateAttr

from clipper.errors import ClipperError
from clipper.indexing.workspace import Workspace
from clipper.settings import Settings


class HomeResource(dg.ConfigurableResource):
    """One atlas's home. Each run reads its settings anew, so that an edited clipper.toml counts at once."""

    home: str = Field(default="", description="The atlas's folder; found as the command does when empty")
    wait: float = Field(default=3_600.0, ge=0, description="Seconds to wait for another run to end")
    _settings: Settings = PrivateAttr()
    _error: ClipperError | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HomeResource"]:  # noqa: ARG002 - Dagster's
        """Hold the home's lock for as long as the run lasts.

        A home that cannot be opened fails the first step that asks for it: of an error in here Dagster would
        show the stack trace, of a step's the one line that helps.
        """
        self._error = None
        with ExitStack() as held:
            try:
                self._settings = Settings.load(self.home or None)
                held.enter_context(Workspace(self._settings).home.writing(timeout=self.wait))
            except ClipperError as error:
                self._error = error
            yield self

    def workspace(self, **overrides: object) -> Workspace:
        """The home to write to, its settings with this run's own words on top.

        Raises:
            ClipperError: why the home could not be opened when the run started.
        """
        if self._error:
            raise self._error
        settings = Settings.load(self._settings.home, **overrides) if overrides else self._settings
        return Workspace(settings)
