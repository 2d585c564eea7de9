"""`python -m ntkfreq` is the command `ntkfreq`."""

from ntkfreq.cli import app

app()
