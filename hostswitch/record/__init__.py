"""What is written down on a host: the journal of a switch, the history, what was verified."""
