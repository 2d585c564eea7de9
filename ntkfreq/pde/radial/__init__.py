"""Line where all is radial: one variable in any dimension."""
