import numpy as np

from clipper.images.files.found import FoundImage, FoundImages, joined, table_of, table_of_folder
from clipper.images.files.places import Place

LOOSE = FoundImage("b/x.jpg", 1, 2)
ODD = FoundImage("caf\udce9.jpg", 3, 4)
HELD = FoundImage("a.jpg", 5, 6, Place("s.tar", "a.jpg", 512, 5), b"1" * 16)
LOST = FoundImage("z.jpg", 0, 6, reason="is too large")
ODD_HELD = FoundImage("\udcff.jpg", 5, 6, Place("s.tar", "\\xff", 9, 5), b"2" * 16)


def test_images_of_folders_and_of_archives_are_joined_and_sorted():
    tables = [table_of([HELD, LOST, ODD_HELD]), table_of_folder("b", ["x.jpg"], [1], [2]), table_of([ODD])]
    found = joined(tables)
    assert list(found) == sorted([HELD, LOST, ODD_HELD, LOOSE, ODD], key=lambda image: image.id)
    assert [found[at] for at in range(len(found))] == list(found)
    assert [image.id for image in found if image.content_hash] == ["a.jpg", "\udcff.jpg"]
    assert found.are_hashed().tolist() == [image == HELD for image in found]  # an odd name has no manifest
    assert found.are_loose().tolist() == [image in (LOOSE, ODD) for image in found]
    assert list(found.at(np.array([1, 0]))) == [found[1], found[0]]


def test_a_folder_without_images_has_columns_too():
    assert list(joined([])) == list(FoundImages.of([])) == []
    assert not len(FoundImages.of([]).are_hashed())
    assert list(joined([table_of_folder("", ["a"], [1], [2])])) == [FoundImage("a", 1, 2)]
