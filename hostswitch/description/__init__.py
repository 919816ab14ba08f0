"""A kind of service, described: what it reads, what it keeps its sessions in, what shows that it is well."""
