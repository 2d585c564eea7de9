"""Networks on random Fourier features, of two layers and deep, and their training."""

from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.many import train_many
from ntkfreq.network.mlp import FourierFeatureMLP
from ntkfreq.network.training import train

__all__ = ["FourierFeatureMLP", "FourierFeatureNet", "TrainHistory", "train", "train_many"]
