"""Step 2, one pass over the image files: all that is made of a content, for those that lack some.

What does not belong here: decoding (`indexing/contents/decode.py`), and the model (`models/clip.py`).
"""

import json
import time
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clipper.hashing import digest
from clipper.images.child_tasks import DecodeResult
from clipper.images.decode import DECODER_VERSION, PIXELS_VERSION
from clipper.indexing.contents.cluster import decode_on_cluster
from clipper.indexing.contents.decode import decode_and_embed
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.metadata.values.types import first_few
from clipper.models import clip as model
from clipper.models import reference_texts
from clipper.models import source as model_files
from clipper.settings import Settings
from clipper.store import embeddings, facts, gps, snapshots
from clipper.store.manifest import Entry, Manifest, in_order_of_reading

if TYPE_CHECKING:
    from clipper.store.shards import ShardStore

CONTENT_PARTS = ("clip_embeddings", "thumbnails", "image_facts")
_DAMAGE_WAY_OUT = (
    'the column `damage` finds them, and damaged = "skip" in clipper.toml (or CLIPPER_DAMAGED=skip) leaves '
    "them out"
)
# Rows and seconds after which results are written to disk: a killed run loses no more than that.
SHARD_ROWS, SHARD_SECONDS = 2_048, 20.0


def embed_images(work: Workspace, *, wanted: Sequence[str] = CONTENT_PARTS) -> dict[str, Step]:
    """Make `clip_embeddings`, `thumbnails` and `image_facts` from one decoding of each file.

    With the facts comes what `scores` and `duplicates` need of a picture: its measures, its signature. Only
    contents that lack one of these or of the `wanted` parts are decoded, and the model is loaded only if one
    lacks its vector. Results are written to disk every few seconds.
    """
    started = time.monotonic()
    manifest_version, manifest = work.manifest()
    source = model_files.find(work.settings) if "clip_embeddings" in wanted else None
    key = _model_key(work, source) if source else ""
    writer = ShardWriter(work, manifest, source, wanted, model_key=key)
    clip = None
    if source and (writer.lacks_vectors or not writer.reference_vectors_exist):
        clip = model.Clip(source, device=work.settings.device, dtype=work.settings.dtype)
        writer.write_reference_vectors(clip)
    writer.fill(clip)
    if source and writer.find_changed_pixels():
        clip = clip or model.Clip(source, device=work.settings.device, dtype=work.settings.dtype)
        writer.fill(clip)
    if source:
        work.stage(embeddings=key, model=_model_entry(source, work.settings))
    if "image_facts" in wanted:
        work.stage(passed_over=tuple(sorted(writer.passed_over)), gps=work.settings.gps)
    steps = writer.steps(manifest_version)
    if "image_facts" in wanted:
        steps["image_facts"].counts |= _keep_coordinates(work, manifest, writer.failed)
    if source:
        steps["clip_embeddings"].notes = _model_notes(work, source)
    for step in steps.values():
        step.seconds = round(time.monotonic() - started, 3)
    return steps


class ShardWriter:
    """Writes the results of decoding to their stores, in shards."""

    def __init__(
        self,
        work: Workspace,
        manifest: Manifest,
        source: model_files.ModelSource | None,
        wanted: Sequence[str],
        *,
        model_key: str = "",
    ) -> None:
        self.work, self.manifest, self.source, self.wanted = work, manifest, source, tuple(wanted)
        self.model_key = model_key
        self.vectors: ShardStore | None = None
        hashes = self.members = set(manifest.hashes())
        known = facts.known(work.facts, limits=work.settings.limits)
        self.failed = facts.failures(
            work.facts,
            known & hashes,
            limits=work.settings.limits,
            skip_damaged=work.settings.skips_damaged,
        )
        usable = hashes - set(self.failed)
        self.missing: dict[str, set[bytes]] = {}
        if source:
            self.vectors = embeddings.store(
                work.home.embeddings(model_key),
                dimensions=source.dimensions,
                fingerprint=source.fingerprint,
            )
            self.missing["clip_embeddings"] = usable - self.vectors.keys()
        if "thumbnails" in wanted:
            self.missing["thumbnails"] = usable - work.thumbnails.keys()
        self.missing["image_facts"] = hashes - known
        if "image_facts" in wanted:  # what older homes lack: they are decoded once more
            if work.settings.scores:
                self.missing["measures"] = usable - work.measures.keys()
            if work.settings.duplicates:
                self.missing["signatures"] = usable - work.signatures.keys()
        self.reused = {name: len(usable - missing) for name, missing in self.missing.items()}
        self.todo = set().union(*self.missing.values())
        self.passed_over: set[str] = set()
        self.waiting_since = time.monotonic()  # when the first row came that is not written yet
        self.rows: dict[str, list[dict[str, object]]] = {name: [] for name in self.missing}
        self.done: dict[str, int] = dict.fromkeys(self.missing, 0)

    @cached_property
    def ids(self) -> dict[bytes, list[str]]:
        """The ids of the files with each content."""
        ids: dict[bytes, list[str]] = {}
        for entry in self.manifest.entries:
            ids.setdefault(entry.content_hash, []).append(entry.id)
        return ids

    @property
    def lacks_vectors(self) -> bool:
        """Whether the model is needed."""
        return bool(self.missing.get("clip_embeddings"))

    @property
    def reference_vectors_exist(self) -> bool:
        """Whether the vectors of the reference texts are on disk for this model."""
        path = reference_texts.vectors_path(self.work.home, self.model_key)
        return self.source is not None and path.exists()

    def write_reference_vectors(self, clip: model.Clip) -> None:
        """Embed the reference texts, once for each model."""
        if not self.reference_vectors_exist:
            reference_texts.write(
                self.work.home, self.model_key, clip.embed_texts(reference_texts.REFERENCE_TEXTS)
            )

    def find_changed_pixels(self) -> bool:
        """Return whether there are vectors to be made again: an earlier decoder gave other pixels.

        The facts say so; `fill` makes them first, and then, called once more, the vectors.
        """
        remade = facts.remade(self.work.facts) & self.members
        if self.vectors is None or not remade:
            return False
        self.todo = remade - self.vectors.own_keys() - set(self.failed)
        self.missing = {name: set() for name in self.missing} | {"clip_embeddings": self.todo}
        self.reused["clip_embeddings"] -= len(self.todo)
        return bool(self.todo)

    def fill(self, clip: model.Clip | None) -> None:
        """Decode and embed what is missing, and write it every few seconds."""
        entries = in_order_of_reading(
            e for key, e in self.manifest.first_entries().items() if key in self.todo
        )
        progress = self.work.progress_for("embed" if clip else "decode")
        try:
            for position, result in enumerate(self._process(entries, clip)):
                self._take(result)
                progress(position + 1, len(entries))
        finally:  # also if the run is interrupted
            self._flush()

    def _process(self, entries: Sequence[Entry], clip: model.Clip | None) -> Iterator[DecodeResult]:
        settings, to_embed = self.work.settings, self.missing.get("clip_embeddings", set())
        if settings.dask and clip and to_embed:
            return decode_on_cluster(entries, settings, source=clip.source, to_embed=to_embed)
        return decode_and_embed(entries, self.work.folder, settings, clip=clip, to_embed=to_embed)

    def steps(self, manifest_version: str) -> dict[str, Step]:
        """Report what was done, one step for each wanted part."""
        reasons = {
            entry.id: self.failed[entry.content_hash]
            for entry in self.manifest.entries
            if entry.content_hash in self.failed
        }
        vectors_by = self.source.fingerprint if self.source else ""
        if remade := self.work.remade(self.members):
            vectors_by = digest(vectors_by, PIXELS_VERSION, remade)
        made_by = {
            "clip_embeddings": vectors_by,
            "image_facts": f"{facts.FACTS_VERSION}{' with places' * self.work.settings.gps}",
        }
        steps = {}
        for name in self.wanted:
            version = digest(name, made_by.get(name, DECODER_VERSION), manifest_version)
            counts = {"new": self.done[name], "reused": self.reused[name], "failed": len(reasons)}
            steps[name] = Step(name, version, counts, failures=reasons)
        if "image_facts" in steps:
            steps["image_facts"].notes = self._notes()
        return steps

    def _notes(self) -> list[str]:
        """Name the damaged files that are indexed as far as they go."""
        damaged = facts.damaged_contents(self.work.facts).keys() - self.failed.keys()
        names = [e.id for e in self.manifest.entries if e.content_hash in damaged] if damaged else []
        if not names:
            return []
        few = first_few(names)
        return [f"{len(names)} damaged file(s) are indexed as far as they go ({few}); {_DAMAGE_WAY_OUT}"]

    def _take(self, result: DecodeResult) -> None:
        key = result.content_hash
        if result.vanished:
            self.passed_over.update(self.ids[key])
            self.failed[key] = result.reason or ""
            return
        if key in self.missing["image_facts"]:
            row = facts.row(key, facts=result.facts, reason=result.reason, limits=self.work.settings.limits)
            self._add("image_facts", row)
        if reason := result.reason or self._reason_to_skip(result):
            self._note_failure(key, reason)
            return
        if key in self.missing.get("thumbnails", ()):
            self._add("thumbnails", {"content_hash": key, facts.THUMBNAIL: result.thumbnail})
        if key in self.missing.get("measures", ()):
            self._add("measures", {"content_hash": key, facts.MEASURES: result.measures})
        if key in self.missing.get("signatures", ()):
            self._add("signatures", {"content_hash": key, facts.SIGNATURE: result.signature})
        if result.vector is not None:
            self._add("clip_embeddings", embeddings.row(key, result.vector))
        waited = time.monotonic() - self.waiting_since
        if max(map(len, self.rows.values())) >= SHARD_ROWS or waited > SHARD_SECONDS:
            self._flush()

    def _reason_to_skip(self, result: DecodeResult) -> str:
        """Return why a content that was decoded in part is skipped; "" if it is not."""
        if not self.work.settings.skips_damaged or '"damage": ' not in (result.facts or ""):
            return ""
        return str(json.loads(result.facts or "{}").get("_reason", ""))

    def _note_failure(self, key: bytes, reason: str) -> None:
        """Note that a content cannot be decoded.

        One that an earlier Clipper decoded may lack only what has come since. It stays in the atlas, and an
        empty row says that the next run need not try again.
        """
        if any(key in self.missing.get(name, ()) for name in CONTENT_PARTS):
            self.failed[key] = reason
            return
        for name, column in (("measures", facts.MEASURES), ("signatures", facts.SIGNATURE)):
            if key in self.missing.get(name, ()):
                self._add(name, {"content_hash": key, column: None})

    def _add(self, name: str, row: dict[str, object]) -> None:
        if not any(self.rows.values()):
            self.waiting_since = time.monotonic()
        self.rows[name].append(row)
        self.done[name] += 1

    def _flush(self) -> None:
        """Write the rows; facts last, so that a content with facts has everything else that was wanted."""
        stores = {
            "clip_embeddings": self.vectors,
            "thumbnails": self.work.thumbnails,
            "measures": self.work.measures,
            "signatures": self.work.signatures,
            "image_facts": self.work.facts,
        }
        for name, store in stores.items():
            if store is not None and self.rows.get(name):
                store.append(self.rows[name])
                self.rows[name] = []


def _keep_coordinates(work: Workspace, manifest: Manifest, failed: Container[bytes]) -> dict[str, int]:
    """Read where photos were taken if the setting `gps` is on, otherwise delete all coordinates."""
    if not work.settings.gps:
        gps.delete_all(work.home)
        return {}
    known = work.coordinates.keys()
    missing = (e for key, e in manifest.first_entries().items() if key not in known and key not in failed)
    entries = in_order_of_reading(missing)
    return {
        "places_read": gps.fill(work.coordinates, work.folder, entries, progress=work.progress_for("places"))
    }


def _model_key(work: Workspace, source: model_files.ModelSource) -> str:
    """Return the name of the folder of a model's vectors: this home's, whatever the model was called."""
    published = snapshots.current(work.home)
    for version in (published, work.staged):
        if version and version.embeddings and version.model.get("fingerprint") == source.fingerprint:
            return version.embeddings
    return embeddings.key_of(work.home, source.fingerprint) or source.key


def _model_notes(work: Workspace, source: model_files.ModelSource) -> list[str]:
    """Say what is not as the published version has it: where the model lies, or which one it is."""
    published = snapshots.current(work.home)
    if published is None:
        return []
    name, before = source.name, str(published.model["name"])
    if published.model["fingerprint"] == source.fingerprint:
        moved = f"the model {before} is {name} now, with the same files: its vectors serve as before"
        return [moved] if name != before else []
    changed = f"the files of the model {name} changed: it is another one than before"
    return [changed if name == before else f"the model was {before}, and is {name} now"]


def _model_entry(source: model_files.ModelSource, settings: Settings) -> dict[str, Any]:
    return {
        "name": source.name,
        "revision": settings.revision,
        "fingerprint": source.fingerprint,
        "dimensions": source.dimensions,
    }
