"""What a run lacks of each content, and where the results of decoding are written, in shards.

What does not belong here: decoding (`indexing/contents/decode.py`), and one model's vectors
(`indexing/contents/model_vectors.py`).
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

from clipper.images.child_tasks import DecodeResult, decoded_side
from clipper.images.decode import THUMBNAIL_PIXELS
from clipper.indexing.contents.cluster import decode_on_cluster
from clipper.indexing.contents.cluster_worker import Done
from clipper.indexing.contents.decode import ToEmbed, decode_and_embed
from clipper.indexing.contents.model_vectors import ModelVectors
from clipper.indexing.contents.rows import OF_PICTURES, VECTORS, outcome_of, stores_of
from clipper.indexing.staging.workspace import Workspace
from clipper.metadata.values.types import first_few
from clipper.store import facts
from clipper.store.columns.entries import Entries
from clipper.store.columns.keys import Keys
from clipper.store.manifest import Manifest, in_order_of_reading

_DAMAGE_WAY_OUT = (
    'the column `damage` finds them, and damaged = "skip" in clipper.toml (or CLIPPER_DAMAGED=skip) leaves '
    "them out"
)
# Rows and seconds after which results are written to disk: a killed run loses no more than that.
SHARD_ROWS, SHARD_SECONDS = 2_048, 20.0


class ShardWriter:
    """Has decoded what is missing, and writes the results to their stores, in shards.

    `missing` has the contents that lack each part that all models share, and each of `models` has those that
    lack its vector. `failed` has content hash -> reason of contents that cannot be used.
    """

    def __init__(
        self, work: Workspace, manifest: Manifest, models: Sequence[ModelVectors], wanted: Sequence[str]
    ) -> None:
        """Find out what is missing.

        Args:
            work: the home.
            manifest: whose contents are wanted.
            models: whose vectors are wanted.
            wanted: of `CONTENT_PARTS`.
        """
        self.work, self.manifest, self.models, self.wanted = work, manifest, tuple(models), tuple(wanted)
        hashes = self.members = manifest.contents
        known = facts.known(work.facts, limits=work.settings.limits)
        self.failed = facts.failures(
            work.facts,
            known & hashes,
            limits=work.settings.limits,
            skip_damaged=work.settings.skips_damaged,
        )
        usable = hashes - Keys.of(self.failed)
        for each in self.models:
            each.look_for(usable)
        self.missing: dict[str, Keys] = {}
        if "thumbnails" in wanted:
            self.missing["thumbnails"] = usable - work.thumbnails.keys()
        self.missing["image_facts"] = hashes - known
        if "image_facts" in wanted:  # what older homes lack: they are decoded once more
            if work.settings.scores:
                self.missing["measures"] = usable - work.measures.keys()
            if work.settings.duplicates:
                self.missing["signatures"] = usable - work.signatures.keys()
        self.reused = {name: len(usable - missing) for name, missing in self.missing.items()}
        self._stores = stores_of(work.home)
        self.vanished: set[bytes] = set()
        self.notes: list[str] = []  # of a cluster's workers
        self.waiting_since = time.monotonic()  # when the first row came that is not written yet
        self.rows: dict[str, list[dict[str, object]]] = {name: [] for name in self.missing}
        self.done: dict[str, int] = dict.fromkeys(self.missing, 0)

    def _files_of(self, keys: Iterable[bytes]) -> Entries:
        """Return the files that have one of some contents."""
        files = self.manifest.entries
        return files.where(Keys.of(keys).mask(files.keys))

    @property
    def passed_over(self) -> set[str]:
        """The ids of the files that this run leaves out, and the next one tries again.

        They vanished before they were read; or they have good facts and cannot be decoded any more, so that
        they lack the vector of a model. Looked up in one go, as they may be many.
        """
        lost = Keys.of(self.failed)
        if not lost:
            return set()
        limits, skip = self.work.settings.limits, self.work.settings.skips_damaged
        lost -= Keys.of(facts.failures(self.work.facts, lost, limits=limits, skip_damaged=skip))
        lacking = reduce(or_, (lost - each.store.keys() for each in self.models), Keys.of(self.vanished))
        return set(self._files_of(lacking).names())

    def find_changed_pixels(self) -> list[ModelVectors]:
        """Return the models with vectors to be made again: an earlier decoder gave other pixels.

        The facts say so; `fill` makes them first, and then, called once more, the vectors.
        """
        remade = facts.remade(self.work.facts) & self.members
        found = []
        for each in self.models if remade else ():
            if again := remade - each.store.own_keys() - Keys.of(self.failed):
                each.make_again(again)
                found.append(each)
        return found

    def fill(self, models: Sequence[ModelVectors]) -> None:
        """Decode what is missing once, for these models too, embed it, and write it every few seconds.

        Each of the models is loaded. What has failed is not tried again.
        """
        lacking = reduce(or_, [*self.missing.values(), *(each.missing for each in models)], Keys.of([]))
        todo = lacking - Keys.of(self.failed)
        if todo:
            entries = in_order_of_reading(self._files_of(todo).first_of_each())
            for each in models:
                each.choose_engine(entries)
            progress, done = self.work.progress_for("embed" if models else "decode"), 0
            try:
                for taken in self._process(entries, models):
                    done += taken
                    progress(done, len(entries))
            finally:  # also if the run is interrupted
                self._flush()
        self.missing = {name: Keys.of([]) for name in self.missing}  # made, or failed

    def _process(self, entries: Entries, models: Sequence[ModelVectors]) -> Iterator[int]:
        """Decode and embed files, and keep what came of them; yield of how many at a time."""
        settings = self.work.settings
        to_embed = {each: ToEmbed(each.load(), each.missing) for each in models}
        pictures = reduce(or_, (self.missing.get(name, Keys.of([])) for name in OF_PICTURES), Keys.of([]))
        # The picture is decoded for the first model, so that both are made of one.
        is_first = bool(models) and models[0] is self.models[0]
        min_side = decoded_side(to_embed[models[0]].encoder.transform) if is_first else THUMBNAIL_PIXELS
        if not settings.dask:
            embedders = [*to_embed.values()]
            for result in decode_and_embed(
                entries, self.work.folder, settings, models=embedders, pictures=pictures, min_side=min_side
            ):
                self._take(result, models)
                yield 1
            return
        lacking = [each for each in models if each.missing]  # the workers need not load the others
        for count, made in decode_on_cluster(
            entries,
            settings,
            models=[(each.work.settings, to_embed[each]) for each in lacking],
            lacking=self.missing,
            min_side=min_side,
            note=self.notes.append,
        ):
            for result in made.results:
                self._take(result, lacking, only_vectors=made.only_vectors)
            self._take_shards(made, lacking)
            yield count

    def damage_notes(self) -> list[str]:
        """Name the damaged files that are indexed as far as they go."""
        damaged = facts.damaged_contents(self.work.facts).keys() - self.failed.keys()
        names = [entry.id for entry in self._files_of(damaged)]
        if not names:
            return []
        few = first_few(names)
        return [f"{len(names)} damaged file(s) are indexed as far as they go ({few}); {_DAMAGE_WAY_OUT}"]

    def reasons(self) -> dict[str, str]:
        """Return id -> reason of the files that cannot be used."""
        return {entry.id: self.failed[entry.content_hash] for entry in self._files_of(self.failed)}

    def _take(
        self, result: DecodeResult, models: Sequence[ModelVectors], *, only_vectors: bool = False
    ) -> None:
        """Keep what came of a content; with `only_vectors` the rest of it is kept already."""
        key = result.content_hash
        lacks = {name for name, keys in self.missing.items() if key in keys and not only_vectors}
        if any(key in each.missing for each in models):
            lacks.add(VECTORS)
        outcome = outcome_of(result, lacks, self.work.settings)
        for name, row in outcome.rows.items():
            self._add(name, row)
        for each, vector in zip(models, outcome.vectors, strict=False):  # none if all models have theirs
            if vector is not None:
                self._wait_from_now()
                each.add(vector)
        if outcome.reason is not None:
            self.failed[key] = outcome.reason
        if outcome.vanished:
            self.vanished.add(key)
        waited = time.monotonic() - self.waiting_since
        waiting = [*self.rows.values(), *(each.rows for each in models)]
        if max(map(len, waiting)) >= SHARD_ROWS or waited > SHARD_SECONDS:
            self._flush()

    def _take_shards(self, made: Done, models: Sequence[ModelVectors]) -> None:
        """Take what workers wrote, facts last; from here on it counts."""
        for each, shard in zip(models, made.vectors, strict=False):
            if shard:
                each.take(*shard)
        for name, store in self._stores.items():
            if shard := made.shards.get(name):
                store.take(Path(shard[0]))
                self.done[name] += shard[1]
        self.failed |= made.failed
        self.vanished |= made.vanished

    def _add(self, name: str, row: dict[str, object]) -> None:
        self._wait_from_now()
        self.rows[name].append(row)
        self.done[name] += 1

    def _wait_from_now(self) -> None:
        """Note when the first row comes that is not written yet."""
        if not any(self.rows.values()) and not any(each.rows for each in self.models):
            self.waiting_since = time.monotonic()

    def _flush(self) -> None:
        """Write the rows; facts last, so that a content with facts has everything else that was wanted."""
        for each in self.models:
            each.flush()
        for name, store in self._stores.items():
            if self.rows.get(name):
                store.append(self.rows[name])
                self.rows[name] = []
