"""Line and Grid in two dimensions: tensor elements."""
