"""A home that is being written: its settings and stores, the staged parts, and a step's report.

What does not belong here: the steps (`indexing/run.py`, `indexing/embed.py`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clipper.columns import rows_of
from clipper.errors import ImagesError, StoreError
from clipper.images.archives.folder import open_images
from clipper.images.files.fetched import FetchedFiles
from clipper.images.files.found import FoundImages
from clipper.images.listing import Listing
from clipper.metadata.columns import Column
from clipper.metadata.values.types import EXAMPLES
from clipper.projection.graph import NeighborGraph
from clipper.settings import Settings
from clipper.store import embeddings, facts, gps, snapshots
from clipper.store.columns.entries import Entries, SortedNames
from clipper.store.columns.keys import Keys
from clipper.store.home import Home
from clipper.store.manifest import Manifest
from clipper.store.parts import neighbors
from clipper.store.shards import ShardStore
from clipper.store.snapshots import Snapshot
from clipper.store.staged import ASSETS, INSIGHTS, MODEL_PARTS, Staged
from clipper.store.tables import read_made_of
from clipper.system import give_back_memory

if TYPE_CHECKING:
    from clipper.annotations.kinds import LabelFiles

Progress = Callable[[str, int, int], None]

# A run stops if more than this share of the published images are gone.
MAX_GONE = 0.5
# The reason why a file that was listed is not on the map, although it was never found to be damaged.
VANISHED = "vanished while it was being read, or can no longer be decoded"


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
    # Set by a step that every model has, in an atlas of several: the reports of the models but the first.
    further: "dict[str, Step]" = field(default_factory=dict)
    # Set by the step that publishes: the parts whose version changed, and "model".
    replaced: list[str] = field(default_factory=list)


class Workspace:
    """A home that is being written: its settings, its stores, its staged parts, its progress."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.progress = progress or (lambda *_: None)
        # What a run enters before it computes vectors: it may have to wait for its turn at the model.
        self.model_turn: Callable[[], AbstractContextManager[None]] = nullcontext
        self.folder = open_images(
            settings.images_location, max_bytes=settings.max_bytes, limits=settings.limits
        )
        if self.folder.is_fetched():
            self.folder.fetched = FetchedFiles(self.home.fetched)
        self.facts = facts.store(self.home)
        self.coordinates = gps.store(self.home)
        self.thumbnails = facts.thumbnail_store(self.home)
        self.measures = facts.measures_store(self.home)
        self.signatures = facts.signature_store(self.home)
        # In lists of one, which the workspaces of all models share.
        self._read: list[tuple[str, Manifest]] = []  # kept: a version never changes
        self._staged: list[Staged] = []
        self._model = ""  # the fingerprint of the model whose parts are seen; "" for the first
        self._listing: Listing | None = None
        # The label files in that listing, once a step looked for them: each costs a look at its first bytes.
        self.labels_found: list[LabelFiles] | None = None

    @property
    def staged(self) -> Staged:
        """The parts that are staged, read from the home when first asked for."""
        staged = self._staged_by_all()
        return staged.of_model(self._model) if self._model else staged

    def stage(self, **entries: Any) -> None:
        """Note what a step made, for the next step and for a run that is taken up again."""
        staged = self._staged_by_all()
        self._keep(staged.with_model(self._model, entries) if self._model else replace(staged, **entries))

    def stage_models(self, models: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Note the key of the vectors and the description of each model, the first one first."""
        staged = self._staged_by_all()
        fingerprints = [str(model["fingerprint"]) for _, model in models]
        if staged.fingerprints != tuple(fingerprints):
            staged = staged.with_models(fingerprints)
        staged = replace(staged, embeddings=models[0][0], model=models[0][1])
        for fingerprint, (key, model) in zip(fingerprints[1:], models[1:], strict=True):
            staged = staged.with_model(fingerprint, {"embeddings": key, "model": model})
        self._keep(staged)

    def each_model(self) -> "list[Workspace]":
        """Return this workspace as each staged model sees it, the first one first."""
        first = self._as_seen_by("") if self._model else self
        return [first, *map(self._as_seen_by, self._staged_by_all().further)]

    @property
    def is_further(self) -> bool:
        """Whether this is the workspace as a model sees it that is not the first."""
        return bool(self._model)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that this workspace's model has: the first model has those that all share, too."""
        return MODEL_PARTS if self._model else snapshots.PARTS

    @property
    def insights(self) -> tuple[str, ...]:
        """The insights among `parts`."""
        return tuple(part for part in INSIGHTS if part in self.parts)

    def with_settings(self, settings: Settings) -> "Workspace":
        """Return this workspace with other settings: those of one of its models alone."""
        other = copy(self)
        other.settings = settings
        return other

    def _as_seen_by(self, fingerprint: str) -> "Workspace":
        view = copy(self)
        vars(view)["_model"] = fingerprint
        return view

    def _staged_by_all(self) -> Staged:
        if not self._staged:
            self._staged.append(Staged.read(self.home))
        return self._staged[0]

    def _keep(self, after: Staged) -> None:
        before = self._staged_by_all()
        if (after, after.fingerprints) != (before, before.fingerprints):
            after.write(self.home)
            self._staged[0] = after

    @property
    def published(self) -> Staged:
        """What is published, as the next run starts from it, and as this workspace's model sees it.

        A first model that is new sees the parts of the one before, from which it starts.
        """
        published = snapshots.current(self.home)
        staged = snapshots.staged_from(published) if published else Staged()
        model = self._model or str(self._staged_by_all().model.get("fingerprint", ""))
        return staged.of_model(model) if self._model or model in staged.fingerprints else staged

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
            ids = SortedNames(before.entries.ids)
            listing = self.folder.list_files(archives=before.archives, images=ids)
        self._listing = replace(listing, images=FoundImages.of([]))
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
        return self.settings.locate_images(snapshot.images) == self.settings.images_location

    def take_up(self) -> None:
        """Start a run from the parts that the last run staged, else from the published ones."""
        self._staged.clear()
        published = snapshots.current(self.home)
        if published and not self.home.staged.exists():
            self.stage(**vars(snapshots.staged_from(published)))

    def condemn(self, part: str) -> bool:
        """Mark a staged part as wrong: the step that makes it will make it again.

        Returns:
            whether a step can: no step makes vectors again, or a part that is published already.
        """
        if part == "embeddings" or getattr(self.published, part) == getattr(self.staged, part):
            return False
        self.stage(condemned=tuple(sorted({*self.staged.condemned, part})))
        return True

    def drop_condemned(self, part: str) -> None:
        """Delete a staged part that an audit condemned, and stage the published one in its place."""
        if part not in self.staged.condemned:
            return
        for suffix in (".parquet", ".json", ".arrow", ""):
            snapshots.remove(self.home.part(part, getattr(self.staged, part), suffix))
        self.forget_manifest()
        instead = vars(self.published)
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
        manifest = self.manifest_of(version)
        return version, manifest or Manifest.read(self.home.part("manifest", version))

    def forget_manifest(self) -> None:
        """Read the manifest again when it is asked for next."""
        self._read.clear()

    def manifest_of(self, version: str) -> Manifest | None:
        """Return a version of the manifest, which is kept until another is asked for; None if it is gone."""
        if not self._read or self._read[0][0] != version:
            path = self.home.part("manifest", version)
            if not version or not path.exists():
                return None
            self._read[:] = [(version, Manifest.read(path))]
        return self._read[0][1]

    @property
    def may_be_empty(self) -> bool:
        """Whether a version without images may follow: a person allows it, or the published one has none."""
        published = snapshots.current(self.home)
        return published is not None and (self.settings.allow_shrink or not published.counts["images"])

    def members(self) -> Entries:
        """Return the usable images: the files of the manifest that were decoded.

        Raises:
            StoreError: some files were never decoded.
            ImagesError: no file is a usable image, and not `may_be_empty`.
        """
        import numpy as np
        import pyarrow as pa

        _, manifest = self.manifest()
        entries, contents = manifest.entries, manifest.contents
        tried = facts.known(self.facts, limits=self.settings.limits)
        bad = facts.failures(
            self.facts, contents, limits=self.settings.limits, skip_damaged=self.settings.skips_damaged
        )
        kept = np.ones(len(entries), bool)
        if self.staged.passed_over:
            passed_over = pa.array(self.staged.passed_over, pa.large_string())
            kept = rows_of(entries.ids, passed_over) < 0
        if len(contents - tried) and (unknown := kept & ~tried.mask(entries.keys)).any():
            raise StoreError(f"{unknown.sum()} images have no facts; materialize image_facts first")
        lost = (contents - tried) | Keys.of(bad)
        members = entries.where(kept & ~lost.mask(entries.keys)) if len(lost) else entries.where(kept)
        if not members and not self.may_be_empty:
            raise ImagesError(_none_usable(manifest, bad, self.staged.passed_over))
        return members

    def contents(self) -> Keys:
        """Return the content hashes of the usable images, sorted; copies share one."""
        return self.members().contents

    def remade(self, keys: AbstractSet[bytes]) -> list[str]:
        """Return those of `keys`, in hexadecimal and sorted, that earlier decoders gave other pixels of.

        The contents are the same, but not their vectors: a part that an earlier Clipper made of them has
        another `REVISION`, or none, and is stale there.
        """
        return [key.hex() for key in facts.remade(self.facts) & keys]

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
        import pyarrow as pa

        known, rows, distances = neighbors.read(self.home.part("neighbours", self.require("neighbours")))
        place = rows_of(pa.array(keys, pa.binary(16)), known)
        if len(known) != len(keys) or (place < 0).any():
            raise StoreError(
                "image_neighbours was made from other images; materialize image_neighbours again"
            )
        graph = NeighborGraph(rows, distances)
        return graph if np.array_equal(place, np.arange(len(place))) else graph.reordered(place)

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
        for part in (*self.insights, "agreement"):
            version = getattr(self.staged, part)
            made_of = read_made_of(self.home.part(part, version))["of"] if version else {}
            if any(getattr(self.staged, name) != of for name, of in made_of.items()):
                raise StoreError(f"{ASSETS[part]} is older than its inputs; materialize {ASSETS[part]} again")

    def progress_for(self, stage: str) -> Callable[[int, int], None]:
        """Return the function to which a stage reports its progress: done, total."""
        return lambda done, total: self.progress(stage, done, total)


def _none_usable(manifest: Manifest, bad: Mapping[bytes, str], passed_over: Iterable[str]) -> str:
    lost = manifest.entries.where(Keys.of(bad).mask(manifest.entries.keys))
    reasons = {entry.id: bad[entry.content_hash] for entry in lost}
    reasons |= manifest.unreadable | dict.fromkeys(sorted(passed_over), VANISHED)
    named = [f"{image_id} {reason}" for image_id, reason in list(reasons.items())[:EXAMPLES]]
    more = f" and {len(reasons) - EXAMPLES:,} more" if len(reasons) > EXAMPLES else ""
    files = len(manifest.entries) + len(manifest.unreadable)
    return f"none of the {files:,} files is a usable image: {'; '.join(named)}{more}"


@contextmanager
def timed(name: str) -> Iterator[Step]:
    """Yield the report of a step and measure the seconds of the block."""
    give_back_memory()
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
