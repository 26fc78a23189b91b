"""The owner's own certificate: page, sockets and workers over TLS, and errors in words."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from nitocris import ConfigurationError, DistributedExecution
from nitocris.worker_process import URL_VARIABLE
from tests.support.certificates import Certificate, make_certificate

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


async def test_page_socket_and_local_workers_are_served_over_tls(certificate: Certificate) -> None:
    """Local workers need no certificate: they are beside the owner."""
    trusting = ssl.create_default_context(cafile=certificate.authority)
    with Execution(
        local_workers=1, certfile=certificate.certfile, keyfile=certificate.keyfile
    ) as d:
        base, _, _ = d.url.partition("/#")
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http,
            http.get(base) as page,
            http.ws_connect(f"{base}/socket", origin=base),
        ):
            status, policy = page.status, page.headers["Content-Security-Policy"]
        computed = d.map(abs, [-1, -2])
        assert d.worker_url.startswith(base)

    assert base.startswith("https://127.0.0.1:")
    assert status == 200
    assert f"wss://{base.removeprefix('https://')}" in policy
    assert computed == [1, 2]


def test_a_native_worker_trusts_what_ssl_cert_file_names(certificate: Certificate) -> None:
    """And without it does not connect to a certificate that nobody known has signed."""
    command = [sys.executable, "-m", "nitocris", "worker", "--processes", "1"]
    with Execution(certfile=certificate.certfile, keyfile=certificate.keyfile) as d:
        environment = os.environ | {URL_VARIABLE: d.worker_url}
        wary = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        assert wary.stderr is not None
        said = wary.stderr.readline()
        wary.kill()
        wary.communicate()
        trusting = subprocess.Popen(
            command,
            env=environment | {"SSL_CERT_FILE": str(certificate.authority)},
            stderr=subprocess.DEVNULL,
        )
        d.wait_for_workers(1, timeout=30)
        computed = d.map(abs, [-3])
        trusting.kill()
        trusting.wait()

    assert "certificate verify failed" in said.lower()
    assert computed == [3]


def test_files_that_cannot_work_are_named(certificate: Certificate, tmp_path: Path) -> None:
    """At once, and with what to do."""
    stray = make_certificate(tmp_path)
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    locked = tmp_path / "locked.key"
    subprocess.run(
        [
            *("openssl", "pkey", "-in", stray.keyfile, "-out", locked),
            *("-aes256", "-passout", "pass:secret"),
        ],
        check=True,
    )
    good = certificate.certfile
    cases: list[tuple[str | Path | None, str | Path | None, str]] = [
        (None, certificate.keyfile, "needs certfile="),
        ("missing.pem", None, "certfile='missing.pem' is not there"),
        (good, "missing.key", "keyfile='missing.key' is not there"),
        (good, stray.keyfile, "the key does not belong to the certificate"),
        (nothing, certificate.keyfile, "no certificate with its key"),
        (good, nothing, "no certificate with its key"),
        (good, None, "no certificate with its key"),
        (stray.certfile, locked, "has a passphrase"),
    ]
    for certfile, keyfile, said in cases:
        with pytest.raises(ConfigurationError, match=said):
            DistributedExecution(certfile=certfile, keyfile=keyfile)
