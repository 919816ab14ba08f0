"""One booted host: its disk, network, cgroup, console."""
