from rollout.deploys.pyinfra_inventory import hosts_and_groups
globals().update(hosts_and_groups("production"))
