"""Step 2, one pass over the image files: all that is made of a content, for those that lack some.

What does not belong here: decoding and writing (`indexing/contents/`), and models (`models/encoder.py`).
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from clipper.errors import ModelError
from clipper.hashing import digest
from clipper.images.decode import DECODER_VERSION, PIXELS_VERSION
from clipper.indexing.contents.model_vectors import ModelVectors, in_memory_together
from clipper.indexing.contents.rows import CONTENT_PARTS
from clipper.indexing.contents.shard_writer import ShardWriter
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.models import source as model_files
from clipper.models.engines.record import read_choice
from clipper.settings import Settings
from clipper.store import embeddings, facts, gps, snapshots
from clipper.store.columns.keys import Keys
from clipper.store.manifest import Manifest, in_order_of_reading
from clipper.system import give_back_memory


def embed_images(work: Workspace, *, wanted: Sequence[str] = CONTENT_PARTS) -> dict[str, Step]:
    """Make `clip_embeddings`, `thumbnails` and `image_facts` of one decoding, the vectors by each model.

    With the facts comes what `scores` and `duplicates` need of a picture: its measures, its signature. Only
    contents that lack one of these or of the `wanted` parts are decoded. Results are written to disk every
    few seconds.

    Raises:
        ModelError: a model is missing or cannot be used, or is named twice.
    """
    give_back_memory()
    started = time.monotonic()
    sources = _sources(work.settings) if "clip_embeddings" in wanted else []
    manifest_version, manifest = work.manifest()
    models = [
        ModelVectors(work.with_settings(alone), source, _model_key(work, source)) for source, alone in sources
    ]
    writer = ShardWriter(work, manifest, models, wanted)
    _decode_and_embed(writer)
    passed_over = writer.passed_over
    if "image_facts" in wanted:
        work.stage(passed_over=tuple(sorted(passed_over)), gps=work.settings.gps)
    elif passed_over:  # gone since their facts were made
        work.stage(passed_over=tuple(sorted({*work.staged.passed_over, *passed_over})))
    steps = _steps(writer, manifest_version)
    if "image_facts" in wanted:
        steps["image_facts"].counts |= _keep_coordinates(work, manifest, writer.failed)
    if models:
        step = steps["clip_embeddings"]
        step.notes = [*_model_notes(work, models[0].source), *writer.notes]
        work.stage_models([(each.key, _model_entry(each.source, each.work.settings)) for each in models])
    if work.folder.fetched:
        work.folder.fetched.clear()
    seconds = round(time.monotonic() - started, 3)
    for each in steps.values():
        for one in (each, *each.further.values()):
            one.seconds = seconds
    return steps


def _sources(settings: Settings) -> list[tuple[model_files.ModelSource, Settings]]:
    """Find the models, each with the settings that name it alone.

    Raises:
        ModelError: a model is missing or cannot be used, or two names are of one model.
    """
    found = [(model_files.find(one), one) for one in settings.models]
    names: dict[str, str] = {}
    for source, _ in found:
        if before := names.get(source.fingerprint):
            raise ModelError(
                f"{before} and {source.name} are one model, with the same files; name it once in `model`"
            )
        names[source.fingerprint] = source.name
    # Two revisions of a model: a report and a reader name each apart.
    called = [source.name for source, _ in found]
    return [
        (replace(source, name=f"{source.name}@{one.revision}"), one)
        if called.count(source.name) > 1 and one.revision
        else (source, one)
        for source, one in found
    ]


def _decode_and_embed(writer: ShardWriter) -> None:
    """Make what is missing: each file is decoded once for all models, as far as they fit into memory.

    A model is loaded only if a content, or the reference texts, lack its vectors.
    """
    with ExitStack() as turn:
        has_turn = False
        for models in _passes(writer):
            if models and not has_turn:
                turn.enter_context(writer.work.model_turn())
                has_turn = True
            for each in models:
                each.load()
            writer.fill(models)
            for each in models:
                each.unload()


def _passes(writer: ShardWriter) -> Iterator[list[ModelVectors]]:
    """Yield the models of each pass over the files; the first has what models have no part in, too."""
    yield from [*in_memory_together([each for each in writer.models if each.is_needed])] or [[]]
    yield from in_memory_together(writer.find_changed_pixels())  # which the first passes found out


def _steps(writer: ShardWriter, manifest_version: str) -> dict[str, Step]:
    """Report what was done, one step for each wanted part."""
    reasons, remade = writer.reasons(), writer.work.remade(writer.members)
    made_by = {"image_facts": f"{facts.FACTS_VERSION}{' with places' * writer.work.settings.gps}"}
    steps = {}
    for name in writer.wanted:
        if name == "clip_embeddings":
            first, *others = (
                _step_of_model(each, manifest_version, reasons, remade) for each in writer.models
            )
            names = (each.source.name for each in writer.models[1:])
            steps[name] = replace(first, further=dict(zip(names, others, strict=True)))
            continue
        counts = {"new": writer.done[name], "reused": writer.reused[name], "failed": len(reasons)}
        version = digest(name, made_by.get(name, DECODER_VERSION), manifest_version)
        steps[name] = Step(name, version, counts, failures=reasons)
    if "image_facts" in steps:
        steps["image_facts"].notes = writer.damage_notes()
    return steps


def _step_of_model(
    model: ModelVectors, manifest_version: str, reasons: dict[str, str], remade: Sequence[str]
) -> Step:
    """Report the vectors of one model, and the engine that was chosen by measuring."""
    name, work = "clip_embeddings", model.work
    vectors_by = model.source.fingerprint
    if remade:
        vectors_by = digest(vectors_by, PIXELS_VERSION, remade)
    counts: dict[str, Any] = {"new": model.done, "reused": model.reused, "failed": len(reasons)}
    measures = work.settings.precision == work.settings.dtype == "auto"
    if measures and (choice := read_choice(work.home.embeddings(model.key))):
        counts |= {"engine": choice.engine, "overlap_at_10": choice.overlap}
    return Step(name, digest(name, vectors_by, manifest_version), counts, failures=reasons)


def _keep_coordinates(work: Workspace, manifest: Manifest, failed: Iterable[bytes]) -> dict[str, int]:
    """Read where photos were taken if the setting `gps` is on, otherwise delete all coordinates."""
    if not work.settings.gps:
        gps.delete_all(work.home)
        return {}
    missing = manifest.contents - work.coordinates.keys() - Keys.of(failed)
    files = manifest.entries
    entries = in_order_of_reading(files.where(missing.mask(files.keys)).first_of_each())
    return {
        "places_read": gps.fill(work.coordinates, work.folder, entries, progress=work.progress_for("places"))
    }


def _model_key(work: Workspace, source: model_files.ModelSource) -> str:
    """Return the name of the folder of a model's vectors: this home's, whatever the model was called."""
    published = snapshots.current(work.home)
    for each in published.models if published else ():
        if each.embeddings and each.fingerprint == source.fingerprint:
            return each.embeddings
    if source.fingerprint in work.staged.fingerprints:
        return work.staged.of_model(source.fingerprint).embeddings or source.key
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
    """Return what current.json says of the model; of CLIP what it always said."""
    entry = {
        "name": source.name,
        "revision": settings.revision,
        "fingerprint": source.fingerprint,
        "dimensions": source.dimensions,
    }
    if source.family.score == "clipscore":
        return entry
    more = {"family": source.family.name, "has_text": source.has_text, "score": source.score.to_json()}
    return entry | more
