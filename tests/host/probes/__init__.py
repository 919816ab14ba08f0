"""Programs that run on the host: what a function returns is told as JSON. They share `reading` alone."""
