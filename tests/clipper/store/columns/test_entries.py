import pytest

from clipper.images.files.places import Packing, Place
from clipper.store.columns.entries import Entries, Entry, SortedNames

LOOSE = [Entry("a.jpg", b"1" * 16, 3, 4, None), Entry("ü/b.jpg", b"2" * 16, 5, 6, 7)]
PLACED = [
    Entry("c.jpg", b"3" * 16, 1, 2, 3, Place("s.tar", "c.jpg", 512, 1)),
    Entry("d.jpg", b"1" * 16, 1, 2, 3, Place("t.parquet", "d", 1, 0, Packing.ROW)),
]
TAGGED = [Entry("e.jpg", b"5" * 16, 0, -1, 0, etag=b"6" * 20)]


@pytest.mark.parametrize("entries", [[], LOOSE, PLACED, LOOSE + PLACED, LOOSE + TAGGED, PLACED + TAGGED])
def test_entries_come_back_from_columns_as_they_went_in(entries: list[Entry]):
    columns = Entries.of(entries)
    assert list(columns) == entries
    assert columns == Entries.of(entries)
    assert [columns[at] for at in range(-len(entries), len(entries))] == 2 * entries
    assert list(columns[1:]) == entries[1:]
    with pytest.raises(IndexError):
        columns[len(entries)]


def test_files_have_the_same_columns_whether_or_not_others_lie_in_archives():
    mixed, alone = Entries.of(LOOSE + TAGGED + PLACED), Entries.of(LOOSE + TAGGED)
    assert mixed.table.slice(0, 3).select(alone.table.column_names).equals(alone.table)
    assert alone.has_etags
    assert not Entries.of(LOOSE).has_etags


def test_columns_say_where_their_files_lie():
    columns = Entries.of(LOOSE + PLACED)
    assert columns.archives() == {"s.tar", "t.parquet"}
    assert columns.tables() == {"t.parquet"}
    assert Entries.of(LOOSE).archives() == Entries.of(LOOSE).tables() == set()
    assert not columns.take([0, 1]).has_places
    assert [entry.id for entry in columns.first_of_each()] == ["a.jpg", "ü/b.jpg", "c.jpg"]


def test_a_name_is_found_among_sorted_ones():
    names = SortedNames(Entries.of(LOOSE).ids)
    assert [name in names for name in ("a.jpg", "ü/b.jpg", "b", "", "z", "ü")] == [True, True, *[False] * 4]
    assert "a.jpg" not in SortedNames(Entries.of([]).ids)
