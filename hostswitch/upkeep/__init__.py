"""After the switch: archives, removal, restore, the daily check, what is kept."""
