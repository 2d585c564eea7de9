"""Files and folders that appear whole or not at all, whatever ends the process that writes them.

What is written grows in a scratch folder beside its target and is renamed when it is complete.
Writers to one target take turns by a lock, and the next one clears away what a dead one left.
"""

from ntkfreq.files.locks import lock, real_path, writable
from ntkfreq.files.scratch import is_clean, lock_file, remove, settle, standing, sweep_up
from ntkfreq.files.whole import whole_file, whole_set

__all__ = [
    "is_clean",
    "lock",
    "lock_file",
    "real_path",
    "remove",
    "settle",
    "standing",
    "sweep_up",
    "whole_file",
    "whole_set",
    "writable",
]
