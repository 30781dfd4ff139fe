"""Limits the server to this machine, unless visitors have to sign in.

Without an address, `panel serve` listens on all interfaces of the machine, and lets everybody in. What does
not belong here: signing in, which Panel does.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

import panel as pn

from viewer.compat import wrap_bind_sockets
from viewer.server.processes.workers import this_worker

LOOPBACK = "127.0.0.1"
KEYLESS = ("pam",)  # providers that need no key, as they use accounts of this machine


def keep_to_this_machine() -> None:
    """Make the server that starts next listen on this machine only; a second call changes nothing.

    One of several workers listens at the socket of them all.
    """
    worker = this_worker()
    shared = worker and (lambda _address, port: worker.sockets(port))
    wrap_bind_sockets(lambda bind: guard_bind(shared or bind))


def guard_bind(bind: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `bind(address, port)`: the default is loopback, and other addresses need a sign-in."""

    def bind_sockets(address: str | None, port: int) -> Any:
        if requires_sign_in():
            return bind(address, port)
        if address and not is_loopback(address):
            raise SystemExit(
                f"clipper: refused to listen on {address} without sign-in: anybody who reaches it would see "
                "the images. Add --basic-auth PASSWORD (or OAuth of Panel), or leave --address out"
            )
        return bind(address or LOOPBACK, port)

    return bind_sockets


def requires_sign_in() -> bool:
    """Return whether Panel makes visitors sign in.

    With an OAuth provider, Panel also starts without the provider's key, and sets `basic_auth` to its name.
    """
    provider = pn.config.oauth_provider
    if provider:
        return provider in KEYLESS or bool(pn.config.oauth_key)
    return bool(pn.config.basic_auth)


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
