"""One-dimensional signals to learn: real terrain that ships with Matplotlib, or a user's file."""

from ntkfreq.profile.read import read_profile
from ntkfreq.profile.signal import Profile
from ntkfreq.profile.terrain import Terrain, jacksboro, terrain

__all__ = ["Profile", "Terrain", "jacksboro", "read_profile", "terrain"]
