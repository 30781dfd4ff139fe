"""OpenCLIP's layout gives what OpenCLIP gives, and CLIP's tokens are those of its own tokenizer."""

import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipper.errors import ModelError
from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.settings import Settings
from clipper.text import clean

WHEELS = ("open_clip_torch==3.3.0", "torchvision==0.28.0", "ftfy==6.3.1", "wcwidth==0.9.4", "regex")
CHILD = Path(__file__).with_name("open_clip_child.py")
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 40, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 2},
    },
}
TEXTS = ["a cat", "Two DOGS, one red car!", "一只猫", "чёрный кот", "naïve café 🍕", "a " * 300]
SCRIPTS = {
    "Latin": (0x41, 0x24F), "Greek": (0x370, 0x3FF), "Cyrillic": (0x400, 0x4FF), "Hebrew": (0x5D0, 0x5EA),
    "Arabic": (0x620, 0x64A), "Devanagari": (0x904, 0x939), "Bengali": (0x985, 0x9B9),
    "Tamil": (0xB85, 0xBB9), "Thai": (0xE01, 0xE3A), "Georgian": (0x10D0, 0x10FA),
    "Hangul": (0xAC00, 0xD7A3), "Kana": (0x3041, 0x30FA), "Han": (0x4E00, 0x9FFF),
    "Ethiopic": (0x1200, 0x135A), "Emoji": (0x1F300, 0x1FAFF),
}  # fmt: skip


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenCLIP without what it depends on, which would bring another torch."""
    folder = tmp_path_factory.mktemp("open_clip")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        *WHEELS,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"OpenCLIP's wheels cannot be had here: {result.stderr.strip()[-200:]}")
    return folder


def run(packages: Path, task: str, folder: Path) -> None:
    command = [sys.executable, str(CHILD), str(packages), task, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def strings(count: int) -> list[str]:
    """Words of one to four scripts, with figures, marks and spaces between them.

    No ligatures, which OpenCLIP takes apart. No capital sigma either: Python writes it in another way at the
    end of a word, and transformers does not.
    """
    chosen = random.Random(5)  # noqa: S311 - the same strings each time
    letters = {
        name: [
            c
            for c in map(chr, range(low, high + 1))
            if unicodedata.category(c)[0] in "LS" and unicodedata.normalize("NFKC", c) == c != "Σ"
        ]
        for name, (low, high) in SCRIPTS.items()
    }
    between = [" ", " ", " ", "  ", ", ", "-", "/", "'s ", ". ", "! ", " 2024 ", "\t", "\n", "_", "'ll "]

    def word() -> str:
        script = letters[chosen.choice([*letters])]
        return "".join(chosen.choice(script) for _ in range(chosen.randint(1, 9)))

    return [
        "".join(word() + chosen.choice(between) for _ in range(chosen.randint(1, 4))) for _ in range(count)
    ]


@pytest.mark.slow
def test_tokens_are_those_of_openclips_tokenizer(packages: Path, tmp_path: Path):
    from transformers import CLIPTokenizer

    texts = [clean(text) for text in strings(10_500)]
    (tmp_path / "texts.json").write_text(json.dumps(texts), "utf-8")
    run(packages, "tokenize", tmp_path)
    wanted = json.loads((tmp_path / "tokens.json").read_text())
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    own = tokenizer(texts)["input_ids"]
    alike = [one == other for one, other in zip(own, wanted, strict=True) if other is not None]
    assert len(alike) >= 10_000
    assert all(alike)


def made(packages: Path, folder: Path, config: dict[str, Any]) -> Path:
    """A folder of OpenCLIP, with what OpenCLIP computes with it in `wanted.npz`."""
    chosen = np.random.default_rng(3)
    for at, (width, height) in enumerate([(32, 32), (300, 201), (200, 333), (31, 17), (640, 480)]):
        picture = Image.fromarray(chosen.integers(0, 256, (9, 7, 3), np.uint8)).resize((width, height))
        picture.save(folder / f"{at}.png")
    (folder / "texts.json").write_text(json.dumps(TEXTS), "utf-8")
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    run(packages, "tokenize", folder)
    run(packages, "embed", folder)
    return folder


def changed(**changes: Any) -> dict[str, Any]:
    """The configuration with changes, by the part of `model_cfg` or of the whole that they belong to."""
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    for part, values in changes.items():
        config["model_cfg"].get(part, config.setdefault(part, {})).update(values)
    return {key: value for key, value in config.items() if value}


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        changed(model_cfg={"quick_gelu": True, "custom_text": True}),
        changed(
            preprocess_cfg={"resize_mode": "squash", "interpolation": "bilinear", "mean": [0.5, 0.5, 0.5]}
        ),
    ],
)
def test_vectors_are_those_of_openclip(packages: Path, tmp_path: Path, config: dict[str, Any]):
    import torch

    folder = made(packages, tmp_path, config)
    wanted = np.load(folder / "wanted.npz")
    found = find(Settings(home=Path("/nonexistent"), model=str(folder)))
    encoder = Encoder(found, dtype="float32")
    pictures = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
    crops = np.stack([encoder.transform.crop(picture) for picture in pictures])
    pixels = encoder.transform.normalise(torch.from_numpy(crops)).numpy()
    assert np.abs(pixels - wanted["pixels"]).max() < 1e-5
    assert (encoder.embed_images(pictures) * wanted["images"]).sum(axis=1).min() >= 0.9999
    texts = encoder.embed_texts(TEXTS)
    assert (texts * wanted["texts"]).sum(axis=1).min() >= 0.9999
    assert texts[0] @ texts[1] < 0.9999


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_224"}}, "timm_model_name"),
        ({"vision_cfg": {"layers": [3, 4, 6, 3]}}, "ResNet"),
        ({"text_cfg": {"hf_model_name": "xlm-roberta-base"}}, "hf_model_name"),
        ({"text_cfg": {"no_causal_mask": True}}, "no_causal_mask"),
        ({"vision_cfg": {"a_new_one": 3}}, "a_new_one"),
        ({"model_cfg": {"multimodal_cfg": {"layers": 2}}}, "CoCa"),
        ({"preprocess_cfg": {"resize_mode": "longest"}}, "resize_mode 'longest'"),
        ({"vision_cfg": {"image_size": [32, 64]}}, "not square"),
        ({"vision_cfg": {"patch_size": None}}, "not that of an OpenCLIP model"),
    ],
)
def test_another_architecture_is_refused_and_named(tmp_path: Path, changes: dict[str, Any], why: str):
    (tmp_path / "open_clip_config.json").write_text(json.dumps(changed(**changes)))
    with pytest.raises(ModelError, match=why):
        find(Settings(home=Path("/nonexistent"), model=str(tmp_path)))


def test_weights_in_a_pickle_are_not_loaded(tmp_path: Path):
    (tmp_path / "open_clip_config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"no open_clip_model\.safetensors"):
        find(Settings(home=Path("/nonexistent"), model=str(tmp_path)))
