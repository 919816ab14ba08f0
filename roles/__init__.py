"""What a host should be: one folder a concern. Roles stage; the program on the host switches."""
