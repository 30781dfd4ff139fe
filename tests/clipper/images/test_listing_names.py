"""Which image a file beside it describes, by its name."""

import pytest

from clipper.images.listing import image_of_sidecar


@pytest.mark.parametrize(
    ("path", "image"),
    [
        ("d/a.json", "d/a"),
        ("d/a.jpg.json", "d/a.jpg"),
        ("a.jpg.JSON", "a.jpg"),
        ("a.b.json", "a.b"),
        ("a.jpg.supplemental-metadata.json", "a.jpg"),
        ("a.jpg.suppl.json", "a.jpg"),
        ("a.jpg.supplemental-metadata(2).json", "a(2).jpg"),
        ("a.jpg(1).json", "a(1).jpg"),
        ("a(1).json", "a(1)"),
        ("a.jpg.caption.json", "a.jpg.caption"),
        ("photo.v2.s.json", "photo.v2.s"),
        ("a.jpg.s.txt", "a.jpg.s"),
    ],
)
def test_a_file_is_named_after_its_image_also_by_takeout(path: str, image: str):
    assert image_of_sidecar(path) == image
