import pytest

from nitocris.advice import advice, amount, duration


@pytest.mark.parametrize(
    ("seconds", "size", "said"),
    [
        (0.038, 12_000, "38 ms and 12 KB per item: worth sharing"),
        (3.2, 10**7, "worth sharing with machines nearby"),
        (0.0004, 8_000, "your own machine will be faster than any network; try local_workers=4"),
        (0.000002, 60, "a plain loop will be faster"),
    ],
)
def test_what_an_item_takes_says_who_should_compute_it(
    seconds: float, size: int, said: str
) -> None:
    """Long items with few bytes are worth their way, short ones with many are not."""
    assert said in advice(seconds, size, 0, cores=4)


def test_a_machine_with_one_core_is_not_told_to_share_it() -> None:
    """There would be one worker, as slow as the loop."""
    assert "local_workers" not in advice(0.0004, 8_000, 0, cores=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(125, "125 s"), (1, "1 s"), (0.9999, "1 s"), (0.0123, "12 ms"), (0.00042, "0.4 ms"),
     (1.2e-6, "1.2 µs")],
)  # fmt: skip
def test_durations_have_two_figures(seconds: float, text: str) -> None:
    """And the unit that fits."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(3, "3 bytes"), (999, "999 bytes"), (1_000, "1 KB"), (12_345, "12 KB"), (999_999, "1 MB"),
     (2_400_000, "2.4 MB"), (3 * 10**11, "300 GB")],
)  # fmt: skip
def test_amounts_have_two_figures(size: int, text: str) -> None:
    """And the unit that fits."""
    assert amount(size) == text
