"""What can be tried of other systems: nothing needs a module or a function that only some of them have."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for folder in ("clipper", "pipelines", "viewer") for path in (ROOT / folder).rglob("*.py")
)
# The package, without scripts and without what Panel runs as a page.
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
    if path not in {ROOT / "viewer" / "main.py", ROOT / "clipper" / "cli" / "__main__.py"}
]
# Python runs a `sitecustomize` first, in the processes that decode images too. Libraries have their own ways
# around what a system has not: only this project's modules find it missing.
ELSEWHERE = """
import builtins, os, signal, socket, sys, types
MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix"}
MISSING = {
    "os": ("O_NONBLOCK", "O_CLOEXEC", "fork", "getuid", "geteuid", "killpg", "pread", "pwrite", "wait"),
    "signal": ("SIGALRM", "SIGHUP", "alarm", "setitimer"),
    "socket": ("AF_UNIX", "MSG_WAITALL", "send_fds", "recv_fds"),
}
OURS = ("clipper", "pipelines", "viewer")
import_module = builtins.__import__
less = {}
for name, missing in MISSING.items():
    less[name] = types.ModuleType(name)
    there = vars(import_module(name)).items()
    vars(less[name]).update({key: value for key, value in there if key not in missing})

def import_elsewhere(name, globals=None, locals=None, fromlist=(), level=0):
    if str((globals or {}).get("__name__")).split(".")[0] in OURS:
        if name in MODULES:
            raise ImportError(f"{name} is missing here")
        if name in less:
            return less[name]
    return import_module(name, globals, locals, fromlist, level)

builtins.__import__ = import_elsewhere
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[..., list[str]]:
    """Runs code as on a system without locks, alarms, limits and inherited sockets; returns its lines."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(ELSEWHERE, "utf-8")

    def run(code: str, *arguments: object) -> list[str]:
        ran = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "python"), str(ROOT)])},
            timeout=1000,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.splitlines()

    return run


@pytest.mark.slow
def test_no_module_needs_what_windows_has_not_when_it_is_imported(elsewhere: Callable[..., list[str]]):
    code = f"""
import importlib
for name in {MODULES!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(name, repr(error))
"""
    assert elsewhere(code) == []


@pytest.mark.slow
@pytest.mark.linux
def test_an_atlas_is_made_and_read_without_locks_alarms_limits_and_inherited_sockets(
    small_home: Path, elsewhere: Callable[..., list[str]]
):
    code = """
import sys
from pathlib import Path
import clipper
from clipper.doctor import repair
from clipper.sandbox import connection
from clipper.settings import Settings
connection.CAN_INHERIT = False
for _ in range(2):
    with clipper.index(home=sys.argv[1], folder=sys.argv[2], progress=False) as atlas:
        print(len(atlas), atlas.search("heart", k=1, where={"bytes": {"$gt": 0}})["id"].tolist())
print(repair.diagnose(Settings.load(Path(sys.argv[1]))).after)
"""
    first, second, damages = elsewhere(code, small_home, small_home / "images")
    assert first == second
    assert first.startswith("24 ")
    assert damages == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_files_are_opened_as_utf_8(path: Path):
    """The encoding of Windows is another one, with which names of files and words of people are lost."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        given = {keyword.arg for keyword in node.keywords}
        if called in {"read_text", "write_text"}:
            places = 1 if called == "read_text" else 2
            assert "encoding" in given or len(node.args) >= places, f"{path}:{node.lineno}"


def test_ids_have_slashes_on_every_system():
    """They are joined from names, never from paths of the system."""
    from clipper.images.folder import ImageFolder

    folder = ImageFolder(str(ROOT / "data"))
    ids = [image.id for image in folder.list_images()]
    assert ids
    assert all(image_id.startswith("images/") for image_id in ids)
    assert not [image_id for image_id in ids if os.sep != "/" and os.sep in image_id]


def test_a_stranger_who_reaches_the_port_of_a_child_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch):
    from misbehaviour import behave

    from clipper.sandbox import connection
    from clipper.sandbox.process import Sandbox

    offered: list[connection.Loopback] = []

    class Watched(connection.Loopback):
        def __init__(self) -> None:
            super().__init__()
            offered.append(self)
            self.stranger = socket.create_connection((connection.LOOPBACK, self.told["port"]))
            self.stranger.sendall(b"x" * 32)

    monkeypatch.setattr(connection, "CAN_INHERIT", False)
    monkeypatch.setattr(connection, "Loopback", Watched)
    with Sandbox(behave, seconds=20) as child:
        answer, blobs = child.ask({"name": "a"}, [bytes(range(256)) * 9_000])
        assert answer["pid"] == child.pid
        assert blobs == [bytes(range(256)) * 9_000]
        assert connection.TOKEN not in os.environ
    offered[0].stranger.close()
