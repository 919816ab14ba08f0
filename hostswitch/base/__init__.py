"""What knows no WhatsApp: files, processes, users, the lock, the clock, output."""
