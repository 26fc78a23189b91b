"""TLS of the owner's own certificate, without a proxy."""

from __future__ import annotations

import os
import re
import ssl

from .errors import ConfigurationError

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def server_context(
    certfile: str | os.PathLike[str] | None, keyfile: str | os.PathLike[str] | None
) -> ssl.SSLContext | None:
    """Returns what the server answers https with, or None without a certificate.

    Raises:
        ConfigurationError: The files are not there, or do not belong together.
    """
    if certfile is None:
        if keyfile is not None:
            raise ConfigurationError("keyfile= needs certfile=, the certificate that belongs to it")
        return None
    for name, path in (("certfile", certfile), ("keyfile", keyfile)):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigurationError(f"{name}={str(path)!r} is not there, or cannot be read")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certfile, keyfile, password=_refuse_passphrase)
    except ssl.SSLError as error:
        files = f"certfile={str(certfile)!r}" + (f", keyfile={str(keyfile)!r}" if keyfile else "")
        raise ConfigurationError(
            f"{files}: {_explained(error)}. Both are PEM files, the certificate before those that "
            "signed it"
        ) from error
    return context


def _explained(error: ssl.SSLError) -> str:
    match error.reason:
        case "KEY_VALUES_MISMATCH":
            return "the key does not belong to the certificate"
        case None | "PEM_LIB" | "NO_START_LINE":
            return "no certificate with its key is in there"
    return str(error.reason).lower().replace("_", " ")


def _refuse_passphrase() -> str:
    raise ConfigurationError(
        "the key of the certificate has a passphrase: make one without, for example by "
        "`openssl pkey -in KEY -out NEW_KEY`"
    )
