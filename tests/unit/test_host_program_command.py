"""How roles start the program on the host."""

from __future__ import annotations

from roles.shared.host_program import detached_command


def test_two_switches_do_not_share_a_systemd_unit() -> None:
    """systemd's own "unit already loaded" would hide who is at work and what to do."""
    plan = {"rollout_id": "20261122T140000Z-3fa2"}
    commands = {detached_command("switch --plan -", plan).get_raw_value() for _ in range(20)}
    assert len(commands) == 20
    assert all("--unit=baileys-hostswitch-20261122T140000Z-3fa2-" in text for text in commands)
