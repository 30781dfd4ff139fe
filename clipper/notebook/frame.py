"""The address at which a browser finds the page of a notebook, and the frame that shows it in a cell.

What does not belong here: the server behind it (`server.py`).
"""

import os
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from clipper.errors import ClipperError
from clipper.notebook.server import LOOPBACK

HUB = "JUPYTERHUB_SERVICE_PREFIX"  # JupyterHub tells each of its servers its path, such as /user/ada/
ASK_FOR_PROXY = (
    "If the frame stays empty: install jupyter-server-proxy where Jupyter runs, and start Jupyter again."
)


def proxy_base(proxy: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the base URL of the Jupyter server that passes requests on; "" if the browser needs none.

    Args:
        proxy: such a URL or its path; "" for none; None: the one of JupyterHub, if it started the kernel.
        environment: the variables of this process.

    Raises:
        ClipperError: it is neither an http URL nor a path.
    """
    base = environment.get(HUB, "") if proxy is None else proxy
    parts = urlsplit(base)
    is_address = parts.scheme in {"http", "https"} and bool(parts.netloc)
    is_path = base.startswith("/") and not parts.netloc
    if base and (not (is_address or is_path) or parts.query or parts.fragment):
        raise ClipperError(f"proxy is the URL of the Jupyter server, or its path such as '/': not {base!r}")
    return base.rstrip("/") + "/" if base else ""


def page_address(port: int, path: str, *, base: str = "", **fields: str) -> str:
    """Return the address of a page.

    Args:
        port: the server's.
        path: the page's on the server.
        base: the Jupyter server that passes requests on, as `proxy_base` returns it.
        **fields: the query string; empty ones are left out.
    """
    server = f"{base}proxy/{port}" if base else f"http://{LOOPBACK}:{port}"
    return f"{server}/{path}?{urlencode({name: text for name, text in fields.items() if text})}"


def frame_html(address: str, *, title: str, height: int, width: str, proxied: bool) -> str:
    """Return the HTML of a frame with a page; it may use the clipboard, to copy links and tables."""
    style = f"width: {width}; height: {height}px; border: 0; border-radius: 8px; display: block"
    frame = (
        f'<iframe src="{escape(address)}" title="{escape(title)}" style="{escape(style)}" '
        'allow="clipboard-write; fullscreen"></iframe>'
    )
    return f'{frame}<div style="opacity: 0.6">{ASK_FOR_PROXY}</div>' if proxied else frame
