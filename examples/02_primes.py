"""The nth prime for a hundred n, by the Sieve of Eratosthenes: work for the processor only."""

from math import ceil, log

from nitocris import DistributedExecution


def nth_prime(n: int) -> int:
    # The nth prime is below n (ln n + ln ln n) from n = 6 on (Rosser, 1941).
    limit = max(15, ceil(n * (log(n) + log(log(n)))))
    is_prime = bytearray([1]) * limit
    is_prime[:2] = 0, 0
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            multiples = range(number * number, limit, number)
            is_prime[multiples.start :: number] = bytes(len(multiples))
    found = (number for number in range(limit) if is_prime[number])
    return next(prime for count, prime in enumerate(found, start=1) if count == n)


ordinals = range(1_000, 101_000, 1_000)
with DistributedExecution(local_workers=2) as execution:
    primes = execution.map(nth_prime, ordinals)

print(f"The {ordinals[-1]:,}th prime is {primes[-1]:,}.")
assert primes[-1] == 1_299_709
