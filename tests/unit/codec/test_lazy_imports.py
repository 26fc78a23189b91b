"""The codec runs where numpy and pandas are not installed, and imports them only when needed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from nitocris.codec import encode


def run(program: str) -> str:
    """Run a program in a fresh interpreter; answer what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_plain_values_import_neither() -> None:
    """Encoding and decoding plain values leaves numpy and pandas alone."""
    assert (
        run(
            "import sys; from nitocris.codec import decode, encode\n"
            "value = [1, 'a', {'b': [0.5] * 100}, ValueError('x')]\n"
            "decode(encode(value))\n"
            "try: encode([object()])\n"
            "except TypeError: pass\n"
            "print('numpy' in sys.modules, 'pandas' in sys.modules, 'asyncio' in sys.modules)"
        )
        == "False False False"
    )


@pytest.mark.parametrize(
    ("value", "library"),
    [
        (np.arange(3), "numpy"),
        (np.float64(1), "numpy"),
        (np.str_("a"), "numpy"),
        ([np.float64(1)] * 10, "numpy"),
        (np.array([None]), "numpy"),
        (pd.Series([1]), "pandas"),
        (pd.NA, "pandas"),
        (pd.RangeIndex(3), "pandas"),
    ],
    ids=str,
)
def test_a_missing_library_is_named(value: object, library: str) -> None:
    """An owner without numpy or pandas is told what to install."""
    data = encode(value)

    message = run(
        f"import sys; sys.modules[{library!r}] = None\n"
        "from nitocris.codec import decode\n"
        f"try: decode({data!r})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    assert message.startswith("DecodeError")
    assert f"`pip install {library}`" in message


def test_a_library_that_is_being_imported_is_no_obstacle() -> None:
    """A half-imported numpy, as in a circular import, does not break plain values."""
    assert (
        run(
            "import sys, types; sys.modules['numpy'] = types.ModuleType('numpy')\n"
            "from nitocris.codec import encode\n"
            "try: encode([object(), 1j])\n"
            "except TypeError as error: print('object' in str(error))"
        )
        == "True"
    )
