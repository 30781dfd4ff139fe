"""The atlas's home as a resource: its settings for everyone, and the lock that one run at a time holds.

What does not belong here: the settings themselves (`clipper.settings`) and what is done in the home.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from pydantic import Field, PrivateAttr, field_validator

from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
from pipelines.naming import Names
from pipelines.running.progress import ProgressLog


class PipelineSettings(Settings):
    """A home's settings, with a cron line that Dagster accepts: it is Dagster that runs it."""

    @field_validator("schedule")
    @classmethod
    def _is_cron_line(cls, line: str) -> str:
        try:
            dg.ScheduleDefinition(name="any", job_name="any", cron_schedule=line)
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError(
                "must be a cron line: minute, hour, day, month and weekday, as in 0 2 * * *"
            ) from error
        return line


class HomeResource(dg.ConfigurableResource):
    """One atlas's home. Runs, checks and sensors read its settings when they start, never before."""

    name: str = Field(default="", description="What sets its definitions apart from those of other homes")
    home: str = Field(default="", description="The atlas's folder; if empty, the one that `clipper` finds")
    wait: float = Field(default=3_600.0, ge=0, description="Seconds to wait for another run to end")
    _held: ExitStack = PrivateAttr()
    _settings: PipelineSettings | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HomeResource"]:  # noqa: ARG002 - Dagster's
        """Release the home's lock when the run ends, however it ends."""
        with ExitStack() as self._held:
            yield self

    @property
    def names(self) -> Names:
        """What the definitions of this home are called."""
        return Names(self.name)

    def settings(self) -> PipelineSettings:
        """The home's settings as they are now.

        Raises:
            SettingsError: no home, an unreadable clipper.toml, an unknown or malformed setting.
        """
        return PipelineSettings.load(self.home or None)

    def workspace(self, **overrides: object) -> Workspace:
        """The home to write to, locked until the run ends.

        The first step that calls this reads the settings for the whole run and waits for the lock. That is
        left to a step because Dagster shows the message of a step that fails, but only the stack trace of a
        resource that fails.

        Args:
            overrides: settings for this step alone.

        Raises:
            SettingsError: as `settings`.
            BusyError: another run holds the lock.
        """
        if self._settings is None:
            settings = self.settings()
            self._held.enter_context(Workspace(settings).home.writing(timeout=self.wait))
            self._settings = settings
        settings = self._settings
        if overrides:
            settings = PipelineSettings.load(settings.home, **overrides)
        return Workspace(settings, ProgressLog(dg.get_dagster_logger("clipper").info))
