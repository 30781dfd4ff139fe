"""Models of the sizes that people use, with random weights: vectors equal to those of transformers."""

import gc
from pathlib import Path
from typing import Any

import made_models
import numpy as np
import pytest
from PIL import Image

from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.settings import Settings

TEXTS = ["a cat", "two dogs and one red car in the rain"]
CLIPS_TEXT = made_models.CLIPS_TOKENS | {"vocab_size": 49_408, "max_position_embeddings": 77}


def _vit_b_32() -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    return CLIPModel(CLIPConfig(text_config=CLIPS_TEXT)), CLIPImageProcessorPil()


def _vit_l_14() -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    wide = {"num_hidden_layers": 24, "num_attention_heads": 16, "hidden_size": 1_024}
    vision = wide | {"intermediate_size": 4_096, "patch_size": 14}
    text = CLIPS_TEXT | {"num_attention_heads": 12, "hidden_size": 768, "intermediate_size": 3_072}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=768)
    return CLIPModel(config), CLIPImageProcessorPil()


def _siglip2_base() -> tuple[Any, Any]:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    config = SiglipConfig(text_config={"vocab_size": 256_000, "max_position_embeddings": 64})
    return SiglipModel(config), SiglipImageProcessorPil(resample=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "tokenizer", "size"),
    [(_vit_b_32, "clip", 512), (_vit_l_14, "clip", 768), (_siglip2_base, "siglip", 768)],
)
def test_vectors_are_those_of_transformers(
    model_folder: Path, tmp_path: Path, make: Any, tokenizer: str, size: int
):
    import torch
    from transformers import AutoTokenizer

    torch.manual_seed(4)
    model, processor = make()
    model.eval().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    made_models.TOKENIZERS[tokenizer](tmp_path, model_folder)
    noise = np.random.default_rng(2).integers(0, 256, (9, 7, 3), np.uint8)
    pictures = [Image.fromarray(noise).resize(shape) for shape in ((640, 480), (300, 300))]
    pixels = np.stack([processor(picture, return_tensors="np")["pixel_values"][0] for picture in pictures])
    padding = "max_length" if tokenizer == "siglip" else True
    tokens = AutoTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding=padding, max_length=64, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        images = model.get_image_features(pixel_values=torch.from_numpy(pixels)).pooler_output
        texts = model.get_text_features(**tokens).pooler_output
    del model
    gc.collect()
    encoder = Encoder(
        find(Settings(home=Path("/nonexistent"), model=str(tmp_path))), dtype="float32", device="cpu"
    )
    for own, theirs in ((encoder.embed_images(pictures), images), (encoder.embed_texts(TEXTS), texts)):
        wanted = torch.nn.functional.normalize(theirs).numpy()
        assert own.shape == (2, size)
        assert (own * wanted).sum(axis=1).min() >= 0.9999
