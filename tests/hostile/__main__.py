"""Command line of the hostile-input suite."""

from __future__ import annotations

from .runner import prepare

if __name__ == "__main__":
    prepare()
    from .command import main

    main()
