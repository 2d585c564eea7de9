"""From a semi-discrete system to its state at any time: dynamics, propagators, errors."""
