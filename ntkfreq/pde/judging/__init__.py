"""What a solution is judged on: the data, test points, or a whole line between samples."""
