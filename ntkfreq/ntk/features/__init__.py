"""The stationary kernel on a bounded set as a short sum of waves with positive coefficients."""
