"""Programs that run on the host: what ``answer`` returns is told as JSON. They share `reading` alone."""
