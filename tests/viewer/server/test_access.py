from pathlib import Path

import panel as pn
import pytest
from panel_server import serving

from viewer.server.access import guard_bind, is_loopback


def test_without_an_address_the_server_listens_on_this_machine_only():
    bind = guard_bind(lambda address, port: (address, port))
    assert bind(None, 5006) == ("127.0.0.1", 5006)
    assert bind("localhost", 0) == ("localhost", 0)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.7", "example.org"])  # noqa: S104
def test_other_machines_are_refused_without_sign_in(address: str):
    with pytest.raises(SystemExit, match="without sign-in"):
        guard_bind(lambda *_: None)(address, 5006)


def test_with_sign_in_any_address_is_fine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viewer.server.access.requires_sign_in", lambda: True)
    assert guard_bind(lambda address, _: address)("0.0.0.0", 5006) == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    "settings",
    [{"basic_auth": ""}, {"oauth_provider": ""}, {"oauth_provider": "github"}, {"oauth_key": "key"},
     {"oauth_provider": "github", "oauth_key": "", "oauth_secret": "secret"}],
)  # fmt: skip
def test_half_a_sign_in_is_none(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for name, value in settings.items():
        monkeypatch.setattr(pn.config, name, value)
    with pytest.raises(SystemExit, match="without sign-in"):
        guard_bind(lambda *_: None)("0.0.0.0", 5006)  # noqa: S104


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [(), ("--basic-auth", ""), ("--oauth-provider", "github", "--cookie-secret", "for-this-test-only")],
    ids=["none", "no password", "no key"],
)
def test_panel_serve_refuses_other_machines_and_says_why(tmp_path: Path, options: tuple[str, ...]):
    options = ("--address", "0.0.0.0", *options)  # noqa: S104
    with pytest.raises(RuntimeError) as ended, serving(tmp_path, options=options):
        raise AssertionError("it listens")
    assert "clipper: refused to listen on 0.0.0.0 without sign-in" in str(ended.value)
    assert "--basic-auth PASSWORD" in str(ended.value)
    assert "Traceback" not in str(ended.value)


@pytest.mark.parametrize(
    "settings",
    [{"basic_auth": "secret"}, {"oauth_provider": "pam"}, {"oauth_provider": "github", "oauth_key": "key"}],
)
def test_a_whole_sign_in_opens_the_server(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for name, value in settings.items():
        monkeypatch.setattr(pn.config, name, value)
    assert guard_bind(lambda address, _: address)("0.0.0.0", 5006) == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    ("address", "here"), [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("10.0.0.1", False)]
)
def test_loopback(address: str, here: bool):
    assert is_loopback(address) is here
