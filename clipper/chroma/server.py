"""The collections of a home on Chroma servers: for each shard one that is read and one that is written next.

A server does not give back the room of a deleted collection, and cannot copy one. So a new version is written
into the collection that no reader needs any more, and only those of its rows are written that differ. A
collection says which version it holds, so that no reader takes another for its own. What does not belong
here: Chroma itself (`chroma/collection.py`), and collections in folders (`chroma/build.py`).
"""

import re
from collections.abc import Collection as Names
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from clipper.chroma.build import WANTED_RECALL, Built, measure_recall, similar_enough
from clipper.chroma.collection import (
    HOLDS,
    OWNER,
    USUAL_SYNC,
    Address,
    Collection,
    addresses_of,
    is_meant,
    remove_from_server,
    told_by_server,
)
from clipper.chroma.fill import apply
from clipper.chroma.rows import Difference, Known, Rows
from clipper.chroma.shards import AT_ONCE, open_all
from clipper.errors import ServerError, StoreError
from clipper.images.decode import PIXELS_VERSION
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.tables import is_written, read_made_of, read_parquet, verify, write_part
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

# On a server another `ef` acts only after its restart: a new collection is written again for each step.
EF_STEPS = (400, 1_600)
# Vectors that were deleted or replaced, for each that there is, with which a collection is made anew.
WORN_SHARE = 2.0
# The most changes that a server keeps in its log before it writes the graph: it goes through them when it
# starts. Each time it writes the graph, it writes much of it.
MOST_UNWRITTEN = 50_000
# The model whose vectors a collection holds, as it says of itself.
MODEL = "clipper_model"
_FOLDER = "server"


class Slot(NamedTuple):
    """A collection to write to, its known rows, the number of its worn vectors, and the changes to make."""

    address: Address
    known: Known
    worn: int
    difference: Difference
    told: str


@dataclass(frozen=True)
class Servers:
    """The collections of one home on its servers.

    Attributes:
        home: whose.
        urls: of the server of each shard.
        prefix: with which the names of the home's collections begin.
        owner: the place of the home, as its collections say it.
        in_use: names that the published version and those with readers have.
    """

    home: Home
    urls: Sequence[str]
    prefix: str
    owner: str
    in_use: Names[str]

    @cached_property
    def told(self) -> dict[str, dict[str, dict[str, str]]]:
        """What each collection of the home says of itself, by server and name.

        Raises:
            ServerError: a server does not answer.
        """
        return {
            url: {name: told for name, told in told_by_server(url).items() if name.startswith(self.prefix)}
            for url in dict.fromkeys(self.urls)
        }

    def owners(self) -> set[str]:
        """Return the places of homes that these collections say they belong to."""
        return {told[OWNER] for names in self.told.values() for told in names.values() if OWNER in told}

    def take_over(self) -> None:
        """Have all collections say that they belong to the home where it is now."""
        for url, names in self.told.items():
            for name, told in names.items():
                if told.get(OWNER) != self.owner:
                    with closing(Collection(Address.at_server(url, name))) as collection:
                        collection.label({**told, OWNER: self.owner})

    def hold(self, addresses: Sequence[Address]) -> bool:
        """Return whether all of some collections are there, are this home's, and hold what they should."""
        told = [self.told.get(address.place, {}).get(address.name) for address in addresses]
        return all(
            each is not None and is_meant(address, each)
            for address, each in zip(addresses, told, strict=True)
        )

    def build(
        self, version: str, rows: Rows, *, probes: "np.ndarray", model: str, ef: int = 0
    ) -> tuple[Built, list[Address]]:
        """Write a version; return the report and where the version is.

        Args:
            version: its name.
            rows: all it is to hold.
            probes: (p, d) float32 text vectors with which recall is measured.
            model: the key of the model that made the vectors.
            ef: with which the last version was searched; 0 if there was none.

        Raises:
            StoreError: a server does not answer, or does not hold what was written.
        """
        parts = [rows.shard(number, len(self.urls)) for number in range(len(self.urls))]
        slots = [self._slot(number, part, model) for number, part in enumerate(parts)]
        self._forget_versions({slot.address.name for slot in slots if slot})
        steps = [step for step in EF_STEPS if step >= ef] or EF_STEPS[-1:]
        shards = [*zip(range(len(parts)), parts, slots, strict=True)]
        enough = similar_enough(rows, probes)
        for number, step in enumerate(steps):
            stop = Event()
            write = partial(self._write, version=version, model=model, ef=step, stop=stop)
            written = in_threads(write, shards, at_once=AT_ONCE, name="chroma", stop=stop.set)
            with closing(open_all([slot.address for slot in written])) as opened:
                recall = measure_recall(opened, rows, probes, enough)
            if recall >= WANTED_RECALL or step == steps[-1]:
                break
            if any(slots):  # what is there already searches with a larger one after the server's restart
                step = steps[number + 1]  # noqa: PLW2901 - it is what the next version begins with
                for slot in written:
                    with closing(Collection(slot.address)) as collection:
                        collection.configure(ef=step)
                break
            for slot in written:
                slot.address.remove()
        sealed = [self._seal(slot, part, version, model) for slot, part in zip(written, parts, strict=True)]
        return _report(written, step, recall), sealed

    def prune(self, models: Names[str]) -> None:
        """Delete those of the home's collections that can neither be read nor be written to again.

        Args:
            models: the keys of the models that the next versions will have.
        """
        for url, names in self.told.items():
            dead = [
                name
                for name, told in names.items()
                if name not in self.in_use
                and (
                    told.get(MODEL) not in models or not any(self._fits(url, name, n) for n in self._numbers)
                )
            ]
            remove_from_server(url, dead)
        there = {name for names in self.told.values() for name in names}
        for path in (self.home.store / _FOLDER).glob("[!.]*.parquet"):
            if path.stem not in there:
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)

    @property
    def _numbers(self) -> range:
        return range(len(self.urls))

    def _shard_prefix(self, number: int) -> str:
        of = f"{number}of{len(self.urls)}-" if len(self.urls) > 1 else ""
        return f"{self.prefix}{of}"

    def _fits(self, url: str, name: str, number: int) -> bool:
        """Whether a collection is for a shard of this number."""
        named = re.fullmatch(f"{re.escape(self._shard_prefix(number))}[0-9a-f]+", name)
        return named is not None and url == self.urls[number]

    def _slot(self, number: int, rows: Rows, model: str) -> Slot | None:
        """Choose the collection to write a shard to: the one with the fewest changes; None for a new one."""
        url, found = self.urls[number], []
        for name, told in self.told[url].items():
            if name in self.in_use or told.get(MODEL) != model or not self._fits(url, name, number):
                continue
            address = Address.at_server(url, name)
            known, worn = self._known(address, told.get(HOLDS, ""))
            difference = Difference.between(known, rows)
            if worn + difference.worn <= WORN_SHARE * max(len(rows), 1):
                found.append(Slot(address, known, worn + difference.worn, difference, told.get(HOLDS, "")))
        return min(found, key=lambda slot: slot.difference.changes, default=None)

    def _known(self, address: Address, holds: str) -> tuple[Known, int]:
        """Return what a collection is known to hold, and its worn vectors.

        That was noted when it was written. Where the note is of another version, as in a home that was
        restored from a backup, nothing but the ids on the server is known.
        """
        path = self._note_path(address.name)
        try:
            if is_written(path) and holds in (noted := read_made_of(path))["holds"]:
                verify(path)
                table = read_parquet(path)
                columns = (table[name].combine_chunks() for name in table.column_names)
                known = Known(*columns)
                same = noted.get("pixels") == PIXELS_VERSION
                return known if same else known.of_earlier_pixels(), noted["worn"]
        except StoreError:
            pass  # the note is damaged
        with closing(Collection(address)) as collection:
            return Known.only_ids(collection.ids().combine_chunks()), 0

    def _note(self, name: str, known: Known, holds: Sequence[str], worn: int) -> None:
        """Note what a collection holds, and what it may then say that it holds."""
        import pyarrow as pa

        table = pa.table(
            {"id": known.ids, "content_hash": known.contents, "remade": known.remade, "digest": known.digests}
        )
        write_part(
            self._note_path(name), table, {"holds": list(holds), "worn": worn, "pixels": PIXELS_VERSION}
        )

    def _note_path(self, name: str) -> Path:
        return self.home.part(_FOLDER, name)

    def _write(
        self, shard: tuple[int, Rows, Slot | None], *, version: str, model: str, ef: int, stop: Event
    ) -> Slot:
        """Write a shard to its collection; as long as that takes, the collection holds no version."""
        number, rows, slot = shard
        growing = f"{version}-growing"
        labels = {HOLDS: growing, OWNER: self.owner, MODEL: model}
        if slot is None:
            url = self.urls[number]
            address = Address.at_server(url, f"{self._shard_prefix(number)}{uuid4().hex[:8]}")
            sync = min(max(len(rows), USUAL_SYNC), MOST_UNWRITTEN)
            slot = Slot(address, Known.of(rows), 0, Difference.from_nothing(rows), growing)
            collection = Collection.create(address, ef=ef, sync=sync, labels=labels)
            is_empty = True
        else:
            # Noted first: a run that is killed from now on leaves the changed rows as not known.
            self._note(
                slot.address.name,
                slot.known.without(rows, slot.difference),
                [slot.told, growing, version],
                slot.worn,
            )
            collection = Collection(slot.address)
            collection.label(labels)
            is_empty = False
        try:
            with closing(collection):
                apply(collection, rows, slot.difference, is_empty=is_empty, stop=stop)
        except ServerError:
            raise
        except StoreError:
            if is_empty:
                raise
            # It does not hold what was noted: nothing of it can be relied on.
            for path in notes_of(self.home, slot.address):
                path.unlink(missing_ok=True)
            return self._write((number, rows, None), version=version, model=model, ef=ef, stop=stop)
        return slot

    def _seal(self, slot: Slot, rows: Rows, version: str, model: str) -> Address:
        """Have a collection say which version it holds, and note what that is."""
        with closing(Collection(slot.address)) as collection:
            collection.label({HOLDS: version, OWNER: self.owner, MODEL: model})
        self._note(slot.address.name, Known.of(rows), [version], slot.worn)
        return Address.at_server(slot.address.place, slot.address.name, version)

    def _forget_versions(self, names: set[str]) -> None:
        """Delete the tables of versions that lie in collections which will be written to."""
        for path in (self.home.store / "collection").glob("[!.]*.parquet"):
            told = read_made_of(path) if is_written(path) else {}
            if names & {at["name"] for at in told.get("servers", ())}:
                path.unlink()
                path.with_suffix(".json").unlink()


def _report(slots: Sequence[Slot], ef: int, recall: float) -> Built:
    differences = [slot.difference for slot in slots]
    return Built(
        written=sum(each.written for each in differences),
        deleted=sum(len(each.delete) for each in differences),
        worn=sum(slot.worn for slot in slots),
        ef=ef,
        recall=recall,
    )


def notes_of(home: Home, address: Address) -> tuple[Path, ...]:
    """Return the files that note what a collection on a server holds; without them it is written whole."""
    return tuple(home.part(_FOLDER, address.name, suffix) for suffix in (".parquet", ".json"))


def home_servers(home: Home, urls: Sequence[str], *, key: str, owner: str, shards: int) -> Servers:
    """Return the collections of a home on its servers, in as many shards as asked for, or one a server."""
    alive = snapshots.drop_unleased(home) if home.current.exists() else []
    versions = {version for snapshot in alive for version in snapshot.versions_of("collection")}
    paths = [home.part("collection", version) for version in versions]
    in_use = {address.name for path in paths if is_written(path) for address in addresses_of(home, path.stem)}
    spread = [urls[number % len(urls)] for number in range(max(shards, len(urls)))]
    return Servers(home, spread, f"clipper-{key}-", owner, in_use)
