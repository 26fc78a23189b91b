"""Certificates for this machine, made on the fly."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1, its key, and who signed it."""

    certfile: Path
    keyfile: Path
    authority: Path


def make_certificate(folder: Path) -> Certificate:
    """Makes an authority, and what it signs."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request = folder / "cert.pem", folder / "cert.key", folder / "cert.csr"
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    _openssl(
        *("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=Test authority"),
        *("-keyout", str(authority_key), "-out", str(authority)),
    )
    _openssl("req", *new_key, "-subj", "/CN=Test", "-keyout", str(key), "-out", str(request))
    _openssl(
        *("x509", "-req", "-in", str(request), "-CA", str(authority)),
        *("-CAkey", str(authority_key), "-CAcreateserial", "-days", "2"),
        *("-extfile", str(names), "-out", str(certificate)),
    )
    return Certificate(certificate, key, authority)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
