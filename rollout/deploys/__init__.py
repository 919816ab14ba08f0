"""deploy.py run by pyinfra, a process a host."""
