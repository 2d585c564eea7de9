"""Random-Fourier-feature networks and their training."""

from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.many import train_many
from ntkfreq.network.training import train

__all__ = ["FourierFeatureNet", "TrainHistory", "train", "train_many"]
