"""Reading the next frame while the last one is computed on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ReadAhead(Generic[Value]):
    """Reads by index, one step ahead where it is told which comes next.

    All reading happens in one thread, so what is read from need not be safe for several.

    Args:
        read: returns what has an index.
    """

    def __init__(self, read: Callable[[int], Value]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._coming: dict[int, Future[Value]] = {}

    def get(self, index: int, next_index: int | None = None) -> Value:
        """Return what has the index, and begin to read the one at ``next_index``.

        Raises:
            whatever ``read`` raises for this index; for the next one, when that is asked for.
        """
        coming = self._coming.pop(index, None) or self._thread.submit(self._read, index)
        self._coming = (
            {} if next_index is None else {next_index: self._thread.submit(self._read, next_index)}
        )
        return coming.result()

    def close(self) -> None:
        """Wait for what is being read, and drop it."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
