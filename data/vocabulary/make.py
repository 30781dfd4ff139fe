"""Make `clipper/insight/words/vocabulary.txt`: words for what can be seen, each line one.

    python -m data.vocabulary.make --wordnet FOLDER --frequencies FILE

README.md beside this says where both come from, and which words are left out.
"""

import argparse
import gzip
import re
from collections.abc import Callable, Mapping
from math import log
from pathlib import Path

from data.vocabulary.wordnet import Synset, WordNet, read

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "clipper" / "insight" / "words" / "vocabulary.txt"
# Lexicographer files (lexnames(5WN)), and how many words the vocabulary takes of each at most.
ANIMAL, ARTIFACT, FOOD, OBJECT, PLANT, SUBSTANCE = 5, 6, 13, 17, 20, 27
TAKEN = {ANIMAL: 480, ARTIFACT: 2_400, FOOD: 600, OBJECT: 220, PLANT: 340, SUBSTANCE: 60}
# A kind above the words that are left out, by a word and its file. Apes and monkeys: models are known to give
# their names to people. Microbes, drugs, chemistry: no pictures of things.
LEFT_OUT = (
    ("primate", ANIMAL), ("microorganism", ANIMAL), ("parasite", ANIMAL),
    ("drug", ARTIFACT), ("medicine", ARTIFACT), ("contraceptive", ARTIFACT), ("undergarment", ARTIFACT),
    ("instrument of torture", ARTIFACT), ("medical instrument", ARTIFACT), ("sex toy", ARTIFACT),
    ("instrument of execution", ARTIFACT), ("toxin", SUBSTANCE), ("chemical element", SUBSTANCE),
    ("bodily waste", SUBSTANCE), ("body waste", SUBSTANCE), ("protein", SUBSTANCE),
    ("enzyme", SUBSTANCE), ("organic compound", SUBSTANCE), ("acid", SUBSTANCE),
    ("radioactive material", SUBSTANCE), ("way", ARTIFACT), ("brothel", ARTIFACT),
)  # fmt: skip
# Usages by which WordNet marks insults and coarse words.
COARSE_USAGES = ("disparagement", "ethnic slur", "obscenity", "vulgarism", "slang", "dirty word")
# Phrases that end so name a kind of thing for a catalogue, not for a picture.
DRY_ENDS = frozenset((
    "system", "equipment", "device", "implement", "agent", "complex", "establishment", "family", "order",
    "area", "mechanism", "facility", "compound", "substance", "matter", "material", "operation", "meat",
))  # fmt: skip
COARSE = re.compile(
    r"\b(offensive|disparaging|derogatory|slurs?|vulgar|obscene|insulting|contemptuous|contemptible|taboo"
    r"|genitals?|sexual\w*|intercourse|prostitut\w+|penis|vagina\w*|breasts?|buttocks|excrement|feces|erotic"
    r"|homosexual\w*|lesbian\w*|ethnic|racial|negro|genitalia|menstrua\w+)\b"
)
# Things so general that they name no cluster have fewer kinds above them.
LEAST_DEPTH = 7
# A word is used in the sense of a thing that can be seen at least this share of the times that it is used.
LEAST_SHARE = 0.3
LEAST_MENTIONS = 2  # in definitions or tagged texts
LONGEST = 24  # characters
MOST_WORDS = 3
HEADER = """\
# Words for clusters of images: what can be seen, one word or phrase a line.
# Made by `python -m data.vocabulary.make`; do not edit it, a home's own vocabulary.txt adds to it.
#
# The words under "WordNet" are nouns of WordNet 3.0, chosen by their meaning; how often a word is used was
# taken from WordNet's counts and from the order of the words in CLIP's tokenizer (MIT licence, (c) 2021
# OpenAI). The words under "Clipper" are Clipper's own. WordNet's licence follows.
#
"""


def main() -> None:
    """Write the vocabulary and print how many words it has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--frequencies", type=Path, required=True, help="bpe_simple_vocab_16e6.txt.gz")
    options = parser.parse_args()
    own = sorted(set(read_list(HERE / "own.txt")))
    chosen = choose(
        read(options.wordnet), read_ranks(options.frequencies), set(read_list(HERE / "refused.txt"))
    )
    chosen = sorted(set(chosen) - set(own))
    licence = licence_of(options.wordnet / "data.noun")
    lines = [HEADER + licence, "", "# Clipper", *own, "", "# WordNet", *chosen]
    TARGET.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(own):,} words of our own and {len(chosen):,} of WordNet: {TARGET.stat().st_size:,} bytes")


def read_list(path: Path) -> list[str]:
    """Read words separated by commas and lines; `#` begins a comment."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [word.strip() for line in lines for word in line.split(",") if word.strip()]


def read_ranks(path: Path) -> dict[str, int]:
    """Read the whole words of CLIP's tokenizer, the most frequent first: word -> rank."""
    merges = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
    whole = [pair.replace(" ", "") for pair in merges if pair.endswith("</w>")]
    return {word.removesuffix("</w>"): rank for rank, word in enumerate(whole)}


def choose(wordnet: WordNet, ranks: Mapping[str, int], refused: set[str]) -> list[str]:
    """Choose the most familiar words of each file."""
    out = {
        offset
        for word, file in LEFT_OUT
        for offset in wordnet.senses.get(word, ())
        if wordnet.nouns[offset].file == file
    }
    coarse = {offset for word in COARSE_USAGES for offset in wordnet.senses.get(word, ())}
    refused_parts = {word.removesuffix("*") for word in refused if word.endswith("*")}
    refused = {word.removesuffix("*") for word in refused}
    plural = _plurals(wordnet)
    found: dict[int, list[tuple[float, str]]] = {file: [] for file in TAKEN}
    for word in wordnet.senses:
        parts = set(re.split(r"[ '-]", word))
        if not _is_plain(word) or word in refused or parts & (refused_parts | DRY_ENDS) or plural(word):
            continue
        if wordnet.usages[word] & coarse or any(COARSE.search(gloss) for gloss in wordnet.glosses[word]):
            continue
        offset = _meaning(wordnet, word)
        if offset is None or out & set(wordnet.above(offset)) or _too_general(wordnet, offset):
            continue
        familiar = _familiarity(wordnet, ranks, word, offset)
        if familiar > 0:
            found[wordnet.nouns[offset].file].append((familiar, word))
    chosen: list[str] = []
    for file, words in found.items():
        words.sort(key=lambda pair: (-pair[0], pair[1]))
        chosen += [word for _, word in words[: TAKEN[file]]]
    return chosen


def _is_plain(word: str) -> bool:
    return (
        bool(re.fullmatch(r"[a-z][a-z' -]{2,}", word))
        and len(word) <= LONGEST
        and len(word.split()) <= MOST_WORDS
    )


def _meaning(wordnet: WordNet, word: str) -> str | None:
    """Return the wanted sense of a word that is used most, if it is usual enough."""
    offsets = wordnet.senses[word]
    wanted = [offset for offset in offsets if _is_wanted(wordnet.nouns[offset])]
    if not wanted:
        return None
    uses = {offset: wordnet.uses[word, offset] for offset in offsets}
    of_all = sum(uses.values()) + wordnet.other_uses[word]
    best = max(wanted, key=lambda offset: uses[offset])
    if of_all >= 3:
        return best if sum(uses[offset] for offset in wanted) >= LEAST_SHARE * of_all else None
    return best if 2 * len(wanted) >= len(offsets) else None


def _is_wanted(synset: Synset) -> bool:
    return synset.file in TAKEN and not synset.is_instance


def _too_general(wordnet: WordNet, offset: str) -> bool:
    general = wordnet.nouns[offset].file == ARTIFACT
    return general and len(set(wordnet.above(offset))) < LEAST_DEPTH


def _familiarity(wordnet: WordNet, ranks: Mapping[str, int], word: str, offset: str) -> float:
    """Score how well a word is known: by its uses, its place in definitions, its rank in CLIP's tokenizer."""
    uses, mentions = wordnet.uses[word, offset], wordnet.mentions[word]
    parts = re.split(r"[ -]", word)
    is_name = word.capitalize() in wordnet.senses and not uses
    if (
        mentions + uses < LEAST_MENTIONS + (len(parts) > 1 and wordnet.nouns[offset].file in (ANIMAL, PLANT))
        or is_name
    ):
        return 0
    if len(parts) > 1 and not all(part in ranks for part in parts):
        return 0
    known = 1 - max(ranks.get(part, len(ranks)) for part in parts) / len(ranks)
    return 4 * known + log(1 + mentions) + 0.5 * log(1 + uses) - (1 if len(parts) > 1 else 0)


def _plurals(wordnet: WordNet) -> Callable[[str], bool]:
    def is_plural(word: str) -> bool:
        """Whether WordNet has the singular as well."""
        return any(word.endswith(end) and word.removesuffix(end) in wordnet.senses for end in ("s", "es"))

    return is_plural


def licence_of(path: Path) -> str:
    """Return the licence at the head of a data file of WordNet, as comments."""
    lines = path.read_text("latin-1").splitlines()
    told = [line.strip().partition(" ")[2] for line in lines if line.startswith("  ")]
    return "\n".join(f"# {line}".rstrip() for line in told)


if __name__ == "__main__":
    main()
