"""Links and the memory of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from nitocris import links
from nitocris.errors import ConfigurationError


def memory(home: Path) -> Path:
    (file,) = (home / "xdg_state_home").rglob("*.json")
    return file


def test_an_access_is_recalled_by_its_owner_only() -> None:
    """Port and tokens come back for the same script, and for no other."""
    access = links.new_access(4321)

    links.remember("a.py", access)

    assert links.recall("a.py") == access
    assert links.recall("b.py") is None


def test_an_access_is_forgotten_after_a_day(own_home: Path) -> None:
    """An old link does not open a new run's door."""
    links.remember("a.py", links.new_access(4321))
    file = memory(own_home)
    old = file.stat().st_mtime - links.REMEMBER_SECONDS - 1
    os.utime(file, (old, old))

    assert links.recall("a.py") is None


def test_only_the_user_can_read_the_memory(own_home: Path) -> None:
    """Also when a file with other rights was there before."""
    links.remember("a.py", links.new_access(1))
    memory(own_home).chmod(0o644)

    links.remember("a.py", links.new_access(2))

    assert memory(own_home).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"port": "x", "volunteer": "", "worker": ""}', "\udcff"]
)
def test_a_damaged_memory_counts_as_none(own_home: Path, text: str) -> None:
    """The next run merely gets a new link."""
    links.remember("a.py", links.new_access(1))
    memory(own_home).write_bytes(text.encode("utf-8", "surrogateescape"))

    assert links.recall("a.py") is None


def test_notebooks_have_links_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the file that Jupyter or Visual Studio Code names, not by the kernel's folder."""
    main = sys.modules["__main__"]
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delattr(main, "__file__", raising=False)

    assert links.this_owner() == f"{Path.cwd()}/interactive"
    monkeypatch.setattr(main, "__vsc_ipynb_file__", "/notebooks/code.ipynb", raising=False)
    assert links.this_owner() == "/notebooks/code.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", "/notebooks/lab.ipynb")
    assert links.this_owner() == "/notebooks/lab.ipynb"


def test_tokens_are_not_to_be_guessed() -> None:
    """128 random bits each, and not the same for any two roles."""
    one, other = links.new_access(), links.new_access()

    tokens = {token for each in (one, other) for token in (each.volunteer, each.worker, each.owner)}
    assert len(tokens) == 6
    assert {len(token) for token in tokens} == {22}


def test_tokens_are_in_no_log() -> None:
    """Whoever prints an access sees its port."""
    assert repr(links.new_access(4321)) == "Access(port=4321)"


def test_a_memory_without_a_dashboard_counts_as_none(own_home: Path) -> None:
    """An earlier version wrote it: the next run gets a new link, with all tokens."""
    links.remember("a.py", links.new_access(1))
    known = json.loads(memory(own_home).read_text())
    del known["owner"]
    memory(own_home).write_text(json.dumps(known))

    assert links.recall("a.py") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://192.168.1.2:80/worker#" + "t" * 22, "http://192.168.1.2:80"),
        ("https://example.org/worker#" + "t" * 22, "https://example.org"),
        ("http://[::1]:8000/worker#" + "t" * 22, "http://[::1]:8000"),
    ],
)
def test_a_worker_s_link_is_split(url: str, expected: str) -> None:
    """Into where to connect and what to say."""
    assert links.parse_worker_url(url) == (expected, "t" * 22)


@pytest.mark.parametrize("url", ["", "x", "ftp://a/#" + "t" * 22, "http:///worker#" + "t" * 22])
def test_what_is_no_link_is_shown_one(url: str) -> None:
    """The error has an example."""
    with pytest.raises(ConfigurationError, match="should look like"):
        links.parse_worker_url(url)


@pytest.mark.parametrize("url", ["example.org", "ws://a", "https://a.org/path", "https://"])
def test_a_public_url_must_be_a_website_s_root(url: str) -> None:
    """Anything else could not carry the page."""
    with pytest.raises(ConfigurationError, match="must look like"):
        links.check_public_url(url)


def test_addresses_become_urls() -> None:
    """IPv6 addresses get brackets; a host that was named stays as it is."""
    assert links.base_url("::1", 80) == "http://[::1]:80"
    assert links.base_url("10.0.0.1", 80) == "http://10.0.0.1:80"
    assert links.reachable_address("127.0.0.1") == "127.0.0.1"
    assert links.reachable_address("0.0.0.0")
