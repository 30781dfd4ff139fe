"""Which emoji there are, and what Unicode says of each: names, groups, keywords, versions.

Reads the Unicode and CLDR files that Debian installs. Draws nothing.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")
CLDR_COMMON = Path("/usr/share/unicode/cldr/common")

_LINE = re.compile(r"^([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E([\d.]+) (.+)$")
_SKIN_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
_VARIATION_SELECTOR = "\ufe0f"
# Characters that carry a name's meaning but cannot stand in a file name.
_SPELLED_OUT = {"#": "number sign", "*": "asterisk"}


@dataclass(frozen=True)
class Emoji:
    """One emoji: its characters and what Unicode says of it."""

    characters: str
    name: str
    group: str
    subgroup: str
    keywords: tuple[str, ...]
    unicode_version: float

    @property
    def slug(self) -> str:
        """The file name without ending: `cat-face`."""
        return slugify(self.name)

    @property
    def codepoints(self) -> str:
        """The code points in hexadecimal: `1f441-fe0f`, as vendors name their drawings."""
        return "-".join(f"{ord(character):x}" for character in self.characters)


def slugify(name: str) -> str:
    """Turn a name into lower-case ASCII words joined by hyphens."""
    for character, words in _SPELLED_OUT.items():
        name = name.replace(character, words)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = plain.replace("'", "").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def read_keywords(common: Path = CLDR_COMMON) -> dict[str, tuple[str, ...]]:
    """Read CLDR's English keywords, by characters without variation selectors."""
    keywords: dict[str, tuple[str, ...]] = {}
    for folder in ("annotations", "annotationsDerived"):
        root = ET.parse(common / folder / "en.xml").getroot()
        for element in root.iter("annotation"):
            if element.get("type") is None and element.text:
                words = tuple(word.strip() for word in element.text.split("|"))
                keywords.setdefault(element.attrib["cp"], words)
    return keywords


def read_catalogue(*, emoji_test: Path = EMOJI_TEST, common: Path = CLDR_COMMON) -> list[Emoji]:
    """Read every fully-qualified emoji without skin tones, in Unicode's order.

    Raises ValueError if two of them would get the same file name.
    """
    keywords = read_keywords(common)
    catalogue: list[Emoji] = []
    group = subgroup = ""
    for line in emoji_test.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif match := _LINE.match(line):
            characters = "".join(chr(int(code, 16)) for code in match[1].split())
            if _SKIN_TONES.intersection(characters):
                continue
            name, version = match[3], float(match[2])
            # CLDR trails Unicode: an emoji it does not know yet gets its name and the words of it.
            words = keywords.get(characters.replace(_VARIATION_SELECTOR, "")) or tuple(
                dict.fromkeys((name, *name.split()))
            )
            catalogue.append(Emoji(characters, name, group, subgroup, words, version))
    slugs = [emoji.slug for emoji in catalogue]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ValueError(f"several emoji would share a file name: {', '.join(twice)}")
    return catalogue
