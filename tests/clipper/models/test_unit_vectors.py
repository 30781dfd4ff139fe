"""No vector leaves a model that is not finite or not of length 1."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from clipper.errors import ModelError
from clipper.models import text_tower
from clipper.models.encoder import Encoder
from clipper.models.engines.towers import EXACT
from clipper.models.source import find
from clipper.models.unit_vectors import have_length_one
from clipper.settings import Settings

IMAGES, TEXTS = "visual_projection.weight", "text_projection.weight"


def scaled(model_folder: Path, folder: Path, factors: Mapping[str, float]) -> Path:
    """Copy a model, and multiply some of its weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model_folder, folder)
    weights = load_file(folder / "model.safetensors")
    for name, factor in factors.items():
        weights[name] = weights[name] * factor
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def load(folder: Path, dtype: str = "auto") -> Encoder:
    return Encoder(find(Settings(home=Path("/nonexistent"), model=str(folder))), device="cpu", dtype=dtype)


def crops_for(encoder: Encoder, count: int = 11) -> np.ndarray:
    side = encoder.transform.crop_side
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def test_rows_of_another_length_are_told():
    rows = np.zeros((6, 4), np.float32)
    rows[:, 0] = [1, 0, np.nan, np.inf, 1e30, 1.0005]
    with np.errstate(all="raise"):
        assert have_length_one(rows).tolist() == [True, False, False, False, False, True]


def test_images_that_overflow_in_half_precision_are_embedded_in_float32(model_folder: Path, tmp_path: Path):
    folder = scaled(model_folder, tmp_path / "large", {IMAGES: 1e5})  # float16 ends at 65504
    half, exact = load(folder, dtype="float16"), load(folder)
    crops = crops_for(half)
    wanted = exact.embed_pixels(crops)
    assert have_length_one(wanted).all()
    assert np.array_equal(half.embed_pixels(crops), wanted)
    assert half.engine_name == "float16"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_only_the_image_that_overflows_is_embedded_again(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, value: float
):
    encoder = load(model_folder, dtype="float16")
    crops = crops_for(encoder)
    engine = encoder.make_engine("float16")
    whole, run = engine(crops), engine._run

    def overflow(pixels: np.ndarray) -> np.ndarray:
        features = run(pixels)
        features[3, 1] = value
        return features

    monkeypatch.setattr(engine, "_run", overflow)
    encoder.use_engine(engine)
    with np.errstate(all="raise"):
        vectors = encoder.embed_pixels(crops)
    assert np.array_equal(vectors[3], load(model_folder).embed_pixels(crops)[3])
    assert np.array_equal(np.delete(vectors, 3, 0), np.delete(whole, 3, 0))


@pytest.mark.parametrize("factor", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("dtype", [EXACT, "float16"])
def test_a_model_without_a_vector_for_an_image_is_refused_by_name(
    model_folder: Path, tmp_path: Path, factor: float, dtype: str
):
    encoder = load(scaled(model_folder, tmp_path / "damaged", {IMAGES: factor}), dtype=dtype)
    with pytest.raises(
        ModelError, match=r"the model .*damaged gives no vectors for 11 of 11 images.*set `model`"
    ):
        encoder.embed_pixels(crops_for(encoder))
    assert have_length_one(encoder.embed_texts(["a cat"])).all()


@pytest.mark.parametrize("factor", [np.nan, np.inf, 0.0])
def test_a_model_without_a_vector_for_a_text_is_refused_by_name(
    model_folder: Path, tmp_path: Path, factor: float
):
    sound = load(model_folder).embed_texts(["a cat"])[0]
    encoder = load(scaled(model_folder, tmp_path / "damaged", {TEXTS: factor}))
    for made in (encoder, text_tower.TextTower(encoder.source)):
        with pytest.raises(
            ModelError, match=r"the model .*damaged gives no vectors for 2 of 2 texts.*`model`"
        ):
            made.embed_texts(["a cat", "a dog"])
    assert text_tower.load_verified(encoder.source, "a cat", sound) is None
