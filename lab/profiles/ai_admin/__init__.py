"""The service `lab/services/ai-admin/` on a host."""
