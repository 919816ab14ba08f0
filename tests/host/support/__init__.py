"""What the checks share: how a host is read, what is declared, how a finding is worded."""
