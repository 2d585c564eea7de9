"""The kernel and the learning times of deep networks, predicted without drawing one."""
