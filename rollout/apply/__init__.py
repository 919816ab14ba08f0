"""`rollout apply` and `plan`: what differs, what is done, host after host, and the report."""
