"""Where the server listens: this machine only, unless visitors have to sign in.

`panel serve` listens on every interface of the machine when it is given no address, and asks nobody who
they are. What does not belong here: signing in, which is Panel's.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

import bokeh.server.server as bokeh_server
import panel as pn

LOOPBACK = "127.0.0.1"
KEYLESS = ("pam",)  # ways to sign in that are this machine's own


def keep_to_this_machine() -> None:
    """Make the server that is about to start listen here only; harmless when called again."""
    if not getattr(bokeh_server.bind_sockets, "keeps_to_this_machine", False):
        bokeh_server.bind_sockets = guard_bind(bokeh_server.bind_sockets)


def guard_bind(bind: Callable[..., Any]) -> Callable[..., Any]:
    """`bind(address, port)` that refuses other machines without sign-in, and has loopback as its default."""

    def bind_sockets(address: str | None, port: int) -> Any:
        if requires_sign_in():
            return bind(address, port)
        if address and not is_loopback(address):
            raise SystemExit(
                f"clipper: refused to listen on {address} without sign-in: anybody who reaches it would see "
                "the images. Add --basic-auth PASSWORD (or OAuth of Panel), or leave --address out"
            )
        return bind(address or LOOPBACK, port)

    bind_sockets.keeps_to_this_machine = True  # type: ignore[attr-defined]
    return bind_sockets


def requires_sign_in() -> bool:
    """Whether Panel was told to ask visitors who they are, and told enough of it.

    With an OAuth provider Panel starts without its key too, and gives the provider's name as `basic_auth`.
    """
    provider = pn.config.oauth_provider
    if provider:
        return provider in KEYLESS or bool(pn.config.oauth_key)
    return bool(pn.config.basic_auth)


def is_loopback(address: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
