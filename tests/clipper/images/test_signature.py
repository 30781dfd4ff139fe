"""Signatures: of one length, made of any picture, and kept in shards that are read together."""

from pathlib import Path

import numpy as np
import pytest
from made_images import picture, read, saved
from PIL import Image

from clipper.images.decode import shrink
from clipper.images.picture.signature import SIDE, SIGNATURE_BYTES, signature
from clipper.store import facts
from clipper.store.home import Home
from clipper.store.shards import KEY


def pixels(made: bytes) -> np.ndarray:
    return np.frombuffer(made, np.uint8).reshape(SIDE, SIDE, 3).astype(int)


@pytest.mark.parametrize("size", [(600, 400), (1, 1), (1, 5000), (5000, 1), (31, 33), (32, 32), (129, 65)])
def test_a_picture_of_any_size_has_a_signature_of_one_length(size: tuple[int, int]):
    made = signature(shrink(Image.new("RGB", size, (10, 200, 90))))
    assert len(made) == SIGNATURE_BYTES
    assert (pixels(made) == (10, 200, 90)).all()


def test_a_signature_is_the_whole_picture_upright():
    image = picture(60, 40)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = signature(shrink(image.transpose(Image.Transpose.ROTATE_270)))
    turned = signature(shrink(read(saved(image, "PNG", exif=exif.tobytes())).pixels))
    assert turned == upright != signature(shrink(image))


def test_another_size_changes_a_signature_little():
    image = picture(640, 480).resize((640, 480), Image.Resampling.BICUBIC)
    half = image.resize((320, 240), Image.Resampling.BICUBIC)
    difference = pixels(signature(shrink(image))) - pixels(signature(shrink(half)))
    assert np.abs(difference).mean() < 2


def test_signatures_are_read_from_several_shards_in_the_order_of_their_contents(tmp_path: Path):
    store = facts.signature_store(Home(tmp_path))
    keys = [bytes([number]) * 16 for number in range(9)]
    rows = [{KEY: key, facts.SIGNATURE: key[:1] * SIGNATURE_BYTES} for key in keys]
    for shard in (rows[:4], rows[6:7], rows[7:]):
        store.append(shard)
    found, known = facts.read_signatures(store, [keys[8], keys[4], keys[0], keys[6], keys[3]])
    assert found[:, 0].tolist() == [8, 0, 0, 6, 3]
    assert (found == found[:, :1]).all()
    assert known.tolist() == [True, False, True, True, True]
    found, known = facts.read_signatures(facts.signature_store(Home(tmp_path / "empty")), keys[:2])
    assert found.shape == (2, SIGNATURE_BYTES)
    assert not known.any()
