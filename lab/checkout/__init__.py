"""What the lab puts into a checkout: its inventory, keys, certificates, locks."""
