"""Times at which training and test loss fall: onset, phases, spectral mismatch."""

from ntkfreq.grokking.mismatch import spectral_mismatch
from ntkfreq.grokking.onset import PHASES, Onset, grokking_onset
from ntkfreq.grokking.phase_map import phase_map

__all__ = ["PHASES", "Onset", "grokking_onset", "phase_map", "spectral_mismatch"]
