"""Grid in one dimension: periodic elements with the folded density, and back to the line."""
