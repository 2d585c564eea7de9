"""Line, box or lattice: where each equation holds."""
