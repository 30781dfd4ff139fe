"""What is kept of a decoded content: a row for each store that lacks one, or why it is left out.

The machine that runs the steps and the workers of a cluster both make their rows here. What does not belong
here: decoding (`indexing/contents/decode.py`), and which contents lack what
(`indexing/contents/shard_writer.py`).
"""

import json
from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.images.child_tasks import DecodeResult
from clipper.settings import Settings
from clipper.store import embeddings, facts
from clipper.store.home import Home
from clipper.store.shards import KEY

if TYPE_CHECKING:
    from clipper.store.shards import ShardStore

VECTORS, THUMBNAILS, FACTS = "clip_embeddings", "thumbnails", "image_facts"
MEASURES, SIGNATURES = "measures", "signatures"
# The parts of a run that come of contents.
CONTENT_PARTS = (VECTORS, THUMBNAILS, FACTS)
# What is made of the decoded picture, for each content: no model has a part in it.
OF_PICTURES = (THUMBNAILS, MEASURES, SIGNATURES)
# The stores that all models share, in the order in which they are written, after the vectors: a content with
# facts has everything else.
STORES = (*OF_PICTURES, FACTS)

Row = dict[str, object]


@dataclass(frozen=True)
class Outcome:
    """What is kept of a content, or the reason why it is left out, which may hold for this run alone.

    `rows` are by store; `vectors` has one for each model, or None where it has not embedded the content.
    """

    rows: dict[str, Row]
    vectors: tuple[Row | None, ...] = ()
    reason: str | None = None
    vanished: bool = False


def outcome_of(result: DecodeResult, lacks: Container[str], settings: Settings) -> Outcome:
    """Make the rows of a content for the stores that lack it; `VECTORS` stands for those of any model.

    One that an earlier Clipper decoded may lack only what has come since. If it can no longer be decoded, it
    stays in the atlas, and an empty row says that the next run need not try again.
    """
    key = result.content_hash
    if result.vanished:
        return Outcome({}, reason=result.reason or "", vanished=True)
    rows: dict[str, Row] = {}
    if FACTS in lacks:
        rows[FACTS] = facts.row(key, facts=result.facts, reason=result.reason, limits=settings.limits)
    made = {
        THUMBNAILS: (facts.THUMBNAIL, result.thumbnail),
        MEASURES: (facts.MEASURES, result.measures),
        SIGNATURES: (facts.SIGNATURE, result.signature),
    }
    if reason := result.reason or _reason_to_skip(result, settings):
        if any(part in lacks for part in CONTENT_PARTS):
            return Outcome(rows, reason=reason)
        none = [name for name in (MEASURES, SIGNATURES) if name in lacks]
        return Outcome({name: {KEY: key, made[name][0]: None} for name in none})
    rows |= {name: {KEY: key, column: cell} for name, (column, cell) in made.items() if name in lacks}
    vectors = tuple(None if vector is None else embeddings.row(key, vector) for vector in result.vectors)
    return Outcome(rows, vectors)


def _reason_to_skip(result: DecodeResult, settings: Settings) -> str:
    """Return why a content that was decoded in part is skipped; "" if it is not."""
    if not settings.skips_damaged or '"damage": ' not in (result.facts or ""):
        return ""
    return str(json.loads(result.facts or "{}").get("_reason", ""))


def stores_of(home: Home) -> "dict[str, ShardStore]":
    """Return the stores of a home by name, in the order of `STORES`."""
    return {
        THUMBNAILS: facts.thumbnail_store(home),
        MEASURES: facts.measures_store(home),
        SIGNATURES: facts.signature_store(home),
        FACTS: facts.store(home),
    }
