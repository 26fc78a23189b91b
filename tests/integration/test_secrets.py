"""Tokens stay where they belong: not in logs, titles, addresses, command lines or errors."""

from __future__ import annotations

import logging
import subprocess
from functools import partial

import aiohttp
import pytest

from nitocris import ConfigurationError, DistributedExecution, RemoteError, protocol
from nitocris.links import parse_worker_url

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


def fail(x: int) -> int:
    raise ValueError(x)


def command_lines() -> str:
    """Returns what every user of this machine may read of all processes."""
    listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, check=True)
    return listed.stdout.decode(errors="replace")


async def test_a_run_tells_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """Of all that a run leaves behind, with every log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    with Execution(local_workers=1) as d:
        links = [d.url, d.worker_url, d.dashboard_url]
        assert d._lifetime.serving is not None
        tokens = [*(link.partition("#")[2] for link in links), d._lifetime.serving._access.local]
        assert len({token for token in tokens if len(token) == 22}) == 4
        base = d.url.partition("/#")[0]
        async with aiohttp.ClientSession() as http:
            for path in ("/", "/owner", "/worker", "/nowhere", "/api/job", "/api/stats"):
                for token in ("", *tokens):
                    headers = {"Authorization": f"Bearer {token}"}
                    async with http.get(base + path, headers=headers) as response:
                        seen += [await response.text(errors="replace"), str(response.headers)]
            for frame in (b"nonsense", *(hello(token) for token in tokens), hello("wrong")):
                async with http.ws_connect(f"{base}/socket") as socket:
                    await socket.send_bytes(frame)
                    seen.append(str(await socket.receive()))
        with pytest.raises(RemoteError) as raised:
            d.map(fail, [1])
        seen += [repr(raised.value), str(raised.value.__cause__), repr(d), repr(d.stats())]
        seen += [repr(d.report()), command_lines()]
        assert "nitocris.worker.child" in seen[-1]
    seen += [record.getMessage() for record in caplog.records]

    assert any("Refused" in text or "refused" in text for text in seen)
    assert [text for text in seen for token in tokens if token in text] == []


@pytest.mark.parametrize("change", [lambda url: url[:-1], lambda url: url.replace("http://", "")])
def test_a_link_that_was_cut_off_is_not_repeated(change: object) -> None:
    """All but one character of a token is as good as the token."""
    assert callable(change)
    url = change("http://192.0.2.1:8000/worker#abcdefghijklmnopqrstuv")

    with pytest.raises(ConfigurationError) as raised:
        parse_worker_url(url)

    assert "192.0.2.1" in str(raised.value)
    assert "abcdefgh" not in str(raised.value)


def hello(token: str) -> bytes:
    return protocol.encode(protocol.Hello(protocol.PROTOCOL_VERSION, token, "browser", 0))
