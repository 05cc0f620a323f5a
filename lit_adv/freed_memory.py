"""Memory that is freed and soon wanted again: kept by the process, in place of a page fault for each of its pages."""

import ctypes
from typing import Final

TRIM_THRESHOLD: Final = -1
MMAP_THRESHOLD: Final = -3
"""Names of the two limits in glibc's malloc.h."""
MOST: Final = (1 << 31) - 1
"""Largest limit in bytes that `mallopt` takes."""


def keep_freed_memory() -> bool:
    """Lets glibc keep freed memory for this process, as large as it may be; the peak stays what it is.

    It gives tensors of 32 MB and more back to the system at once. Each new one then costs a page fault for every 4 kB,
    which took nearly as long as the arithmetic of ImageNet networks with depthwise convolutions (explanation of speed).

    Returns:
        Whether this C library has the limits; others are left as they are.
    """
    return limit_freed_memory(mapped=MOST, trimmed=MOST)


def limit_freed_memory(mapped: int, trimmed: int) -> bool:
    """Sets from how many bytes on glibc maps memory by itself, and gives back what is free at the heap's end.

    Returns:
        Whether this C library has the limits; others are left as they are.
    """
    try:
        limit = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS and Windows have none
        return False
    return bool(limit(TRIM_THRESHOLD, trimmed) == limit(MMAP_THRESHOLD, mapped) == 1)
