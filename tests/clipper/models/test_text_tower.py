import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clipper.models import encoder, parts, text_tower
from clipper.models import source as model_files
from clipper.settings import Settings

TEXTS = ["a cat", "red heart", "", "two   of THEM!", "a " * 300, "naïve \ud800 café 🍕", "flag: Brazil"]


def source(folder: Path) -> model_files.ModelSource:
    return model_files.find(Settings(home=Path("/nonexistent"), model=str(folder)))


def made(model_folder: Path, folder: Path, *, shards: bool = False, **text_config: object) -> Path:
    """A CLIP of random weights with the sample's tokenizer."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    tokens = {"vocab_size": 3931, "max_position_embeddings": 32, "bos_token_id": 3929, "eos_token_id": 3930}
    config = CLIPConfig(
        text_config=small | tokens | text_config,
        vision_config=small | {"image_size": 16, "patch_size": 8},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder, max_shard_size="100KB" if shards else "50GB")
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(model_folder / name, folder / name)
    return folder


def test_the_sample_model_gives_what_transformers_gives(model_folder: Path):
    found = source(model_folder)
    ours, theirs = text_tower.TextTower(found), encoder.Encoder(found)
    assert np.abs(ours.embed_texts(TEXTS) - theirs.embed_texts(TEXTS)).max() < 1e-5


@pytest.mark.parametrize(
    "config",
    [
        {"hidden_act": "quick_gelu"},
        {"hidden_act": "gelu", "layer_norm_eps": 1e-3},
        {"eos_token_id": 2},
        {"shards": True, "num_attention_heads": 2},
    ],
    ids=str,
)
def test_models_of_other_shapes_give_what_transformers_gives(
    model_folder: Path, tmp_path: Path, config: dict[str, object]
):
    found = source(made(model_folder, tmp_path / "clip", **config))
    assert len(list(found.folder.glob("*.safetensors"))) > 1 or "shards" not in config
    vectors = encoder.Encoder(found).embed_texts(TEXTS)
    tower = text_tower.load_verified(found, TEXTS[0], vectors[0])
    assert tower is not None
    assert np.abs(tower.embed_texts(TEXTS) - vectors).max() < 1e-5


def test_a_model_of_another_make_is_left_to_transformers(model_folder: Path, tmp_path: Path):
    found = source(made(model_folder, tmp_path / "clip", hidden_act="relu"))
    assert text_tower.load_verified(found, "a cat", encoder.Encoder(found).embed_texts(["a cat"])[0]) is None


def test_an_encoder_that_gives_other_vectors_is_not_believed(model_folder: Path, tmp_path: Path):
    theirs = encoder.Encoder(source(model_folder)).embed_texts(["a cat"])[0]
    copied = Path(shutil.copytree(model_folder, tmp_path / "clip"))
    config = json.loads((copied / "config.json").read_text())
    config["text_config"]["hidden_act"] = "quick_gelu"
    (copied / "config.json").write_text(json.dumps(config))
    assert text_tower.load_verified(source(model_folder), "a cat", theirs) is not None
    assert text_tower.load_verified(source(copied), "a cat", theirs) is None


@pytest.mark.parametrize("name", ["tokenizer.json", "clip.safetensors"])
def test_a_damaged_file_is_left_to_transformers_to_tell(model_folder: Path, tmp_path: Path, name: str):
    found = source(Path(shutil.copytree(model_folder, tmp_path / "clip")))
    (found.folder / name).write_bytes(b"{")
    assert text_tower.load_verified(found, "a cat", np.ones(found.dimensions, np.float32)) is None


def test_a_text_search_needs_neither_torch_nor_chroma(sample_home: Path):
    code = (
        "import sys, clipper\n"
        f"assert len(clipper.open({str(sample_home)!r}).search('a cat', k=3)) == 3\n"
        "print(sorted({'torch', 'transformers', 'chromadb', 'umap', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_search_is_the_same_without_the_probes(sample_copy: Path):
    import clipper

    fast = clipper.open(sample_copy).search("a cat", k=5)
    for probe in sample_copy.glob("store/embeddings/*/probes-*.parquet"):
        probe.unlink()
    slow = clipper.open(sample_copy).search("a cat", k=5)
    assert list(fast["id"]) == list(slow["id"])


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"cat number {i}" for i in range(60)),
        "A red heart. " * 40,
        "a cat, a dog, " * 60,
        "x" * 1_000,
        "🐈" * 300,
        "红心，" * 200,  # noqa: RUF001
        "\u200d" * 200,
    ],
)
def test_a_text_longer_than_the_context_is_embedded_in_parts_of_which_each_is_read_whole(
    model_folder: Path, text: str
):
    found = source(model_folder)
    tower, whole = text_tower.TextTower(found), encoder.Encoder(found)
    assert (tower.context, tower.tokens(text)) == (whole.context, whole.tokens(text))
    split = parts.parts_of(text, tower)
    assert len(split) > 1
    assert split == parts.parts_of(text, whole)
    assert all(count <= tower.context for _, count in split)
    assert "".join(part for part, _ in split).replace(" ", "") == text.replace(" ", "")
    near = parts.embed_whole([text], tower) @ parts.embed_whole([text, "a cat"], whole).T
    assert near[0, 0] > 0.9999


def test_the_end_of_a_long_text_counts_too(model_folder: Path):
    tower = text_tower.TextTower(source(model_folder))
    begin = "the way I remember it, " * 12
    cat, dog = parts.embed_whole([f"{begin} a cat", f"{begin} a dog"], tower)
    assert cat @ dog < 0.9999
    short = ["a cat", "a dog"]
    assert np.array_equal(parts.embed_whole(short, tower), tower.embed_texts(short))
