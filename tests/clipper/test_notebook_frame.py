"""Where a browser finds the page of a notebook: on this machine, or through the proxy of a Jupyter server."""

import pytest

from clipper.errors import ClipperError
from clipper.notebook.frame import frame_html, page_address, proxy_base


def test_on_this_machine_the_address_is_the_servers_own():
    address = page_address(1234, "secret/viewer", explorer="key", q="")
    assert address == "http://127.0.0.1:1234/secret/viewer?explorer=key"


def test_below_jupyterhub_the_proxy_of_the_persons_server_leads_to_the_page():
    base = proxy_base(None, {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"})
    assert page_address(1234, "secret/viewer", base=base, q="a cat") == (
        "/user/ada/proxy/1234/secret/viewer?q=a+cat"
    )


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("/", "/"),
        ("/lab", "/lab/"),
        ("https://hub.example.org/user/ada", "https://hub.example.org/user/ada/"),
    ],
)
def test_another_jupyter_server_is_named_by_url_or_path(given: str, base: str):
    assert proxy_base(given, {}) == base


def test_no_proxy_is_used_where_none_is_named_or_one_is_ruled_out():
    assert proxy_base(None, {}) == ""
    assert proxy_base("", {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}) == ""


@pytest.mark.parametrize(
    "proxy", ["javascript:alert(1)", "//elsewhere.example.org", "hub", "/a?b", "file:///x"]
)
def test_a_proxy_that_is_no_web_address_is_refused(proxy: str):
    with pytest.raises(ClipperError, match="proxy is the URL"):
        proxy_base(proxy, {})


def test_a_title_cannot_leave_its_frame():
    html = frame_html(
        "/x?a=1&b=2", title='"><script>alert(1)</script>', height=700, width="100%", proxied=False
    )
    assert "<script>" not in html
    assert "a=1&amp;b=2" in html
    assert "jupyter-server-proxy" not in html


def test_a_frame_behind_a_proxy_says_what_is_missing_if_it_stays_empty():
    html = frame_html("/proxy/1/x", title="Clipper", height=700, width="100%", proxied=True)
    assert "install jupyter-server-proxy" in html
