"""The frequency bias of deep networks."""
