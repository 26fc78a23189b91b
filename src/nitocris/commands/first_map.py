"""The last check of `nitocris doctor`: does it work, with a real server and a real worker?"""

from __future__ import annotations

import time
import urllib.request
from urllib.error import URLError
from urllib.parse import urldefrag

from ..errors import NitocrisError
from ..execution import DistributedExecution
from .finding import Finding

PATIENCE = 30.0
"""Seconds for a worker to start and compute: far more than a slow machine takes."""


def check_first_map(port: int = 0) -> Finding:
    """Does a local worker compute, and is the page served at the address of the link?

    Args:
        port: Where to listen, 0 for any.
    """
    began = time.monotonic()
    try:
        with DistributedExecution(local_workers=1, server_port=port, progress=False) as d:
            url = urldefrag(d.url).url
            d.map(abs, [-1], timeout=PATIENCE)
            seconds = time.monotonic() - began
            _fetch(url)
    except (NitocrisError, TimeoutError) as error:
        return Finding("first map", "error", f"{error}", "see the other findings")
    except (URLError, OSError) as error:
        return Finding(
            "first map",
            "error",
            f"the page cannot be had at {url}, not even from here: {error}",
            "give an address that leads here as public_url=, or as host= one of this machine's",
        )
    return Finding(
        "first map", "ok", f"a local worker did it in {seconds:.1f} s; the page came from {url}"
    )


def _fetch(url: str) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as response:
        response.read()
