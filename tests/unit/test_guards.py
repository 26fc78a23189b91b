"""How tokens are compared."""

from __future__ import annotations

import pytest

from nitocris.guards import same_token


@pytest.mark.parametrize("given", ["", "token ", "t\u00f6ken", "\udcff", "token" * 1000])
def test_a_wrong_token_is_only_wrong(given: str) -> None:
    """Bytes that are no text, which reach us as lone surrogates, end no connection with a bug."""
    assert not same_token(given, "token")


def test_the_right_token_is_right() -> None:
    """To the letter."""
    assert same_token("token", "token")
