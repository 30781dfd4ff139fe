"""A folder on the home's disk that a run's workers write to, where they see that disk.

Only the run moves files from there into the stores: what a worker that died, or one of a lost run, left there
counts for nothing, and is deleted. What does not belong here: the files in it.
"""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from clipper.errors import ClusterSetupError
from clipper.store.home import Home

# The name of a folder that a run of a later time deletes if this one cannot (`snapshots.prune`).
_PREFIX, _ENDING = ".cluster.", ".tmp"
_TOKEN = "token"  # noqa: S105 - no password: by it a worker knows that the folder is the run's


@dataclass(frozen=True)
class SharedFolder:
    """The folder, under a path that is the same on all machines, and the text that its file `token` has."""

    folder: str
    token: str

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder)

    def is_seen(self) -> bool:
        """Whether this machine sees the folder of the run, and not another disk under the same path."""
        try:
            return (self.path / _TOKEN).read_text("utf-8") == self.token
        except (OSError, UnicodeDecodeError):
            return False

    def prove(self) -> str:
        """Write a file to the folder; return its name, or "" where it is not seen or cannot be written."""
        if not self.is_seen():
            return ""
        name = f"proof-{uuid4().hex}"
        try:
            (self.path / name).write_text(self.token, "utf-8")
        except OSError:
            return ""
        return name

    def check_proof(self, name: str) -> None:
        """Check that this machine reads what a worker wrote.

        Raises:
            ClusterSetupError: it does not.
        """
        proof = self.path / name
        try:
            if proof.read_text("utf-8") == self.token:
                proof.unlink()
                return
        except (OSError, UnicodeDecodeError):
            pass
        raise ClusterSetupError(
            f"it writes files to {self.folder} that this machine cannot read; run it as the same user, and "
            "mount the home on the same disk"
        )


@contextmanager
def shared_folder(home: Home) -> Iterator[SharedFolder]:
    """Make a folder for a run's workers, and delete it when the block ends.

    The caller must hold the home's lock: folders of earlier runs are deleted, too.
    """
    store = home.store.absolute()
    for left in store.glob(f"{_PREFIX}*{_ENDING}"):
        shutil.rmtree(left, ignore_errors=True)
    token = uuid4().hex
    path = store / f"{_PREFIX}{token}{_ENDING}"
    path.mkdir(parents=True)
    (path / _TOKEN).write_text(token, "utf-8")
    try:
        yield SharedFolder(str(path), token)
    finally:
        _delete(path)


def _delete(path: Path) -> None:
    """Delete the folder, also while a worker whose task nobody waits for any longer writes to it.

    It is renamed first: after that no new file comes into it, which would keep it from being deleted.
    """
    gone = path.with_name(f"{_PREFIX}{uuid4().hex}{_ENDING}")
    with suppress(OSError):  # Windows renames no folder of which a file is open
        path = path.rename(gone)
    shutil.rmtree(path, ignore_errors=True)


def host() -> str:
    """Return the name of this machine, for messages."""
    return socket.gethostname()
