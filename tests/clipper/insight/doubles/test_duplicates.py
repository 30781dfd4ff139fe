"""Duplicates: copies are found and named, other pictures are not, and the best of a group is kept."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from PIL.Image import Transpose

from clipper.images.decode import decode, shrink
from clipper.images.picture.signature import SIGNATURE_BYTES, signature
from clipper.insight.doubles.duplicates import Duplicates, Files, find_duplicates
from clipper.projection.graph import MISSING, NeighborGraph, build_graph

SAMPLE = Path(__file__).resolve().parents[4] / "data" / "images"
HARD = [
    *SAMPLE.glob("*-oclock.jpg"), *SAMPLE.glob("*technologist.jpg"), *SAMPLE.glob("flag-[a]*.jpg"),
    *SAMPLE.glob("family-man-*.jpg"), *SAMPLE.glob("*firefighter.jpg"), *SAMPLE.glob("keycap-*.jpg"),
    *SAMPLE.glob("*-crescent-moon.jpg"),
]  # fmt: skip


def photo(seed: int, width: int = 240, height: int = 180) -> Image.Image:
    """Soft shapes and fine texture, as in a photo."""
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 225, (6, 8, 3)).astype(np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), float)
    return Image.fromarray((soft + random.normal(0, 8, soft.shape)).clip(0, 255).astype(np.uint8))


def clock(hour: float) -> Image.Image:
    """A clock on white."""
    image = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((15, 15, 145, 145), outline=(70, 110, 150), width=9)
    for turn, length in ((hour / 12, 32), (hour % 1, 50)):
        x, y = np.sin(2 * np.pi * turn), -np.cos(2 * np.pi * turn)
        draw.line((80, 80, 80 + length * x, 80 + length * y), fill=(60, 30, 30), width=6)
    return image


def hand(tone: tuple[int, int, int]) -> Image.Image:
    """A hand of one skin tone on white."""
    image = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((50, 60, 115, 150), 20, fill=tone)
    for x in (52, 69, 86, 103):
        draw.rounded_rectangle((x, 15, x + 13, 90), 6, fill=tone)
    return image


def saved(image: Image.Image, quality: int | None = 92) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality) if quality else image.save(buffer, "PNG")
    return buffer.getvalue()


def signatures_of(pictures: Sequence[Image.Image]) -> np.ndarray:
    made = b"".join(signature(shrink(picture)) for picture in pictures)
    return np.frombuffer(made, np.uint8).reshape(-1, SIGNATURE_BYTES)


def duplicates_of(
    data: Sequence[bytes], *, ids: Sequence[str] = (), times: Sequence[float] = (), threshold: float = 0.9
) -> Duplicates:
    """Find the duplicates among files; each image is embedded as its coarse colours."""
    contents = list(dict.fromkeys(data))
    decoded = [decode(content, max_pixels=1 << 24, min_side=128) for content in contents]
    signatures = signatures_of([image.pixels for image in decoded])
    coarse = (
        signatures.astype(np.float32).reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(len(contents), 192)
    )
    vectors = (coarse + 1) / np.linalg.norm(coarse + 1, axis=1, keepdims=True)
    rows = np.array([contents.index(each) for each in data], int)
    files = Files(
        ids=list(ids) or [f"{i:03}.jpg" for i in range(len(data))],
        contents=rows,
        widths=np.array([decoded[row].facts["width"] for row in rows], int),
        heights=np.array([decoded[row].facts["height"] for row in rows], int),
        bytes=np.array([len(each) for each in data], int),
        times=np.array(list(times) or [np.nan] * len(data), float),
    )
    return find_duplicates(build_graph(vectors.astype(np.float32)), signatures, files, threshold=threshold)


def cropped(image: Image.Image, *sides: float) -> Image.Image:
    width, height = image.size
    left, top, right, bottom = sides
    return image.crop(
        (int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height))
    )


COPIES = {
    "recompressed": [lambda im: (im, 40), lambda im: (im, 25)],
    "resized": [
        lambda im: (im.resize((im.width // 2, im.height // 2)), 92),
        lambda im: (im.resize((60, 50)), 85),
    ],
    "brighter": [lambda im: (ImageEnhance.Brightness(im).enhance(1.15), 92)],
    "darker": [lambda im: (ImageEnhance.Brightness(im).enhance(0.85), None)],
    "cropped": [
        lambda im: (cropped(im, 0.04, 0.04, 0.04, 0.04), 92),
        lambda im: (cropped(im, 0.1, 0.1, 0.1, 0.1), 92),
        lambda im: (cropped(im, 0.0, 0.08, 0.0, 0.0), 92),
    ],
    "mirrored": [
        lambda im: (im.transpose(Transpose.FLIP_LEFT_RIGHT), 40),
        lambda im: (cropped(im.transpose(Transpose.FLIP_LEFT_RIGHT), 0.05, 0.0, 0.0, 0.05), 92),
    ],
}


@pytest.mark.parametrize(
    "original", [photo(1), Image.open(SAMPLE / "alarm-clock.jpg"), Image.open(SAMPLE / "flag-chile.jpg")]
)
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_and_said_what_kind_it_is(original: Image.Image, kind: str):
    others = [saved(photo(seed)) for seed in range(2, 8)]
    for change in COPIES[kind]:
        copy = saved(*change(original.copy()))
        found = duplicates_of([*others, saved(original, 95), copy], times=[*range(6), 6, 7])
        assert sorted(found.files.tolist()) == [6, 7]
        assert found.keep.sum() == 1
        if found.files[found.keep][0] == 6:  # a copy without loss may be the one to keep
            assert found.kinds == ["kept", kind]
        assert found.similarities[0] == 1
        assert 0.9 <= found.similarities[1] < 1


def test_the_hardest_neighbors_of_the_sample_are_not_copies():
    assert len(HARD) > 50
    assert len(duplicates_of([path.read_bytes() for path in HARD])) == 0


def test_clocks_on_white_are_told_apart_but_for_those_that_are_mirrored():
    found = duplicates_of([saved(clock(hour)) for hour in range(12)])
    assert set(found.kinds) == {"kept", "mirrored"}
    pairs = [set(found.files[found.groups == group].tolist()) for group in range(5)]
    assert sorted(map(sorted, pairs)) == [[1, 11], [2, 10], [3, 9], [4, 8], [5, 7]]


def test_hands_of_other_skin_tones_are_no_brighter_copies():
    tones = ((247, 222, 206), (243, 210, 162), (213, 171, 136), (175, 126, 87), (124, 83, 62), (255, 204, 77))
    assert len(duplicates_of([saved(hand(tone)) for tone in tones])) == 0


def test_blank_images_are_copies_only_if_they_are_nearly_equal():
    shades = [saved(Image.new("RGB", (90, 90), (g, g, g)), None) for g in (255, 240, 225, 128, 40, 0)]
    tints = [saved(Image.new("RGB", (90, 90), color), None) for color in ((255, 0, 0), (0, 0, 255))]
    assert len(duplicates_of([*shades, *tints])) == 0
    found = duplicates_of([*shades, *tints, saved(Image.new("RGB", (120, 90), "white"))])
    assert found.files.tolist() == [8, 0]
    assert found.kinds == ["kept", "resized"]


def test_noise_and_gradients_are_no_copies_of_each_other():
    random = np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 256, (96, 96, 3), np.uint8)) for _ in range(6)]
    ramp = np.linspace(0, 255, 96).astype(np.uint8)
    ramps = [np.tile(ramp, (96, 1)), np.tile(ramp[:, None], (1, 96)), np.tile(ramp[::-1, None], (1, 96))]
    pictures = [*noise, *(Image.fromarray(each).convert("RGB") for each in ramps)]
    assert len(duplicates_of([saved(each) for each in pictures])) == 0


def test_files_of_one_content_are_exact_copies_and_the_oldest_is_kept():
    one, other = saved(photo(1)), saved(photo(2))
    found = duplicates_of([one, other, one, one], times=[1e9, 0, 5e8, np.nan])
    assert found.files.tolist() == [2, 0, 3]
    assert found.kinds == ["kept", "exact", "exact"]
    assert found.similarities.tolist() == [1, 1, 1]
    assert found.why[:2] == ["oldest: 1985-11-05", "the same bytes"]


def test_the_largest_is_kept_and_groups_stand_by_size():
    small, large = photo(1, 120, 90), photo(1).resize((480, 360))
    pair = [saved(photo(2)), saved(photo(2), 50)]
    found = duplicates_of(
        [saved(small.resize((240, 180))), *pair, saved(small), saved(small.resize((480, 360)))]
    )
    assert large.size == (480, 360)
    assert found.groups.tolist() == [0, 0, 0, 1, 1]
    assert found.files[found.keep].tolist() == [4, 1]
    assert found.why[0] == "largest: 480 x 360"
    assert found.why[1] == "240 x 180 instead of 480 x 360"
    assert found.why[3].startswith("least compressed: ")


def test_what_most_are_made_from_is_kept_and_not_its_mirrored_copy():
    original = photo(3)
    mirrored = saved(original.transpose(Transpose.FLIP_LEFT_RIGHT), None)
    found = duplicates_of([mirrored, saved(original), saved(original, 60), saved(original, 40)])
    assert found.files[0] == 1
    assert found.why[0] == "most others are plain copies of it"
    assert dict(zip(found.files.tolist(), found.kinds, strict=True))[0] == "mirrored"


def test_copies_of_copies_do_not_chain():
    wide = photo(5, 600, 200)
    views = [saved(wide.crop((x, 0, x + 240, 200))) for x in range(0, 361, 30)]
    found = duplicates_of(views)
    for group in range(found.groups.max() + 1):
        members = found.files[found.groups == group]
        assert (
            np.ptp(members) * 30 <= 2 * 0.3 * 240
        )  # no member is further from the one to keep than crops go


def test_the_order_of_the_files_does_not_matter():
    data = [saved(photo(seed), quality) for seed in range(4) for quality in (90, 70, 50)]
    names = [f"{i:02}.jpg" for i in range(len(data))]
    found = duplicates_of(data, ids=names)
    assert len(found) == 12
    assert found.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    again = duplicates_of(data[::-1], ids=names[::-1])
    groups = {frozenset(names[row] for row in found.files[found.groups == g]) for g in range(4)}
    assert groups == {frozenset(names[::-1][row] for row in again.files[again.groups == g]) for g in range(4)}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_have_no_duplicates(count: int):
    assert len(duplicates_of([saved(photo(seed)) for seed in range(count)])) == 0


def test_many_images_that_are_all_alike_are_one_group():
    data = [saved(photo(1), quality) for quality in range(30, 96, 3)]
    found = duplicates_of(data)
    assert len(found) == len(set(data))
    assert found.groups.max() == 0


def test_a_higher_threshold_finds_fewer():
    data = [saved(photo(1)), saved(photo(1), 25), saved(cropped(photo(1), 0.1, 0.1, 0.1, 0.1))]
    assert len(duplicates_of(data)) == 3
    assert len(duplicates_of(data, threshold=0.999)) == 0


@pytest.mark.parametrize("shade", [0, 255, None])
def test_hundreds_of_one_picture_are_one_group_and_equal(shade: int | None):
    one = np.random.default_rng(0).integers(0, 256, SIGNATURE_BYTES, np.uint8)
    signatures = np.tile(one, (300, 1)) if shade is None else np.full((300, SIGNATURE_BYTES), shade, np.uint8)
    found = found_in(signatures)
    assert sorted(found.files.tolist()) == list(range(300))
    assert found.similarities.tolist() == [1.0] * 300
    assert set(found.kinds) == {"kept", "recompressed"}


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    soft = signatures_of([photo(seed) for seed in range(40)])
    noise = np.random.default_rng(0).integers(0, 12, (40, *soft.shape), np.uint8)
    signatures = (soft // 2 + noise).reshape(-1, SIGNATURE_BYTES)
    results = []
    for cores in (1, 2, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        results.append(found_in(signatures))
    first, *others = results
    assert first.groups.max() >= 39
    for other in others:
        assert other.why == first.why
        assert other.files.tobytes() == first.files.tobytes()
        assert other.similarities.tobytes() == first.similarities.tobytes()


def test_a_pair_is_found_whichever_of_the_two_has_the_other_as_a_neighbor():
    crop = cropped(photo(1), 0.1, 0.1, 0.1, 0.1)
    signatures = signatures_of([photo(1), photo(2), crop])
    for one, other in ((0, 2), (2, 0)):
        rows, distances = np.full((3, 2), MISSING, np.int32), np.full((3, 2), np.inf, np.float32)
        rows[one, 0], distances[one, 0] = other, 0.05
        assert sorted(found_in(signatures, NeighborGraph(rows, distances)).files.tolist()) == [0, 2]


def test_a_graph_of_other_contents_is_an_error():
    with pytest.raises(ValueError, match="2 contents, and there are 3 signatures"):
        found_in(np.zeros((3, SIGNATURE_BYTES), np.uint8), build_graph(np.ones((2, 1), np.float32)))


def found_in(signatures: np.ndarray, graph: NeighborGraph | None = None) -> Duplicates:
    """Find the duplicates among signatures; without a graph, all images are neighbors."""
    n = len(signatures)
    same = np.full(n, 100)
    files = Files([f"{i:04}.jpg" for i in range(n)], np.arange(n), same, same, same, np.zeros(n))
    return find_duplicates(graph or build_graph(np.ones((n, 1), np.float32)), signatures, files)
