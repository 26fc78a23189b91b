"""Native workers on a cluster that is there already: `engines.dask.join`, `engines.ray.join`."""
