"""A function on its way out, with what its results may be made of."""

from __future__ import annotations

from dataclasses import dataclass

from . import codec
from .call import Call
from .function import Shipment, encode_function


@dataclass(frozen=True, slots=True)
class Encoded:
    """A function as workers get it, and what its results may be made of (None: pickles)."""

    shipment: Shipment
    registry: codec.Registry | None


def encode(call: Call) -> Encoded:
    """Encodes the function of a call.

    Args:
        call: What the owner wants.

    Raises:
        NotSendableError: It refers to something that cannot be pickled.
    """
    classes, registry = call.classes, None
    if classes is not None:
        found = codec.classes_reachable_from(call.function)
        classes = tuple(dict.fromkeys((*classes, *found)))
        registry = codec.Registry(classes)
    shipment = encode_function(call.callee, classes, call.rules)
    for warning in shipment.warnings:
        call.display.warn(f"{warning}.")
    return Encoded(shipment, registry)
