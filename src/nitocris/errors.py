"""Everything that Nitocris raises.

    NitocrisError
    ├── ConfigurationError (ValueError)     an argument, option or link that cannot work
    ├── ClosedError (RuntimeError)          the execution was closed
    ├── PortInUseError (OSError)            somebody else listens on the wanted port
    ├── PackageError                        a package for the workers cannot be had
    │   └── UnreachableError                because a file of it cannot be fetched
    ├── JournalError                        a journal that is in use, damaged or of another kind
    ├── NotSendableError (TypeError)        the function or an item cannot be pickled
    ├── EncodeError (TypeError)             a result that the codec cannot carry
    ├── ItemTimeoutError (TimeoutError)     an item that ran longer than it may
    ├── RemoteError                         the function raised, on a worker
    │   └── e.g. RemoteError and ValueError at once, so that `except ValueError` works
    ├── WorkerLostError                     items whose workers crashed or hung again and again
    ├── DisagreementError                   devices gave different results, and none is believed
    ├── RefusedError                        the coordinator does not admit this worker
    └── ProtocolError                       the peer sent something that the protocol forbids
        └── DecodeError                     bytes that are no value of the codec

The last two are never the fault of the person who reads them: they name what a peer did.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any


class NitocrisError(Exception):
    """Base of all errors of this library."""


class ConfigurationError(NitocrisError, ValueError):
    """An argument, option or link cannot work; the message says which and what would."""


class ClosedError(NitocrisError, RuntimeError):
    """The execution has been closed and takes no more work."""


class PortInUseError(NitocrisError, OSError):
    """The requested port is taken."""


class PackageError(NitocrisError):
    """A package that the workers need cannot be had."""


class UnreachableError(PackageError):
    """A file of the release cannot be fetched from where the release has it."""


class JournalError(NitocrisError):
    """A journal is in use, damaged, or nothing that this version reads; the message says which."""


class NotSendableError(NitocrisError, TypeError):
    """The function or one of the items cannot be pickled.

    Attributes:
        index: The index of the item in its map; None for the function.
    """

    index: int | None = None


class EncodeError(NitocrisError, TypeError):
    """A result holds something that the codec does not carry; the message says what to return."""


class ItemTimeoutError(NitocrisError, TimeoutError):
    """The function took longer for one item than `item_timeout` allows.

    Attributes:
        index: The index of the item in its map, once known.
        worker: The name of the worker that had it.
        attempts: How often it was tried.
    """

    index: int | None = None
    worker: str = ""
    attempts: int = 1

    @classmethod
    def after(cls, seconds: float) -> ItemTimeoutError:
        """Returns the error for an item that ran longer than so many seconds."""
        return cls(f"the item ran longer than item_timeout={seconds:g} s")


class WorkerLostError(NitocrisError):
    """Items took down, or hung on, every worker that tried them.

    Attributes:
        index: The index of the item in its map, once known.
        worker: The name of the worker that had it last.
        attempts: How often it was tried.
    """

    index: int | None = None
    worker: str = ""
    attempts: int = 0


class DisagreementError(NitocrisError):
    """An item of a verified map has different results; the message says why that may be."""


class RefusedError(NitocrisError):
    """The coordinator does not admit this worker, for the reason in the message."""


class ProtocolError(NitocrisError):
    """The peer broke the protocol."""


class DecodeError(ProtocolError):
    """Bytes that are no value of the codec, or exceed one of its limits."""


class RemoteTraceback(Exception):
    """The traceback of a remote exception as text: the `__cause__` of a `RemoteError`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\n{self.text}"


class RemoteError(NitocrisError):
    """The mapped function raised on a worker.

    An exception whose type is built in comes back as a subclass of both `RemoteError` and that
    type; any other type comes back as a plain `RemoteError`.

    Attributes:
        type_name: The remote type, such as `"ValueError"` or `"mymodule.MyError"`.
        remote_text: What `str` gave for the remote exception.
        remote_args: Its arguments, as far as they could travel.
        remote_traceback: The remote traceback, at most 64 KiB of text.
        remote_cause: The remote `__cause__` or visible `__context__`, if there was one.
        index: The index of the item in its map, once known.
        worker: The name of the worker that computed it, once known.
        attempts: How often it was computed.
    """

    _again: Callable[[], Any] | None = None

    type_name: str = ""
    remote_text: str = ""
    remote_args: tuple[object, ...] = ()
    remote_traceback: str = ""
    remote_cause: RemoteError | None = None
    index: int | None = None
    worker: str = ""
    attempts: int = 1

    def replay(self, debugger: Callable[[TracebackType], object] | None = None) -> Any:
        """Computes the item again, here and now, so that a debugger can look into the function.

        The function runs in this process, with its real frames: `%debug` in a notebook,
        `python -m pdb` for a script, or `err.replay(pdb.post_mortem)` stop where it raised.

        Args:
            debugger: Called with the traceback of what the function raises, in the place of
                raising it.

        Returns:
            What the function returns, if it does not fail here; None after the debugger.

        Raises:
            ConfigurationError: Function and item are not known here: the error was pickled, or the
                items of the map's errors are too large to be kept.
            BaseException: What the function raises.
        """
        if self._again is None:
            raise ConfigurationError(
                "this error cannot be replayed: its function and item are not known here (any "
                "more), because it was pickled, or because the map's failed items have more than "
                "64 MiB; call the function with the item yourself"
            )
        if debugger is None:
            return self._again()
        try:
            return self._again()
        except BaseException as error:
            trace = error.__traceback__
            debugger(trace)  # type: ignore[arg-type]  # what was raised has one
            return None
