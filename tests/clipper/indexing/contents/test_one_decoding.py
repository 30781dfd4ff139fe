"""Several models see each image with one decoding, and get the vectors that each would make alone."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import made_models
import numpy as np
import pytest
from PIL import Image

from clipper.images import child_tasks
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file, decoded_side
from clipper.images.preprocess import Transform
from clipper.indexing.contents import model_vectors
from clipper.indexing.contents.model_vectors import in_memory_together
from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.models.reference_texts import vectors_path
from clipper.settings import Settings
from clipper.store import embeddings
from clipper.store.shards import ShardStore

MEAN = (0.5, 0.5, 0.5)
# Two are made of the JPEG at half of its size, the third of the whole.
SMALL, MIDDLE, LARGE = (Transform(side, side, 3, MEAN, MEAN) for side in (64, 150, 300))
Stores = dict[str, tuple[list[bytes], list[bytes]]]


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A JPEG of 800 x 640 pixels."""
    cells = np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(cells).resize((800, 640), Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
    return data.getvalue()


def decoded(data: bytes, transforms: Sequence[Transform | None], **named: object) -> DecodeResult:
    request = DecodeRequest(
        max_bytes=1 << 29, max_pixels=1 << 28, transforms=tuple(transforms), min_side=decoded_side(SMALL)
    )
    request = replace(request, **named)
    return DecodeResult.from_message(decode_file(request.to_json(), [data]), request)


def test_each_model_gets_the_pixels_that_it_would_get_alone(photo: bytes):
    together = decoded(photo, [LARGE, None, SMALL, MIDDLE])
    for transform, crop in zip((LARGE, SMALL, MIDDLE), together.crops[:1] + together.crops[2:], strict=True):
        alone = decoded(photo, [transform], min_side=decoded_side(transform))
        assert np.array_equal(alone.crops[0], crop)
    assert together.crops[1] is None
    picture = decoded(photo, [])
    for part in ("facts", "measures", "thumbnail", "signature"):
        assert getattr(together, part) == getattr(picture, part)


@pytest.mark.parametrize(
    ("transforms", "sides"),
    [([SMALL, MIDDLE], [128]), ([SMALL, LARGE, MIDDLE], [128, 300]), ([LARGE, LARGE], [128, 300])],
)
def test_a_file_is_decoded_again_only_for_another_scale(
    photo: bytes, transforms: list[Transform], sides: list[int], monkeypatch: pytest.MonkeyPatch
):
    decode, asked = child_tasks.decode, list[int]()

    def counted(data: bytes, **named: int) -> object:
        asked.append(named["min_side"])
        return decode(data, **named)

    monkeypatch.setattr(child_tasks, "decode", counted)
    decoded(photo, transforms)
    assert asked == sides
    asked.clear()
    png = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(png, "PNG", compress_level=0)  # it has no scales
    decoded(png.getvalue(), transforms)
    assert asked == sides[:1]


def test_an_image_that_lacks_only_a_vector_is_decoded_for_that_alone(
    photo: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(child_tasks, "write_webp", None)
    found = decoded(photo, [None, LARGE], with_picture=False)
    assert np.array_equal(found.crops[1], decoded_alone(photo, LARGE))
    assert (found.crops[0], found.thumbnail, found.measures, found.signature) == (None, None, None, None)
    assert found.facts


def decoded_alone(data: bytes, transform: Transform) -> "np.ndarray | None":
    return decoded(data, [transform], min_side=decoded_side(transform), with_picture=False).crops[0]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> list[str]:
    """Three models that take images of several sizes."""
    folder = tmp_path_factory.mktemp("models")
    made = [
        made_models.make(kind, folder / kind, clip_tokenizer=model_folder) for kind in ("siglip", "dinov2")
    ]
    return [str(model_folder), *map(str, made)]


@pytest.fixture
def home(tmp_path: Path, photo: bytes) -> Path:
    """A home that is not embedded yet, of images of several sizes and kinds."""
    images = tmp_path / "home" / "images"
    images.mkdir(parents=True)
    (images / "photo.jpg").write_bytes(photo)
    (images / "broken.jpg").write_bytes(photo[:200])
    for number in range(6):
        Image.new("RGB", (90, 60 + number), f"hsl({60 * number}, 80%, 50%)").save(images / f"{number}.png")
    return tmp_path / "home"


def embed(home: Path, names: list[str], into: str) -> tuple[dict[str, Step], Stores]:
    """Embed the images of `home` into a home of its own; the steps, and what is stored, by store."""
    settings = Settings.load(home.parent / into, images=str(home / "images"), model=names, device="cpu")
    settings.home.mkdir(exist_ok=True)
    work = Workspace(settings)
    with work.home.writing():
        scan_images(work)
        steps = embed_images(work)
    stored = {"thumbnails": rows(work.thumbnails), "facts": rows(work.facts)}
    for each in work.each_model():
        key, _, store = each.embeddings()
        stored[key] = rows(store)
        assert vectors_path(work.home, key).exists() == ("dinov2" not in key)
    return steps, stored


def rows(store: ShardStore) -> tuple[list[bytes], list[bytes]]:
    keys = sorted(store.keys())
    if store.folder.parent.name == "embeddings":
        return keys, [vector.tobytes() for vector in embeddings.read(store, keys)]
    table = store.table().sort_by("content_hash")
    return keys, [str(row).encode() for row in table.to_pylist()]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[DecodeRequest]:
    """What children are asked for."""
    asked = list[DecodeRequest]()
    to_json = DecodeRequest.to_json
    monkeypatch.setattr(DecodeRequest, "to_json", lambda self: asked.append(self) or to_json(self))
    return asked


def test_a_run_of_several_models_reads_each_image_once_and_stores_what_each_alone_would(
    home: Path, names: list[str], requests: list[DecodeRequest]
):
    steps, together = embed(home, names, "together")
    assert len(requests) == len({request.hash for request in requests}) == 8
    assert [len(request.transforms) for request in requests] == [3] * 8
    found = steps["clip_embeddings"]
    assert found.counts == {"new": 7, "reused": 0, "failed": 1}
    assert list(found.further) == names[1:]
    assert [each.counts for each in found.further.values()] == [found.counts] * 2
    for at, name in enumerate(names):
        _, alone = embed(home, [name], f"alone-{at}")
        (key,) = alone.keys() - {"thumbnails", "facts"}
        assert together[key] == alone[key]
        if at == 0:
            assert (together["thumbnails"], together["facts"]) == (alone["thumbnails"], alone["facts"])


def test_a_model_that_comes_later_reads_each_image_for_its_vector_alone(
    home: Path, names: list[str], requests: list[DecodeRequest]
):
    _, before = embed(home, names[:2], "home")
    requests.clear()
    (home / "images" / "new.png").write_bytes((home / "images" / "0.png").read_bytes() + b"new")
    steps, after = embed(home, names, "home")
    for request in requests:
        is_new = request.hash not in {key.hex() for key in before["facts"][0]}
        assert request.with_picture == is_new
        assert [bool(each) for each in request.transforms] == ([True] * 3 if is_new else [False, False, True])
    assert len(requests) == 8  # all but the broken one
    assert steps["clip_embeddings"].counts == {"new": 1, "reused": 7, "failed": 1}
    assert steps["clip_embeddings"].further[names[2]].counts == {"new": 8, "reused": 0, "failed": 1}
    assert set(before["facts"][0]) < set(after["facts"][0])


def test_models_that_do_not_fit_into_memory_together_come_one_after_the_other(
    home: Path, names: list[str], requests: list[DecodeRequest], monkeypatch: pytest.MonkeyPatch
):
    _, together = embed(home, names, "together")
    requests.clear()
    monkeypatch.setattr(model_vectors, "free_memory", lambda: 1)
    steps, apart = embed(home, names, "apart")
    assert apart == together
    assert steps["clip_embeddings"].further[names[2]].counts["new"] == 7
    # The broken file is not tried again for the others.
    assert [len(request.transforms) for request in requests] == [1] * (8 + 7 + 7)
    assert [request.with_picture for request in requests] == [True] * 8 + [False] * 14


@pytest.mark.parametrize(
    ("free", "groups"), [(None, [3]), (10**12, [3]), (0, [1, 1, 1]), (3 * 25, [2, 1]), (3 * 19, [1, 1, 1])]
)
def test_models_are_parted_by_the_memory_that_is_free(
    free: int | None, groups: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_vectors, "free_memory", lambda: free)
    work = SimpleNamespace(settings=SimpleNamespace(device="cpu"))
    models = [SimpleNamespace(source=SimpleNamespace(bytes=size), work=work) for size in (10, 10, 20)]
    assert [len(group) for group in in_memory_together(models)] == groups


def test_models_on_a_gpu_need_room_there_too(monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.setattr(model_vectors, "free_memory", lambda: 1_000)
    monkeypatch.setattr(model_vectors.model, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (30 if device.index == 1 else 60, 80))
    for device, groups in (("cpu", [2]), ("cuda:0", [2]), ("cuda:1", [1, 1])):
        work = SimpleNamespace(settings=SimpleNamespace(device=device))
        models = [SimpleNamespace(source=SimpleNamespace(bytes=10), work=work)] * 2
        assert [len(group) for group in in_memory_together(models)] == groups
