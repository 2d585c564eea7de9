"""Memory that a problem needs, known before it is solved, and refused with the call that works."""

from __future__ import annotations

from ntkfreq._support.sizes import refuse_memory

# Arrays of times x unknowns (or points, or frequencies) that are held at once.
_HELD = 4


def refuse_tables(times: int, columns: int, what: str, remedy: str) -> None:
    """Refuse tables of times by points, unknowns or frequencies that do not fit into memory.

    Parameters
    ----------
    times, columns : int
        Shape of a table.
    what : str
        What the columns are.
    remedy : str
        The call that works.
    """
    needed = 16.0 * _HELD * float(times) * float(columns)
    refuse_memory(f"t has {times} entries and there are {columns} {what}", needed, remedy)
