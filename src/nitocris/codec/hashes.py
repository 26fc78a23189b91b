"""No hash floods: a stranger chooses the keys that the owner's hash tables must hold.

The hashes of texts and bytes are salted for each process, but those of numbers are not, and
numbers `k * (2**61 - 1)` all hash to 0.  20,000 of them in one set cost 6.5 s of CPU.
So the number of keys that share a hash is limited before the keys meet a hash table.
pandas has hash tables of its own, whose function is simpler still: 40,000 chosen int64 cost it 2 s.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from nitocris.codec.wire import Reader, Writer

_SALTED = {str, bytes, date}
"""Types whose hash is salted (a date hashes as bytes do), so that nobody can choose a collision."""

_PROBES_PER_NODE = 500
"""What a hash table in C looks at in a microsecond."""

_MODULUS_64_BIT = 2**61 - 1


def check_hashes(purse: Reader | Writer, keys: Sequence[object]) -> None:
    """Refuse keys of which too many share a hash.

    Raises:
        TypeError: A key is not hashable.
    """
    _pay(purse, keys)
    if _may_collide(purse, keys):
        _check(purse, map(hash, keys))


def check_hashes_everywhere(writer: Writer, keys: Sequence[object]) -> None:
    """Refuse keys that the owner would refuse, although hashes are narrower on 32 bit.

    In WebAssembly `hash(n)` is `n % (2**31 - 1)`, on the owner's machine `n % (2**61 - 1)`.
    """
    _pay(writer, keys)
    if not _may_collide(writer, keys):
        return
    if sys.hash_info.width == 64:
        _check(writer, map(hash, keys))
    else:
        _check(writer, map(hash_on_64_bit, keys))


def hash_on_64_bit(key: object) -> int:
    """Answer the hash of a number as on a 64-bit machine, of anything else as it is here."""
    if type(key) is float and key == key and key not in (float("inf"), float("-inf")):
        numerator, denominator = abs(key).as_integer_ratio()
        size = numerator * pow(denominator, -1, _MODULUS_64_BIT) % _MODULUS_64_BIT
    elif type(key) is int:
        size = abs(key) % _MODULUS_64_BIT
    else:
        return hash(key)
    # -1 is how C functions report an error.
    return size if key >= 0 else -2 if size == 1 else -size


def pay_for_labels(purse: Reader | Writer, labels: Any) -> None:
    """Pay for what pandas does to see that the values of an Index differ.

    Nothing if they ascend, since pandas then asks no hash table; nor for texts, whose hash is
    salted.  Otherwise the worst case, which is quadratic.
    """
    if hasattr(labels, "closed"):  # intervals: their ends are what is hashed
        pay_for_labels(purse, labels.left)
        pay_for_labels(purse, labels.right)
    # Asked of the very Index that is used then: it remembers the answer.
    if labels.is_monotonic_increasing or set(map(type, labels)) <= _SALTED:
        return
    purse.charge(len(labels) ** 2 // _PROBES_PER_NODE, 0)


def _pay(purse: Reader | Writer, keys: Sequence[object]) -> None:
    """Count keys whose hash can be chosen, even if they came packed.

    Different hashes can be chosen so that they take the same way through a table, too.  That
    takes a search, so it is not made impossible, but kept small.
    """
    if not set(map(type, keys)) <= _SALTED:
        purse.charge(len(keys), 0)


def _may_collide(purse: Reader | Writer, keys: Sequence[object]) -> bool:
    return len(keys) > purse.limits.hash_multiplicity and not set(map(type, keys)) <= _SALTED


def _check(purse: Reader | Writer, hashes: Iterable[int]) -> None:
    (_, highest), *_ = Counter(hashes).most_common(1)
    if highest > purse.limits.hash_multiplicity:
        purse.refuse(
            f"{highest:,} keys of one dict or set share a hash, "
            f"the limit is {purse.limits.hash_multiplicity}; use their texts as keys"
        )
