"""Free text on the command line that begins with a minus, as in `clipper search -face`.

What does not belong here: parsing a query (`query_syntax.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

# The commands whose arguments are words of a person.
FREE_TEXT = ("search", "coverage", "name-cluster")
# A person who types these asks for help.
_HELP = ("-h", "-help", "-?")


def part_text(words: Sequence[str], commands: Mapping[str, Any]) -> list[str]:
    """Put the texts of a command line behind `--`, so that one that begins with a minus is no option.

    A word that begins with one minus and is no option of its command is text: `-face`, `-1`. So is one with a
    space in it. One that begins with two and is no option stays: more likely it is mistyped.

    Args:
        words: the command line without the program's name.
        commands: click's commands by name.
    """
    if not words or words[0] not in FREE_TEXT or words[0] not in commands:
        return list(words)
    takes = {
        name: not each.is_flag
        for each in commands[words[0]].params
        if each.param_type_name == "option"
        for name in (*each.opts, *each.secondary_opts)
    }
    options: list[str] = []
    texts: list[str] = []
    at = 1
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            texts += words[at:]
            break
        if word in takes:
            taken = words[at : at + 1] if takes[word] else []
            if takes[word] and not taken:  # the error says so
                return list(words)
            options += [word, *taken]
            at += len(taken)
        elif is_text(word, takes):
            texts.append(word)
        else:
            options.append(word)
    return [words[0], *options, "--", *texts]


def is_text(word: str, options: Mapping[str, bool]) -> bool:
    """Whether a word is a text, and no option: `options` says of each whether it takes a value."""
    if not word.startswith("-") or any(letter.isspace() for letter in word.partition("=")[0]):
        return True
    short = word[:2]
    glued = options.get(short, False) and word[2:].lstrip("=").isdigit()  # -k5
    return not (word.startswith("--") or word in _HELP or glued)
