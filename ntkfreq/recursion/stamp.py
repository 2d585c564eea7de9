"""Checksum of the files of which a compiled kernel is made.

Numba's cache looks at the file of a kernel and at its closure variables, not at the files from
which inlined functions come: their checksum is one of the closure variables.
"""

from __future__ import annotations

import inspect
import zlib
from types import ModuleType


def checksum(*parts: ModuleType) -> int:
    """A number that changes with the source of any of the modules.

    Examples
    --------
    >>> import json
    >>> checksum(inspect) == checksum(inspect, json)
    False
    """
    return zlib.crc32("".join(map(inspect.getsource, parts)).encode())
