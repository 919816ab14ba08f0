"""The operator's command: plan, apply, verify and report a rollout of a Baileys WhatsApp service."""
