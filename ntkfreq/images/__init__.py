"""Images as they are: pixels as samples, several channels solved at once."""

from ntkfreq.images.samples import ImageSamples, image_samples
from ntkfreq.images.solve import ImageSolution, solve_image

__all__ = ["ImageSamples", "ImageSolution", "image_samples", "solve_image"]
