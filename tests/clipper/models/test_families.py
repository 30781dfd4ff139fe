"""Every family is read as transformers reads it: pixels, tokens, vectors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_models
import numpy as np
import pytest
from PIL import Image

from clipper.errors import ModelError, NoTextError
from clipper.models.encoder import Encoder
from clipper.models.families.families import FAMILIES
from clipper.models.source import ModelSource, find
from clipper.settings import Settings

TEXTS = ["a cat", "Two DOGS, one red car!", "", "一只猫", "чёрный кот", "a " * 300, "naïve \ud800 café 🍕"]
SIZES = [(32, 32), (300, 200), (201, 333), (1000, 90), (31, 17), (40, 41), (1, 1), (640, 480)]
Made = Callable[..., Path]


@pytest.fixture(scope="module")
def made(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folders: dict[str, Path] = {}

    def make(kind: str, **changes: Any) -> Path:
        key = f"{kind} {changes}"
        if key not in folders:
            if kind == "siglip-1":
                pytest.importorskip("sentencepiece", reason="SigLIP 1 has a tokenizer of sentencepiece")
            folder = tmp_path_factory.mktemp("model") / kind
            folders[key] = made_models.make(kind, folder, clip_tokenizer=model_folder, **changes)
        return folders[key]

    return make


def source(folder: Path) -> ModelSource:
    return find(Settings(home=Path("/nonexistent"), model=str(folder)))


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(3)
    found = []
    for width, height in SIZES:
        coarse = random.integers(0, 256, (9, 7, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = random.integers(-20, 21, (height, width, 3))
        found.append(Image.fromarray(np.clip(np.asarray(picture, int) + noise, 0, 255).astype(np.uint8)))
    return found


def processor_of(folder: Path) -> Any:
    """transformers' own image processor of a folder, without torchvision."""
    import transformers

    name = json.loads((folder / "preprocessor_config.json").read_text())["image_processor_type"]
    name = name.removesuffix("Pil").removesuffix("Fast")
    return getattr(transformers, f"{name}Pil").from_pretrained(folder)


def processed(folder: Path, images: list[Image.Image]) -> np.ndarray:
    """The pixels that transformers' own processor gives."""
    return np.stack([processor_of(folder)(image, return_tensors="np")["pixel_values"][0] for image in images])


def own_pixels(found: ModelSource, images: list[Image.Image]) -> np.ndarray:
    import torch

    crops = np.stack([found.transform.crop(image) for image in images])
    return found.transform.normalise(torch.from_numpy(crops)).numpy()


def unit(vectors: Any) -> np.ndarray:
    rows = vectors.float().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# The least that the model, its tokenizer and its processor allow.
CONTEXTS = {
    "clip": 40, "siglip": 24, "siglip-1": 24, "align": 52, "chinese_clip": 52, "altclip": 64,
    "vision-text-dual-encoder": 52,
}  # fmt: skip
IMAGES_ONLY = [kind for kind, family in FAMILIES.items() if not family.has_text]
WITH_TEXT = [kind for kind in made_models.MAKERS if kind not in IMAGES_ONLY]
# One step of 255 in the darkest deviation of the processors: where two resizings round to two sides.
ONE_STEP = 1 / 255 / 0.22


def test_each_family_is_tested():
    assert {*FAMILIES} <= {*made_models.MAKERS}


@pytest.mark.parametrize("kind", [kind for kind in made_models.MAKERS if kind not in {"clip", "dinov3_vit"}])
def test_pixels_are_those_of_the_models_own_processor(made: Made, kind: str):
    folder = made(kind)
    own, wanted = own_pixels(source(folder), pictures()), processed(folder, pictures())
    assert own.shape == wanted.shape
    difference = np.abs(own - wanted)
    assert difference.max() <= ONE_STEP
    assert (difference > 1e-5).mean() < 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"do_normalize": False},
        {"do_rescale": False, "do_normalize": False},
        {"do_center_crop": True, "size": {"shortest_edge": 45}, "crop_size": {"height": 32, "width": 32}},
        {"resample": 0},
        {"rescale_factor": 0.01},
    ],
)
def test_every_setting_of_the_processor_counts(made: Made, changes: dict[str, Any]):
    folder = made("chinese_clip", **changes)
    images = pictures()
    difference = np.abs(own_pixels(source(folder), images) - processed(folder, images))
    scale = 255 if changes.get("do_rescale", True) is False else 1
    assert difference.max() <= ONE_STEP * 3 * scale
    assert (difference > 1e-4 * scale).mean() < 1e-3


@pytest.mark.parametrize("kind", [*made_models.MAKERS])
def test_image_vectors_are_those_of_transformers(made: Made, kind: str):
    import torch
    import transformers

    folder = made(kind)
    found = source(folder)
    pixels = torch.from_numpy(own_pixels(found, pictures()))
    theirs = getattr(transformers, found.family.architecture).from_pretrained(folder).eval()
    with torch.inference_mode():
        if found.has_text:
            wanted = theirs.get_image_features(pixel_values=pixels).pooler_output
        elif kind == "vit":
            wanted = theirs(pixel_values=pixels).last_hidden_state[:, 0]
        else:
            wanted = theirs(pixel_values=pixels).pooler_output
    encoder = Encoder(found, dtype="float32")
    vectors = encoder.embed_images(pictures())
    assert vectors.shape == (len(SIZES), found.dimensions)
    assert (vectors * unit(wanted)).sum(axis=1).min() >= 0.9999
    with torch.inference_mode():
        features = encoder.image_tower()(pixels)
    assert np.allclose(features.numpy(), wanted.numpy(), atol=1e-4)


@pytest.mark.parametrize("kind", WITH_TEXT)
def test_text_vectors_are_those_of_transformers(made: Made, kind: str):
    import torch
    import transformers

    folder = made(kind)
    found = source(folder)
    texts = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = getattr(transformers, found.family.architecture).from_pretrained(folder).eval()
    context = CONTEXTS.get(kind, 32)
    padding = "max_length" if kind.startswith("siglip") else True
    asked = tokenizer(texts, padding=padding, truncation=True, max_length=context, return_tensors="pt")
    with torch.inference_mode():
        wanted = theirs.get_text_features(**asked).pooler_output
    encoder = Encoder(found, dtype="float32")
    vectors = encoder.embed_texts(TEXTS)
    assert encoder.context == context
    assert vectors.shape == (len(TEXTS), found.dimensions)
    assert (vectors * unit(wanted)).sum(axis=1).min() >= 0.9999
    one = encoder.embed_texts([TEXTS[0]])
    assert (one * vectors[0]).sum() >= 0.9999  # as it is among others, whatever they are padded to
    assert (vectors[0] * vectors[1]).sum() < 0.9999


def test_siglip_reads_its_padding(made: Made):
    """It was trained so: a model that does not see the padding gives other vectors."""
    import torch
    from transformers import AutoTokenizer, SiglipModel

    folder = made("siglip")
    tokens = AutoTokenizer.from_pretrained(folder)(["a cat"], return_tensors="pt")
    with torch.inference_mode():
        bare = SiglipModel.from_pretrained(folder).eval().get_text_features(**tokens).pooler_output
    assert (Encoder(source(folder)).embed_texts(["a cat"]) * unit(bare)).sum() < 0.999


def test_dinov3_squashes_images_and_normalises_as_imagenet(made: Made):
    """Its own processor needs torchvision; the settings are those of its class."""
    transform = source(made("dinov3_vit")).transform
    assert (transform.fit, transform.side, transform.crop_side, transform.resample) == ("squash", 32, 32, 2)
    assert transform.mean == (0.485, 0.456, 0.406)
    assert transform.std == (0.229, 0.224, 0.225)


@pytest.mark.parametrize("kind", IMAGES_ONLY)
def test_a_model_of_images_alone_says_that_words_need_another(made: Made, kind: str):
    encoder = Encoder(source(made(kind)))
    with pytest.raises(NoTextError, match=r"embeds images only.*openai/clip-vit-base-patch32"):
        encoder.embed_texts(["a cat"])


@pytest.mark.parametrize("kind", ["siglip2", "clipseg", "owlv2", "bert"])
def test_a_model_that_cannot_be_read_is_refused_with_the_kinds_that_can(tmp_path: Path, kind: str):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=f"is a {kind} model.*SigLIP.*DINOv3"):
        source(tmp_path)


def test_scores_mean_something_in_each_family(made: Made):
    clip, siglip, align = (source(made(kind)).score for kind in ("clip", "siglip", "align"))
    assert (clip.name, clip.score(0.3)) == ("CLIPScore", pytest.approx(75.0))
    probability = 1 / (1 + np.exp(-(np.exp(4.5) * 0.15 - 12.0)))
    assert siglip.name == "match probability"
    assert siglip.score(0.15) == pytest.approx(100 * probability, rel=1e-5)
    assert siglip.score(-1.0) == pytest.approx(0.0, abs=1e-9)
    assert (align.name, align.score(0.3)) == ("similarity", pytest.approx(30.0))


@pytest.mark.parametrize("kind", ["siglip", "siglip-1", "align", "chinese_clip", "altclip"])
def test_a_model_without_its_tokenizer_is_refused(made: Made, tmp_path: Path, kind: str):
    import shutil

    folder = Path(shutil.copytree(made(kind), tmp_path / "copy"))
    for name in ("tokenizer.json", "vocab.txt", "spiece.model"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="has no tokenizer"):
        source(folder)


@pytest.mark.parametrize(
    ("kind", "file"), [("chinese_clip", "vocab.txt"), ("siglip", "tokenizer_config.json")]
)
def test_another_tokenizer_is_another_model(made: Made, tmp_path: Path, kind: str, file: str):
    import shutil

    folder = Path(shutil.copytree(made(kind), tmp_path / "copy"))
    assert source(folder).fingerprint == source(made(kind)).fingerprint
    with (folder / file).open("a") as opened:
        opened.write("\n")
    assert source(folder).fingerprint != source(made(kind)).fingerprint


def test_images_of_another_size_than_the_model_takes_are_reported(made: Made):
    encoder = Encoder(source(made("chinese_clip", size={"height": 48, "width": 48})))
    with pytest.raises(ModelError, match=r"images of 48 pixels, and the model takes 32"):
        encoder.embed_images(pictures()[:1])


def test_a_clip_that_is_read_as_before_keeps_its_fingerprint(made: Made, tmp_path: Path):
    """Homes know their vectors by it. One with settings that were overlooked before is another model now."""
    import shutil
    from hashlib import blake2b

    folder = Path(shutil.copytree(made("clip"), tmp_path / "copy"))
    names = ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors")
    state = blake2b(b"1", digest_size=16)
    for name in names:
        state.update(name.encode() + (folder / name).read_bytes())
    assert source(folder).fingerprint == state.hexdigest()
    path = folder / "preprocessor_config.json"
    processor = json.loads(path.read_text())
    plain = source(folder).files
    for changes in ({"do_normalize": False}, {"size": {"height": 32, "width": 32}}, {"rescale_factor": 0.1}):
        path.write_text(json.dumps(processor | changes))
        assert not source(folder).files.read_as_before
    path.write_text(json.dumps(processor | {"rescale_factor": 0.003921568859368563}))
    assert source(folder).files.read_as_before
    nested = {"image_processor": processor, "processor_class": "CLIPProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(nested))
    assert source(folder).files.transform == plain.transform
    assert source(folder).files.read_as_before
    path.unlink()
    assert source(folder).files.transform == plain.transform
    other = {**processor, "image_mean": [0.5, 0.5, 0.5]}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": other}))
    assert source(folder).files.transform.mean == (0.5, 0.5, 0.5)
    assert not source(folder).files.read_as_before  # an earlier Clipper did not open this file


def test_weights_of_another_shape_are_reported_in_one_line(made: Made, tmp_path: Path):
    import shutil

    folder = Path(shutil.copytree(made("dinov2"), tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(ModelError, match=r"cannot be loaded: .{10,400}$") as caught:
        Encoder(source(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["24", [], {}, -1, 0, True, 1.5])
def test_a_size_in_the_configuration_that_is_none_is_reported(made: Made, tmp_path: Path, wrong: object):
    import shutil

    folder = Path(shutil.copytree(made("dinov2"), tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"image_size": wrong}))
    with pytest.raises(ModelError, match=r"config\.json: image_size is .* no number of its kind"):
        source(folder)


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, (100).to_bytes(8, "little") + b"{}", b"\x02" + bytes(7) + b"[]"]
)
def test_damaged_weights_of_a_siglip_are_reported(made: Made, tmp_path: Path, data: bytes):
    """Its score needs two of them, before torch is loaded."""
    import shutil

    folder = Path(shutil.copytree(made("siglip"), tmp_path / "copy"))
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="cannot be loaded"):
        source(folder)


def test_a_score_that_is_no_number_is_reported(made: Made, tmp_path: Path):
    import shutil

    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(made("siglip"), tmp_path / "copy"))
    weights = load_file(folder / "model.safetensors")
    for dtype in ("bfloat16", "float16", "float64"):
        import torch

        kept = weights | {"logit_scale": weights["logit_scale"].to(getattr(torch, dtype))}
        save_file(kept, folder / "model.safetensors", {"format": "pt"})
        assert source(folder).score.scale == pytest.approx(np.exp(4.5), rel=1e-5)
    save_file(weights | {"logit_bias": weights["logit_bias"] * np.inf}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="logit_bias is no number"):
        source(folder)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("align", {}),
        ("siglip", {}),
        ("chinese_clip", {"do_rescale": False, "do_normalize": False}),
        ("chinese_clip", {"rescale_factor": 0.01}),
    ],
)
def test_a_gpu_normalises_as_the_cpu_does(made: Made, kind: str, changes: dict[str, Any]):
    """On a CPU here; the passes are those of a GPU."""
    import torch

    from clipper.models.engines.accelerator import AcceleratedTower

    encoder = Encoder(source(made(kind, **changes)), device="cpu")
    side = encoder.transform.crop_side
    crops = np.random.default_rng(1).integers(0, 256, (5, side, side, 3), np.uint8)
    tower = encoder.image_tower()
    run = AcceleratedTower("float32", tower, transform=encoder.transform, device=torch.device("cpu"))
    features = run(crops)
    on_gpu = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (on_gpu * encoder.embed_pixels(crops)).sum(axis=1).min() >= 0.9999


@pytest.mark.parametrize("kind", [*made_models.MAKERS])
def test_each_precision_gives_the_vectors_of_float32(made: Made, kind: str):
    from clipper.models.engines.towers import EXACT, available

    encoder = Encoder(source(made(kind)), device="cpu")
    side = encoder.transform.crop_side
    coarse = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3), np.uint8)
    cell = np.ones((1, side // 4 + 1, side // 4 + 1, 1), np.uint8)
    crops = np.ascontiguousarray(np.kron(coarse, cell)[:, :side, :side])
    engines = {name: encoder.make_engine(name) for name in available(encoder.device)}
    exact = engines[EXACT](crops)
    for name, engine in engines.items():
        assert (engine(crops) * exact).sum(axis=1).min() >= 0.99, name


@pytest.mark.parametrize("kind", [kind for kind in made_models.MAKERS if kind != "align"])
def test_layers_compute_the_activations_of_each_family_of_transformers(made: Made, kind: str):
    import torch

    from clipper.models.engines.linear_layers import NONE, PackedLinear
    from clipper.models.engines.towers import EXACT, _for_cpu

    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    encoder = Encoder(source(made(kind)), device="cpu")
    tower, dtype = _for_cpu(EXACT, encoder.image_tower(), encoder.transform.crop_side)
    layers = [layer for layer in tower.modules() if isinstance(layer, PackedLinear)]
    assert dtype == torch.float32
    assert sum(layer.activation is not NONE for layer in layers) >= 2


@pytest.mark.parametrize(("kind", "version"), [("siglip", b"2"), ("align", b"3")])
def test_only_models_of_another_scale_of_colours_have_another_fingerprint(
    made: Made, kind: str, version: bytes
):
    """A GPU overlooked that scale once: no vector of such a model may stand beside one of those."""
    from hashlib import blake2b

    found = source(made(kind))
    state = blake2b(version, digest_size=16)
    for path in found.files.identity:
        state.update(path.name.encode() + path.read_bytes())
    assert found.fingerprint == state.hexdigest()
