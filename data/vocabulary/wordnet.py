"""Read WordNet's nouns: the senses of each word, what they are kinds of, how often each is used.

What does not belong here: which of them the vocabulary takes (`make.py`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Pointers of the format, from wninput(5WN): a kind of, an instance of, the usage that a word belongs to.
HYPERNYM, INSTANCE, USAGE = "@", "@i", ";u"
PARTS = {"noun": "1", "verb": "2", "adj": "3", "adv": "4"}
# Lemma, number of the part of speech, number of the lexicographer's file, number within it.
_SENSE = re.compile(r"(.+)%(\d):(\d\d):(\d\d):")


@dataclass(frozen=True)
class Synset:
    """One meaning: its words as written, its lexicographer file, what it is a kind of, its definition."""

    words: tuple[str, ...]
    file: int
    above: tuple[str, ...]
    usage: tuple[str, ...]
    is_instance: bool
    gloss: str


@dataclass
class WordNet:
    """The nouns, by the offset that names a synset; and what is counted over all parts of speech."""

    nouns: dict[str, Synset] = field(default_factory=dict)
    senses: dict[str, list[str]] = field(default_factory=dict)  # word -> offsets of its nouns
    uses: Counter[tuple[str, str]] = field(default_factory=Counter)  # word, offset of a noun: times tagged
    other_uses: Counter[str] = field(default_factory=Counter)  # word: times tagged as no noun
    mentions: Counter[str] = field(default_factory=Counter)  # words of definitions, up to three: in how many
    usages: dict[str, set[str]] = field(default_factory=dict)  # word -> offsets of its usages, any part
    glosses: dict[str, list[str]] = field(default_factory=dict)  # word -> definitions, any part

    def above(self, offset: str) -> Iterator[str]:
        """All that a synset is a kind of, itself included."""
        waiting, seen = [offset], set()
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                yield at
                waiting += self.nouns[at].above


def read(folder: Path) -> WordNet:
    """Read the files data.* and cntlist.rev of WordNet 3.0."""
    found = WordNet()
    counts = _tag_counts(folder / "cntlist.rev")
    for part, number in PARTS.items():
        for line in (folder / f"data.{part}").read_text("latin-1").splitlines():
            if not line.startswith(" "):
                _add(found, line, number, counts)
    return found


def _add(found: WordNet, line: str, part: str, counts: Mapping[str, int]) -> None:
    head, _, gloss = line.partition(" | ")
    cells = head.split()
    offset, file, many = cells[0], int(cells[1]), int(cells[3], 16)
    pairs = [(cells[4 + 2 * i], int(cells[5 + 2 * i], 16)) for i in range(many)]
    pointers = cells[5 + 2 * many :]
    targets = [(pointers[i], pointers[i + 1]) for i in range(0, len(pointers) - 2, 4)]
    targets = targets[: int(cells[4 + 2 * many])]
    usage = tuple(at for kind, at in targets if kind == USAGE)
    words = tuple(re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word, _ in pairs)
    words_of = re.findall(r"[a-z]+", gloss.lower())
    spans = (words_of[i : i + size] for size in (1, 2, 3) for i in range(len(words_of) - size + 1))
    found.mentions.update({" ".join(span) for span in spans})
    for word, (written, number) in zip(words, pairs, strict=True):
        used = counts.get(f"{written.lower()}%{part}:{file:02d}:{number:02d}", 0)
        found.usages.setdefault(word.lower(), set()).update(usage)
        found.glosses.setdefault(word.lower(), []).append(gloss)
        if part == PARTS["noun"]:
            found.senses.setdefault(word, []).append(offset)
            found.uses[word, offset] += used
        else:
            found.other_uses[word] += used
    if part == PARTS["noun"]:
        above = tuple(at for kind, at in targets if kind in (HYPERNYM, INSTANCE))
        instance = any(kind == INSTANCE for kind, _ in targets)
        found.nouns[offset] = Synset(words, file, above, usage, instance, gloss)


def _tag_counts(path: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in path.read_text("latin-1").splitlines():
        key, _, used = line.split()
        if match := _SENSE.match(key):
            lemma, part, file, number = match.groups()
            counts[f"{lemma}%{'3' if part == '5' else part}:{file}:{number}"] += int(used)
    return counts
