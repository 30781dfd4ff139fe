import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
InProcess = Callable[..., tuple[int, str, str]]


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)  # Windows has none


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("words"), "is not an image"),
        (lambda path: path.mkdir(), "is a folder"),
        pytest.param(_make_pipe, "is not a regular file", marks=pytest.mark.linux),
        (lambda _: None, "cannot be read: No such file"),
    ],
)
def test_an_image_that_cannot_be_searched_with_is_named(
    command: InProcess, sample_home: Path, tmp_path: Path, make: Callable[[Path], object], message: str
):
    make(tmp_path / "query.png")
    code, out, err = command("search", "--image", tmp_path / "query.png", "--home", sample_home)
    assert (code, out) == (1, "")
    assert err.startswith(f"clipper: {tmp_path / 'query.png'} {message}")


def test_the_summary_says_what_is_other_though_no_file_is(
    command: InProcess, photos: Path, model_folder: Path, tmp_path: Path
):
    command("index", photos, "--model", model_folder)
    names = [path.stem for path in photos.glob("*.jpg")]
    (photos / "metadata.json").write_text(json.dumps({names[0]: {"year": 2010}}))
    assert "; metadata changed; 0 embedded" in command("index", photos)[1]
    assert "; nothing changed; 0 embedded" in command("index", photos)[1]
    shutil.copytree(model_folder, tmp_path / "another")
    settings = json.loads((tmp_path / "another" / "preprocessor_config.json").read_text())
    (tmp_path / "another" / "preprocessor_config.json").write_text(json.dumps(settings | {"resample": 2}))
    out = command("index", photos, "--model", tmp_path / "another")[1]
    assert "; another model, the map laid out again; 9 embedded" in out


def test_search_prints_one_json_document_and_nothing_else(command: InProcess, sample_home: Path):
    code, out, err = command("search", "red heart", "-k", "5", "--json", "--home", sample_home)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["query"] == "red heart"
    assert len(found["hits"]) == 5
    assert all(
        {"id", "path", "similarity", "x", "y", "metadata"} <= set(hit) and Path(hit["path"]).is_file()
        for hit in found["hits"]
    )
    assert "red-heart.jpg" in [hit["id"] for hit in found["hits"]]
    ranks = [hit["similarity"] for hit in found["hits"]]
    assert ranks == sorted(ranks, reverse=True)


def test_search_by_image_finds_the_image(command: InProcess, sample_home: Path):
    path = sample_home / "images" / "pizza.jpg"
    _, out, _ = command("search", "--image", path, "-k", "1", "--json", "--home", sample_home)
    hit = json.loads(out)["hits"][0]
    assert hit["id"] == "pizza.jpg"
    assert hit["similarity"] > 0.99


def test_search_reads_terms(command: InProcess, sample_home: Path):
    def first(query: str) -> str:
        _, out, _ = command("search", "--json", "-k", "1", "--home", sample_home, "--", query)
        return json.loads(out)["hits"][0]["id"]

    assert first("like:pizza.jpg") == "pizza.jpg"
    assert first("like:pizza.jpg -like:pizza.jpg^0.9 cat") != "pizza.jpg"
    assert first("-flag") != first("flag")


def test_a_cluster_is_named_and_its_found_name_comes_back(command: InProcess, sample_copy: Path):
    home = ("--home", sample_copy)
    (first, *_) = json.loads(command("report", "--json", *home)[1])["clusters"]
    number = str(first["cluster"])
    assert command("name-cluster", number, " my\ncats ", *home) == (0, f"cluster {number}: my cats\n", "")
    assert json.loads(command("report", "--json", *home)[1])["clusters"][0]["name"] == "my cats"
    shown = first["name"] or "(no word is true)"
    assert command("name-cluster", number, *home)[1] == f"cluster {number}: {shown}\n"
    code, _, err = command("name-cluster", "999999", "mine", *home)
    assert (code, err.split(";")[0]) == (1, "clipper: there is no cluster 999999")


def test_concepts_are_counted_and_a_build_fails_on_a_missing_one(
    command: InProcess, sample_home: Path, tmp_path: Path
):
    home = ("--home", sample_home)
    code, out, err = command("coverage", "flag", "forklift", "Flag", *home)
    lines = [line.split() for line in out.splitlines()]
    assert (code, lines[0]) == (0, ["missing", "forklift"])
    assert lines[1][1] == "flag"
    assert err == "1 of 2 in the dataset, 1 missing\n"
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("flag\nforklift\n", encoding="utf-8-sig")
    code, out, _ = command("coverage", "--file", wanted, "--json", "--fail-on-missing", *home)
    found = json.loads(out)["concepts"]
    assert (code, [entry["concept"] for entry in found]) == (1, ["forklift", "flag"])
    assert (found[0]["images"], found[0]["unsure"]) == (0, False)
    assert found[1]["images"] > 100
    assert found[1]["best"].startswith("flag")
    assert command("coverage", "flag", "--fail-on-missing", *home)[0] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe\x00", "is no UTF-8 text"), (b" , \n", "there is no concept"), (None, "cannot be read")],
)
def test_a_list_of_concepts_that_cannot_be_used_is_named(
    command: InProcess, sample_home: Path, tmp_path: Path, content: bytes | None, message: str
):
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    code, out, err = command("coverage", "--file", file, "--home", sample_home)
    assert (code, out) == (1, "")
    assert message in err


def test_info_prints_one_json_document_and_nothing_else(command: InProcess, sample_home: Path):
    code, out, err = command("info", "--json", "--home", sample_home)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert {"images", "failed", "model", "dimensions", "home", "indexed_at"} <= set(found)
    assert found["home"] == str(sample_home)
    _, out, _ = command("info", "--home", sample_home)
    assert f"{found['images']:,}" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search", "cat", "--home", "/no/such/home"], "the home /no/such/home does not exist; make it with"),
        (["info", "--home", "/no/such/home"], "`clipper index FOLDER-OF-IMAGES --home /no/such/home`"),
        (["doctor", "--home", "/no/such/home"], "the home /no/such/home does not exist; make it with"),
        (["info", "--home", "."], "has no index yet; make one with `clipper index FOLDER-OF-IMAGES --home /"),
        (["index", "/no/such/folder"], "the images folder /no/such/folder does not exist"),
        (["index", "s3://bucket/images"], "name a home for the atlas of s3://bucket/images with --home"),
        (["search", ""], "no atlas found from"),
    ],
)
def test_an_error_is_one_line_with_the_remedy_and_exit_code_one(
    command: InProcess, tmp_path: Path, words: list[str], message: str
):
    code, out, err = command(*words, cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("clipper: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_errors_of_the_query_are_one_line_too(command: InProcess, sample_home: Path, tmp_path: Path):
    (tmp_path / "words.jpg").write_text("words")
    for words, message in (
        (["search", " "], "the query is empty"),
        (["search", "cat like:none.jpg"], "no image 'none.jpg' here"),
        (["search", "cat -cat^1"], "cancel each other"),
        (["search", "--image", tmp_path / "none.jpg"], "none.jpg cannot be read"),
        (["search", "--image", tmp_path / "words.jpg"], "not an image"),
    ):
        code, out, err = command(*words, "--home", sample_home)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert message in err


def test_debug_shows_the_traceback(command: InProcess, tmp_path: Path):
    with pytest.raises(Exception, match="has no index yet"):
        command("search", "cat", "--debug", "--home", tmp_path)


@pytest.mark.parametrize(
    "words", [["nonsense"], ["search", "x", "-k", "0"], ["index", "--batch-size", "few"]]
)
def test_a_slip_of_the_keyboard_is_one_line_and_exit_code_two(command: InProcess, words: list[str]):
    code, out, err = command(*words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("clipper: ")


def test_no_words_at_all_are_answered_with_help(command: InProcess):
    code, out, _ = command()
    assert code == 0
    assert all(word in out for word in ("index", "search", "view", "info"))


def test_control_characters_of_file_names_do_not_reach_the_terminal(
    command: InProcess, photos: Path, model_folder: Path
):
    first = next(photos.glob("*.jpg"))
    first.rename(photos / "a\x1b[31mred\x9b\u202e\n.jpg")
    (photos / "bad\x1b]0;title\x07.jpg").write_text("no image")
    hidden = set("\x1b\x9b\u202e\x07")
    for words in (
        ["index", photos, "--model", model_folder],
        ["search", "cat", "-k", "9", "--home", photos / ".clipper"],
        ["search", "cat", "-k", "9", "--json", "--home", photos / ".clipper"],
        ["info", "--home", photos / ".clipper"],
    ):
        code, out, err = command(*words)
        assert (code, err) == (0, "")
        assert not hidden & set(out)
        if "--json" in words:
            assert "a\x1b[31mred\x9b\u202e\n.jpg" in [hit["id"] for hit in json.loads(out)["hits"]]


def test_broken_files_are_named_in_the_summary(command: InProcess, photos: Path, model_folder: Path):
    first = next(photos.glob("*.jpg")).name
    (photos / "words.jpg").write_text("words")
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "metadata.json").write_text(json.dumps({"nobody": {"a": 1}, first: {"a": 2}}))
    code, out, _ = command("index", photos, "--model", model_folder)
    assert code == 0
    assert "2 skipped" in out
    assert "skipped words.jpg: is not an image" in out
    assert "skipped empty.jpg: is empty" in out
    assert "no image is called 'nobody'" in out


def test_columns_are_listed_with_types_and_sources_once_and_by_info(
    command: InProcess, photos: Path, model_folder: Path
):
    first = next(photos.glob("*.jpg")).name
    (photos / "metadata.json").write_text(json.dumps({first: {"group": "a", "tags": ["b"]}}))
    (photos / "metadata.csv").write_text(f"file_name,year,\x1b[31m\n{first},2010,x\n")
    _, out, _ = command("index", photos, "--model", model_folder)
    (line,) = [line for line in out.splitlines() if "columns:" in line]
    assert line.startswith(
        "  columns: group (text), tags (list of texts), year (integer), \\x1b[31m (text), format (text)"
    )
    assert "; from metadata.json 2, metadata.csv 2, the files " in line
    _, out, _ = command("index", photos)
    assert "columns:" not in out
    _, out, _ = command("info", "--home", photos / ".clipper")
    assert "group (text, metadata.json)" in out
    assert "year (integer, metadata.csv)" in out
    assert "width (integer, the files)" in out
    _, out, _ = command("info", "--json", "--home", photos / ".clipper")
    assert json.loads(out)["origins"]["year"] == "metadata.csv"


def test_a_broken_table_is_one_line_with_the_way_out(command: InProcess, photos: Path, model_folder: Path):
    (photos / "metadata.csv").write_bytes("file_name,mood\n1.jpg,fröhlich\n".encode("latin-1"))
    code, out, err = command("index", photos, "--model", model_folder)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert f"{photos / 'metadata.csv'} is not UTF-8 (line 2, byte 0xf6); save it as UTF-8" in err


def test_all_failures_are_listed_a_line_each_or_as_one_document(
    command: InProcess, photos: Path, model_folder: Path
):
    reasons = {f"{i:02} \t\x1b.jpg": "is not an image but text" for i in range(12)}
    for name in reasons:
        (photos / name).write_text("words")
    (photos / "a.nef").write_bytes(bytes(9))
    _, out, _ = command("index", photos, "--model", model_folder)
    assert "  and 3 more: `clipper info --failures`" in out.splitlines()
    place = ("--home", photos / ".clipper")
    code, out, err = command("info", "--failures", *place)
    assert (code, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == [r"00 \t\x1b.jpg", "is not an image but text"]
    assert lines[12][0] == "a.nef"
    assert len(lines) == 13
    _, out, _ = command("info", "--failures", "--json", *place)
    found = json.loads(out)
    assert found["failed"] == 13
    assert {row["id"]: row["reason"] for row in found["failures"]}.items() >= reasons.items()


@pytest.mark.slow
def test_a_damaged_collection_is_reported_and_made_again_by_its_own_remedy(
    clipper_command: Run, command: InProcess, photos: Path, model_folder: Path
):
    home = photos / ".clipper"
    command("index", photos, "--model", model_folder)
    (database,) = home.glob("store/collection/*/chroma.sqlite3")
    database.write_bytes(b"damaged" * 1_000)
    filtered = ("search", "cat", "--where", '{"format": "JPEG"}', "--home", str(home))
    result = clipper_command(*filtered)
    assert result.returncode == 1
    assert f"{database.parent} is damaged; delete it" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    shutil.rmtree(database.parent)
    assert clipper_command("index", "--home", str(home)).returncode == 0
    assert len(clipper_command(*filtered, "-k", "9").stdout.splitlines()) == 9


def test_a_filter_narrows_the_search_and_a_malformed_one_is_reported(clipper_command: Run, sample_home: Path):
    def found(where: str) -> CompletedProcess[str]:
        return clipper_command("search", "cat", "--where", where, "--json", "--home", str(sample_home))

    hits = json.loads(found('{"group": "Flags"}').stdout)["hits"]
    assert {hit["metadata"]["group"] for hit in hits} == {"Flags"}
    hits = json.loads(found("group = flags and bytes > 0").stdout)["hits"]
    assert {hit["metadata"]["group"] for hit in hits} <= {"Flags"}
    assert "Did you mean “group”?" in found("grouq = Flags").stderr
    for malformed in ("{", "[]", '{"$bad": 1}'):
        result = found(malformed)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1


def test_the_command_in_a_process_of_its_own(clipper_command: Run, sample_home: Path, tmp_path: Path):
    result = clipper_command("search", "cat", "-k", "2", "--json", "--home", str(sample_home))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["hits"]) == 2
    result = clipper_command("--debug", "info", "--home", str(tmp_path))
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "NoIndexError" in result.stderr


def test_a_reader_that_goes_away_early_is_no_error(sample_home: Path, python: Run):
    code = """
import subprocess, sys
words = ["search", "cat", "-k", "2000", "--json", "--home", sys.argv[1]]
command = [sys.executable, "-m", "clipper.cli", *words]
with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
    started.stdout.read(1)
    started.stdout.close()
    print(started.stderr.read().decode(), end="")
"""
    assert python(code, str(sample_home)).stdout == ""


@pytest.mark.parametrize("workers", ["0", "-1", "abc", "999", "1.5", ""])
def test_a_number_of_workers_that_cannot_be_is_refused_in_one_line(
    command: InProcess, sample_home: Path, workers: str
):
    code, out, err = command("view", "--workers", workers, "--home", sample_home)
    assert (code, out) == (2, "")
    assert err.startswith("clipper: Invalid value for '--workers'")
    assert err.count("\n") == 1


def test_several_workers_are_started_by_a_supervisor(
    command: InProcess, sample_home: Path, monkeypatch: pytest.MonkeyPatch
):
    started: list[list[str]] = []
    monkeypatch.setattr("os.execve", lambda _path, words, _environment: started.append(words))
    command("view", "--workers", "4", "--port", "0", "--open", "--home", sample_home)
    command("view", "--port", "0", "--home", sample_home)
    several, one = (" ".join(words) for words in started)
    assert "-m viewer.server.processes.supervisor --workers 4 --port" in several
    assert several.endswith("--show")
    assert "-m viewer --address 127.0.0.1 --port" in one
    assert "supervisor" not in one


def test_a_machine_that_cannot_hand_connections_over_serves_by_one_worker_only(
    command: InProcess, sample_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr("socket.send_fds", raising=False)
    code, _, err = command("view", "--workers", "2", "--port", "0", "--home", sample_home)
    assert code == 1
    assert "leave `--workers` out" in err


@pytest.mark.skipif(os.name != "posix", reason="a shell closes streams so")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command_and_no_file_takes_their_place(closed: str, tmp_path: Path):
    code = (
        "import os, sys; sys.argv = ['clipper']; from clipper.cli import main\n"
        "try: main()\n"
        f"except SystemExit as end: open({str(tmp_path / 'code')!r}, 'x').write(f'{{end.code}}')\n"
        f"assert open({str(tmp_path / 'code')!r}).fileno() > 2"
    )
    command = f"exec {sys.executable} -c {quote(code)} {closed}"
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0
    assert (tmp_path / "code").read_text() == "0"


@pytest.mark.linux
def test_a_folder_whose_name_is_no_text_is_named_with_the_way_out(
    command: InProcess, photos: Path, model_folder: Path
):
    folder = photos / "caf\udce9"
    folder.mkdir()
    shutil.copy(next(photos.glob("*.jpg")), folder)
    code, _, err = command("index", folder, "--model", model_folder)
    assert (code, err) == (1, f"clipper: {photos}/caf\\xe9 is not valid UTF-8; rename it\n")


def test_a_file_is_not_called_as_one_kind_and_written_as_another(command: InProcess, tmp_path: Path):
    (tmp_path / "home").mkdir()
    for name, more in (("x.csv", ()), ("x.parquet", ("--format", "csv")), ("x.CSV", ("--format", "coco"))):
        code, _, err = command("export", tmp_path / name, *more, "--home", tmp_path / "home")
        assert (code, "choose another name" in err) == (1, True), err
        assert not (tmp_path / name).exists()


def test_a_file_named_as_a_home_is_told_without_a_way_that_leads_nowhere(command: InProcess, tmp_path: Path):
    (tmp_path / "home").write_text("")
    code, _, err = command("info", "--home", tmp_path / "home")
    assert code == 1
    assert err.endswith("home is not a folder; name the folder of an atlas with --home HOME\n")
