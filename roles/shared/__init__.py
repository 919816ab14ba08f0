"""What two roles need: the host program, its plan, and the guard."""
