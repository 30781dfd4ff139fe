"""The sample model's tokenizer: a small byte-level BPE in the layout of CLIP's own.

Learns it and writes it; reading is transformers' work.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
_END_OF_WORD = "</w>"
# CLIP's split into words, single digits and runs of punctuation (openai/clip-vit-base-patch32).
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def learn_merges(corpus: Iterable[str], *, vocabulary_size: int) -> Tokenizer:
    """Learn a byte-level BPE of `vocabulary_size` tokens, two special ones included."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=_END_OF_WORD))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - 2 - len(alphabet),
        initial_alphabet=alphabet,
        end_of_word_suffix=_END_OF_WORD,
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def save_tokenizer(learned: Tokenizer, folder: Path, *, max_length: int) -> CLIPTokenizer:
    """Write the tokenizer's files to `folder`, as transformers reads them, and return it.

    The end token has the highest id, so that CLIP's text model finds it both ways: as the first
    token with `eos_token_id`, and as the largest id.
    """
    merges = [tuple(merge) for merge in json.loads(learned.to_str())["model"]["merges"]]
    vocabulary = dict(sorted(learned.get_vocab().items(), key=lambda item: item[1]))
    # A byte may end a word, too: CLIP's vocabulary has each of them in both forms.
    endings = [token + _END_OF_WORD for token in sorted(pre_tokenizers.ByteLevel.alphabet())]
    for token in (*endings, START, END):
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer = CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=max_length,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
