"""An atlas of several models: each has its vectors and its map of the same images."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clipper
from clipper.doctor import repair
from clipper.errors import ModelError, SettingsError
from clipper.indexing import embed, run
from clipper.indexing.insights import names
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.agreement import share_of_neighbors
from clipper.models.engines.calibration import Calibration
from clipper.models.engines.record import write_choice
from clipper.models.engines.towers import EXACT
from clipper.models.of_atlas import find_made_by
from clipper.settings import CONFIG_NAME, MAX_MODELS, Settings
from clipper.similarity import codes
from clipper.store import cluster_names, snapshots
from clipper.store.home import Home
from clipper.store.parts import clusters as stored_clusters
from clipper.store.parts.clusters import BLOCK, untitled
from clipper.store.staged import Staged

IMAGES = 24
Index = Callable[[Path], dict[str, Step]]
Names = Callable[..., None]


@pytest.fixture
def home(two_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_models, tmp_path / "home"))


def test_each_model_has_vectors_and_a_map_of_the_same_images(two_models: Path, model_folder: Path):
    with clipper.open(two_models) as first, clipper.open(two_models, model="other") as second:
        assert first.models == second.models == [str(model_folder), "other"]
        assert (first.model, second.model) == (str(model_folder), "other")
        assert first.ids == second.ids
        assert first.version == second.version
        assert np.abs(first.vectors - second.vectors).max() > 0.01
        assert (first.points[["x", "y"]] != second.points[["x", "y"]]).to_numpy().any()
        assert first.metadata.equals(second.metadata)
        found = second.search("cat", k=1)["similarity"][0]
        assert found != first.search("cat", k=1)["similarity"][0]


def test_where_the_models_disagree_is_a_column_and_a_finding(two_models: Path):
    with clipper.open(two_models) as first, clipper.open(two_models, model="other") as second:
        shares = first.points["agreement"].to_numpy()
        assert second.points["agreement"].equals(first.points["agreement"])
        one, other = (atlas.vectors @ atlas.vectors.T for atlas in (first, second))
        for similar in (one, other):
            np.fill_diagonal(similar, -np.inf)
        nearest = [np.argsort(-similar, axis=1, kind="stable")[:, :10] for similar in (one, other)]
        wanted = [len(set(a) & set(b)) / 10 for a, b in zip(*nearest, strict=True)]
        assert shares == pytest.approx(wanted)
        few = int((shares <= 0.2).sum())
        findings = [each for each in first._engine.findings if each.key == "models:other"]
        assert [len(each.rows) for each in findings] == ([few] if few else [])


def test_each_model_sees_the_runs_of_the_same_version(two_models: Path):
    published = snapshots.published(Home(two_models))
    for each in published.models:
        seen = published.of_model(each.fingerprint)
        assert seen.version == published.version
        assert seen.runs == published.runs


def test_a_second_run_makes_nothing_again(home: Path, run_index: Index):
    before = snapshots.published(Home(home))
    steps = run_index(home)
    assert not steps["atlas"].counts["published"]
    assert steps["clip_embeddings"].further["other"].counts["new"] == 0
    assert snapshots.published(Home(home)) == before


def test_an_image_that_goes_goes_from_every_map(home: Path, run_index: Index):
    gone = next((home / "images").iterdir())
    gone.unlink()
    run_index(home)
    for model in (None, "other"):
        with clipper.open(home, model=model) as atlas:
            assert gone.name not in atlas.ids
            assert len(atlas) == IMAGES - 1
    assert not repair.diagnose(Settings.load(home)).before


def test_models_that_change_places_keep_what_each_has(
    home: Path, run_index: Index, model_folder: Path, name_models: Names
):
    before = snapshots.published(Home(home))
    name_models(home, "other", model_folder)
    steps = run_index(home)
    after = snapshots.published(Home(home))
    assert [each.fingerprint for each in after.models] == [each.fingerprint for each in before.models][::-1]
    assert after.models[0].parts["projection"] == before.models[1].parts["projection"]
    assert after.models[1].parts["projection"] == before.models[0].parts["projection"]
    assert steps["clip_embeddings"].counts["new"] == 0
    run_index(home)  # nothing is older than what it is made of
    assert snapshots.published(Home(home)) == after


def test_a_model_that_is_named_no_more_leaves_only_its_vectors(
    home: Path, run_index: Index, model_folder: Path, name_models: Names
):
    name_models(home, model_folder)
    run_index(home)
    after = snapshots.published(Home(home))
    assert not after.further
    for part in ("projection", "neighbours", "collection", "clusters"):
        assert {path.name.split(".")[0] for path in (home / "store" / part).iterdir()} == {after.parts[part]}
    assert not list((home / "store" / "agreement").iterdir())
    assert len(list((home / "store" / "embeddings").iterdir())) == 2
    name_models(home, model_folder, "other")
    assert run_index(home)["clip_embeddings"].further["other"].counts == {
        "new": 0, "reused": IMAGES, "failed": 0,
    }  # fmt: skip


def test_clusters_of_the_models_have_numbers_of_their_own(two_models: Path):
    published = snapshots.published(Home(two_models))
    one, other = (
        stored_clusters.read(Home(two_models).part("clusters", each.parts["clusters"]))[1].next_id
        for each in published.models
    )
    assert one < BLOCK <= other
    assert untitled(BLOCK + 7) == untitled(7) == "Cluster 7"


def test_clusters_of_a_model_that_is_put_first_take_no_numbers_of_the_model_before(
    indexed_home: Path, two_models: Path, model_folder: Path, run_index: Index, name_models: Names
):
    shutil.copytree(two_models / "other", indexed_home / "other")
    name_models(indexed_home, "other", model_folder)
    run_index(indexed_home)
    published = snapshots.published(Home(indexed_home))
    first, before = (
        stored_clusters.read(Home(indexed_home).part("clusters", each.parts["clusters"]))[1].next_id
        for each in published.models
    )
    assert before < BLOCK <= first


def test_an_index_of_a_model_that_is_damaged_is_mended(home: Path):
    further = snapshots.published(Home(home)).further[0]
    path = Home(home).part("projection", further.parts["projection"])
    path.write_bytes(path.read_bytes()[:-30])
    found = repair.repair(Settings.load(home))
    assert found.before
    assert not found.after


def test_what_all_models_share_is_one_damage(home: Path):
    shutil.rmtree(home / "store" / "thumbnails")
    found = repair.diagnose(Settings.load(home)).before
    assert [(damage.where, damage.what) for damage in found] == [
        ("thumbnails", f"lacks {IMAGES} of {IMAGES} images")
    ]


def test_models_of_one_short_name_are_told_apart():
    assert snapshots.short_names(["one/clip", "two/clip", "/m/dino/"]) == ["one/clip", "two/clip", "dino"]


def test_a_home_of_one_model_is_written_as_before(indexed_home: Path):
    assert "further" not in json.loads((indexed_home / "store" / "current.json").read_text())
    assert "further" not in json.loads((indexed_home / "store" / "staged.json").read_text())


def test_a_model_that_is_named_twice_is_an_error(home: Path, model_folder: Path, name_models: Names):
    shutil.copytree(model_folder, home / "copy")
    name_models(home, model_folder, "copy")
    with pytest.raises(ModelError, match="one model, with the same files; name it once"):
        run.index(Settings.load(home))


@pytest.mark.parametrize(
    ("names", "message"), [([], "must name a model"), (["a", ""], "must name a model"),
                           ([f"m/{at}" for at in range(MAX_MODELS + 1)], "at most")],
)  # fmt: skip
def test_a_list_of_models_that_cannot_be_is_refused(
    tmp_path: Path, names: list[str], message: str, name_models: Names
):
    name_models(tmp_path, *names)
    with pytest.raises(SettingsError, match=message):
        Settings.load(tmp_path)


def test_a_list_of_models_may_have_revisions_and_doubles(tmp_path: Path, name_models: Names):
    name_models(tmp_path, "org/one@v2", "org/two", "org/two")
    first, second = Settings.load(tmp_path, model_revision="main").models
    assert (first.model_name, first.revision) == ("org/one", "v2")
    assert (second.model_name, second.revision) == ("org/two", None)


def test_a_model_that_the_atlas_lacks_is_named(two_models: Path):
    with pytest.raises(ModelError, match=r"no model is called 'else' in this atlas; it has .*other"):
        clipper.open(two_models, model="else")


def test_the_command_asks_the_model_that_is_named(two_models: Path, command: Callable[..., tuple]):
    code, out, _ = command("search", "cat", "-k", 1, "--model", "other", "--json", "--home", two_models)
    assert code == 0
    with clipper.open(two_models, model="other") as atlas:
        assert json.loads(out)["hits"][0]["similarity"] == pytest.approx(
            atlas.search("cat", k=1)["similarity"][0], abs=1e-6
        )


def test_info_tells_how_the_vectors_of_each_model_are_made(home: Path, command: Callable[..., tuple]):
    published = snapshots.published(Home(home))
    for each, engine in zip(published.models, ("bfloat16", "int8"), strict=True):
        choice = Calibration(engine, 0.99, 60, "here", {EXACT: 10.0, engine: 30.0})
        write_choice(Home(home).embeddings(each.embeddings), choice)
    _, out, _ = command("info", "--home", home)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "bfloat16; 99.0% of the 10 nearest" in lines["vectors"]
    assert lines["further"].startswith(
        f"further  other ({published.model['dimensions']} dimensions); int8; 99"
    )
    first, other = (
        json.loads(command("info", "--json", *options, "--home", home)[1])
        for options in ((), ("--model", "other"))
    )
    assert (other["model"], other["precision"]["engine"]) == ("other", "int8")
    assert [(each["model"], each["precision"]) for each in other["further"]] == [
        (first["model"], first["precision"])
    ]
    assert other["parts"]["projection"] == published.further[0].parts["projection"]


@pytest.mark.parametrize(
    ("setting", "engine"), [('precision = "exact"', EXACT), ('dtype = "float16"', "float16")]
)
def test_info_tells_which_precision_the_settings_fix_for_new_vectors(
    home: Path, command: Callable[..., tuple], setting: str, engine: str
):
    published = snapshots.published(Home(home))
    for each, measured in zip(published.models, ("int8", engine), strict=True):
        choice = Calibration(measured, 0.99, 60, "here", {EXACT: 10.0, measured: 30.0})
        write_choice(Home(home).embeddings(each.embeddings), choice)
    with (home / "clipper.toml").open("a") as file:
        file.write(f"{setting}\n")
    _, out, _ = command("info", "--home", home)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert (
        lines["vectors"]
        .split(maxsplit=1)[1]
        .startswith(f"{engine} by the settings, earlier ones may be int8; 99.0% of the 10 nearest")
    )
    assert f"dimensions); {engine}; 99.0%" in lines["further"]
    known = json.loads(command("info", "--json", "--home", home)[1])["precision"]
    assert (known["engine"], known["new_vectors"]) == ("int8", engine)


def test_reports_exports_and_clusters_are_those_of_the_model_that_is_named(
    home: Path, tmp_path: Path, command: Callable[..., tuple]
):
    similarities = list[float]()
    with clipper.open(home) as first, clipper.open(home, model="other") as other:
        for atlas, options in ((first, ()), (other, ("--model", "other"))):
            clusters = json.loads(command("report", "--json", *options, "--home", home)[1])["clusters"]
            ids = [each["cluster"] for each in clusters]
            assert ids == atlas._engine.clusters.ids.tolist()
            for cluster in ids[:1]:
                code, out, _ = command("name-cluster", cluster, "named", *options, "--home", home)
                assert (code, out.strip()) == (0, f"cluster {cluster}: named")
            file = tmp_path / f"{len(options)}.png"
            assert command("export", "--png", file, *options, "--home", home)[0] == 0
            covered = json.loads(command("coverage", "cat", "--json", *options, "--home", home)[1])
            similarities.append(covered["concepts"][0]["similarity"])
        assert similarities[0] != similarities[1]
        assert (tmp_path / "0.png").read_bytes() != (tmp_path / "2.png").read_bytes()


def test_what_belongs_to_a_model_is_staged_for_it_alone():
    staged = Staged(model={"fingerprint": "a"}, embeddings="A", manifest="m")
    both = staged.with_models(["a", "b"]).with_model("b", {"embeddings": "B", "metadata": "t"})
    assert (both.embeddings, both.metadata) == ("A", "t")
    assert both.of_model("b").embeddings == "B"
    assert both.of_model("b").manifest == "m"
    assert both.with_models(["b", "a"]).of_model("a").embeddings == "A"


def test_the_models_stay_in_their_order(tmp_path: Path):
    models = [(key, {"fingerprint": key}) for key in ("b", "z", "a")]
    home = Home(tmp_path)
    for order in (models, models[::-1], [models[1], models[2], models[0]]):
        work = Workspace(Settings(home=tmp_path))
        work.stage_models(order)
        wanted = [key for key, _ in order]
        for seen in (work, *work.each_model()):
            assert [each.staged.embeddings for each in seen.each_model()] == wanted
        assert list(Staged.read(home).fingerprints) == wanted
        written = home.staged.stat().st_mtime_ns
        Workspace(Settings(home=tmp_path)).stage_models(order)
        assert home.staged.stat().st_mtime_ns == written


def test_a_new_model_before_another_leaves_that_one_its_clusters():
    before = Staged(model={"fingerprint": "a"}, projection="p", clusters="c", cluster_names="n")
    after = before.with_models(["b", "a"])
    assert (after.projection, after.clusters, after.cluster_names) == ("p", "", "")
    assert after.further["a"]["clusters"] == "c"
    assert before.with_models(["b"]).clusters == "c"  # it follows on that one's


def test_clusters_that_are_found_anew_take_no_numbers_of_another_model(home: Path, run_index: Index):
    published = snapshots.published(Home(home))
    snapshots.remove(Home(home).part("clusters", published.parts["clusters"]))
    cluster_names.give(Home(home), BLOCK + 2, "a cluster of the other model")
    run_index(home)
    after = snapshots.published(Home(home))
    one, other = (
        stored_clusters.read(Home(home).part("clusters", each.parts["clusters"]))[1].next_id
        for each in after.models
    )
    assert one // BLOCK != other // BLOCK


def test_codes_are_made_of_the_vectors_of_each_model(
    home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(codes, "LEAST_ROWS", 0)
    run_index(home)
    published = snapshots.published(Home(home))
    assert all(codes.read_packs(Home(home).embeddings(each.embeddings)) for each in published.models)


def test_two_revisions_of_a_model_have_names_and_are_found(
    two_models: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--org--one"
    for revision, folder in (("v1", model_folder), ("v2", two_models / "other")):
        commit = revision.encode().hex().ljust(40, "0")
        shutil.copytree(folder, repository / "snapshots" / commit)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / revision).write_text(commit)
    settings = Settings(home=tmp_path / "home", model=["org/one@v1", "org/one@v2"])
    sources = embed._sources(settings)
    assert [source.name for source, _ in sources] == ["org/one@v1", "org/one@v2"]
    for source, alone in sources:
        entry = embed._model_entry(source, alone)
        assert find_made_by(entry, settings).folder == source.folder
        assert find_made_by(entry, Settings(home=tmp_path / "home")).folder == source.folder
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    lost = {"name": "org/one", "revision": "v1", "fingerprint": "another"}
    with pytest.raises(ModelError, match=r"org/one@v1, where it was .* its files are others; org/one@v2"):
        find_made_by(lost, settings)


def test_a_model_of_images_alone_beside_one_with_texts_is_no_reason_for_another(tmp_path: Path):
    alone, both = (
        {"fingerprint": "a", "name": "dino", "has_text": False},
        {"fingerprint": "b", "name": "clip"},
    )
    work = Workspace(Settings(home=tmp_path))
    work.stage_models([("A", alone)])
    assert "index with" in names._no_words(work)
    work.stage_models([("B", both), ("A", alone)])
    assert names._no_words(work.each_model()[1]).endswith("the model dino embeds images only")


def test_the_share_of_common_neighbors_counts_those_that_are_there():
    one = np.array([[1, 2, -1], [0, 2, -1], [-1, -1, -1]])
    other = np.array([[2, 3, 1], [3, -1, -1], [-1, -1, -1]])
    assert share_of_neighbors(one, other, count=2).tolist() == [0.5, 0.0, 1.0]


def test_an_image_that_can_no_longer_be_decoded_for_a_new_model_is_left_out_with_its_reason(
    indexed_home: Path, two_models: Path, model_folder: Path, run_index: Index, name_models: Names
):
    Image.new("RGB", (400, 300), (200, 30, 90)).save(indexed_home / "images" / "large.png")
    assert run_index(indexed_home)["atlas"].counts["images"] == IMAGES + 1
    shutil.copytree(two_models / "other", indexed_home / "other")
    name_models(indexed_home, model_folder, "other")
    config = indexed_home / CONFIG_NAME
    named = config.read_text()
    config.write_text(f"{named}max_pixels = 100_000\n")
    for _ in range(2):
        steps = run_index(indexed_home)
        assert steps["clip_embeddings"].failures.keys() == {"large.png"}
        assert "max_pixels" in steps["clip_embeddings"].failures["large.png"]
        with clipper.open(indexed_home, model="other") as atlas:
            assert len(atlas) == IMAGES
            assert "large.png" not in atlas.ids
    assert not repair.diagnose(Settings.load(indexed_home)).before
    config.write_text(named)
    assert run_index(indexed_home)["atlas"].counts["images"] == IMAGES + 1
