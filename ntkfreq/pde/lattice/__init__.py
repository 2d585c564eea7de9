"""Grid in one dimension: periodic elements, the folded density, the error between samples."""
