"""The switch: the one dangerous act, done by the program on the host."""

from roles.hostprogram.command import detached_command
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import SWITCH

switch = host_program_step(SWITCH, act=detached_command)
