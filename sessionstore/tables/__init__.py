"""Where a service keeps its sessions in the database, and how it spells them. No I/O."""
