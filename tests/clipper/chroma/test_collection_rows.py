from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from chroma_rows import made

from clipper.chroma.rows import Difference, Known, digest_rows, shard_of

Vectors = Callable[..., np.ndarray]


def table(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)


TEXTS = pa.list_(pa.string())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (table(a=["1"]), table(a=[1])),
        (table(a=[1]), table(a=[1.0])),
        (table(a=[True]), table(a=["true"])),
        (table(a=["x"], b=["y"]), table(a=["y"], b=["x"])),
        (table(a=["xb"]), table(a=["x"], b=[""])),
        (table(a=[0.1]), table(a=[np.nextafter(0.1, 1)])),
        (table(a=pa.array([["a", "b"]], TEXTS)), table(a=pa.array([["ab"]], TEXTS))),
        (table(a=pa.array([["a", "b"]], TEXTS)), table(a=pa.array([["b", "a"]], TEXTS))),
        (table(a=pa.array([["a,1:b"]], TEXTS)), table(a=pa.array([["a", "b"]], TEXTS))),
        (table(a=["a\u0000"]), table(a=["a"])),
    ],
)
def test_rows_that_differ_in_a_name_a_type_or_a_value_have_other_digests(one: pa.Table, other: pa.Table):
    assert digest_rows(one) != digest_rows(other)


def test_a_column_without_a_value_does_not_change_a_digest():
    plain = table(a=["x", "y", "z"])
    more = plain.append_column("b", pa.array([None, 1, None], pa.int64()))
    more = more.append_column("c", pa.array([[], None, ["q"]], TEXTS)).select(["c", "a", "b"])
    same = [a == b for a, b in zip(digest_rows(plain), digest_rows(more), strict=True)]
    assert same == [True, False, False]


def test_a_digest_does_not_depend_on_the_rows_around(monkeypatch: pytest.MonkeyPatch):
    lists = pa.array([None if i % 3 else [f"t{i}", ""] for i in range(50)], TEXTS)
    whole = table(
        a=[f"é{i}" for i in range(50)], b=lists, c=np.arange(50) / 7, d=[i % 2 == 0 for i in range(50)]
    )
    found = digest_rows(whole)
    assert len(set(found.to_pylist())) == 50
    assert digest_rows(whole.slice(13, 20)) == found.slice(13, 20)
    monkeypatch.setattr("clipper.chroma.rows._DIGESTED", 7)
    assert digest_rows(whole) == found
    assert len(digest_rows(whole.slice(0, 0))) == 0


def test_a_difference_tells_new_vectors_new_metadata_and_rows_that_are_gone(unit_vectors: Vectors):
    vectors = unit_vectors(6)
    before = made(list("abcdef"), vectors, [{"x": i} for i in range(6)])
    changed = np.vstack([vectors[:1], -vectors[1:2], vectors[2:]])
    after = made(list("abcdeg"), changed, [{"x": 9 if i == 2 else i} for i in range(6)])
    found = Difference.between(Known.of(before), after)
    assert (found.write.tolist(), found.update.tolist(), found.delete.to_pylist()) == ([1, 5], [2], ["f"])
    assert (found.worn, found.written, found.changes) == (2, 3, 4)
    other_model = Difference.between(Known.of(before), after, same_model=False)
    assert (len(other_model.write), len(other_model.update), other_model.worn) == (6, 0, 6)


def test_what_is_known_while_changes_are_made_is_true_before_between_and_after_them(unit_vectors: Vectors):
    vectors = unit_vectors(6)
    before = made(list("abcdef"), vectors, [{"x": i} for i in range(6)])
    turned = np.vstack([-vectors[:1], vectors[1:]])
    after = made(list("abcdeg"), turned, [{"x": 1 if i == 1 else i // 4} for i in range(6)])
    sure = Known.of(before).without(after, Difference.between(Known.of(before), after))
    for target in (before, after):
        found = Difference.between(sure, target)
        touched = {*target.ids.take(found.write).to_pylist(), *target.ids.take(found.update).to_pylist()}
        assert touched >= {"a", "c", "d", "e"}
        assert {"f", "g"} <= touched | {*found.delete.to_pylist()}
        assert "b" not in touched


def test_every_row_has_one_shard_and_they_are_alike_in_size():
    random = np.random.default_rng(0)
    contents = pa.array([random.bytes(16) for _ in range(4_000)], pa.binary(16))
    shards = shard_of(contents, 4)
    assert np.bincount(shards.astype(int), minlength=4).min() > 900
    assert (shard_of(contents.slice(100, 50), 4) == shards[100:150]).all()
