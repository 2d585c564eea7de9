"""`python -m validation` in a checkout: the same as `ntkfreq validate`."""

import sys

from ntkfreq.cli import app

app(["validate", *sys.argv[1:]])
