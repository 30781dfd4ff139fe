import json
from collections.abc import Callable
from pathlib import Path

import pytest

InProcess = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["-face"], "-face"),
        (["-1", "-k", "2"], "-1"),
        (["-k2", "-face cat"], "-face cat"),
        (["--no hats", "-k", "2"], "--no hats"),
        (["-kitten", "-k", "2"], "-kitten"),
        (["--", "--"], "--"),
        (["--", "-k"], "-k"),
        (["cat", "-face", "-k", "2"], "cat -face"),
        (["-face", "red heart"], "-face red heart"),
    ],
)
def test_a_query_may_begin_with_a_minus_and_needs_no_quotes(
    command: InProcess, sample_home: Path, words: list[str], query: str
):
    code, out, err = command("search", "--home", sample_home, "--json", *words)
    assert (code, err) == (0, "")
    assert json.loads(out)["query"] == query


def test_what_looks_like_a_mistyped_option_is_no_query_and_the_message_says_how_it_would_be(
    command: InProcess, sample_home: Path
):
    code, _, err = command("search", "--jsn", "--home", sample_home)
    assert code == 2
    assert "No such option: --jsn" in err
    assert "`clipper search -- TEXT`" in err


@pytest.mark.parametrize("count", ["-3", "0", "many"])
def test_a_count_that_is_none_is_named(command: InProcess, sample_home: Path, count: str):
    code, _, err = command("search", "cat", "-k", count, "--home", sample_home)
    assert code == 2
    assert "'-k'" in err


def test_of_a_text_longer_than_the_context_the_answer_says_that_it_was_searched_in_parts(
    command: InProcess, sample_home: Path
):
    long = "a picture of a cat that I remember, " * 8
    code, out, err = command("search", f"{long} red heart", "-k", "3", "--home", sample_home)
    assert (code, len(out.splitlines())) == (0, 3)
    assert err.startswith("note: the text is longer than the model reads at once; it was searched in ")
    _, out, err = command("search", long, "--json", "--home", sample_home)
    assert err == ""
    assert json.loads(out)["parts"][long.strip()] > 1
    assert command("search", "cat", "--home", sample_home)[2] == ""
    code, _, err = command("search", "x" * 100_000, "--home", sample_home)
    assert (code, "2,000 is the limit" in err) == (1, True)


def test_a_concept_may_begin_with_a_minus(command: InProcess, sample_home: Path):
    code, out, _ = command("coverage", "-cat", "dog", "--json", "--home", sample_home)
    assert code == 0
    assert {each["concept"] for each in json.loads(out)["concepts"]} == {"-cat", "dog"}
