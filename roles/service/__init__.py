"""The switch: from what runs to what was staged."""
