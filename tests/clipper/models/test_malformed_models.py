"""Malformed and unusual files of a model end in one line that names the model and the way out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_models
import numpy as np
import pytest

from clipper.errors import ModelError
from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.settings import Settings

INFINITE, NO_NUMBER = float("inf"), float("nan")
DEEP = "[" * 200_000
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def bases(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def base(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp("model") / kind
            made[kind] = made_models.make(kind, folder, clip_tokenizer=model_folder)
        return made[kind]

    return base


@pytest.fixture
def copied(bases: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda kind: Path(shutil.copytree(bases(kind), tmp_path / "copy"))


def edit(folder: Path, name: str, changes: dict[str, Any]) -> None:
    """Change entries of a JSON file; `a.b` is b in a."""
    path = folder / name
    config = json.loads(path.read_text())
    for key, value in changes.items():
        *parents, last = key.split(".")
        part = config
        for each in parents:
            part = part[each]
        part[last] = value
    path.write_text(json.dumps(config))


def use(folder: Path) -> Encoder:
    """Load a model, and embed with it."""
    found = find(Settings(home=Path("/nonexistent"), model=str(folder)))
    encoder = Encoder(found, device="cpu")
    side = encoder.transform.crop_side
    encoder.embed_pixels(np.zeros((1, side, side, 3), np.uint8))
    if found.has_text:
        encoder.embed_texts(["a cat"])
    return encoder


def refused(folder: Path, why: str) -> str:
    """Check that a model is refused in one line that names its files, and return the line."""
    with pytest.raises(ModelError, match=why) as caught:
        use(folder)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 1_000
    assert "copy" in said or "config.json" in said  # the folder, or its file
    return said


@pytest.mark.parametrize(
    "changes",
    [
        {"resample": 99},
        {"resample": -1},
        {"resample": INFINITE},
        {"image_mean": [INFINITE] * 3},
        {"image_mean": 0.5},
        {"image_std": [NO_NUMBER] * 3},
        {"image_std": [0.5, 0.0, 0.5]},
        {"rescale_factor": NO_NUMBER},
        {"rescale_factor": 0},
        {"rescale_factor": 10**400},
        {"size": {"shortest_edge": INFINITE}},
        {"size": INFINITE},
        {"crop_size": {"height": -INFINITE}},
    ],
)
def test_settings_of_images_that_mean_nothing_are_refused(
    copied: Callable[[str], Path], changes: dict[str, Any]
):
    folder = copied("clip")
    edit(folder, "preprocessor_config.json", changes)
    said = refused(folder, r"preprocessor_config\.json is not that of an image processor")
    assert "set `model` to another" in said


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "processor_config.json"])
def test_json_that_is_nested_too_deeply_is_refused(copied: Callable[[str], Path], name: str):
    folder = copied("clip")
    (folder / name).write_text('{"a":' + DEEP)
    refused(folder, rf"copy/{name} is not valid JSON: .*deep")


@pytest.mark.parametrize(
    "header",
    [
        DEEP.encode(),
        b"\xff" * 5_000,
        b'{"logit_scale": {"dtype": "F32", "data_offsets": []}}',
        b'{"logit_scale": {"dtype": "F32", "data_offsets": [1e400, 2]}}',
        b'{"logit_scale": {"dtype": "F32", "data_offsets": [%d, 2]}}' % 10**30,
    ],
)
def test_a_malformed_header_of_weights_is_refused(copied: Callable[[str], Path], header: bytes):
    folder = copied("siglip")
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    refused(folder, r"model\.safetensors cannot be loaded")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("clip", {"projection_dim": 10**30}),
        ("clip", {"projection_dim": 24.0}),
        ("clip", {"model_type": "\x1b[31mevil\nnewline " * 50}),
        ("clip", {"model_type": ["clip"] * 500}),
        ("dinov2", {"image_size": "\x1b[31m\n" * 500}),
    ],
)
def test_an_odd_configuration_is_refused_in_one_short_line(
    copied: Callable[[str], Path], kind: str, changes: dict[str, Any]
):
    folder = copied(kind)
    edit(folder, "config.json", changes)
    refused(folder, "is a .* model; `model` must|is no number|no number of its kind")


@pytest.mark.parametrize(
    "changes",
    [
        {"model_cfg.vision_cfg.head_width": 0},
        {"model_cfg.vision_cfg.mlp_ratio": INFINITE},
        {"model_cfg.vision_cfg.width": INFINITE},
        {"model_cfg.vision_cfg.ls_init_value": [[1] * 5_000]},
        {"model_cfg.vision_cfg": {"\n\x1b[31m" * 500: 1}},
        {"model_cfg.embed_dim": NO_NUMBER},
        {"preprocess_cfg": {"size": INFINITE}},
        {"preprocess_cfg": {"interpolation": "lanczos"}},
        {"preprocess_cfg": {"interpolation": ["bicubic"]}},
        {"preprocess_cfg": {"mean": [INFINITE] * 3}},
        {"preprocess_cfg": {"std": [0, 1, 1]}},
    ],
)
def test_a_malformed_configuration_of_openclip_is_refused(
    copied: Callable[[str], Path], changes: dict[str, Any]
):
    folder = copied("clip")
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / name).unlink()
    (folder / "open_clip_model.safetensors").write_bytes(bytes(20))
    vision = {"layers": 2, "width": 32, "patch_size": 8, "image_size": 32, "head_width": 16}
    config = {
        "model_cfg": {
            "embed_dim": 24, "vision_cfg": vision, "text_cfg": {"width": 32, "layers": 2, "heads": 2},
        },
        "preprocess_cfg": {},
    }  # fmt: skip
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    edit(folder, "open_clip_config.json", changes)
    refused(folder, "OpenCLIP model")


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_config.hidden_act": "foo"},
        {"text_config.hidden_act": "foo"},
        {"vision_config": "x"},
        {"vision_config": [1]},
        {"vision_config.hidden_size": "x"},
        {"vision_config.patch_size": 0},
        {"vision_config.patch_size": 10**12},
        {"vision_config.num_attention_heads": 0},
        {"text_config.eos_token_id": "x"},
        {"dtype": "evil"},
    ],
)
def test_a_configuration_that_makes_no_model_is_refused(
    copied: Callable[[str], Path], changes: dict[str, Any]
):
    folder = copied("clip")
    edit(folder, "config.json", changes)
    assert "set `model` to another" in refused(folder, "copy cannot be loaded: ")


@pytest.mark.parametrize(
    "error", [MemoryError(), KeyboardInterrupt(), OSError(28, "No space left on device")]
)
def test_what_this_machine_lacks_is_not_laid_to_the_model(
    copied: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    from clipper.models import encoder

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(encoder, "_load", fail)
    if not isinstance(error, OSError):
        with pytest.raises(type(error)):
            use(copied("clip"))
        return
    assert refused(copied("clip"), "No space left on device").endswith("No space left on device")


@pytest.mark.parametrize(
    ("kind", "name", "changes"),
    [
        ("siglip", "tokenizer_config.json", {"pad_token": None}),
        ("align", "tokenizer_config.json", {"model_max_length": "x"}),
        ("align", "tokenizer_config.json", {"model_max_length": INFINITE}),
        ("align", "tokenizer_config.json", {"model_max_length": 0}),
    ],
)
def test_a_tokenizer_that_does_not_fit_is_refused(
    copied: Callable[[str], Path], kind: str, name: str, changes: dict[str, Any]
):
    folder = copied(kind)
    edit(folder, name, changes)
    refused(folder, "the tokenizer of .*set `model` to another")


def test_tokens_that_the_model_does_not_know_are_refused(copied: Callable[[str], Path]):
    """On a GPU such a token would end the process's use of it."""
    folder = copied("align")
    words = (folder / "vocab.txt").read_text("utf-8")
    (folder / "vocab.txt").write_text("".join(f"[unused{at}]\n" for at in range(600)) + words, "utf-8")
    refused(folder, "the tokenizer of .* has more tokens than the 600 of the model")
