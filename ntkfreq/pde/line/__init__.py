"""Line in one dimension: finite elements on the half-line of frequencies."""
