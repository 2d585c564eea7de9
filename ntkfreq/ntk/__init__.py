"""Neural tangent kernel Gram matrices, limiting and empirical, and their flow."""

from ntkfreq.ntk.flow import gram_flow
from ntkfreq.ntk.gram import ntk_gram

__all__ = ["gram_flow", "ntk_gram"]
