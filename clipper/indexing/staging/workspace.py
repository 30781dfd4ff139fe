"""A home that is being written: its settings and stores, the staged parts, and a step's report.

What does not belong here: the steps (`indexing/run.py`, `indexing/embed.py`).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clipper.errors import ImagesError, StoreError
from clipper.images.archives.folder import open_images
from clipper.images.listing import Listing
from clipper.metadata.columns import Column
from clipper.metadata.values.types import EXAMPLES
from clipper.projection.graph import NeighborGraph
from clipper.settings import Settings, absolute_location
from clipper.store import embeddings, facts, gps, snapshots
from clipper.store.home import Home
from clipper.store.manifest import Entry, Manifest
from clipper.store.parts import neighbors
from clipper.store.shards import ShardStore
from clipper.store.snapshots import Snapshot
from clipper.store.staged import ASSETS, INSIGHTS, Staged
from clipper.store.tables import read_made_of

if TYPE_CHECKING:
    from clipper.annotations.kinds import LabelFiles

Progress = Callable[[str, int, int], None]

# A run stops if more than this share of the published images are gone.
MAX_GONE = 0.5
# The reason why a file that was listed is not on the map, although it was never found to be damaged.
VANISHED = "vanished while it was being read"


@dataclass
class Step:
    """The report of one step: the version of its part, counts, failures and notes for a person."""

    name: str
    version: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # Set by the steps of insights: a few rows of what was found.
    rows: list[dict[str, Any]] = field(default_factory=list)
    # Set by the step that joins metadata; `columns_changed`: whether they differ from the published ones.
    columns: list[Column] = field(default_factory=list)
    columns_changed: bool = False
    # Set by the step that publishes: the parts whose version changed, and "model".
    replaced: list[str] = field(default_factory=list)


class Workspace:
    """A home that is being written: its settings, its stores, its staged parts, its progress."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.progress = progress or (lambda *_: None)
        self.folder = open_images(
            settings.images_location, max_bytes=settings.max_bytes, limits=settings.limits
        )
        self.facts = facts.store(self.home)
        self.coordinates = gps.store(self.home)
        self.thumbnails = facts.thumbnail_store(self.home)
        self.measures = facts.measures_store(self.home)
        self.signatures = facts.signature_store(self.home)
        self._read: tuple[str, Manifest] | None = None  # kept: a version never changes
        self._staged: Staged | None = None
        self._listing: Listing | None = None
        # The label files in that listing, once a step looked for them: each costs a look at its first bytes.
        self.labels_found: list[LabelFiles] | None = None

    @property
    def staged(self) -> Staged:
        """The parts that are staged, read from the home when first asked for."""
        if self._staged is None:
            self._staged = Staged.read(self.home)
        return self._staged

    def stage(self, **entries: Any) -> None:
        """Note what a step made, for the next step and for a run that is taken up again."""
        after = replace(self.staged, **entries)
        if after != self._staged:
            after.write(self.home)
            self._staged = after

    def list_files(self, before: Manifest | None) -> Listing:
        """List the images folder now; keep what a later step needs of it, which are not the images.

        Args:
            before: the manifest whose files need not be opened again to see what they are.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        if before is None:
            listing = self.folder.list_files()
        else:
            ids = {entry.id for entry in before.entries}
            listing = self.folder.list_files(archives=before.archives, images=ids)
        self._listing = replace(listing, images=[])
        self.labels_found = None
        return listing

    def listing(self) -> Listing:
        """Return the files of the folder but the images, as this run listed them; list them if it did not.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        if self._listing is None:
            self.list_files(self.manifest()[1] if self.staged.manifest else None)
        return self._listing or Listing()

    def is_of_this_folder(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot was made of the images folder that the settings name now."""
        return absolute_location(snapshot.images, base=self.home.folder) == self.settings.images_location

    def take_up(self) -> None:
        """Start a run from the parts that the last run staged, else from the published ones."""
        self._staged = None
        published = snapshots.current(self.home)
        if published and not self.home.staged.exists():
            self.stage(**vars(snapshots.staged_from(published)))

    def condemn(self, part: str) -> bool:
        """Mark a staged part as wrong: the step that makes it will make it again.

        Returns:
            whether a step can: no step makes vectors again, or a part that is published already.
        """
        published = snapshots.current(self.home)
        if part == "embeddings" or (published and published.parts.get(part) == getattr(self.staged, part)):
            return False
        self.stage(condemned=tuple(sorted({*self.staged.condemned, part})))
        return True

    def drop_condemned(self, part: str) -> None:
        """Delete a staged part that an audit condemned, and stage the published one in its place."""
        if part not in self.staged.condemned:
            return
        for suffix in (".parquet", ".json", ".arrow", ""):
            snapshots.remove(self.home.part(part, getattr(self.staged, part), suffix))
        self._read = None
        published = snapshots.current(self.home)
        instead = vars(snapshots.staged_from(published) if published else Staged())
        names = {part, f"{part}_manifest", f"{part}_of"} & instead.keys()
        condemned = tuple(other for other in self.staged.condemned if other != part)
        self.stage(**{name: instead[name] for name in names}, condemned=condemned)

    def require(self, part: str) -> str:
        """Return the staged version of a part.

        Raises:
            StoreError: the part is not made yet; the message names the asset to materialize.
        """
        return self.staged.require(self.home, part)

    def manifest(self) -> tuple[str, Manifest]:
        """Return the version of the staged manifest, and the manifest."""
        version = self.require("manifest")
        if self._read is None or self._read[0] != version:
            self._read = version, Manifest.read(self.home.part("manifest", version))
        return self._read

    @property
    def may_be_empty(self) -> bool:
        """Whether a version without images may follow: a person allows it, or the published one has none."""
        published = snapshots.current(self.home)
        return published is not None and (self.settings.allow_shrink or not published.counts["images"])

    def members(self) -> list[Entry]:
        """Return the usable images: the files of the manifest that were decoded.

        Raises:
            StoreError: some files were never decoded.
            ImagesError: no file is a usable image, and not `may_be_empty`.
        """
        _, manifest = self.manifest()
        tried = facts.known(self.facts, limits=self.settings.limits)
        bad = facts.failures(
            self.facts,
            manifest.hashes(),
            limits=self.settings.limits,
            skip_damaged=self.settings.skips_damaged,
        )
        passed_over = set(self.staged.passed_over)
        unknown = [e.id for e in manifest.entries if e.content_hash not in tried]
        if set(unknown) - passed_over:
            raise StoreError(f"{len(unknown)} images have no facts; materialize image_facts first")
        usable = tried - set(bad)
        members = [e for e in manifest.entries if e.content_hash in usable and e.id not in passed_over]
        if not members and not self.may_be_empty:
            raise ImagesError(_none_usable(manifest, bad, passed_over))
        return members

    def contents(self) -> list[bytes]:
        """Return the content hashes of the usable images, sorted; copies share one."""
        return sorted({entry.content_hash for entry in self.members()})

    def remade(self, keys: Collection[bytes]) -> list[str]:
        """Return those of `keys`, in hexadecimal and sorted, that earlier decoders gave other pixels of.

        The contents are the same, but not their vectors: a part that an earlier Clipper made of them has
        another `REVISION`, or none, and is stale there.
        """
        return sorted(key.hex() for key in facts.remade(self.facts).intersection(keys))

    def embeddings(self) -> tuple[str, Mapping[str, Any], ShardStore]:
        """Return the key of the staged model, its description, and the store of its vectors."""
        key = self.require("embeddings")
        model = self.staged.model
        return key, model, embeddings.of_model(self.home, key, model)

    def graph(self, keys: Sequence[bytes]) -> NeighborGraph:
        """Read the staged graph of the contents `keys`, its rows in their order.

        Raises:
            StoreError: it is missing or damaged, or is of other contents.
        """
        import numpy as np

        known, rows, distances = neighbors.read(self.home.part("neighbours", self.require("neighbours")))
        place = {key: row for row, key in enumerate(known)}
        if len(known) != len(keys) or not place.keys() >= set(keys):
            raise StoreError(
                "image_neighbours was made from other images; materialize image_neighbours again"
            )
        return NeighborGraph(rows, distances).reordered(np.array([place[key] for key in keys], np.int64))

    def consistent(self) -> Staged:
        """Return the staged parts if they were made from the same manifest.

        Raises:
            StoreError: parts were made from different manifests; the message names the asset.
        """
        made_from = {
            "metadata": self.staged.metadata_manifest,
            "neighbours": self.staged.neighbours_manifest,
            "projection": self.staged.projection_manifest,
        }
        for part, manifest in made_from.items():
            self.require(part)
            if manifest != self.staged.manifest:
                raise StoreError(
                    f"{ASSETS[part]} was made from another manifest; materialize {ASSETS[part]} again"
                )
        return self.staged

    def refuse_older_insights(self) -> None:
        """Stop if an insight was made of other parts than those that are staged.

        Raises:
            StoreError: the message names the asset to materialize.
        """
        for part in INSIGHTS:
            version = getattr(self.staged, part)
            made_of = read_made_of(self.home.part(part, version))["of"] if version else {}
            if any(getattr(self.staged, name) != of for name, of in made_of.items()):
                raise StoreError(f"{ASSETS[part]} is older than its inputs; materialize {ASSETS[part]} again")

    def progress_for(self, stage: str) -> Callable[[int, int], None]:
        """Return the function to which a stage reports its progress: done, total."""
        return lambda done, total: self.progress(stage, done, total)


def _none_usable(manifest: Manifest, bad: Mapping[bytes, str], passed_over: Iterable[str]) -> str:
    reasons = {e.id: bad[e.content_hash] for e in manifest.entries if e.content_hash in bad}
    reasons |= manifest.unreadable | dict.fromkeys(sorted(passed_over), VANISHED)
    named = [f"{image_id} {reason}" for image_id, reason in list(reasons.items())[:EXAMPLES]]
    more = f" and {len(reasons) - EXAMPLES:,} more" if len(reasons) > EXAMPLES else ""
    files = len(manifest.entries) + len(manifest.unreadable)
    return f"none of the {files:,} files is a usable image: {'; '.join(named)}{more}"


@contextmanager
def timed(name: str) -> Iterator[Step]:
    """Yield the report of a step and measure the seconds of the block."""
    step = Step(name)
    started = time.monotonic()
    yield step
    step.seconds = round(time.monotonic() - started, 3)


def refuse_fewer(work: Workspace, images: int, before: Snapshot | None) -> None:
    """Stop before a version with far fewer images than the published one: a disk may not be mounted.

    Raises:
        ImagesError: more than half of the images are gone, and `allow_shrink` is off.
    """
    if before is None or work.settings.allow_shrink:
        return
    if not work.is_of_this_folder(before):
        return  # another folder may hold fewer
    if images < (1 - MAX_GONE) * before.counts["images"]:
        raise ImagesError(
            f"{before.counts['images'] - images:,} of {before.counts['images']:,} images are gone from "
            f"{work.folder.location}, or unreadable; nothing was changed. Is a disk not mounted? If they are "
            "meant to be gone: `clipper index --allow-shrink`, or allow_shrink = true in clipper.toml"
        )
