"""Programs that run on the host: each prints one JSON value. They share `reading`, and nothing else."""
