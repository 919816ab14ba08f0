"""An environment: its inventory, settings and secrets, as Ansible reads them."""
