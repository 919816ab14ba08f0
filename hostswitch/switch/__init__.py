"""The switch, row by row as docs/switch.md has it, and its way back."""
