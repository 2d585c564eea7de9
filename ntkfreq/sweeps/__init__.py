"""Sweeps: a function over a grid of labels, on local processes or a Dask cluster, resumable.

The public function is :func:`ntkfreq.sweep`. The package is not called `sweep` because importing a
submodule of that name would put the module in the place of the function. It imports nothing here:
workers must be able to limit their threads before NumPy loads.
"""
