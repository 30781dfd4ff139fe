"""The committed sample: its images, their metadata, and what its model can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).resolve().parents[2] / "data"
IMAGES = DATA / "images"
MODEL = DATA / "models" / "clip-emoji"
MEGABYTE = 1_000_000

Metadata = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def metadata() -> Metadata:
    loaded: Metadata = json.loads((IMAGES / "metadata.json").read_text(encoding="utf-8"))
    return loaded


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_every_image_has_metadata_and_the_other_way_round(metadata: Metadata) -> None:
    assert {path.stem for path in IMAGES.glob("*.jpg")} == set(metadata)
    assert 1800 <= len(metadata) <= 1950


def test_the_images_folder_holds_nothing_else() -> None:
    assert {path.name for path in IMAGES.iterdir() if path.suffix != ".jpg"} == {"metadata.json"}


def test_every_entry_has_the_same_fields_and_types(metadata: Metadata) -> None:
    for slug, entry in metadata.items():
        assert list(entry) == ["name", "group", "subgroup", "keywords", "unicode_version"], slug
        assert all(entry[field] for field in ("name", "group", "subgroup")), slug
        assert entry["keywords"], slug
        assert all(isinstance(word, str) and word for word in entry["keywords"]), slug
        assert isinstance(entry["unicode_version"], float), slug


def test_every_image_opens_at_160_pixels() -> None:
    for path in IMAGES.glob("*.jpg"):
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (160, 160)), path


def test_the_sample_stays_small() -> None:
    assert _size(IMAGES) < 15 * MEGABYTE
    assert _size(MODEL) < 16 * MEGABYTE


def test_the_weights_are_in_half_precision() -> None:
    import torch
    from safetensors import safe_open

    with safe_open(MODEL / "model.safetensors", framework="pt") as weights:
        kinds = {weights.get_tensor(name).dtype for name in weights.keys()}  # noqa: SIM118
    assert kinds == {torch.float16}


@pytest.fixture(scope="module")
def search(metadata: Metadata) -> Iterator[Any]:
    """A search by text over all sample images, through transformers' ordinary loading."""
    import torch
    from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

    model = CLIPModel.from_pretrained(MODEL, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    processor = CLIPImageProcessor.from_pretrained(MODEL)
    pictures = [Image.open(IMAGES / f"{slug}.jpg").convert("RGB") for slug in metadata]
    with torch.inference_mode():
        pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
        rows = [model.get_image_features(pixel_values=part) for part in pixels.split(256)]
        images = torch.nn.functional.normalize(torch.cat([row.pooler_output for row in rows]))

        def find(text: str, top: int) -> list[str]:
            tokens = tokenizer([text], padding=True, return_tensors="pt")
            query = model.get_text_features(**tokens).pooler_output
            best = (images @ query[0]).topk(top).indices.tolist()
            slugs = list(metadata)
            return [slugs[index] for index in best]

        yield find


@pytest.mark.parametrize("text", ["cat face", "a photo of a cat face", "Cat Face"])
def test_the_model_finds_a_cat(search: Any, text: str) -> None:
    assert "cat-face" in search(text, 5)


@pytest.mark.parametrize(
    ("text", "slug"),
    [("red heart", "red-heart"), ("pizza", "pizza"), ("flag: Japan", "flag-japan"), ("dog", "dog")],
)
def test_the_model_finds_what_is_named(search: Any, text: str, slug: str) -> None:
    assert slug in search(text, 10)


def test_a_kind_of_thing_finds_its_own_kind(search: Any, metadata: Metadata) -> None:
    found = [metadata[slug]["group"] for slug in search("animal", 10)]
    assert found.count("Animals & Nature") >= 7
