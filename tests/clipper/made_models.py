"""Models of two layers with random weights, one of each family, as `save_pretrained` leaves them."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WORDS = (
    "a cat sat on the mat while two dogs ran after one red car in the rain and nobody said a word about it "
    "photo of picture drawing house tree river blue green yellow flag heart clock face "
    "一 只 猫 在 红 色 的 车 上 "
    "чёрный кот спит дома el gato negro duerme en casa"
)
UNKNOWN = {"unk_token": "<unk>"}
LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 48}
# As the sample's tokenizer has them.
CLIPS_TOKENS = {
    "vocab_size": 3_931, "max_position_embeddings": 40, "bos_token_id": 3_929, "eos_token_id": 3_930,
    "pad_token_id": 3_930,
}  # fmt: skip
SIDE = {"image_size": 32, "patch_size": 8}


def make(kind: str, folder: Path, *, clip_tokenizer: Path, **changes: Any) -> Path:
    """Make a model of a family.

    Args:
        kind: a key of `MAKERS`.
        folder: that is made.
        clip_tokenizer: a model folder with a tokenizer of CLIP.
        changes: of the image processor's settings.
    """
    import torch

    torch.manual_seed(len(kind))
    model, processor = MAKERS[kind]()
    for parameter in model.parameters():  # transformers' own are so small that all texts are alike
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.eval().save_pretrained(folder)
    if processor is not None:
        type(processor)(**(processor.to_dict() | changes)).save_pretrained(folder)
    TOKENIZERS[kind](folder, clip_tokenizer)
    return folder


def _clip() -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    text = LAYERS | CLIPS_TOKENS
    config = CLIPConfig(text_config=text, vision_config=LAYERS | SIDE, projection_dim=24)
    return CLIPModel(config), CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)


def _metaclip_2() -> tuple[Any, Any]:
    from transformers import CLIPImageProcessorPil, MetaClip2Config, MetaClip2Model

    text = LAYERS | CLIPS_TOKENS
    config = MetaClip2Config(text_config=text, vision_config=LAYERS | SIDE, projection_dim=24)
    return MetaClip2Model(config), CLIPImageProcessorPil(size={"height": 32, "width": 32}, crop_size=32)


def _groupvit() -> tuple[Any, Any]:
    from transformers import CLIPImageProcessorPil, GroupViTConfig, GroupViTModel

    text = LAYERS | CLIPS_TOKENS
    vision = SIDE | {"hidden_size": 32, "depths": [1, 1], "num_hidden_layers": 2, "num_group_tokens": [4, 0]}
    vision |= {"num_output_groups": [4, 2], "num_attention_heads": 2, "intermediate_size": 48}
    config = GroupViTConfig(text_config=text, vision_config=vision, projection_dim=24)
    config.projection_intermediate_dim = 48
    return GroupViTModel(config), CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)


def _siglip() -> tuple[Any, Any]:
    import torch
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    text = LAYERS | {"vocab_size": 400, "max_position_embeddings": 24}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=LAYERS | SIDE))
    model.logit_scale.data, model.logit_bias.data = torch.tensor([4.5]), torch.tensor([-12.0])
    return model, SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=2)


def _align() -> tuple[Any, Any]:
    from transformers import AlignConfig, AlignModel, EfficientNetImageProcessorPil

    vision: dict[str, Any] = {
        "image_size": 40, "kernel_sizes": [3, 3], "in_channels": [32, 16], "out_channels": [16, 32],
        "depthwise_padding": [], "strides": [1, 2], "num_block_repeats": [1, 1], "expand_ratios": [1, 2],
        "width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 32, "pooling_type": "mean",
    }  # fmt: skip
    text = LAYERS | {"vocab_size": 600, "max_position_embeddings": 128}
    config = AlignConfig(text_config=text, vision_config=vision, projection_dim=32)
    processor = EfficientNetImageProcessorPil(
        size={"height": 48, "width": 48}, crop_size={"height": 40, "width": 40}, do_center_crop=True,
        rescale_factor=1 / 127.5, rescale_offset=True, do_normalize=False, include_top=False, resample=2,
    )  # fmt: skip
    return AlignModel(config), processor


def _chinese_clip() -> tuple[Any, Any]:
    from transformers import ChineseCLIPConfig, ChineseCLIPImageProcessorPil, ChineseCLIPModel

    text = LAYERS | {"vocab_size": 600, "max_position_embeddings": 64}
    config = ChineseCLIPConfig(text_config=text, vision_config=LAYERS | SIDE, projection_dim=24)
    size = {"height": 32, "width": 32}
    return ChineseCLIPModel(config), ChineseCLIPImageProcessorPil(size=size, do_center_crop=False)


def _altclip() -> tuple[Any, Any]:
    from transformers import AltCLIPConfig, AltCLIPModel, CLIPImageProcessorPil

    text = LAYERS | {"vocab_size": 600, "max_position_embeddings": 66, "project_dim": 24}
    config = AltCLIPConfig(text_config=text, vision_config=LAYERS | SIDE, projection_dim=24)
    return AltCLIPModel(config), CLIPImageProcessorPil(size={"shortest_edge": 36}, crop_size=32)


def _dual() -> tuple[Any, Any]:
    from transformers import (
        BertConfig,
        VisionTextDualEncoderConfig,
        VisionTextDualEncoderModel,
        ViTConfig,
        ViTImageProcessorPil,
    )

    text = BertConfig(vocab_size=600, max_position_embeddings=64, **LAYERS)
    vision = ViTConfig(**LAYERS, **SIDE)
    config = VisionTextDualEncoderConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24
    )
    size = {"height": 32, "width": 32}
    return VisionTextDualEncoderModel(config), ViTImageProcessorPil(size=size)


def _dinov2() -> tuple[Any, Any]:
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    model = Dinov2Model(Dinov2Config(**LAYERS, **SIDE))
    return model, BitImageProcessorPil(
        size={"shortest_edge": 40}, crop_size=32, image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip


def _dinov2_with_registers() -> tuple[Any, Any]:
    from transformers import BitImageProcessorPil, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**LAYERS, **SIDE))
    return model, BitImageProcessorPil(size={"shortest_edge": 40}, crop_size=32)


def _dinov3() -> tuple[Any, Any]:
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    return DINOv3ViTModel(DINOv3ViTConfig(**LAYERS, **SIDE, num_register_tokens=2)), None


def _vit() -> tuple[Any, Any]:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    # Most of the hub's are trained to classify, and have no weights of the pooling that ViTModel knows.
    model = ViTForImageClassification(ViTConfig(**LAYERS, **SIDE))
    return model, ViTImageProcessorPil(size={"height": 32, "width": 32})


MAKERS: Mapping[str, Callable[[], tuple[Any, Any]]] = {
    "clip": _clip,
    "metaclip_2": _metaclip_2,
    "groupvit": _groupvit,
    "siglip": _siglip,
    "siglip-1": _siglip,
    "align": _align,
    "chinese_clip": _chinese_clip,
    "altclip": _altclip,
    "vision-text-dual-encoder": _dual,
    "dinov2": _dinov2,
    "dinov2_with_registers": _dinov2_with_registers,
    "dinov3_vit": _dinov3,
    "vit": _vit,
}


def _clips_own(folder: Path, clip: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(clip / name, folder / name)


def _gemma(folder: Path, _: Path) -> None:
    """Save a tokenizer of SigLIP 2: lower case, pieces with a byte each for what is unknown, one end."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(**UNKNOWN, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(" ", "▁")]  # as `Siglip2Tokenizer` has them
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=380, special_tokens=pieces))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 24, "pad_token": "<pad>",
        "eos_token": "<eos>", "unk_token": "<unk>", "model_input_names": ["input_ids"],
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _sentencepiece(folder: Path, _: Path) -> None:
    """Save a tokenizer of SigLIP 1."""
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS.split() * 20), model_writer=model, vocab_size=80, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.model").write_bytes(model.getvalue())
    config = {
        "tokenizer_class": "SiglipTokenizer",
        "model_max_length": 24,
        "model_input_names": ["input_ids"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _bert(folder: Path, _: Path) -> None:
    """Save the vocabulary of a BERT, in the file that its first checkpoints have."""
    letters = sorted({letter for letter in WORDS.lower() if letter.strip()})
    pieces = [*letters, *(f"##{letter}" for letter in letters)]
    words = [word for word in dict.fromkeys(WORDS.lower().split()) if len(word) > 1]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *pieces, *words]) + "\n", "utf-8")
    config = {"tokenizer_class": "BertTokenizer", "model_max_length": 52, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _xlm_roberta(folder: Path, _: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, **UNKNOWN)
    tokenizer.train_from_iterator([WORDS], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _none(_folder: Path, _: Path) -> None:
    pass


TOKENIZERS: Mapping[str, Callable[[Path, Path], None]] = {
    "clip": _clips_own,
    "metaclip_2": _clips_own,
    "groupvit": _clips_own,
    "siglip": _gemma,
    "siglip-1": _sentencepiece,
    "align": _bert,
    "chinese_clip": _bert,
    "altclip": _xlm_roberta,
    "vision-text-dual-encoder": _bert,
    "dinov2": _none,
    "dinov2_with_registers": _none,
    "dinov3_vit": _none,
    "vit": _none,
}
