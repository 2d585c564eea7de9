"""When training and test loss fall, and what that says: onset, phases, spectral mismatch."""

from ntkfreq.grokking.mismatch import spectral_mismatch
from ntkfreq.grokking.onset import PHASES, Onset, grokking_onset

__all__ = ["PHASES", "Onset", "grokking_onset", "spectral_mismatch"]
