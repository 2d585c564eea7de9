"""`python -m ntkfreq` is the command `ntkfreq`."""

from ntkfreq.cli import app

if __name__ == "__main__":
    app()
